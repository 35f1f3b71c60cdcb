"""Columns of digits with leading zeros, such as the postal code 02134, which must not become the number 2134.

pyarrow reads them as whole numbers, or as decimals where they have more than 18 digits. So the bytes are looked through
for a zero at the beginning of a cell with a digit after it, if the table has such columns at all, and only where there
is one are these columns parsed again, as text. A column is one of codes if every cell is digits alone; one with signs,
points or exponents holds quantities, and stays as it is.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.data.readers.csv_parsing import parsed_rows
from variate.data.readers.csv_text import CsvText
from variate.data.schema.naming import name_called
from variate.data.wording import list_names
from variate.errors import Option, Sentence

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
    suspects = [n for n, column in enumerate(table.columns) if n not in asked and may_be_codes(column)]
    if not suspects or not has_leading_zero(text, start):
        return {}
    again = parsed_rows(text, start, table.num_columns, dict.fromkeys(suspects, pa.string()), only=suspects)
    return {n: column for n, column in zip(suspects, again.columns, strict=True) if are_codes(column)}


def example(column: pa.ChunkedArray) -> str:
    """The first cell with a leading zero."""
    return str(column.filter(begins_with_zero(column))[0].as_py())


def zeros_note(examples: Mapping[str, str]) -> Sentence:
    """What is said of columns that are codes.

    Args:
        examples: The first cell with a leading zero, by the names of the columns.
    """
    called = list_names([name_called(name) for name in examples])
    said = f"Cells of {called} begin with a zero, such as {next(iter(examples.values()))}, so they were read as text "
    return Sentence(said, "and not as numbers; set ", Option("columns"), " to read numbers.")


def may_be_codes(column: pa.ChunkedArray) -> bool:
    """Whether pyarrow may have read digits as the numbers of a column."""
    if pa.types.is_floating(column.type):
        most = compute.max(column).as_py()
        return most is not None and most >= EXACT
    return bool(pa.types.is_integer(column.type))


def are_codes(column: pa.ChunkedArray) -> bool:
    """Whether every cell is digits, and one of them begins with a zero that a number would not have."""
    digits = compute.all(compute.match_substring_regex(column, r"^[0-9]+$")).as_py()
    return bool(digits) and bool(compute.any(begins_with_zero(column)).as_py())


def begins_with_zero(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where a text begins with a zero that a number would not have."""
    return compute.match_substring_regex(column, r"^0[0-9]")


def has_leading_zero(text: CsvText, start: int) -> bool:
    """Whether some cell begins with a zero and a digit."""
    every = np.frombuffer(text.data, np.uint8)
    if start == 0 and text.data[:1] == b"0" and text.data[1:2].isdigit():
        return True
    is_before = np.zeros(256, bool)
    is_before[[ord(text.delimiter), *b"\r\n", ord(text.quote)]] = True
    for place in range(max(0, start - 1), len(every), PIECE):
        piece = every[place : place + PIECE + 2]
        zeros = np.flatnonzero(piece[1:-1] == ZERO)
        first = zeros[is_before[piece[zeros]]]
        after = piece[first + 2]
        if ((after >= ZERO) & (after <= NINE)).any():
            return True
    return False
