"""The shapes that the two networks of a model are made for."""

from typing import NamedTuple


class Ends(NamedTuple):
    """The shapes of what goes into and comes out of the two networks of a model.

    Attributes:
        inputs: Shape of one row's scaled features, and those of its context, which the encoder's network takes.
        posterior: Numbers per row that the encoder's network returns.
        latent: Numbers per row that the decoder's network takes: d, and the features of a context.
        likelihood: Shape of what the decoder's network returns for one row.
    """

    inputs: tuple[int, ...]
    posterior: int
    latent: int
    likelihood: tuple[int, ...]
