"""Text of a known dialect as an Arrow table, and what is odd about its quotes and lines.

A text of up to 2 GiB is parsed in one block, so that the type of a column is told from all of its cells: an empty cell,
NA, NULL or nan is missing unless it is quoted. Columns are called by their number, from 0, since names may be equal.
Where quotes and lines of the text are odd, `variate.data.readers.csv_text` looks closer.
"""

from collections.abc import Callable, Collection
from functools import cache

import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from variate.data.readers.csv_text import CsvText
from variate.data.wording import plural

LARGEST_BLOCK = 2**31 - 1
"""Largest number of bytes that pyarrow parses at once."""
SMALL = 2**18
"""Text of so many bytes is parsed faster by one thread."""


def parsed_rows(
    text: CsvText, start: int, width: int, textual: Collection[int], only: Collection[int] | None = None
) -> pa.Table:
    """The rows as a table.

    Args:
        text: The text.
        start: Where the first row begins that is no header line.
        width: Number of cells of a row.
        textual: Columns that are text even if every cell looks like a number.
        only: Columns to parse; None parses all.

    Raises:
        pyarrow.ArrowInvalid: If a row has another number of cells, or if a quote never closes.
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
            column_types={str(column): pa.string() for column in textual},
        ),
    )


def notes_on_lines(text: CsvText, table: pa.Table, is_header: bool) -> list[str]:
    """What was assumed of lines and quotes.

    Args:
        text: The text.
        table: What was made of it.
        is_header: Whether its first row holds names.

    Raises:
        InputError: If a quote never closes, or swallowed rows.
    """
    notes: list[str] = []
    if text.quote in text.data:
        survey = text.survey
        if survey.lines != table.num_rows + is_header or survey.has_inner_quotes or not text.closes(survey.last):
            notes = check_quotes(text, table.num_columns, _number_columns(table))
    if table.num_columns == 1:  # a blank line may have been meant as an empty cell
        lines = text.line_at(text.survey.last) - text.line_at(text.start) + 1
        blank = lines - is_header - table.num_rows
        notes += [f"Left out: {plural(blank, 'blank line')}."] * (blank > 0)
    return notes


def check_quotes(text: CsvText, width: int, holds_numbers: Callable[[int], bool]) -> list[str]:
    """Notes on cells that are quoted in an unusual way.

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
    notes = []
    if long[0]:
        notes.append(f"Line ends in {plural(long[0], 'cell')}, first in line {long[1]}: read as text of several lines.")
    if followed[0]:
        cells = plural(followed[0], "cell")
        notes.append(f"Text after the closing quote of {cells}, first in line {followed[1]}: joined to what it quotes.")
    return notes


def _number_columns(table: pa.Table) -> Callable[[int], bool]:
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
