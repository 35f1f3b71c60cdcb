"""Tables of text: CSV, TSV and their relatives, as people have them.

    bytes       unpacked, and in UTF-8                      variate.data.readers.unpacking, encodings
    dialect     comments, the delimiter, quotes, blanks     variate.data.readers.csv_layout, dialects, blanks
    names       a header line, or column_1, column_2, ...   variate.data.readers.csv_layout, headers
    cells       numbers, text, missing                      variate.data.readers.csv_parsing, leading_zeros

What a column then is, `variate.data.readers.tables` tells. Everything that is assumed on the way is said in a note.
Text that is too large for memory is read in the same steps, block by block (`variate.data.readers.csv_streams`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.csv_cells import CsvCells
from variate.data.readers.csv_layout import layout_of, made_names
from variate.data.readers.csv_parsing import UNREADABLE, check_quotes, notes_on_lines, parsed_rows
from variate.data.readers.csv_streams import CELL_BYTES, COLUMN_BYTES, fits_in_memory, streamed_csv
from variate.data.readers.csv_text import CsvText
from variate.data.readers.csv_types import numbers_asked, text_types
from variate.data.readers.decoding import decoding
from variate.data.readers.encodings import as_utf8, encoding_of
from variate.data.readers.leading_zeros import example, zero_columns, zeros_note
from variate.data.readers.missing_words import missing_words, missing_words_note
from variate.data.readers.originals import Original, original_of
from variate.data.readers.tables import require_table, table_source
from variate.data.readers.unpacking import TEXT_COPIES, content, packed
from variate.data.schema.written import written_as
from variate.data.source import Source
from variate.data.wording import plural
from variate.errors import InputError
from variate.runtime import memory


class TextTable(NamedTuple):
    """What was read of a text.

    Attributes:
        table: The table.
        notes: What was assumed.
        cells: Where its cells are in the text.
        written: How bits and times are written, by the names of the columns.
    """

    table: pa.Table
    notes: list[str]
    cells: CsvCells
    written: Mapping[str, str] = {}


def read_csv(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a table of text: plain, compressed, or the only one in a .zip; into memory, or as rows on disk."""
    require_table(path.name, options, schema)
    table = packed(path)
    if not fits_in_memory(table, options):
        return streamed_csv(table, options, schema)
    read = read_text(path, options, schema)
    source = table_source(read.table, path.name, options, schema, read.notes)
    return source if schema is not None else source.replace(schema=written_as(source.schema, read.written))


def original_csv(path: Path, options: DataOptions, schema: Schema) -> Original:
    """The same as it came, with its cells as they are written."""
    require_table(path.name, options, schema)
    read = read_text(path, options, schema)
    return original_of(read.table, path.name, options, schema, read.notes, read.cells)


def read_text(path: Path, options: DataOptions, schema: Schema | None) -> TextTable:
    """The table in a file, in memory, with null in missing cells.

    Raises:
        InputError: If it is no table of text, or one that cannot be read for sure.
    """
    raw, suffix, notes = content(packed(path))
    data, own_notes = as_utf8(raw, options.encoding, path.name)
    read = text_table(data, suffix, path, options, schema)
    cells = replace(read.cells, encoding=encoding_of(raw, options.encoding, path.name))
    return read._replace(notes=[*notes, *own_notes, *read.notes], cells=cells)


def text_table(data: bytes, suffix: str, path: Path, options: DataOptions, schema: Schema | None) -> TextTable:
    """The table that a text holds.

    Args:
        data: The text in UTF-8.
        suffix: The ending of the file, or of the member of an archive, that it is from.
        path: The file.
        options: `delimiter`, `header`, `columns` and `formats` are used.
        schema: Of a model, if the rows are read for one.

    Raises:
        InputError: If it is no table, or one that cannot be read for sure.
    """
    layout = layout_of(data, suffix, path, options, schema)
    text, start, is_tidied = placed = layout.placed(data)
    width, notes = _width(text, path.name), layout.notes(is_tidied)
    names = layout.names or made_names(width)
    try:
        with decoding(str(path), *UNREADABLE):
            table = parsed_rows(text, start, width, text_types(names, options, schema, layout.doubtful))
    except InputError:
        check_quotes(text, width, lambda _: False)  # names the line that is to blame, if there is one
        raise
    notes += [*notes_on_lines(text, table, placed.has_header), *missing_words_note(missing_words(text, start))]
    table, own_notes = _with_zeros(text, start, table, names, options, schema)
    mark, quote = layout.dialect
    cells = CsvCells(data, layout.begins, layout.names is not None, mark, quote, path.name)
    found = _named(table, names, layout.names is not None, [*notes, *own_notes], cells)
    return found._replace(written={names[number]: form for number, form in layout.written.items() if number < width})


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
    found = zero_columns(text, start, table, numbers_asked(names, options, schema))
    for number, column in found.items():
        table = table.set_column(number, str(number), column)
    examples = {names[number]: example(column) for number, column in found.items()}
    return table, [zeros_note(examples)] if examples else []


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
