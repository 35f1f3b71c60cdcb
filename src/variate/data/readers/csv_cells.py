r"""The cells of a table of text where they stand in the file, to copy the text with some of them replaced.

`csv_text` finds the cells of a text whose blanks around cells were left out. Here the text is as it was in the file,
blanks and blank lines included, so that what is not replaced is copied byte for byte:

    a row      cells with delimiters between them, up to a line end; lines of blanks alone are no rows
    a cell     blanks, then what is quoted and what follows it, or text without quotes; then blanks
    aligned    where blanks are the delimiter, any number of them stands between two cells
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from variate.data.readers.csv_text import WORDS_OF_NOTHING
from variate.data.readers.encodings import Encoding
from variate.errors import InputError

MISSING_WORD = "NA"
"""What stands for a missing cell where blanks are the delimiter, between which nothing can stand."""
LINE_END = re.compile(rb"[ \t]*+(?:\r\n|\r|\n)")


class Span(NamedTuple):
    """Where a part of the text begins and ends."""

    start: int
    stop: int


@dataclass(frozen=True)
class CsvCells:
    """A text, and how its cells are written.

    Attributes:
        data: The text in UTF-8, as it is in the file.
        first: Where the header line begins, or the first row where there is none.
        has_header: Whether there is a header line.
        delimiter: What separates the cells; a blank means any number of blanks.
        quote: What stands before and after a quoted cell.
        name: What errors call the file.
        encoding: How the file encodes the text.
        places: The number of the cell of each column in a row, by the column's name.
    """

    data: bytes
    first: int
    has_header: bool
    delimiter: str
    quote: str
    name: str
    encoding: Encoding = Encoding()  # noqa: RUF009  immutable
    places: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
        """Patterns of a cell with the delimiter after it, of a row without its line end, and of what is no row."""
        blank = rb" " if self.delimiter == "\t" else rb"[ \t]"
        end = re.escape(self.delimiter.encode())
        quoted = rb"(?:Q[^Q]*+(?:QQ[^Q]*+)*+Q?+)?+".replace(b"Q", re.escape(self.quote.encode()))
        content, between = rb"%b[^%b\r\n]*+" % (quoted, end), end
        if self.delimiter == " ":
            content, between = rb"(?=[^ \t\r\n])%b[^ \t\r\n]*+" % quoted, rb"[ \t]++"
        cell = rb"%b*+(%b)(%b)?+" % (blank, content, between)
        plain = cell.replace(b"(%b)(%b)?+" % (content, between), content)
        row = rb"%b(?:%b%b)*" % (plain, between, plain)
        return re.compile(cell), re.compile(row), re.compile(rb"(?:%b*+[\r\n])*+(?:%b*+\Z)?+" % (blank, blank))

    @cached_property
    def _header(self) -> Span:
        """The header line without its line end; nothing where there is none."""
        return self._row_at(self.first) if self.has_header else Span(self.first, self.first)

    @cached_property
    def below(self) -> int:
        """Where the text below the header line begins."""
        found = LINE_END.match(self.data, self._header.stop) if self.has_header else None
        return found.end() if found else self._header.stop

    def beginning(self, before: str = "", after: str = "") -> bytes:
        """The text up to the end of the header line, with something written before and after the names."""
        if not self.has_header:
            return self.data[: self.first]
        start, stop = self._header
        parts = self.data[:start], before.encode(), self.data[start:stop], after.encode(), self.data[stop : self.below]
        return b"".join(parts)

    def rows(self) -> Iterator[Span]:
        """The rows below the header line, without their line ends."""
        position, nothing = self.below, self._patterns[2]
        while True:
            found = nothing.match(self.data, position)
            position = found.end() if found else position
            if position >= len(self.data):
                return
            row = self._row_at(position)
            yield row
            position = row.stop

    def _row_at(self, position: int) -> Span:
        found = self._patterns[1].match(self.data, position)
        if found is None or found.end() == position:
            line = 1 + self.data.count(b"\n", 0, position)
            raise InputError(f"line {line} of {self.name}", "a row whose cells can be told", "another text")
        return Span(*found.span())

    def cells(self, row: Span) -> list[Span]:
        """The contents of the cells of a row, with their quotes and without blanks around them."""
        found = []
        for cell in self._patterns[0].finditer(self.data, row.start, row.stop):
            start, stop = cell.span(1)
            found.append(Span(start, start + len(self.data[start:stop].rstrip(b" \t"))))
            if cell[2] is None:
                break
        return found

    def texts(self, wanted: Mapping[int, Collection[str]]) -> dict[tuple[int, str], str]:
        """Some cells as they are written, by the number of their row and the name of their column.

        Args:
            wanted: Names of columns, by the number of the row.
        """
        found: dict[tuple[int, str], str] = {}
        for number, row in enumerate(self.rows() if wanted else ()):
            for column in wanted.get(number, ()):
                found[number, column] = self.data[slice(*self.cells(row)[self.places[column]])].decode()
        return found

    @property
    def line_end(self) -> bytes:
        """How lines of the text end."""
        return next((end for end in (b"\r\n", b"\n", b"\r") if end in self.data), b"\n")

    def replaced(
        self, cells: Mapping[int, Mapping[str, str]], num_rows: int, before: str, after: Callable[[int], str]
    ) -> Iterator[bytes]:
        """The text below the header line with other cells, in pieces.

        Args:
            cells: The new texts of cells, by the number of their row and the name of their column.
            num_rows: Number of rows that there are.
            before: What to write before each row.
            after: What to write after a row, by its number.

        Raises:
            InputError: If there is another number of rows.
        """
        position, number = self.below, -1
        for number, row in enumerate(self.rows()):
            yield self.data[position : row.start] + before.encode()
            position = row.start
            if own := cells.get(number):
                spans = self.cells(row)
                for place, text in sorted((self.places[column], text) for column, text in own.items()):
                    yield self.data[position : spans[place].start] + text.encode()
                    position = spans[place].stop
            yield self.data[position : row.stop] + after(number).encode()
            position = row.stop
        if number + 1 != num_rows:
            raise InputError(self.name, f"{num_rows:,} rows, as were read", f"{number + 1:,}", "write a .parquet file")
        yield self.data[position:]

    def written(self, text: str) -> str:
        """A text as a cell: in quotes where it would be read as something else without them."""
        special = {self.delimiter, self.quote, "\r", "\n"}
        odd = any(sign in text for sign in special) or text != text.strip() or text in WORDS_OF_NOTHING
        if not odd and not (self.delimiter == " " and "\t" in text):
            return text
        return f"{self.quote}{text.replace(self.quote, 2 * self.quote)}{self.quote}"
