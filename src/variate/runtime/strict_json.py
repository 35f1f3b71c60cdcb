"""JSON from files that anyone may have written: whatever is wrong with it is a `ValueError` in words."""

import json
from typing import Any


def parse(text: str) -> Any:  # noqa: ANN401  any JSON value
    """The value that a JSON text stands for.

    Raises:
        ValueError: If the text is not JSON, nests too deeply, has a number of thousands of digits, or names a member of
            an object twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        if "digits" in str(error):  # Python's advice to raise a limit is not for the reader of a file
            raise ValueError("it holds a number of too many digits") from None
        raise


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object, each of which has a name of its own."""
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("it names a member of an object twice")
    return found
