"""Text in any encoding as UTF-8.

    a mark at the beginning         UTF-8, UTF-16 or UTF-32
    zeros in every other place      UTF-16 without a mark
    valid UTF-8                     UTF-8
    else                            cp1252, mac_roman or cp850, where every letter beyond ASCII is then one of western
                                    Europe in a fitting place; or what charset-normalizer takes for the likeliest

The whole text is decoded strictly, so that one byte that does not fit is an error and no replacement character. All but
the first line of UTF-8 is an assumption, and a note shows a word by which the user can check it.

Text that is too large for memory is told and decoded in the same way, a piece at a time (`Text`). It is taken for UTF-8
until a byte does not fit; its encoding is then told from what was collected, and reading starts again.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
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
    return _without_nul(text, source), [_note(_sample(text).decode(), found)] if found != "utf-8" else []


class NotUtf8Error(Exception):
    """Text that was taken for UTF-8 is not."""


class Text(NamedTuple):
    """Text that is read a piece at a time, as often as needed.

    Attributes:
        pieces: Begins to read the bytes again.
        encoding: Their encoding.
        source: What errors call the file.
        is_certain: Whether the encoding was named, or told from a mark or zeros; else another may be found.
        notes: What was assumed.
    """

    pieces: Callable[[], Iterator[bytes]]
    encoding: str
    source: str
    is_certain: bool = True
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, pieces: Callable[[], Iterator[bytes]], encoding: str | None, source: str) -> "Text":
        """Text whose encoding is told from its beginning, or named.

        Args:
            pieces: Begins to read the bytes.
            encoding: What the user says that it is.
            source: What errors call the file.

        Raises:
            InputError: As for `as_utf8`.
        """
        if encoding is not None:
            return cls(pieces, _known(encoding), source)
        beginning = next(pieces(), b"")[:BEGINNING]
        marked = _marked(beginning, source)
        if marked is None or marked == "utf-8":
            return cls(pieces, "utf-8", source, is_certain=False)
        return cls(pieces, marked, source, notes=(_note("", marked),))

    def told_again(self) -> "Text":
        """The same text where it is not UTF-8: its encoding is told from all of it.

        Raises:
            InputError: If it cannot be told.
        """
        sample = b""
        for lines in _whole_lines(self.pieces()):
            if not lines.isascii():
                sample = _sample(sample + b"\n" + lines)
            if len(sample) > LONGEST_SAMPLE:
                break
        found = _legacy(sample, self.source)
        return Text(self.pieces, found, self.source, notes=(_note(sample.decode(found, errors="ignore"), found),))

    def utf8(self) -> Iterator[bytes]:
        """The text in UTF-8, in pieces that may end within a character.

        Raises:
            NotUtf8Error: If it is not UTF-8 and another encoding may be found.
            InputError: If it is no text, or not in its encoding.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        is_open = False  # whether a character goes on after the last piece
        for piece in self.pieces():
            if self.encoding == "utf-8" and piece.isascii() and not is_open:
                made = piece
            else:
                text = self._decoded(decoder, piece)
                made = piece if self.encoding == "utf-8" else text.encode()
                is_open = bool(decoder.getstate()[0])
            yield _without_nul(made, self.source)
        self._decoded(decoder, b"", is_last=True)

    def _decoded(self, decoder: codecs.IncrementalDecoder, piece: bytes, is_last: bool = False) -> str:
        """A piece, strictly decoded."""
        try:
            with _strict(self.encoding, self.source):
                return decoder.decode(piece, is_last)
        except InputError:
            if self.is_certain:
                raise
            raise NotUtf8Error from None


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that end with a line."""
    rest = b""
    for piece in pieces:
        piece = rest + piece
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        rest = piece[end:]
        yield piece[:end]
    yield rest


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
    marked = _marked(data[:BEGINNING], source)
    if marked is not None and marked != "utf-8":
        return marked
    if b"\0" in data:
        raise nul_bytes(source)
    return "utf-8" if _is_utf8(data) else _legacy(_sample(data), source)


def _marked(beginning: bytes, source: str) -> str | None:
    """The encoding that a mark, or zeros in half of the places, tell; None where there are neither."""
    marked = next((encoding for mark, encoding in MARKS if beginning.startswith(mark)), None)
    if marked is not None and marked != "utf-8":
        return marked
    if is_utf_16(beginning):
        little = beginning[1::2].count(0) > beginning[::2].count(0)
        found = "utf-16-le" if little else "utf-16-be"
        try:
            beginning[: len(beginning) // 2 * 2].decode(found)
        except UnicodeDecodeError as error:
            if error.end < len(beginning) - 2:  # not a pair of surrogates that the cut divides
                raise nul_bytes(source) from None
        return found
    return marked


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


def _legacy(sample: bytes, source: str) -> str:
    """The encoding of text that is not UTF-8, from lines with bytes beyond ASCII."""
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
    with _strict(encoding, source):
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        for start in range(0, len(data), PIECE):
            text = decoder.decode(data[start : start + PIECE], start + PIECE >= len(data))
            made.write(text.encode())
            memory.require(len(data) + made.tell(), source)
    return made.getvalue()


def _strict(encoding: str, source: str) -> AbstractContextManager[None]:
    """A block that decodes text; what does not fit is an `InputError`."""
    remedy = Sentence("save it as UTF-8, or name its encoding with ", Option("encoding"))
    return decoding(source, f"text in the encoding {encoding}", remedy, "text in another one")


def _without_nul(text: bytes, source: str) -> bytes:
    if b"\0" in text:
        raise nul_bytes(source)
    return text


def _note(sample: str, encoding: str) -> Sentence:
    """What the text was taken for; where that is a guess, with a word of its lines beyond ASCII to check it by."""
    said = f"The text is not UTF-8 and was read as {encoding}"
    word = None if encoding.startswith("utf") else WORD.search(sample)
    if word is None:
        return Sentence(f"{said}.")
    shown = printable(word[0], LONGEST_WORD)
    return Sentence(f"{said} (a word of it: {shown!r}); if letters are wrong, set ", Option("encoding"), ".")
