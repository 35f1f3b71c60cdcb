"""Blanks around the cells of a table of text, and columns that are aligned by blanks.

    1, a ,"b "      ->  1,a,"b "        blanks next to a delimiter or a line end are no part of a cell, unless quoted
     1   2.5   3    ->  1 2.5 3         between aligned columns, any number of blanks is one delimiter

Line ends stay, so that the numbers of lines do. Text without quotes is looked at as an array of bytes, a piece at a
time, which takes a few nanoseconds per byte.
"""

import re
from collections.abc import Iterator

import numpy as np

BLANK, TAB = b" \t"
PIECE = 2**20
"""Bytes that are looked at in one pass, about."""


def tidied(data: bytes, start: int, delimiter: str, quote: str) -> bytes:
    """The text without blanks around its cells; the same object where there are none.

    Args:
        data: The text.
        start: Where its first row begins; what comes before stays.
        delimiter: What separates the cells; a blank means any number of blanks, or of tabs.
        quote: What quotes a cell.
    """
    if data.find(b" ", start) < 0 and (delimiter == "\t" or data.find(b"\t", start) < 0):
        return data
    if delimiter != " " and not _has_any(data, start, delimiter):
        return data
    mark = quote.encode()
    is_quoted = data.find(mark, start) >= 0
    pieces = [data[:start]]
    for piece in _rows(data, start, delimiter, mark) if is_quoted else _lines(data, start):
        if delimiter != " " and not _has_any(piece, 0, delimiter):
            pieces.append(piece)
        elif mark in piece:
            pieces.append(_tidied_quoted(piece, delimiter, mark))
        else:
            pieces.append(_tidied_plain(piece, delimiter))
    made = b"".join(pieces)
    return data if made == data else made


def _has_any(data: bytes, start: int, delimiter: str) -> bool:
    """Whether the text has a blank next to a delimiter or a line end, or at an end, in quotes or not."""
    edges = data[start : start + 1], data[-1:]
    places = range(start, len(data), PIECE)
    return b" " in edges or b"\t" in edges or any(_has_outer(data[at : at + PIECE + 1], delimiter) for at in places)


def _has_outer(piece: bytes, delimiter: str) -> bool:
    """Whether a blank is next to a delimiter or a line end within a piece of text."""
    if b" " not in piece and b"\t" not in piece:
        return False
    text = np.frombuffer(piece, np.uint8)
    is_blank = text == BLANK
    if delimiter != "\t":
        is_blank |= text == TAB
    is_end = (text == ord(delimiter)) | (text == ord("\n")) | (text == ord("\r"))
    return bool((is_blank[1:] & is_end[:-1]).any() or (is_blank[:-1] & is_end[1:]).any())


def _lines(data: bytes, start: int) -> Iterator[bytes]:
    """The text in pieces of whole lines."""
    mark = b"\n" if data.find(b"\n", start) >= 0 else b"\r"
    while start < len(data):
        stop = data.find(mark, start + PIECE) + 1 or len(data)
        yield data[start:stop]
        start = stop


def _rows(data: bytes, start: int, delimiter: str, quote: bytes) -> Iterator[bytes]:
    """The text in pieces of whole rows, some of whose cells may hold line ends in quotes."""
    rows = _pattern_of_rows(delimiter, quote)
    size = PIECE
    while start < len(data):
        found = rows.match(data, start, start + size)
        stop = found.end() if found else start
        if stop == start and start + size < len(data):  # a row that is longer, or a quote that does not close
            size *= 4
            continue
        stop = stop if start + size < len(data) else len(data)
        yield data[start:stop]
        start, size = stop, PIECE


def rows_end(data: bytes, start: int, delimiter: str, quote: bytes) -> int:
    """The end of the last whole row of text that begins with a row, some of whose cells may hold line ends in quotes.

    Args:
        data: The text.
        start: Where its first row begins.
        delimiter: What separates the cells; a blank means any number of blanks, or of tabs.
        quote: What quotes a cell.
    """
    found = _pattern_of_rows(delimiter, quote).match(data, start, len(data) - data.endswith(b"\r"))
    return found.end() if found else start


def _pattern_of_rows(delimiter: str, quote: bytes) -> re.Pattern[bytes]:
    """A pattern of any number of whole rows.

    Its loops are atomic groups, since Python before 3.11.5 mismatches possessive loops within one another (gh-106052).
    """
    blank, end = rb"[ \t]", rb"\r\n" + re.escape(delimiter.encode())
    cell = rb"(?:%b*+%b[^%b]*+|(?!%b*+%b)[^%b]*+)" % (blank, _quoted(quote), end, blank, quote, end)
    return re.compile(rb"(?>(?:(?>(?:%b[^\r\n])*)%b[\r\n])*)" % (cell, cell))


def _quoted(quote: bytes) -> bytes:
    """A pattern of what is in quotes."""
    return rb"Q[^Q]*+(?:QQ[^Q]*+)*+Q".replace(b"Q", quote)


def _tidied_plain(piece: bytes, delimiter: str) -> bytes:
    """Lines without quotes, tidied; most have one blank on the same side of all delimiters."""
    if delimiter != " ":
        mark = delimiter.encode()
        piece = piece.replace(mark + b" ", mark).replace(b" " + mark, mark)
        if not _has_any(piece, 0, delimiter):
            return piece
    return _tidied_array(np.frombuffer(piece, np.uint8), delimiter)


def _tidied_array(text: np.ndarray, delimiter: str) -> bytes:
    """Lines without quotes, tidied, however many blanks there are."""
    is_blank = np.zeros(len(text) + 2, bool)
    is_blank[1:-1] = text == BLANK
    if delimiter != "\t":
        is_blank[1:-1] |= text == TAB
    edges = np.flatnonzero(is_blank[1:] != is_blank[:-1])
    begins, ends = edges[::2], edges[1::2]  # of each run of blanks
    if not len(begins):
        return text.tobytes()
    is_end = np.zeros(256, bool)
    is_end[list(b"\r\n" if delimiter == " " else b"\r\n" + delimiter.encode())] = True
    padded = np.concatenate([text, [np.uint8(ord("\n"))]])  # read at -1 and at the end
    outer = is_end[padded[begins - 1]] | is_end[padded[ends]]
    if delimiter == " ":
        text = np.where(is_blank[1:-1], np.uint8(BLANK), text)
        begins = np.where(outer, begins, begins + 1)  # one of them is left
    else:
        begins, ends = begins[outer], ends[outer]
    change = np.zeros(len(text) + 1, np.int8)
    change[begins] += 1
    change[ends] -= 1
    return text[np.cumsum(change[:-1], dtype=np.int8) == 0].tobytes()


def _tidied_quoted(text: bytes, delimiter: str, quote: bytes) -> bytes:
    """Rows with quotes, in which blanks stay, tidied.

    What a pattern's groups hold is kept; `split` is several times as fast as `sub` with a template.
    """
    quoted = _quoted(quote)
    if delimiter == " ":
        aligned = rb"(?<![^\r\n \t])(%b)|(?<![^\r\n])[ \t]++|[ \t]++(?=[\r\n]|\Z)|([ \t])[ \t]*+" % quoted
        parts = re.split(aligned, text)
        parts[2::3] = [blank and b" " for blank in parts[2::3]]  # which may be a tab
    else:
        blank = rb" " if delimiter == "\t" else rb"[ \t]"
        end = rb"\r\n" + re.escape(delimiter.encode())
        around = rb"(?<![^%b])%b*+(%b)|(?<![^%b])%b++|%b++(?=[%b]|\Z)" % (end, blank, quoted, end, blank, blank, end)
        parts = re.split(around, text)
    return b"".join(filter(None, parts))
