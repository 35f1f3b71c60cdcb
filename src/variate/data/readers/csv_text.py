r"""Where the cells of CSV text begin and end, and whether a stray quote swallowed rows.

pyarrow parses CSV fast, but does not say that a quote never closed, nor in which line a row begins. This module reads
the same text by the same rules, and only where something is unusual:

    a quote opens only at the beginning of a cell; within quotes, line ends and delimiters are text, and "" is a quote
    what stands between the closing quote and the next delimiter belongs to the cell
    a line ends with \n, \r or \r\n, and blank lines are skipped

**Swallowed rows.** Take a quoted cell in column j of W, and let its lines be l_1 .. l_k, without blank ones between.
Suppose that it is no text of several lines, but starts at one stray quote and ends at another. Then l_1 is the rest of
a row from column j on, l_2 .. l_(k-1) are whole rows, and l_k is a row up to column j. So these lines have W-1-j, W-1,
.., W-1 and j delimiters, and their pieces are numbers, or missing, wherever a column holds numbers. Text has that form
by chance only while there is little of it, so the evidence is counted: 1 for each delimiter in its place, 3 for each
number in a column of numbers; from `ENOUGH` on, the cell is taken for rows. A stray quote that ended at the quote of a
proper cell is followed by that cell's text, which proper quotes never are: that alone is enough.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from pyarrow import csv as arrow_csv

from variate.data.wording import plural
from variate.errors import InputError

BOM = b"\xef\xbb\xbf"
LF, CR = b"\n\r"
ENOUGH = 8
"""An address of two lines, `12, High Street / Bath, UK`, can have 2 delimiters and a number (5) in the right places."""
MOST_SURPLUS = 1000
"""Cells of a row beyond those of the first line that are counted."""
LONGEST_NUMBER = 400
"""Bytes of a number; float64's longest exact decimal has fewer digits before the point."""
LONGEST_CELL = 2**24
"""Bytes of a cell, and of a line."""
PIECE = 2**18
"""Bytes that are looked at in one pass, few enough to stay in a cache."""

WORDS_OF_NOTHING = frozenset(("", *arrow_csv.ConvertOptions().null_values))
"""Cells that hold nothing, in a column of any kind."""
MISSING = frozenset(word.encode() for word in WORDS_OF_NOTHING)
"""The same as bytes."""

LINE_END, LINE_ENDS = re.compile(rb"[\r\n]"), re.compile(rb"[\r\n]*+")
TO_LINE_END = re.compile(rb"[^\r\n]*+")
LINE = re.compile(rb"([^\r\n]*+)(\r\n|\r|\n|\Z)")


class Survey(NamedTuple):
    """What one fast pass over the text finds.

    Attributes:
        lines: Number of lines that are not blank.
        last: Position at which the last of them begins.
        has_inner_quotes: Whether a quote stands between two bytes of text.
        long_line: Position of a line end after more than `LONGEST_CELL` bytes without one; 0 if there is none.
        long_quote: Whether more than `LONGEST_CELL` bytes without a quote follow one at the beginning of a cell.
    """

    lines: int
    last: int
    has_inner_quotes: bool
    long_line: int
    long_quote: bool


class OddCell(NamedTuple):
    """A quoted cell that holds line ends, or has text after its closing quote.

    Attributes:
        column: Its column, from 0.
        start: Position of the first byte between its quotes.
        stop: Position of the closing quote.
        is_multiline: Whether it holds line ends.
        is_followed: Whether text other than blanks stands after its closing quote.
    """

    column: int
    start: int
    stop: int
    is_multiline: bool
    is_followed: bool


class CsvText:
    """The text of a CSV file.

    Args:
        data: Its bytes.
        delimiter: What separates the cells, one byte.
        name: What errors call the file.
        quote: What stands before and after a quoted cell, one byte.
        start: Where the first row begins; by default, at the first line that is not blank.
        first_line: The number of the first line, where the text is a part of a file.
        model_line: The number of the line whose number of cells all rows must have; by default, the first row's.
    """

    def __init__(
        self, data: bytes, delimiter: str, name: str, quote: str = '"', start: int | None = None,
        *, first_line: int = 1, model_line: int | None = None,
    ) -> None:  # fmt: skip
        self.data, self.delimiter, self.name, self.quote = data, delimiter.encode(), name, quote.encode()
        self.start = header_span(data)[0] if start is None else start
        self.first_line, self._model_line = first_line, model_line
        quoted = rb"Q([^Q]*+(?:QQ[^Q]*+)*+)(Q?+)".replace(b"Q", self.quote)
        end = re.escape(self.delimiter)
        self._cell = re.compile(rb"(?:%b)?+([^%b\r\n]*+)(%b|\r\n|\r|\n|\Z)" % (quoted, end, end))

    def row(self, position: int) -> Iterator[re.Match[bytes]]:
        """The cells of the row that begins at a position.

        Yields:
            Matches: group 1 is what is between the quotes, 2 the closing quote (empty where it is missing; both are
            None without quotes), 3 what follows, 4 the delimiter or the line end.
        """
        for cell in self._cell.finditer(self.data, position):
            yield cell
            if cell[4] != self.delimiter:
                return

    def rows(self, most: int) -> Iterator[list[str]]:
        """The first rows as cells, without quotes.

        Args:
            most: Number of rows.
        """
        position, twice = self.start, 2 * self.quote
        for _ in range(most):
            position = after_blank_lines(self.data, position)
            if position == len(self.data):
                return
            cells = []
            for cell in self.row(position):
                quoted, _, after, _ = cell.groups()
                text = after if quoted is None else quoted.replace(twice, self.quote) + after
                cells.append(text.decode(errors="replace"))
            yield cells
            position = cell.end()

    def after_row(self, position: int) -> int:
        """Where the row that begins at a position ends, with its line end."""
        return max((cell.end() for cell in self.row(position)), default=position)

    def closes(self, position: int) -> bool:
        """Whether every quote of the row that begins at a position closes."""
        return all(cell.start(2) < 0 or cell.end(2) > cell.start(2) for cell in self.row(position))

    def line_width(self, position: int) -> int:
        """Number of cells of the line that begins at a position, if none is quoted."""
        return 1 + self.data.count(self.delimiter, position, _end(LINE.match(self.data, position)))

    def line_at(self, position: int) -> int:
        """The number of the line in which a position is; that of the file's first line is 1."""
        count = self.data.count
        return self.first_line + count(b"\n", 0, position) + count(b"\r", 0, position) - count(b"\r\n", 0, position)

    @cached_property
    def survey(self) -> Survey:
        """What one fast pass over the text finds."""
        every = np.frombuffer(self.data, np.uint8)
        lines, last, inner, after_end = 0, self.start, False, True
        mark = ord(self.quote)
        line_end = quote = self.start
        long_line = 0
        opens = long_quote = False
        for start in range(self.start, len(every), PIECE):
            piece = every[start : start + PIECE]
            ends = (piece == LF) | (piece == CR)
            begins = ~ends
            begins[1:] &= ends[:-1]
            begins[0] &= after_end
            after_end = bool(ends[-1])
            number = int(np.count_nonzero(begins))
            if number:
                lines, last = lines + number, start + len(piece) - 1 - int(np.argmax(begins[::-1]))
            if ends.any():
                first = start + int(np.argmax(ends))
                long_line = long_line or (first if first - line_end > LONGEST_CELL else 0)
                line_end = start + len(piece) - 1 - int(np.argmax(ends[::-1]))
            quotes = piece == mark
            if quotes.any():
                long_quote = long_quote or (opens and start + int(np.argmax(quotes)) - quote > LONGEST_CELL)
                quote = start + len(piece) - 1 - int(np.argmax(quotes[::-1]))
                opens = quote == self.start or every[quote - 1] in (LF, CR, ord(self.delimiter))
                inner = inner or self._has_inner_quote(every[max(0, start - 1) : start + PIECE + 1])
        long_line = long_line or (len(every) if len(every) - line_end > LONGEST_CELL else 0)
        return Survey(lines, last, inner, long_line, long_quote or (opens and len(every) - quote > LONGEST_CELL))

    def odd_cells(self, width: int) -> Iterator[OddCell]:
        """The quoted cells that hold line ends or have text after their quotes.

        Args:
            width: Number of cells of the first line.

        Raises:
            InputError: At the first row with another number of cells, and at a quote that never closes.
        """
        plain, simple = self._patterns(width)
        position = self.start
        while position < len(self.data):
            position = _end(plain.match(self.data, position))
            row = simple.match(self.data, position)
            if row is not None or position == len(self.data):
                position = position if row is None else row.end()
                continue
            first, long, column = position, None, -1
            for column, cell in enumerate(islice(self.row(position), width + MOST_SURPLUS)):
                quoted, closing, after, _ = cell.groups()
                if quoted is None:
                    continue
                if not closing:
                    raise self._unclosed(cell.start())
                is_multiline, is_followed = LINE_END.search(quoted) is not None, bool(after.strip())
                if is_multiline or is_followed:
                    odd = OddCell(column, *cell.span(1), is_multiline, is_followed)
                    long = odd if is_multiline and long is None else long
                    yield odd
            position = cell.end()
            if column + 1 != width:
                raise self._ragged(first, long, column + 1, width)

    def holds_rows(self, cell: OddCell, width: int, holds_numbers: Callable[[int], bool]) -> bool:
        """Whether a cell that holds line ends is rows that a stray quote swallowed.

        Args:
            cell: The cell.
            width: Number of cells of a row.
            holds_numbers: Whether a column, counted from 0, does.
        """
        if cell.is_followed:
            return True
        evidence, column = 0, cell.column
        for line in LINE.finditer(self.data, cell.start, cell.stop):
            is_last = not line[2]
            if not line[1] and cell.start < line.start() and not is_last:
                continue  # blank lines are skipped between rows, too
            pieces = (cell.column if is_last else width - 1) - column
            if line[1].count(self.delimiter) != pieces:
                return False
            evidence += pieces
            for piece in line[1].split(self.delimiter):
                if holds_numbers(column) and piece.strip() not in MISSING:
                    if not is_number(piece):
                        return False
                    evidence += 3
                column += 1
            column = 0
            if is_last:
                break
        return evidence >= ENOUGH

    def refuse_long(self, width: int) -> None:
        """Refuses lines and cells of more than `LONGEST_CELL` bytes, which pyarrow takes a second each to look at.

        Args:
            width: Number of cells of the first line.
        """
        remedy = "shorten it, or correct the quotes"
        if self.survey.long_line:
            argument = f"line {self.line_at(self.survey.long_line - 1)} of {self.name}"
            raise InputError(argument, f"at most {LONGEST_CELL:,} bytes", "more than that", remedy)
        for cell in self.odd_cells(width) if self.survey.long_quote else ():
            if cell.stop - cell.start > LONGEST_CELL:
                argument = f"line {self.line_at(cell.start)} of {self.name}"
                got = f"{cell.stop - cell.start:,}, up to the closing quote in line {self.line_at(cell.stop)}"
                raise InputError(argument, f"cells of at most {LONGEST_CELL:,} bytes", got, remedy)

    def swallowed(self, cell: OddCell) -> InputError:
        """The error about rows that a stray quote swallowed."""
        around = "and text follows it" if cell.is_followed else "around what looks like whole rows"
        return InputError(
            f"line {self.line_at(cell.start)} of {self.name}",
            "quotes that close in their own row",
            f"a quote that opens there and closes in line {self.line_at(cell.stop)}, {around}",
            'remove the stray quote, or write it twice ("") if it is part of the text; if the cell is one text of '
            "several lines, put it on one line",
        )

    def _patterns(self, width: int) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """Patterns of rows that need no closer look: any number of rows without quotes, and one with quotes."""
        end, before = re.escape(self.delimiter), width - 1
        text = rb"[^Q\r\n%b]*+".replace(b"Q", self.quote) % end
        quoted = rb"Q[^Q\r\n]*+(?:QQ[^Q\r\n]*+)*+Q".replace(b"Q", self.quote)
        cell = rb"(?:%b|%b)" % (quoted, text)
        plain = rb"[\r\n]*+(?:(?:%b%b){%d}%b[\r\n]++)*+" % (text, end, before, text)
        return re.compile(plain), re.compile(rb"(?:%b%b){%d}%b[\r\n]++" % (cell, end, before, cell))

    def _has_inner_quote(self, piece: np.ndarray) -> bool:
        """Whether a quote stands between two bytes of text; the first and the last byte are only neighbours."""
        quotes = piece == ord(self.quote)
        is_text = ~(quotes | (piece == LF) | (piece == CR) | (piece == ord(self.delimiter)))
        return bool((quotes[1:-1] & is_text[:-2] & is_text[2:]).any())

    def _unclosed(self, position: int) -> InputError:
        return InputError(
            f"line {self.line_at(position)} of {self.name}",
            "quotes that close",
            "a quote that opens there and never closes",
            'close or remove it, or write it twice ("") where it belongs to the text',
        )

    def _ragged(self, position: int, long: OddCell | None, cells: int, width: int) -> InputError:
        """The error about a row with another number of cells than the first line."""
        got = f"{cells:,}" if cells < width + MOST_SURPLUS else f"{cells:,} or more"
        if long is None:
            after_blank = re.compile(rb"[%b] +%b" % (re.escape(self.delimiter), self.quote))
            has_blank = after_blank.search(self.data, position, _end(LINE.match(self.data, position))) is not None
            remedy = "remove the blanks before its quotes" if has_blank else "correct that line"
        else:
            position = long.start
            got = f"{got} in a row that goes on to line {self.line_at(long.stop)}, since a quote opens there"
            remedy = 'correct that row, or remove the quote; write it twice ("") where it belongs to the text'
        argument = f"line {self.line_at(position)} of {self.name}"
        expected = f"{plural(width, 'cell')}, as in line {self._model_line or self.line_at(self.start)}"
        return InputError(argument, expected, got, remedy)


def after_blank_lines(data: bytes, position: int) -> int:
    """The position after the line ends at a position."""
    return _end(LINE_ENDS.match(data, position))


def header_span(data: bytes) -> tuple[int, int]:
    """Where the first line that is not blank begins and ends; a mark of the encoding is no part of it."""
    start = after_blank_lines(data, len(BOM) if data.startswith(BOM) else 0)
    return start, _end(TO_LINE_END.match(data, start))


def _end(match: re.Match[bytes] | None) -> int:
    """The end of a match of a pattern that matches everywhere."""
    assert match is not None
    return match.end()


def is_number(text: str | bytes) -> bool:
    """Whether text is a number."""
    if len(text) > LONGEST_NUMBER:
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
