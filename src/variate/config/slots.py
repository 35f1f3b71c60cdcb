"""What the numbers that go into networks and come out of them stand for."""

from typing import NamedTuple


class Slot(NamedTuple):
    """What one feature that a network takes, or one output of it, stands for.

    A model and one that grew out of it have the same slots, perhaps at other places; so weights find their places.

    Attributes:
        what: "value" or "gap", a feature; "category", a feature or a logit; "observed", a logit; or "parameter".
        owner: The name of the column; of a parameter, what tells it from those of other likelihoods.
        item: The name of the category; of a parameter, its number.
    """

    what: str
    owner: str
    item: str | int = ""
