"""Blanks around the cells of a table of text, and columns that are aligned by blanks.

    1, a ,"b "      ->  1,a,"b "        blanks next to a delimiter or a line end are no part of a cell, unless quoted
     1   2.5   3    ->  1 2.5 3         between aligned columns, any number of blanks is one delimiter

Line ends stay, so that the numbers of lines do. Text without quotes is looked at as an array of bytes, a piece at a
time, which takes a few nanoseconds per byte.
"""

import re

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
    if data.find(quote.encode(), start) < 0:
        made = _tidied_plain(data, start, delimiter)
    else:
        made = data[:start] + _tidied_quoted(data[start:], delimiter, quote.encode())
    return data if made == data else made


def _tidied_plain(data: bytes, start: int, delimiter: str) -> bytes:
    """The same for text without quotes."""
    pieces = [data[:start]]
    while start < len(data):
        stop = max(data.find(b"\n", start + PIECE), data.find(b"\r", start + PIECE)) + 1 or len(data)
        pieces.append(_tidied_piece(np.frombuffer(data, np.uint8, stop - start, start), delimiter))
        start = stop
    return b"".join(pieces)


def _tidied_piece(text: np.ndarray, delimiter: str) -> bytes:
    """The same for whole lines."""
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
    """The same for text with quotes, in which blanks stay."""
    quoted = rb"Q[^Q]*+(?:QQ[^Q]*+)*+Q".replace(b"Q", quote)
    if delimiter == " ":
        aligned = rb"(?<![^\r\n \t])(%b)|(?<![^\r\n])[ \t]++|[ \t]++(?=[\r\n]|\Z)|([ \t]++)" % quoted
        return re.sub(aligned, lambda match: match[1] or (b" " if match[2] else b""), text)
    blank = rb" " if delimiter == "\t" else rb"[ \t]"
    end = rb"\r\n" + re.escape(delimiter.encode())
    around = rb"(?<![^%b])%b*+(%b)|(?<![^%b])%b++|%b++(?=[%b]|\Z)" % (end, blank, quoted, end, blank, blank, end)
    return re.sub(around, rb"\1", text)
