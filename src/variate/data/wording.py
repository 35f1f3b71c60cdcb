"""How numbers, shapes and names are written in messages."""

from collections.abc import Sequence

from variate.config.schema import Kind
from variate.errors import printable

FIRST = 5
"""Number of names that a sentence lists before it says "and N more"."""

LONGEST_NAME = 200
"""Characters of a name in a list; of a longer one, the middle is left out."""

MEANINGS: dict[Kind, str] = {
    "binary": "binary (only 0 and 1)",
    "pixels": "pixels (whole numbers 0 to 255)",
    "real": "real numbers",
    "counts": "counts (whole numbers from 0)",
    "table": "a table with named columns",
}


def plural(number: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def list_names(names: Sequence[str], first: int = FIRST) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(printable(name, LONGEST_NAME) for name in names[:first])
    return f"{shown} and {len(names) - first:,} more" if len(names) > first else shown


def sides(size: Sequence[int]) -> str:
    """`28x28`, `3x64x64`."""
    return "x".join(map(str, size))


def type_name(dtype: object) -> str:
    """`float32`, of one of torch's types."""
    return str(dtype).removeprefix("torch.")


def first_line(error: Exception) -> str:
    """The first line of another library's message."""
    return str(error).strip().partition("\n")[0]


def told(value: object) -> str:
    """What was given instead of what was expected: `None`, `the text 'digits'`, `an object of type DataFrame`."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"the text {value!r}" if isinstance(value, str) else f"an object of type {type(value).__name__}"
