"""Text of a known dialect as an Arrow table, and what is odd about its quotes and lines.

A text of up to 2 GiB is parsed in one block, so that the type of a column is told from all of its cells: an empty cell,
NA, NULL or nan is missing unless it is quoted. Columns are called by their number, from 0, since names may be equal.
Where quotes and lines of the text are odd, `variate.data.readers.csv_text` looks closer.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import NamedTuple

import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from variate.data.readers.csv_text import CsvText
from variate.data.wording import plural

LARGEST_BLOCK = 2**31 - 1
"""Largest number of bytes that pyarrow parses at once."""
UNREADABLE = ("a table of text", "save it again as UTF-8", "one that cannot be parsed")
"""What is said of text that pyarrow cannot parse."""
SMALL = 2**18
"""Text of so many bytes is parsed faster by one thread."""


def parsed_rows(
    text: CsvText, start: int, width: int, types: Mapping[int, pa.DataType], only: Collection[int] | None = None
) -> pa.Table:
    """The rows as a table.

    Args:
        text: The text.
        start: Where the first row begins that is no header line.
        width: Number of cells of a row.
        types: Types of columns that are not to be told from their cells.
        only: Columns to parse; None parses all.

    Raises:
        pyarrow.ArrowInvalid: If a row has another number of cells, a quote never closes, or a cell is not of a type.
    """
    names = [str(column) for column in range(width)]
    chosen = names if only is None else [str(column) for column in sorted(only)]
    size = len(text.data) - start
    if not text.data[start : start + SMALL].strip(b"\r\n") and not text.data[start:].strip(b"\r\n"):
        return pa.table([pa.nulls(0) for _ in chosen], names=chosen)
    return arrow_csv.read_csv(
        pa.BufferReader(pa.py_buffer(text.data).slice(start)),
        read_options=arrow_csv.ReadOptions(
            block_size=min(max(size + 1, 2**16), LARGEST_BLOCK), use_threads=size > SMALL, column_names=names
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=text.delimiter.decode(), quote_char=text.quote.decode(), newlines_in_values=True
        ),
        convert_options=arrow_csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            include_columns=chosen if only is not None else None,
            column_types={str(column): kind for column, kind in types.items()},
        ),
    )


class OddQuotes(NamedTuple):
    """Cells that are quoted in an unusual way.

    Attributes:
        long: Number of those that hold line ends.
        first_long: The line in which the first of them begins; 0 where there is none.
        followed: Number of the others that have text after their quotes.
        first_followed: The line in which the first of them begins; 0 where there is none.
    """

    long: int = 0
    first_long: int = 0
    followed: int = 0
    first_followed: int = 0

    def joined(self, later: "OddQuotes") -> "OddQuotes":
        """Those of two pieces of a text, the second after this one."""
        return OddQuotes(
            self.long + later.long,
            self.first_long or later.first_long,
            self.followed + later.followed,
            self.first_followed or later.first_followed,
        )

    @property
    def notes(self) -> list[str]:
        """What was assumed of them."""
        notes = []
        if self.long:
            cells = plural(self.long, "cell")
            notes.append(f"Line ends in {cells}, first in line {self.first_long}: read as text of several lines.")
        if self.followed:
            cells = plural(self.followed, "cell")
            said = f"Text after the closing quote of {cells}, first in line {self.first_followed}"
            notes.append(f"{said}: joined to what it quotes.")
        return notes


def odd_quotes(text: CsvText, table: pa.Table, is_header: bool) -> OddQuotes:
    """The cells that are quoted in an unusual way, if there are any.

    Args:
        text: The text.
        table: What was made of it.
        is_header: Whether its first row holds names.

    Raises:
        InputError: If a quote never closes, or swallowed rows.
    """
    if text.quote in text.data:
        survey = text.survey
        if survey.lines != table.num_rows + is_header or survey.has_inner_quotes or not text.closes(survey.last):
            return check_quotes(text, table.num_columns, number_columns(table))
    return OddQuotes()


def notes_on_lines(text: CsvText, table: pa.Table, is_header: bool) -> list[str]:
    """What was assumed of lines and quotes. Arguments and errors as for `odd_quotes`."""
    notes = odd_quotes(text, table, is_header).notes
    if table.num_columns == 1:
        lines = text.line_at(text.survey.last) - text.line_at(text.start) + 1
        notes += blank_lines_note(lines, table.num_rows, is_header)
    return notes


def blank_lines_note(lines: int, rows: int, is_header: bool) -> list[str]:
    """A note on blank lines in a table of one column, which may have been meant as empty cells.

    Args:
        lines: Number of lines from the first row to the last.
        rows: Number of rows.
        is_header: Whether the first line holds names.
    """
    blank = lines - is_header - rows
    return [f"Left out: {plural(blank, 'blank line')}."] if blank > 0 else []


def check_quotes(text: CsvText, width: int, holds_numbers: Callable[[int], bool]) -> OddQuotes:
    """The cells that are quoted in an unusual way, after a look at every row.

    Args:
        text: The text.
        width: Number of cells of a row.
        holds_numbers: Whether a column does.

    Raises:
        InputError: If a quote never closes, or swallowed rows, or a row has too few or too many cells.
    """
    long, followed = [0, 0], [0, 0]
    for cell in text.odd_cells(width):
        if cell.is_multiline and text.holds_rows(cell, width, holds_numbers):
            raise text.swallowed(cell)
        counter = long if cell.is_multiline else followed
        counter[0] += 1
        counter[1] = counter[1] or text.line_at(cell.start)
    return OddQuotes(*long, *followed)


def number_columns(table: pa.Table) -> Callable[[int], bool]:
    """Whether a column of the table holds numbers wherever a cell is one line."""

    @cache
    def holds_numbers(place: int) -> bool:
        column = table.column(place)
        if not pa.types.is_string(column.type):
            return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
        short = column.filter(compute.invert(compute.match_substring_regex(column, r"[\r\n]")))
        try:
            return bool(len(short.cast(pa.float64())))
        except pa.ArrowInvalid:
            return False

    return holds_numbers
