"""How a table of text is written: what comes before it, what separates its cells, and what quotes them.

    sep=;                    names the delimiter, as Excel writes it
    # text                   lines at the beginning that begin with # are no rows; the last is the header line where
                             it has as many cells as the rows and none of them is a number
    , ; tab | or blanks      separates the cells, if every row of the beginning has the same number, at least two

Several can be consistent. Commas are not taken where all of them are decimal commas between other delimiters
(`1,5;2,7`). Blanks are taken only where nothing else is consistent, or where what is has cells of several numbers.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from variate.data.readers.blanks import tidied
from variate.data.readers.csv_text import LINE_END, CsvText, header_span, is_number
from variate.data.readers.headers import short_names
from variate.errors import Option, Sentence

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
"""The delimiters that are told, by preference, and what notes call them."""
NAMED = {"tab": "\t", "\\t": "\t", "blanks": " "}
"""Delimiters by the names that the option takes besides themselves."""
SAMPLE, LARGEST_SAMPLE, FEWEST_LINES = 2**16, 2**20, 5
"""Bytes at the beginning that tell the dialect, and the most of them where lines are so long that few are whole."""
SAMPLE_ROWS = 500
SEPARATOR_LINE = re.compile(rb'"?sep=([^\r\n"])"?[ \t]*(?=[\r\n]|\Z)', re.IGNORECASE)
BLANK_LINES = re.compile(rb"(?: *+[\r\n])*+")
COMMENTS = re.compile(rb"(?:#[^\r\n]*+(?: *+[\r\n])*+)*+")
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d{0,3}([.' ]?\d{3})*\d*,\d+\s*")
MISSING_SIGNS = frozenset(("", "?", "NA", "NaN", "nan", "-", "."))
"""Cells that may stand without quotes in a column of quoted ones."""

Rows = list[list[str]]


class Dialect(NamedTuple):
    """How the cells are written.

    Attributes:
        delimiter: What separates them; a blank means any number of blanks.
        quote: What stands before and after a quoted one.
    """

    delimiter: str
    quote: str = '"'


class Beginning(NamedTuple):
    """What comes before the first row.

    Attributes:
        start: Where the first row, or the header line, begins.
        delimiter: What a first line `sep=` names; empty where there is none.
        comment: Where the last line that begins with # begins; negative where there is none.
        comments: Number of such lines.
    """

    start: int
    delimiter: str = ""
    comment: int = -1
    comments: int = 0

    @property
    def notes(self) -> list[str]:
        """What was assumed."""
        notes = [f"The first line names the delimiter, {self.delimiter!r}."] if self.delimiter else []
        if self.comments:
            lines = "line that begins" if self.comments == 1 else f"{self.comments:,} lines that begin"
            notes.append(f"Left out: the {lines} with # at the beginning of the file.")
        return notes


def beginning_of(data: bytes) -> Beginning:
    """What comes before the first row."""
    start, delimiter = _skip(data, header_span(data)[0]), ""
    if found := SEPARATOR_LINE.match(data, start):
        delimiter, start = found[1].decode("latin-1"), _skip(data, found.end())
    found = COMMENTS.match(data, start)
    if not found or found.end() in (start, len(data)):  # there are no lines with #, or no others
        return Beginning(start, delimiter)
    stop = found.end()
    last = max(start, *(data.rfind(mark, start, stop) + 1 for mark in (b"\n#", b"\r#")))
    return Beginning(stop, delimiter, last, 1 + sum(data.count(mark, start, stop) for mark in (b"\n#", b"\r#")))


def after_lines(data: bytes, position: int, lines: int) -> int:
    """The position after some lines, and after blank ones before and behind each of them."""
    for _ in range(lines):
        line = LINE_END.search(data, _skip(data, position))
        position = _skip(data, line.start() if line else len(data))
    return position


def _skip(data: bytes, position: int) -> int:
    """The position after blank lines, and lines of blanks alone."""
    found = BLANK_LINES.match(data, position)
    return found.end() if found else position


def dialect_of(data: bytes, start: int, own: str, name: str, asked: str = "") -> Dialect:
    """The dialect, told from the beginning of the rows.

    Args:
        data: The text.
        start: Where the first row begins.
        own: The delimiter that the file's ending stands for, or empty.
        name: What to call the file.
        asked: The delimiter, where it is known.
    """
    sample, marks = sample_of(data, start), [asked] if asked else list(DELIMITERS)
    found = _best(sample, marks, own, name, '"')
    if re.search(rb"(?<![^,;\t| \r\n%b])'" % re.escape(asked.encode()), sample):
        single = _best(sample, marks, own, name, "'")
        if single.is_consistent and _has_quoted_column(sample, single.delimiter, name):
            return Dialect(single.delimiter, "'")
    return Dialect(asked or found.delimiter)


def sample_of(data: bytes, start: int) -> bytes:
    """The first lines from a position, whole ones unless the first is very long."""
    ends = sum(data.count(mark, start, start + SAMPLE) for mark in (b"\n", b"\r"))
    size = SAMPLE if ends >= FEWEST_LINES else LARGEST_SAMPLE
    if len(data) - start <= size:
        return data[start:]
    stop = max(data.rfind(b"\n", start, start + size), data.rfind(b"\r", start, start + size)) + 1
    return data[start : stop or start + size]


def rows_of(sample: bytes, dialect: Dialect, name: str, is_cut: bool = False) -> Rows:
    """The rows of a sample.

    Args:
        sample: Some lines.
        dialect: How they are written.
        name: What to call the file.
        is_cut: Whether the last row may go on after the sample.
    """
    text = tidied(sample, 0, dialect.delimiter, dialect.quote)
    rows = list(CsvText(text, dialect.delimiter, name, dialect.quote, 0).rows(SAMPLE_ROWS))
    return rows[:-1] if is_cut and 1 < len(rows) < SAMPLE_ROWS else rows


class _Split(NamedTuple):
    """What a delimiter makes of the sample.

    Attributes:
        delimiter: The delimiter.
        rows: The cells.
        share: The share of the rows that have the most frequent number of cells, 0 where that is one cell. The names
            may be one less than the cells of all rows.
    """

    delimiter: str
    rows: Rows
    share: float

    @property
    def is_consistent(self) -> bool:
        """Whether all rows have the same number of cells, at least two."""
        return self.share == 1

    @property
    def width(self) -> int:
        """Number of cells of the first row."""
        return len(self.rows[0]) if self.rows else 0


def _best(sample: bytes, marks: Sequence[str], own: str, name: str, quote: str) -> _Split:
    """The split that fits best, by one of some delimiters."""
    found = [_split(sample, mark, name, quote) for mark in marks if mark.encode() in sample]
    splits = {split.delimiter: split for split in found}
    consistent = [split for split in found if split.is_consistent and not _has_decimal_commas(split, splits)]
    blanks = splits.get(" ")
    strong = [split for split in consistent if split.delimiter != " "]
    if strong:
        best = max(strong, key=lambda split: (split.width, split.delimiter == own))
        if blanks in consistent and blanks is not None and _separates_numbers(best):
            return blanks
        return best
    nearly = [s for s in found if s.delimiter != " " and s.share >= 0.5 and not _has_decimal_commas(s, splits)]
    if consistent and not any(split.width > 1 for split in nearly):
        return consistent[0]
    if nearly:
        return max(nearly, key=lambda split: (split.share, split.delimiter == own))
    if blanks is not None and blanks.share >= 0.9 and len(found) == 1:
        return blanks
    first = sample[slice(*header_span(sample))]
    present = next((mark for mark in DELIMITERS if mark != " " and mark.encode() in first), own or ",")
    mark = own if own.encode() in first and own else present
    return splits.get(mark) or _Split(mark, [], 0)


def _split(sample: bytes, delimiter: str, name: str, quote: str) -> _Split:
    rows = rows_of(sample, Dialect(delimiter, quote), name, is_cut=len(sample) > SAMPLE // 2)
    widths = Counter(len(row) for row in rows)
    width, number = widths.most_common(1)[0] if widths else (0, 0)
    number += number == len(rows) - 1 and short_names(rows) is not None
    return _Split(delimiter, rows, number / len(rows) if width > 1 else 0)


def _has_decimal_commas(split: _Split, splits: dict[str, _Split]) -> bool:
    """Whether commas split the numbers of cells that another delimiter separates."""
    others = [other for mark, other in splits.items() if mark != "," and other.is_consistent]
    return split.delimiter == "," and any(map(_commas_are_decimal, others))


def _commas_are_decimal(split: _Split) -> bool:
    """Whether every cell with a comma is a number, from the second row on."""
    cells = [cell for row in split.rows[1:] or split.rows for cell in row if "," in cell]
    return bool(cells) and all(DECIMAL_COMMA.fullmatch(cell) for cell in cells)


def _separates_numbers(split: _Split) -> bool:
    """Whether all cells of some column are several numbers with blanks between them."""
    for column in zip(*split.rows, strict=False):
        parts = [cell.split() for cell in column]
        if all(len(part) > 1 and all(map(is_number, part)) for part in parts):
            return True
    return False


def _has_quoted_column(sample: bytes, delimiter: str, name: str) -> bool:
    """Whether the cells of some column are all in single quotes, and no cell is in double ones."""
    rows = rows_of(sample, Dialect(delimiter, "\0"), name)
    widths = Counter(map(len, rows))
    even = [row for row in rows if len(row) == widths.most_common(1)[0][0]]
    if any(cell.startswith('"') for row in even for cell in row):
        return False
    return any(_is_quoted(column) or _is_quoted(column[1:]) for column in zip(*even, strict=True))


def _is_quoted(column: Sequence[str]) -> bool:
    """Whether all cells, with or without the first, which may be a name, are in single quotes."""
    cells = [cell for cell in column if cell not in MISSING_SIGNS]
    return len(cells) > 1 and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells)


def note_on(dialect: Dialect, own: str, suffix: str) -> list[str]:
    """Notes on a dialect that is not what the file's ending says.

    Args:
        dialect: What was taken.
        own: The delimiter that the ending stands for, or empty.
        suffix: The ending.
    """
    notes: list[str] = []
    if dialect.delimiter != own:
        what = DELIMITERS.get(dialect.delimiter, repr(dialect.delimiter))
        usual = f", where {DELIMITERS[own]} are usual in {suffix} files" if own else ""
        said = f"Cells were taken to be separated by {what}{usual}; set "
        notes.append(Sentence(said, Option("delimiter"), " if that is wrong."))
    if dialect.quote == "'":
        notes.append("Single quotes around cells were taken as quotation marks.")
    return notes
