"""Whether the first row of a table of text holds the names of the columns.

Each cell of the first row is compared with the cells below it:

    a word above numbers                            a name
    a number above numbers                          data
    nothing above numbers (but in the first column) data, if nothing else can be told
    a word that occurs again below                  data
    a word above words that all occur often         a name, if nothing else can be told

A few rows that equal the first one tell nothing: files that were joined have their names once more for each.

Whole numbers that count on (0, 1, 2 or 1990, 1991, 1992) are names that look like data. What cannot be told is taken
for names, as files mostly have them, and a note says so.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from variate.data.readers.csv_text import WORDS_OF_NOTHING
from variate.data.schema.formats import is_marker
from variate.errors import Option, Sentence, printable

EXPONENT = re.compile(r"(?<=[\d.])[eE](?=[+-]?\d)|(?<=\d)[TZ]")
"""Letters of numbers and times."""
OFTEN = 3
"""How often the words of a column occur on average, for a word that is none of them to be told as a name."""
FEWEST = 10
"""Number of rows below the first that are needed for that."""
NEARLY = 0.9
"""Share of numbers in a column of numbers with some odd cells."""
REPEATED = 0.05
"""Share of rows that are lines of names again, at most."""
SHOWN = 30
"""Characters of a cell that a note shows."""


class Verdict(NamedTuple):
    """What the first row is.

    Attributes:
        is_header: Whether it holds names.
        notes: What was assumed, with the option that decides otherwise.
    """

    is_header: bool
    notes: tuple[str, ...] = ()


class _Evidence(NamedTuple):
    """What the cells of the first row are like, by column."""

    names: list[int]
    data: list[int]
    weak_names: list[int]
    weak_data: list[int]


def judge(rows: Sequence[Sequence[str]]) -> Verdict:
    """Whether the first row holds names.

    Args:
        rows: The first rows as cells, the one that is in question before the others; all of its length are looked at.
    """
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    others = [row for row in below if row != first]
    if len(first) > 1 and len(below) - len(others) <= REPEATED * len(below):
        below = others
    if not below:
        is_data = bool(first) and all(map(is_value, first))
        return _as_data(first, 0) if is_data else Verdict(True)
    found = _evidence(first, below)
    if found.data and _count_on([first[column] for column in found.data], first, below, found):
        shown = ", ".join(_shown(first[column]) for column in found.data[:3])
        said = f"The first line was taken for names, although some are numbers ({shown}, ...); if it is data, set "
        return Verdict(True, (Sentence(said, Option("header", False), "."),))
    if len(found.names) > len(found.data) or (found.names and len(found.names) == len(found.data)):
        return Verdict(True, () if not found.data else (_unsure(),))
    if found.data:
        return _as_data(first, found.data[0])
    if found.weak_names:
        return Verdict(True)
    if found.weak_data:
        return _as_data(first, found.weak_data[0])
    return Verdict(True, (_unsure(),))


def _evidence(first: Sequence[str], below: Sequence[Sequence[str]]) -> _Evidence:
    """What the cells of the first row are like."""
    found = _Evidence([], [], [], [])
    for column, cell in enumerate(first):
        cells = [row[column] for row in below if row[column] not in WORDS_OF_NOTHING]
        cells = [other for other in cells if is_value(other) or is_word(other)]
        values = sum(map(is_value, cells))
        if not cells:
            continue
        if values == len(cells) or (values >= NEARLY * len(cells) and cell not in cells):
            if is_value(cell):
                found.data.append(column)
            elif is_word(cell) and cell not in WORDS_OF_NOTHING:
                found.names.append(column)
            elif column:
                found.weak_data.append(column)
        elif is_word(cell) and cell in cells:
            found.data.append(column)
        elif is_word(cell) and len(below) >= FEWEST and OFTEN * len(set(cells)) <= len(cells):
            found.weak_names.append(column)
    return found


def words_above_numbers(rows: Sequence[Sequence[str]]) -> list[str]:
    """The cells of the row below the names that are words above numbers, where all columns of numbers have one there:
    units, or a second line of names. None of them says that a number is missing.

    Args:
        rows: The first rows as cells, without the names.
    """
    if len(rows) < FEWEST:
        return []
    found = _evidence(rows[0], [row for row in rows[1:] if len(row) == len(rows[0])])
    words = [rows[0][column] for column in found.names]
    return [] if found.data or any(map(is_marker, words)) else words


def short_names(rows: Sequence[Sequence[str]]) -> list[str] | None:
    """The names of a header line that has one cell less than all rows below it; None where it is no such line.

    R writes the names of rows into a first column without a name. Others end each row, but not the names, with a
    delimiter.

    Args:
        rows: The first rows as cells; at least two below the names are needed.
    """
    first, below = list(rows[0]), rows[1:]
    if len(below) < 2 or len(first) < 2 or any(len(row) != len(first) + 1 for row in below):
        return None
    if not any(row[-1] for row in below):
        return [*first, ""]
    return ["", *first] if len({row[0] for row in below}) == len(below) else None


def is_value(cell: str) -> bool:
    """Whether a cell is a number, an amount, a date or a time: digits, and no letters but those of numbers."""
    plain = EXPONENT.sub("", cell) if any(letter in cell for letter in "eETZ") else cell
    return any(map(str.isdigit, plain)) and not any(map(str.isalpha, plain))


def is_word(cell: str) -> bool:
    """Whether a cell has letters, and is neither a number nor a time."""
    return any(map(str.isalpha, cell)) and not is_value(cell)


def _count_on(numbers: Sequence[str], first: Sequence[str], below: Sequence[Sequence[str]], found: _Evidence) -> bool:
    """Whether the numbers of the first row are whole and each is one more than that before it.

    Two of them can be so by chance, unless the numbers below have decimals.
    """
    if not all(number.isdecimal() and len(number) < 10 for number in numbers) or len(numbers) < 2:
        return False
    steps = {int(after) - int(before) for before, after in pairwise(numbers)}
    if steps != {1} or len({*first}) < len(first):
        return False
    return len(numbers) > 2 or all(any("." in row[column] for row in below) for column in found.data)


def _as_data(first: Sequence[str], column: int) -> Verdict:
    """The first row is data; a cell shows why."""
    why = f"{_shown(first[column])} in column {column + 1}"
    named = "the column got the name column_1"
    if len(first) > 1:
        named = f"{len(first):,} columns got the names column_1 to column_{len(first)}"
    said = f"The first line looks like data ({why}), so {named}; if it holds names, set "
    return Verdict(False, (Sentence(said, Option("header", True), "."),))


def _unsure() -> Sentence:
    said = (
        "The first line was taken for names of columns, though the cells below it do not tell for sure; if it is data, "
    )
    return Sentence(said, "set ", Option("header", False), ".")


def _shown(cell: str) -> str:
    return repr(printable(cell, SHOWN)) if cell else "an empty cell"
