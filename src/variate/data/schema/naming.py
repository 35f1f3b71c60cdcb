"""How columns and cells are called in messages."""

from variate.data.wording import FIRST
from variate.errors import Option, printable

NAMELESS = "(no name)"
"""A column without a name, in a list of names."""
SHOWN = 60
"""Characters of a cell, or of a column's name, that a message shows."""


def column_called(name: str) -> str:
    """`column 'age'`, `the column without a name`."""
    return f"column {cell_called(name)}" if name else "the column without a name"


def name_called(name: str) -> str:
    """`'age'`, `(no name)`."""
    return cell_called(name) if name else NAMELESS


def cell_called(text: str) -> str:
    """A cell or a name in quotes, as a message shows it."""
    return repr(text if len(text) <= SHOWN else printable(text, SHOWN))


def drop(*names: str) -> Option:
    """The option that leaves out columns; many are not listed."""
    return Option("drop", list(names) if len(names) <= FIRST else None)
