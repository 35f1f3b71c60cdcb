"""Where the rows of a text are, how they are written, and the names of their columns: told from its beginning."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.blanks import tidied
from variate.data.readers.csv_text import CsvText, after_blank_lines
from variate.data.readers.dialects import (
    NAMED,
    SAMPLE,
    Beginning,
    Dialect,
    Rows,
    after_lines,
    beginning_of,
    dialect_of,
    note_on,
    rows_of,
    sample_of,
)
from variate.data.readers.doubtful import doubtful_columns, written_forms
from variate.data.readers.headers import Verdict, is_value, judge, short_names, words_above_numbers
from variate.data.readers.tables import MOST_COLUMNS, require_columns
from variate.data.readers.titles import title_note, title_rows
from variate.data.readers.unpacking import TEXT_SUFFIXES
from variate.data.schema.naming import cell_called
from variate.data.wording import list_names
from variate.errors import InputError

MADE_NAME = re.compile(r"column_[1-9]\d*")
"""A name of a column that had none."""


class Layout(NamedTuple):
    """Where the rows of a text are.

    Attributes:
        path: What errors call the file.
        begins: Where the header line, or the first row, begins.
        names: The names of the header line; None where there is none.
        dialect: How the cells are written.
        is_short: Whether the header line has one cell less than the rows.
        notes_before: What was assumed, to be said before what is said of blanks.
        notes_after: What was assumed, to be said after it.
        doubtful: Numbers of the columns that look like numbers, and may be others or codes.
        written: How bits and times are written, by the numbers of the columns.
    """

    path: str
    begins: int
    names: list[str] | None
    dialect: Dialect
    is_short: bool
    notes_before: list[str]
    notes_after: list[str]
    doubtful: frozenset[int] = frozenset()
    written: Mapping[int, str] = {}

    def placed(self, data: bytes) -> "Placed":
        """The rows of a text that begins as the one that the layout was told from."""
        tidy = tidied(data, self.begins, self.dialect.delimiter, self.dialect.quote)
        text = self._text(tidy, after_blank_lines(tidy, self.begins))
        start = text.start if self.names is None else text.after_row(text.start)
        if self.is_short:
            start = after_blank_lines(tidy, start)
            text = self._text(tidy, start)
        return Placed(text, start, tidy is not data)

    def continued(self, data: bytes, line: int, model_line: int) -> "Placed":
        """The rows of a later part of the text.

        Args:
            data: Whole rows.
            line: The number of their first line.
            model_line: The number of the line whose number of cells all rows must have.
        """
        tidy = tidied(data, 0, self.dialect.delimiter, self.dialect.quote)
        return Placed(self._text(tidy, 0, line, model_line), 0, tidy is not data)

    def _text(self, data: bytes, start: int, line: int = 1, model_line: int | None = None) -> CsvText:
        mark, quote = self.dialect
        return CsvText(data, mark, self.path, quote, start, first_line=line, model_line=model_line)

    def notes(self, is_tidied: bool) -> list[str]:
        """What was assumed.

        Args:
            is_tidied: Whether blanks around cells were left out anywhere in the text.
        """
        tidy = "Blanks around cells were left out, except within quotes; lines of blanks alone are no rows."
        said = [tidy] if is_tidied and self.dialect.delimiter != " " else []
        return [*self.notes_before, *said, *self.notes_after]


class Placed(NamedTuple):
    """The rows of a text.

    Attributes:
        text: The text from its first row on, or from the header line where that has as many cells.
        start: Where the first row begins that is no header line.
        is_tidied: Whether blanks around cells were left out.
    """

    text: CsvText
    start: int
    is_tidied: bool

    @property
    def has_header(self) -> bool:
        """Whether the first row of the text holds names."""
        return self.start > self.text.start


def made_names(width: int) -> list[str]:
    """The names of columns that have none."""
    return [f"column_{number + 1}" for number in range(width)]


def layout_of(data: bytes, suffix: str, path: Path, options: DataOptions, schema: Schema | None) -> Layout:
    """Where the rows are, how they are written, and their names.

    Args:
        data: The text in UTF-8, or its beginning.
        suffix: The ending of the file, or of the member of an archive, that it is from.
        path: The file.
        options: `delimiter`, `header`, `columns` and `drop` are used.
        schema: Of a model, if the rows are read for one.

    Raises:
        InputError: If it is no table.
    """
    beginning, own = beginning_of(data), TEXT_SUFFIXES[suffix]
    asked = NAMED.get(options.delimiter or "", options.delimiter) or beginning.delimiter
    dialect = dialect_of(data, beginning.start, own, path.name, asked)
    notes = note_on(dialect, asked or own, suffix)
    rows = _sample_rows(data, beginning.start, dialect, path.name)
    if not rows:
        raise InputError(path.name, "a table with a header line", "an empty file", "give a file that holds rows")
    if options.header is None and (title := title_rows(rows, _needed(schema))):
        notes = [*notes, title_note(rows[:title])]
        beginning = beginning._replace(start=after_lines(data, beginning.start, title), comment=-1)
        dialect = dialect_of(data, beginning.start, own, path.name, asked)
        rows = _sample_rows(data, beginning.start, dialect, path.name)
    verdict = _verdict(rows, options, schema)
    if options.header is None:
        beginning, verdict = _header_in_comment(data, beginning, dialect, rows, verdict, path.name)
    notes = [*beginning.notes, *notes]
    below = rows[verdict.is_header :]
    told = doubtful_columns(below), written_forms(below)
    found = Layout(str(path), beginning.start, None, dialect, False, notes, list(verdict.notes), *told)
    if verdict.is_header and (units := words_above_numbers(below)):
        found.notes_after.append(_units_note(units))
    text, _, _ = found.placed(data)
    _refuse_many_columns(text, path.name)
    if not verdict.is_header:
        return found
    if (short := short_names(rows)) is None:
        return found._replace(names=next(text.rows(1)))
    column = "first" if short[-1] else "last"
    found.notes_after.append(f"The first line has one cell less than the rows, so their {column} column has no name.")
    return found._replace(names=short, is_short=True)


def _units_note(units: Sequence[str]) -> str:
    """What is said of a row of units, or of a second line of names."""
    shown = list_names([cell_called(word) for word in units])
    said = f"The first row below the names has text in every column of numbers ({shown})"
    return f"{said}; if it holds units or names, remove it, since it was read as a row."


def _sample_rows(data: bytes, start: int, dialect: Dialect, name: str) -> Rows:
    """The first rows, to tell whether they begin with names."""
    sample = sample_of(data, start)
    return rows_of(sample, dialect, name, is_cut=start + len(sample) < len(data))


def _needed(schema: Schema | None) -> set[str]:
    """The names of the columns that a model needs."""
    return {own.name for own in (*schema.columns, *schema.conditions)} if schema is not None else set()


def _verdict(rows: Rows, options: DataOptions, schema: Schema | None) -> Verdict:
    """Whether the first row holds names: as a model's names tell, the user, or the cells."""
    needed = _needed(schema)
    if needed and needed <= set(rows[0]):
        return Verdict(True)
    if options.header is not None:
        return Verdict(options.header)
    by = {options.split_by, options.split_time, options.weight, options.labels} - {None}
    given = {*options.drop, *dict(options.columns), *dict(options.formats), *options.condition, *by}
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
