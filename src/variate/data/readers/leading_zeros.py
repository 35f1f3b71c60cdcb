"""Columns of digits with leading zeros, such as the postal code 02134, which must not become the number 2134.

pyarrow reads them as whole numbers, or as decimals where they have more than 18 digits. So the bytes are looked through
for a zero at the beginning of a cell with a digit after it, if the table has such columns at all, and only where there
is one are these columns parsed again, as text. A column is one of codes if every cell is digits alone; one with signs,
points or exponents holds quantities, and stays as it is.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.data.readers.csv_parsing import parsed_rows
from variate.data.readers.csv_text import CsvText

ZERO, NINE = b"09"
PIECE = 2**16
"""Bytes that are looked at in one pass, few enough to stay in a cache."""
EXACT = 2.0**63
"""From here on, pyarrow reads whole numbers as decimals."""


def zero_columns(text: CsvText, start: int, table: pa.Table, asked: Collection[int]) -> dict[int, pa.ChunkedArray]:
    """The columns that are codes with leading zeros, as text.

    Args:
        text: The text.
        start: Where the first row begins that is no header line.
        table: What was made of it.
        asked: Columns that are numbers, whatever they look like.
    """
    suspects = [n for n, column in enumerate(table.columns) if n not in asked and _may_be_codes(column)]
    if not suspects or not _has_leading_zero(text, start):
        return {}
    again = parsed_rows(text, start, table.num_columns, suspects, only=suspects)
    return {n: column for n, column in zip(suspects, again.columns, strict=True) if _are_codes(column)}


def example(column: pa.ChunkedArray) -> str:
    """The first cell with a leading zero."""
    return str(column.filter(_has_zero(column))[0].as_py())


def _may_be_codes(column: pa.ChunkedArray) -> bool:
    """Whether pyarrow may have read digits as the numbers of a column."""
    if pa.types.is_floating(column.type):
        most = compute.max(column).as_py()
        return most is not None and most >= EXACT
    return bool(pa.types.is_integer(column.type))


def _are_codes(column: pa.ChunkedArray) -> bool:
    """Whether every cell is digits, and one of them begins with a zero that a number would not have."""
    digits = compute.all(compute.match_substring_regex(column, r"^[0-9]+$")).as_py()
    return bool(digits) and bool(compute.any(_has_zero(column)).as_py())


def _has_zero(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return compute.match_substring_regex(column, r"^0[0-9]")


def _has_leading_zero(text: CsvText, start: int) -> bool:
    """Whether some cell begins with a zero and a digit."""
    every: Sequence[int] | np.ndarray = np.frombuffer(text.data, np.uint8)
    befores = (ord(text.delimiter), *b"\r\n", ord(text.quote))
    begin = max(0, start - 1)
    if start == 0 and text.data[:1] == b"0" and text.data[1:2].isdigit():
        return True
    for place in range(begin, len(every), PIECE):
        piece = every[place : place + PIECE + 2]
        zero = piece[1:-1] == ZERO
        before = piece[:-2]
        follows = before == befores[0]
        for mark in befores[1:]:
            follows |= before == mark
        follows &= zero
        if follows.any():
            after = piece[2:][follows]
            if ((after >= ZERO) & (after <= NINE)).any():
                return True
    return False
