"""Columns of a table of text that look like numbers, and may be other numbers or codes: they are read as text first.

    240.123    17     all numbers from 1 to 999, with three digits after a point: it may group thousands
    +49305373281      all with a plus, as telephone numbers, which would lose it
    90E6              all whole numbers with an exponent, as codes
    9223372036854775809   all of 19 digits and more, as identifiers, which would lose the last ones
    20191224          all may be dates

The first rows tell which columns these are; what they hold is decided by all of their cells (`schema.readings`). They
also tell how bits and times are written, so that samples are written in the same way (`schema.written`).
"""

import re
from collections.abc import Sequence

from variate.data.readers.csv_text import WORDS_OF_NOTHING
from variate.data.schema import number_formats
from variate.data.schema.written import form_of

MAY_BE_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[+-]?(?:0|[1-9][0-9]{0,2})")
PACKED_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
DOUBTFUL = (*map(re.compile, number_formats.CODES.values()), PACKED_DATE)


def doubtful_columns(rows: Sequence[Sequence[str]]) -> frozenset[int]:
    """The numbers of such columns.

    Args:
        rows: The first rows as cells.
    """
    return frozenset(number for number, column in enumerate(_columns(rows)) if _is_doubtful(column))


def written_forms(rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """How bits and times are written, by the numbers of their columns.

    Args:
        rows: The first rows as cells.
    """
    forms = {number: form_of(_cells(column)) for number, column in enumerate(_columns(rows))}
    return {number: form for number, form in forms.items() if form}


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    width = max(map(len, rows), default=0)
    return [[row[number] for row in rows if number < len(row)] for number in range(width)]


def _cells(column: Sequence[str]) -> list[str]:
    """The cells that are not missing."""
    return [cell.strip() for cell in column if cell not in WORDS_OF_NOTHING and cell != "?"]


def _is_doubtful(column: Sequence[str]) -> bool:
    cells = _cells(column)
    if any("." in cell for cell in cells) and all(map(MAY_BE_GROUPED.fullmatch, cells)):
        return True
    return bool(cells) and any(all(map(form.fullmatch, cells)) for form in DOUBTFUL)
