"""Tables of text: CSV, TSV and their relatives, as people have them.

    bytes       unpacked, and in UTF-8                      variate.data.readers.unpacking, encodings
    dialect     comments, the delimiter, quotes, blanks     variate.data.readers.dialects, blanks
    names       a header line, or column_1, column_2, ...   variate.data.readers.headers
    cells       numbers, text, missing                      variate.data.readers.csv_parsing, leading_zeros

What a column then is, `variate.data.readers.tables` tells. Everything that is assumed on the way is said in a note.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.blanks import tidied
from variate.data.readers.csv_cells import CsvCells
from variate.data.readers.csv_parsing import check_quotes, notes_on_lines, parsed_rows
from variate.data.readers.csv_text import CsvText, after_blank_lines
from variate.data.readers.decoding import decoding
from variate.data.readers.dialects import (
    NAMED,
    SAMPLE,
    Beginning,
    Dialect,
    Rows,
    beginning_of,
    dialect_of,
    note_on,
    rows_of,
    sample_of,
)
from variate.data.readers.encodings import as_utf8, encoding_of
from variate.data.readers.headers import Verdict, is_value, judge, short_names
from variate.data.readers.leading_zeros import example, zero_columns
from variate.data.readers.originals import Original, original_of
from variate.data.readers.tables import MOST_COLUMNS, require_columns, require_table, table_source
from variate.data.readers.unpacking import TEXT_COPIES, TEXT_SUFFIXES, content
from variate.data.schema.naming import name_called
from variate.data.schema.values import is_textual
from variate.data.source import Source
from variate.data.wording import list_names, plural
from variate.errors import InputError, Option, Sentence
from variate.runtime import memory

CELL_BYTES, COLUMN_BYTES = 32, 12_000
"""Most memory that a cell and a column take (measured with pyarrow 26)."""
MADE_NAME = re.compile(r"column_[1-9]\d*")
"""A name of a column that had none."""


class Layout(NamedTuple):
    """Where the rows of a text are.

    Attributes:
        text: The text from its first row on, or from the header line where that has as many cells.
        start: Where the first row begins.
        names: The names of the header line; None where there is none.
        notes: What was assumed.
        cells: The text as it is in the file.
    """

    text: CsvText
    start: int
    names: list[str] | None
    notes: list[str]
    cells: CsvCells


class TextTable(NamedTuple):
    """What was read of a text.

    Attributes:
        table: The table.
        notes: What was assumed.
        cells: Where its cells are in the text.
    """

    table: pa.Table
    notes: list[str]
    cells: CsvCells


def read_csv(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a table of text: plain, compressed, or the only one in a .zip."""
    require_table(path.name, options, schema)
    read = read_text(path, options, schema)
    return table_source(read.table, path.name, options, schema, read.notes)


def original_csv(path: Path, options: DataOptions, schema: Schema) -> Original:
    """The same as it came, with its cells as they are written."""
    require_table(path.name, options, schema)
    read = read_text(path, options, schema)
    return original_of(read.table, path.name, options, schema, read.notes, read.cells)


def read_text(path: Path, options: DataOptions, schema: Schema | None) -> TextTable:
    """The table in a file, with null in missing cells.

    Raises:
        InputError: If it is no table of text, or one that cannot be read for sure.
    """
    packed, suffix, notes = content(path)
    data, own_notes = as_utf8(packed, options.encoding, path.name)
    read = text_table(data, suffix, path, options, schema)
    cells = replace(read.cells, encoding=encoding_of(packed, options.encoding, path.name))
    return TextTable(read.table, [*notes, *own_notes, *read.notes], cells)


def text_table(data: bytes, suffix: str, path: Path, options: DataOptions, schema: Schema | None) -> TextTable:
    """The table that a text holds.

    Args:
        data: The text in UTF-8.
        suffix: The ending of the file, or of the member of an archive, that it is from.
        path: The file.
        options: `delimiter`, `header` and `columns` are used.
        schema: Of a model, if the rows are read for one.

    Raises:
        InputError: If it is no table, or one that cannot be read for sure.
    """
    text, start, header, notes, cells = _laid_out(data, suffix, path, options, schema)
    width = _width(text, path.name)
    names = header or [f"column_{number + 1}" for number in range(width)]
    textual = [column.name for column in schema.columns if is_textual(column)] if schema is not None else []
    try:
        with decoding(str(path), "a table of text", "save it again as UTF-8", "one that cannot be parsed"):
            table = parsed_rows(text, start, width, [n for n, name in enumerate(names) if name in textual])
    except InputError:
        check_quotes(text, width, lambda _: False)  # names the line that is to blame, if there is one
        raise
    notes += notes_on_lines(text, table, start > text.start)
    table, own_notes = _with_zeros(text, start, table, names, options, schema)
    return _named(table, names, header is not None, [*notes, *own_notes], cells)


def _laid_out(data: bytes, suffix: str, path: Path, options: DataOptions, schema: Schema | None) -> Layout:
    """Where the rows are, how they are written, and their names."""
    beginning, own = beginning_of(data), TEXT_SUFFIXES[suffix]
    asked = NAMED.get(options.delimiter or "", options.delimiter) or beginning.delimiter
    dialect = dialect_of(data, beginning.start, own, path.name, asked)
    notes = note_on(dialect, asked or own, suffix)
    rows = _sample_rows(data, beginning.start, dialect, path.name)
    if not rows:
        raise InputError(path.name, "a table with a header line", "an empty file", "give a file that holds rows")
    verdict = _verdict(rows, options, schema)
    if options.header is None:
        beginning, verdict = _header_in_comment(data, beginning, dialect, rows, verdict, path.name)
    tidy = tidied(data, beginning.start, dialect.delimiter, dialect.quote)
    if tidy is not data and dialect.delimiter != " ":
        notes.append("Blanks around cells were left out, except within quotes; lines of blanks alone are no rows.")
    text = CsvText(tidy, dialect.delimiter, str(path), dialect.quote, after_blank_lines(tidy, beginning.start))
    cells = CsvCells(data, beginning.start, verdict.is_header, dialect.delimiter, dialect.quote, path.name)
    notes = [*beginning.notes, *notes, *verdict.notes]
    _refuse_many_columns(text, path.name)
    if not verdict.is_header:
        return Layout(text, text.start, None, notes, cells)
    start = text.after_row(text.start)
    if short := short_names(rows):
        said = "The first line has one cell less than the rows, so their"
        notes.append(f"{said} {'last' if not short[-1] else 'first'} column has no name.")
        start = after_blank_lines(tidy, start)
        text = CsvText(tidy, dialect.delimiter, str(path), dialect.quote, start)
    return Layout(text, start, short or next(text.rows(1)), notes, cells)


def _sample_rows(data: bytes, start: int, dialect: Dialect, name: str) -> Rows:
    """The first rows, to tell whether they begin with names."""
    sample = sample_of(data, start)
    return rows_of(sample, dialect, name, is_cut=start + len(sample) < len(data))


def _verdict(rows: Rows, options: DataOptions, schema: Schema | None) -> Verdict:
    """Whether the first row holds names: as a model's names tell, the user, or the cells."""
    needed = {column.name for column in schema.columns} if schema is not None else set()
    if needed and needed <= set(rows[0]):
        return Verdict(True)
    if options.header is not None:
        return Verdict(options.header)
    given = {*options.drop, *dict(options.columns)}
    if given and given <= set(rows[0]):
        return Verdict(True)
    return Verdict(False) if needed and all(map(MADE_NAME.fullmatch, needed)) else judge(rows)


def _header_in_comment(
    data: bytes, beginning: Beginning, dialect: Dialect, rows: Rows, verdict: Verdict, name: str
) -> tuple[Beginning, Verdict]:
    """The beginning and the verdict where the last line with # holds the names: `# x y z`, or `#,Name,Type`."""
    if beginning.comment < 0 or (verdict.is_header and not verdict.notes):
        return beginning, verdict
    place = beginning.comment
    if data[place + 1 : place + 2].isspace():
        place += 1 + len(data[place + 1 : place + 100]) - len(data[place + 1 : place + 100].lstrip(b" \t"))
    cells = next(iter(rows_of(data[place : min(beginning.start, place + SAMPLE)], dialect, name)), [])
    if len(cells) != len(rows[0]) or len(cells) < 2 or any(not cell or is_value(cell) for cell in cells):
        return beginning, verdict
    return Beginning(place, beginning.delimiter, place, beginning.comments - 1), Verdict(True)


def _refuse_many_columns(text: CsvText, source: str) -> None:
    """Refuses a first row of too many cells before all of them are looked at."""
    width = sum(1 for _ in islice(text.row(text.start), MOST_COLUMNS + 1))
    require_columns(width if width <= MOST_COLUMNS else text.line_width(text.start), source)


def _width(text: CsvText, source: str) -> int:
    """The number of cells of the first row, if a table with so many of them can be read.

    Raises:
        InputError: If there are too many columns, or cells.
    """
    width = sum(1 for _ in text.row(text.start))
    text.refuse_long(width)
    cells = width * text.survey.lines
    memory.require(TEXT_COPIES * len(text.data) + COLUMN_BYTES * width + CELL_BYTES * cells, source)
    return width


def _with_zeros(
    text: CsvText, start: int, table: pa.Table, names: Sequence[str], options: DataOptions, schema: Schema | None
) -> tuple[pa.Table, list[str]]:
    """The table with codes such as 02134 as text, and a note on them."""
    kinds = {column.name: column.kind for column in schema.columns} if schema is not None else dict(options.columns)
    numbers = [
        n for n, name in enumerate(names) if schema is not None or kinds.get(name, "categorical") != "categorical"
    ]
    found = zero_columns(text, start, table, numbers)
    for number, column in found.items():
        table = table.set_column(number, str(number), column)
    if not found:
        return table, []
    called = list_names([name_called(names[number]) for number in found])
    said = f"Cells of {called} begin with a zero, such as {example(next(iter(found.values())))}, so they were read as "
    return table, [Sentence(said, "text and not as numbers; set ", Option("columns"), " to read numbers.")]


def _named(table: pa.Table, names: Sequence[str], has_header: bool, notes: list[str], cells: CsvCells) -> TextTable:
    """The table with the names of its columns, less those that have neither a name nor a value."""
    unnamed = [n for n, name in enumerate(names) if not name or not has_header]
    empty = [n for n in unnamed if table.num_rows and table.column(n).null_count == table.num_rows]
    kept = [n for n in range(table.num_columns) if n not in set(empty)]
    if empty and kept:
        notes = [*notes, f"Left out: {plural(len(empty), 'column')} without a name and without a value."]
        table, names = table.select(kept), [names[n] for n in kept]
    places = dict(zip(names, kept, strict=True)) if empty and kept else {name: n for n, name in enumerate(names)}
    return TextTable(table.rename_columns(list(names)), notes, replace(cells, places=places))
