"""How numbers, shapes and names are written in messages."""

from collections.abc import Sequence

from variate.config.recipe import Kind

FIRST = 5
"""Number of names that a sentence lists before it says "and N more"."""

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
    shown = ", ".join(names[:first])
    return f"{shown} and {len(names) - first:,} more" if len(names) > first else shown


def printable(name: str) -> str:
    """A file's name without control characters, which a terminal would act on."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def sides(size: Sequence[int]) -> str:
    """`28x28`, `3x64x64`."""
    return "x".join(map(str, size))
