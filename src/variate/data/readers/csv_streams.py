"""Tables of text that are too large for memory: parsed once, block by block, into a temporary Parquet file.

    pieces      unpacked, and in UTF-8                   variate.data.readers.unpacking, encodings
    blocks      whole rows                               variate.data.readers.text_blocks
    tables      in the types of the whole columns        variate.data.readers.csv_types
    rows        numbers and text on disk                 variate.data.storage.spilled
    profiles    joined to those of the whole columns     variate.data.readers.surveys

A thread parses a block while the one before it is profiled and written. What is decided is what would be decided in
memory. Where a late cell changes the type of a column in a way that values read before cannot follow, all is read again
in the types that are known by then; the rest of the first turn only looks for further changes.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.readers.beside import Beside
from variate.data.readers.csv_layout import Layout, layout_of, made_names
from variate.data.readers.csv_parsing import OddQuotes, blank_lines_note, check_quotes, odd_quotes, parsed_rows
from variate.data.readers.csv_text import LONGEST_CELL, CsvText
from variate.data.readers.csv_types import BlockParser, numbers_asked, text_types
from variate.data.readers.encodings import NotUtf8Error, Text
from variate.data.readers.leading_zeros import zeros_note
from variate.data.readers.missing_words import missing_words, missing_words_note
from variate.data.readers.roles import names_beside
from variate.data.readers.streamed_columns import StreamedColumns
from variate.data.readers.tables import wanted_columns, without_use
from variate.data.readers.text_blocks import BLOCK, Block, first_bytes, row_blocks
from variate.data.readers.unpacking import TEXT_COPIES, Packed
from variate.data.schema.arrow_columns import refuse_one_text
from variate.data.schema.column_notes import gaps_note, unseen_notes
from variate.data.schema.written import written_as
from variate.data.source import Source, Unseen
from variate.data.storage.parquet_rows import ParquetGaps, ParquetRows
from variate.data.storage.row_groups import RowGroups
from variate.data.storage.spilled import Spill
from variate.data.wording import plural
from variate.errors import InputError
from variate.runtime import memory
from variate.runtime.ahead import ahead
from variate.runtime.scratch import require_disk, temporary_directory

HEAD = 2**22
"""Bytes at the beginning that tell the layout."""
CELL_BYTES, COLUMN_BYTES = 32, 12_000
"""Most memory that a cell and a column take (measured with pyarrow 26)."""


def fits_in_memory(table: Packed, options: DataOptions) -> bool:
    """Whether a table is to be read into memory: as the user says, or if that takes at most half of the memory.

    What it takes is estimated from the number of cells in the beginning. A compressed table is unpacked up to the size
    that decides.
    """
    limit = memory.tightest()
    if options.stream != "auto" or limit is None:
        return options.stream != "on"
    beginning = next(table.pieces(), b"")
    most = int(limit.size / 2 / (TEXT_COPIES + CELL_BYTES * _cells_per_byte(beginning)))
    if table.is_plain:
        return table.size <= most
    size = 0
    return all((size := size + len(piece)) <= most for piece in table.pieces())


def _cells_per_byte(beginning: bytes) -> float:
    """About how many cells a text has per byte."""
    marks = max(beginning.count(mark) for mark in (b",", b";", b"\t", b"|", b" "))
    lines = max(beginning.count(b"\n"), beginning.count(b"\r"))
    return (marks + lines) / max(1, len(beginning))


def streamed_csv(table: Packed, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a table of text as rows on disk.

    Raises:
        InputError: As when it is read into memory; or if the temporary directory has no room for the rows.
    """
    text = Text.of(table.pieces, options.encoding, table.path.name)
    try:
        return CsvStream(table, text, options, schema).source()
    except NotUtf8Error:
        return CsvStream(table, text.told_again(), options, schema).source()


class Part(NamedTuple):
    """The rows of a block.

    Attributes:
        table: The rows; its columns are called by their numbers.
        is_void: Whether types have changed, so that all will be read again.
    """

    table: pa.Table
    is_void: bool


class CsvStream:
    """A table of text that is read block by block.

    Args:
        packed: The file.
        text: Its text.
        options: How it is read.
        schema: Of a model, if the rows are read for one.
    """

    def __init__(self, packed: Packed, text: Text, options: DataOptions, schema: Schema | None) -> None:
        self.packed, self.text, self.options, self.schema = packed, text, options, schema
        self.path, self.name = str(packed.path), packed.path.name
        head = first_bytes(text.utf8(), HEAD)
        self.layout: Layout = layout_of(head, packed.suffix, packed.path, options, schema)
        first = self.layout.placed(head).text
        self.width = sum(1 for _ in first.row(first.start))
        self.model_line = first.line_at(first.start)
        memory.require(COLUMN_BYTES * self.width + TEXT_COPIES * BLOCK, self.name)
        if packed.is_plain:
            require_disk(int(8 * _cells_per_byte(head) * packed.size), self.name)
        self.names = self.layout.names or made_names(self.width)
        self.unnamed = [n for n, name in enumerate(self.names) if not name or self.layout.names is None]
        self.kept = {number: name for number, name in enumerate(self.names) if self._is_kept(number, name)}
        self.is_tidied, self.odd, self.last_line = False, OddQuotes(), 0
        self.words = Counter[str]()

    def _is_kept(self, number: int, name: str) -> bool:
        """Whether a column may be one of the table: one without a name is if it has a value."""
        if self.schema is None:
            return number in self.unnamed or name not in (*self.options.drop, *names_beside(self.options))
        return number in self.unnamed or any(name == column.name for column in self.schema.columns)

    def source(self) -> Source:
        """The rows on disk.

        Raises:
            InputError: If they cannot be used.
        """
        if self.layout.names is not None and not self.unnamed:
            wanted_columns(self.names, 1, self.options, self.schema, self.name)  # refuses before anything is read
        beside = self._beside()
        parser = BlockParser(
            self.width,
            {*self.kept, *map(self.names.index, beside.names)},
            text_types(self.names, self.options, self.schema, self.layout.doubtful),
            numbers_asked(self.names, self.options, self.schema),
        )
        while True:
            columns, beside = StreamedColumns(self.kept, self.name, self.options, self.schema), self._beside()
            try:
                self._read(parser, columns, beside)
                if not parser.turn():
                    columns.finish(parser.types)
                    return self._made(parser, columns, beside)
            except BaseException:
                columns.writer.abandon()
                raise
            columns.writer.abandon()

    def _beside(self) -> Beside:
        """What collects the columns that stand beside those of the model."""
        return Beside(self.options, self.names, self.schema, self.name)

    def _read(self, parser: BlockParser, columns: StreamedColumns, beside: Beside) -> None:
        """Reads all rows in the types that are known."""
        self.odd, self.last_line, self.words = OddQuotes(), 0, Counter()
        with closing(ahead(self._parts(parser))) as parts:
            for part in parts:
                if not part.is_void:
                    if beside.names:
                        own = part.table.select([str(self.names.index(name)) for name in beside.names])
                        beside.add(own.rename_columns(beside.names), self.name, columns.rows)
                    columns.add(part.table)

    def _parts(self, parser: BlockParser) -> Iterator[Part]:
        """The rows, block by block."""
        for block in row_blocks(self.text.utf8(), self.layout.dialect, self.path, self.layout.begins):
            if block.line == 1:
                placed = self.layout.placed(block.data)
            else:
                placed = self.layout.continued(block.data, block.line, self.model_line)
            text, start, is_tidied = placed
            self.is_tidied |= is_tidied
            if len(block.data) > LONGEST_CELL:
                text.refuse_long(self.width)
            try:
                table = parser.parse(text, start)
            except InputError:
                check_quotes(text, self.width, lambda _: False)  # names the line that is to blame, if there is one
                raise
            self._look_at_lines(block, text, start, table, placed.has_header)
            self.words += missing_words(text, start)
            if table.num_rows:
                yield Part(table, parser.has_changed)

    def _look_at_lines(self, block: Block, text: CsvText, start: int, table: pa.Table, has_header: bool) -> None:
        """Looks closer at the quotes of a block, unless each row is one line; and for blank lines in a lone column."""
        is_usual = not block.has_odd_quotes and block.line > 1 and block.lines == table.num_rows
        if text.quote in text.data and not is_usual:
            everything = parsed_rows(text, start, self.width, {})
            self.odd = self.odd.joined(odd_quotes(text, everything, has_header))
        if self.width == 1 and table.num_rows:
            self.last_line = text.line_at(text.survey.last)

    def _made(self, parser: BlockParser, columns: StreamedColumns, beside: Beside) -> Source:
        """The source of the rows that were written."""
        notes, kept = self._notes(parser, columns), self._named(columns)
        if len(kept) < len(self.names):
            left_out = plural(len(self.names) - len(kept), "column")
            notes.append(f"Left out: {left_out} without a name and without a value.")
        names = [self.names[number] for number in kept]
        wanted, own_notes = wanted_columns(names, columns.rows, self.options, self.schema, self.name)
        stored = {self.names[number]: str(number) for number in kept}
        schema, has_gaps = self.schema, any(columns.gaps.values())
        if schema is not None and has_gaps:
            own_notes.append(gaps_note({name: columns.gaps[name] for name in wanted}, columns.rows))
        own_notes += unseen_notes({name: columns.unseen.get(name, {}) for name in wanted})
        if schema is None:
            kinds = [parser.types[int(stored[name])] for name in wanted]
            refuse_one_text(pa.table([pa.array([], kind) for kind in kinds], names=wanted), self.name)
            schema, told = columns.survey.schema({name: stored[name] for name in wanted}, self.name)
            forms = self.layout.written.items()
            schema = written_as(schema, {self.names[number]: form for number, form in forms if number < self.width})
            own_notes += told
            has_gaps = any(column.gaps for column in schema.columns)
        scratch = columns.writer.scratch
        groups = RowGroups([scratch.path], self.name, Spill(scratch, stored))
        rows = ParquetRows(groups, schema.columns, self.options.missing, were_read=True)
        mask = ParquetGaps(rows) if has_gaps else None
        notes += [*own_notes, _where(scratch.path.stat().st_size)]
        data = Dataset(rows, schema, mask=mask, name=self.name, notes=tuple(notes))
        source = Source(data, sizes=(self.packed.path.stat().st_size,), unseen=partial(Unseen, columns.unseen))
        return beside.attached(without_use(source, names, self.options, self.schema))

    def _notes(self, parser: BlockParser, columns: StreamedColumns) -> list[str]:
        """What was assumed of the text."""
        notes = [*self.packed.notes, *self.text.notes, *self.layout.notes(self.is_tidied), *self.odd.notes]
        if self.width == 1:
            lines = self.last_line - self.model_line + 1
            notes += blank_lines_note(lines, columns.rows, self.layout.names is not None)
        notes += missing_words_note(self.words)
        if codes := parser.codes:
            notes.append(zeros_note({self.names[number]: cell for number, cell in codes.items()}))
        return notes

    def _named(self, columns: StreamedColumns) -> list[int]:
        """The numbers of all columns but those that have neither a name nor a value."""
        empty = {number for number in self.unnamed if columns.rows and number not in columns.filled}
        return [n for n in range(self.width) if n not in empty] if len(empty) < self.width else list(range(self.width))


def _where(size: int) -> str:
    """A note on where the rows are."""
    folder = str(temporary_directory())
    return (
        f"The rows were written to a temporary file in {folder!r} ({memory.amount(size)}), which is removed when they "
        "are no longer used; TMPDIR names another directory."
    )
