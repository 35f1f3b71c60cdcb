"""CSV and TSV files with a header line.

The delimiter follows from the ending: .csv commas (or semicolons, where the header line has those and no commas), .tsv
tabs. The text is UTF-8. A file of up to 2 GiB is parsed in one block, so that the type of a column is told from all of
its cells: an empty cell, NA, NULL or nan is missing unless it is quoted. Where quotes and lines of the text are odd,
`variate.data.readers.csv_text` looks closer.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.csv_text import CsvText, header_span, is_number
from variate.data.readers.decoding import decoding
from variate.data.readers.tables import MOST_COLUMNS, require_columns, require_table, table_source
from variate.data.schema.values import is_textual
from variate.data.source import Source
from variate.data.wording import plural
from variate.errors import InputError
from variate.runtime import memory

CSV_DELIMITERS = {".csv": ",", ".tsv": "\t"}
LARGEST_BLOCK = 2**31 - 1
"""Largest number of bytes that pyarrow parses at once."""
SMALL = 2**18
"""Text of so many bytes is parsed faster by one thread."""
TEXT_COPIES, CELL_BYTES, COLUMN_BYTES = 3, 32, 12_000
"""Most memory that reading takes: copies of the text, and bytes per cell and per column (measured with pyarrow 26)."""
BEGINNING = 2**16
"""Bytes that tell the encoding, an even number."""
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_csv(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a CSV or TSV file."""
    require_table(path.name, options, schema)
    data = _content(path)
    delimiter, notes = _delimiter_of(path, data)
    text = CsvText(data, delimiter, str(path))
    if text.start == len(data):
        raise InputError(path.name, "a table with a header line", "an empty file", "give a file that holds rows")
    width = _width(text, path.name)
    textual = [column.name for column in schema.columns if is_textual(column)] if schema is not None else []
    try:
        with decoding(str(path), "a table of text", "save it again as UTF-8", "one that cannot be parsed"):
            table = _parse(data, delimiter, textual)
    except InputError:
        _check_quotes(text, width, lambda _: False)  # names the line that is to blame, if there is one
        raise
    _require_header(table, path.name)
    notes += _notes_on_lines(text, table)
    return table_source(table, path.name, options, schema, notes)


def _content(path: Path) -> bytes:
    """All bytes of the file, which are UTF-8 text as far as a look at them can tell."""
    size = path.stat().st_size
    memory.require(TEXT_COPIES * size, path.name)
    with path.open("rb") as stream:
        data = stream.read(size)
    got = "UTF-16 text" if _is_utf_16(data[:BEGINNING]) else "NUL bytes, which text does not have"
    if got.startswith("UTF-16") or b"\0" in data:
        raise InputError(path.name, "UTF-8 text", got, "save the file as UTF-8 text")
    return data


def _is_utf_16(beginning: bytes) -> bool:
    """Whether text begins with UTF-16's mark, or has a zero in at least half of its even or of its odd places."""
    zeros = max(beginning[::2].count(0), beginning[1::2].count(0))
    return beginning.startswith(UTF_16_MARKS) or zeros > len(beginning) // 4


def _delimiter_of(path: Path, data: bytes) -> tuple[str, list[str]]:
    """The delimiter, and a note where it is not the usual one."""
    header = data[slice(*header_span(data))]
    if path.suffix.lower() == ".csv" and b"," not in header and b";" in header:
        return ";", ["The header line has semicolons and no commas, so semicolons were taken to separate the cells."]
    return CSV_DELIMITERS[path.suffix.lower()], []


def _width(text: CsvText, source: str) -> int:
    """The number of cells of the header line, if a table with so many of them can be read.

    Raises:
        InputError: If there are too many columns, or cells.
    """
    width = sum(1 for _ in islice(text.row(text.start), MOST_COLUMNS + 1))
    require_columns(width if width <= MOST_COLUMNS else text.line_width(text.start), source)
    text.refuse_long(width)
    cells = width * text.survey.lines
    memory.require(TEXT_COPIES * len(text.data) + COLUMN_BYTES * width + CELL_BYTES * cells, source)
    return width


def _parse(data: bytes, delimiter: str, textual: Sequence[str]) -> pa.Table:
    """The text as a table.

    Args:
        data: The text.
        delimiter: What separates the cells.
        textual: Columns that are text even if every cell looks like a number.
    """
    return arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(
            block_size=min(max(len(data) + 1, 2**16), LARGEST_BLOCK), use_threads=len(data) > SMALL
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types={name: pa.string() for name in textual},
        ),
    )


def _notes_on_lines(text: CsvText, table: pa.Table) -> list[str]:
    """What was assumed of lines and quotes.

    Raises:
        InputError: If a quote never closes, or swallowed rows.
    """
    notes = []
    if b'"' in text.data:
        survey = text.survey
        if survey.lines != table.num_rows + 1 or survey.has_inner_quotes or not text.closes(survey.last):
            notes = _check_quotes(text, table.num_columns, _number_columns(table))
    if table.num_columns == 1:  # a blank line may have been meant as an empty cell
        blank = text.line_at(text.survey.last) - text.line_at(text.start) - table.num_rows
        notes += [f"Left out: {plural(blank, 'blank line')}."] * (blank > 0)
    return notes


def _check_quotes(text: CsvText, width: int, holds_numbers: Callable[[int], bool]) -> list[str]:
    """Notes on cells that are quoted in an unusual way.

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


def _require_header(table: pa.Table, source: str) -> None:
    """Refuses a first line that is not UTF-8, and one of numbers: it is data, not names."""
    try:
        names = table.column_names
    except UnicodeDecodeError:
        got = "a header line that is not UTF-8"
        raise InputError(source, "UTF-8 text", got, "save the file as UTF-8") from None
    if all(is_number(name) for name in names):
        got = "a first line of numbers"
        raise InputError(source, "a header line with the names of the columns", got, "put one above the first line")
