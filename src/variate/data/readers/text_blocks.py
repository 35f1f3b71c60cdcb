r"""Text that is too large for memory, cut into blocks of whole rows.

A block may end only where a row does, and a line end within quotes ends no row. Three ways find the last such place:

    no quote in the block          its last line end
    every quote in its place       opening quotes follow a delimiter, a line end or a quote, closing ones come before
                                   one: then a place is within quotes if the number of quotes before it is odd
    anything else                  rows are matched one after the other, by the pattern of `variate.data.readers.blanks`

Quotes out of place are rare, so almost all blocks are cut by one pass over an array.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from variate.data.readers.blanks import rows_end
from variate.data.readers.csv_text import CR, LF, LONGEST_CELL, CsvText
from variate.data.readers.decoding import PIECE
from variate.data.readers.dialects import Dialect
from variate.errors import InputError
from variate.runtime import memory

BLOCK = LONGEST_CELL - 2 * PIECE
"""Bytes of a block, about: few enough to take little memory, and too few for a cell that is too long."""


class Block(NamedTuple):
    """Some rows of a text.

    Attributes:
        data: Their bytes.
        line: The number in the file of the line that they begin with, from 1.
        lines: Number of line ends, and 1 if the last line has none.
        has_odd_quotes: Whether quotes are out of place.
    """

    data: bytes
    line: int
    lines: int
    has_odd_quotes: bool


class Cut(NamedTuple):
    """Where a text can be cut.

    Attributes:
        end: The end of its last whole row; 0 where there is none.
        has_odd_quotes: Whether quotes before that are out of place.
    """

    end: int
    has_odd_quotes: bool = False


def first_bytes(pieces: Iterator[bytes], size: int = BLOCK) -> bytes:
    """The beginning of a text: at least `size` bytes, or all that there are."""
    found: list[bytes] = []
    length = 0
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length >= size:
            break
    return b"".join(found)


def row_blocks(pieces: Iterator[bytes], dialect: Dialect, path: str, start: int = 0) -> Iterator[Block]:
    """The text in blocks of whole rows, in order.

    Args:
        pieces: The text in UTF-8.
        dialect: How its cells are written.
        path: What errors call the file.
        start: Where the first row begins; quotes before it quote nothing. It lies in the first block.

    Raises:
        InputError: At a row that is longer than any table has.
    """
    rest, line, before = b"", 1, start
    while True:
        new = first_bytes(pieces, max(BLOCK - len(rest), len(rest)))
        data, is_last = rest + new, not new
        cut = cut_of(data, dialect, before, is_last)
        if cut.end <= before and not is_last:
            _refuse_long(data, dialect, path, line, before)
            rest = data
            continue
        made, rest = data[: cut.end], data[cut.end :]
        if made:
            lines = line_ends(made)
            yield Block(made, line, lines + (made[-1] not in (LF, CR)), cut.has_odd_quotes)
            line, before = line + lines, 0
        if is_last:
            return


def cut_of(data: bytes, dialect: Dialect, start: int = 0, is_last: bool = False) -> Cut:
    """Where a text can be cut.

    Args:
        data: The text, which begins with a row.
        dialect: How its cells are written.
        start: Where its first row begins.
        is_last: Whether nothing follows it: then all of it is taken, whole rows or not.
    """
    mark = dialect.quote.encode()
    if data.find(mark, start) < 0:
        return Cut(len(data) if is_last else _line_end(data, len(data)))
    quotes = _regular_quotes(data, dialect, start)
    if quotes is None:
        return Cut(len(data) if is_last else rows_end(data, start, dialect.delimiter, mark), has_odd_quotes=True)
    return Cut(len(data) if is_last else _end_outside(data, quotes))


def line_ends(data: bytes) -> int:
    r"""Number of line ends; \r\n is one."""
    number = data.count(b"\n")
    return number + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else number


def _line_end(data: bytes, stop: int) -> int:
    r"""The end of the last whole line before a position; an \r at the very end of the text may be half of \r\n."""
    stop = min(stop, len(data) - data.endswith(b"\r"))
    return max(data.rfind(b"\n", 0, stop), data.rfind(b"\r", 0, stop)) + 1


def _end_outside(data: bytes, quotes: np.ndarray) -> int:
    """The end of the last line that does not end within quotes."""
    end = _line_end(data, len(data))
    while end and (before := int(np.searchsorted(quotes, end))) % 2:
        end = _line_end(data, int(quotes[before - 1]))
    return end


def _regular_quotes(data: bytes, dialect: Dialect, start: int) -> np.ndarray | None:
    """The positions of all quotes, if opening and closing ones take turns and each is in its place; else None."""
    text = np.frombuffer(data, np.uint8)
    mark = ord(dialect.quote)
    quotes = np.flatnonzero(text[start:] == mark) + start
    is_border = np.zeros(256, bool)
    is_border[[mark, ord(dialect.delimiter), LF, CR]] = True
    opening, closing = quotes[::2], quotes[1::2]
    opens = is_border[text[opening[opening > start] - 1]]
    closes = is_border[text[closing[closing < len(text) - 1] + 1]]
    return quotes if opens.all() and closes.all() else None


def _refuse_long(data: bytes, dialect: Dialect, path: str, line: int, start: int) -> None:
    """Refuses a beginning without a whole row, if it has a line or a cell of more than `LONGEST_CELL` bytes.

    Raises:
        InputError: If it has, or is more than memory holds.
    """
    memory.require(3 * len(data), path)
    if len(data) - start <= LONGEST_CELL:
        return
    text = CsvText(data, dialect.delimiter, path, dialect.quote, start, first_line=line)
    for cell in text.row(start):
        begins = cell.start()
        if len(data) - begins > LONGEST_CELL and (cell.end() == len(data) or cell.end() - begins > LONGEST_CELL):
            opens = cell[1] is not None
            raise InputError(
                f"line {text.line_at(begins)} of {path}",
                f"{'cells' if opens else 'lines'} of at most {LONGEST_CELL:,} bytes",
                "more than that" + (", since a quote opens there" if opens else ""),
                "shorten it, or correct the quotes",
            )
