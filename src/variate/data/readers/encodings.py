"""Text in any encoding as UTF-8.

    a mark at the beginning         UTF-8, UTF-16 or UTF-32
    zeros in every other place      UTF-16 without a mark
    valid UTF-8                     UTF-8
    else                            cp1252, mac_roman or cp850, where every letter beyond ASCII is then one of western
                                    Europe in a fitting place; or what charset-normalizer takes for the likeliest

The whole text is decoded strictly, so that one byte that does not fit is an error and no replacement character. All but
the first line of UTF-8 is an assumption, and a note shows a word by which the user can check it.
"""

import codecs
import io
import re
from typing import NamedTuple

from variate.data.readers.decoding import PIECE, decoding
from variate.errors import InputError, Option, Sentence, printable
from variate.runtime import memory

BEGINNING = 2**16
"""Bytes that tell the encoding, an even number."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Marks and encodings; that of UTF-32 begins as that of UTF-16 does."""
WESTERN = ("cp1252", "mac_roman", "cp850")
"""Encodings of western Europe: of Windows, of the old Macintosh, and of DOS."""
OTHERS = (
    "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp932", "euc_jp", "gb18030",
    "big5", "euc_kr",
)  # fmt: skip
"""Encodings among which charset-normalizer chooses."""
LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøœùúûüÿß"
CAPITALS = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜ"
SIGNS = "€£¥§©®™°²³µ¼½¾±×÷–—‘’‚“”„…•«»¿¡ºª·\xa0´"
"""Signs that stand at the beginning or at the end of a word, or alone."""
ODD_WORD = re.compile(
    rf"[^\x00-\x7f{LETTERS}{CAPITALS}{SIGNS}]"  # a character that is not western
    rf"|[{LETTERS}]{{3}}"  # three such letters in a row, as in Cyrillic that is read as western
    rf"|[a-z{LETTERS}][{CAPITALS}]|[A-Z][{CAPITALS}][a-z]"  # a capital within a word
    rf"|[A-Za-z{LETTERS}][{re.escape(SIGNS.replace('’', ''))}][A-Za-z{LETTERS}]"  # a sign within one
)
WORD = re.compile(r"\w*[^\x00-\x7f]\w*")
LONGEST_SAMPLE = 2**14
"""Bytes of lines with letters beyond ASCII that are looked at."""
LONGEST_WORD = 30


class Encoding(NamedTuple):
    """How a file encodes its text.

    Attributes:
        name: The encoding, as Python calls it.
        mark: What the file begins with that is no part of the text.
    """

    name: str = "utf-8"
    mark: bytes = b""


def encoding_of(data: bytes, encoding: str | None, source: str) -> Encoding:
    """How a text is encoded that `as_utf8` has read; arguments as there."""
    name = _encoding_of(data, source) if encoding is None else _known(encoding)
    if name not in ("utf-16", "utf-32"):
        return Encoding(name)  # a mark of UTF-8 stays in the text
    mark = next((mark for mark, of in MARKS if of == name and data.startswith(mark)), b"")
    return Encoding(f"{name}-{'be' if mark in (codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE) else 'le'}", mark)


def as_utf8(data: bytes, encoding: str | None, source: str) -> tuple[bytes, list[Sentence]]:
    """The text in UTF-8, with notes.

    Args:
        data: The bytes of the file.
        encoding: What the user says that it is.
        source: What errors call the file.

    Raises:
        InputError: If it is no text, or not in that encoding, or there is no such encoding.
    """
    if encoding is not None:
        found = _known(encoding)
        text = data if found == "utf-8" and _is_utf8(data) else _transcoded(data, found, source)
        return _without_nul(text, source), []
    found = _encoding_of(data, source)
    text = data if found == "utf-8" else _transcoded(data, found, source)
    return _without_nul(text, source), [_note(text, found)] if found != "utf-8" else []


def is_utf_16(beginning: bytes) -> bool:
    """Whether text begins with a mark of UTF-16 or UTF-32, or has a zero in half of its even or of its odd places."""
    beginning = beginning[:BEGINNING]
    zeros = max(beginning[::2].count(0), beginning[1::2].count(0))
    return beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or zeros > len(beginning) // 4


def nul_bytes(source: str) -> InputError:
    """The error about bytes that no text has."""
    remedy = "give a table of text, such as a spreadsheet program saves as CSV"
    return InputError(source, "a table of text", "NUL bytes, which text does not have", remedy)


def _known(encoding: str) -> str:
    """The encoding as Python calls it.

    Raises:
        InputError: If there is none of that name that is one of text.
    """
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # which takes no codecs but those of text
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        remedy = "leave it out, or give for example 'cp1252' or 'utf-16'"
        raise InputError("encoding", "an encoding of text that Python knows", repr(encoding), remedy) from None


def _encoding_of(data: bytes, source: str) -> str:
    """The encoding, as far as it can be told."""
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    if marked is not None and marked != "utf-8":
        return marked
    beginning = data[:BEGINNING]
    if is_utf_16(beginning):
        little = beginning[1::2].count(0) > beginning[::2].count(0)
        found = "utf-16-le" if little else "utf-16-be"
        try:
            beginning[: len(beginning) // 2 * 2].decode(found)
        except UnicodeDecodeError as error:
            if error.end < len(beginning) - 2:  # not a pair of surrogates that the cut divides
                raise nul_bytes(source) from None
        return found
    if b"\0" in data:
        raise nul_bytes(source)
    return "utf-8" if _is_utf8(data) else _legacy(data, source)


def _is_utf8(data: bytes) -> bool:
    """Whether all of the text is UTF-8."""
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), PIECE):
            decoder.decode(data[start : start + PIECE], start + PIECE >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _legacy(data: bytes, source: str) -> str:
    """The encoding of text that is not UTF-8."""
    sample = _sample(data)
    for encoding in WESTERN:
        try:
            if not ODD_WORD.search(sample.decode(encoding)):
                return encoding
        except UnicodeDecodeError:
            continue
    from charset_normalizer import from_bytes

    with decoding(source, "text in an encoding that can be told", "save it as UTF-8"):
        best = from_bytes(sample, cp_isolation=list(OTHERS)).best()
    if best is None:
        remedy = Sentence("save it as UTF-8, or name its encoding with ", Option("encoding"))
        raise InputError(source, "text in an encoding that can be told", "bytes that are not UTF-8", remedy)
    return best.encoding


def _sample(data: bytes) -> bytes:
    """Lines with bytes beyond ASCII, from the beginning."""
    lines, size = [], 0
    for line in re.finditer(rb"[^\r\n]{0,2000}[\x80-\xff][^\r\n]{0,2000}", data):
        lines.append(line[0])
        size += len(line[0])
        if size > LONGEST_SAMPLE:
            break
    return b"\n".join(lines)


def _transcoded(data: bytes, encoding: str, source: str) -> bytes:
    """The text in UTF-8.

    Raises:
        InputError: If it is not in that encoding.
    """
    made = io.BytesIO()
    expected = f"text in the encoding {encoding}"
    remedy = Sentence("save it as UTF-8, or name its encoding with ", Option("encoding"))
    with decoding(source, expected, remedy, "text in another one"):
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        for start in range(0, len(data), PIECE):
            text = decoder.decode(data[start : start + PIECE], start + PIECE >= len(data))
            made.write(text.encode())
            memory.require(len(data) + made.tell(), source)
    return made.getvalue()


def _without_nul(text: bytes, source: str) -> bytes:
    if b"\0" in text:
        raise nul_bytes(source)
    return text


def _note(text: bytes, encoding: str) -> Sentence:
    """What the text was taken for; where that is a guess, with a word to check it by."""
    said = f"The text is not UTF-8 and was read as {encoding}"
    word = None if encoding.startswith("utf") else WORD.search(_sample(text).decode())
    if word is None:
        return Sentence(f"{said}.")
    shown = printable(word[0], LONGEST_WORD)
    return Sentence(f"{said} (a word of it: {shown!r}); if letters are wrong, set ", Option("encoding"), ".")
