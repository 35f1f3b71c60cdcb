"""The bytes of a table of text: plain, compressed (.gz .bz2 .xz .zst), or the only table in a .zip.

Compressed text is unpacked a piece at a time, and the memory that it takes is checked as it grows, since what a file
says of its size may not be true. What begins as another format does (a picture, an Excel file) is refused by its name.
"""

import bz2
import gzip
import io
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from variate.data.readers.decoding import DEFLATE_RATIO, PIECE, decoding
from variate.data.readers.encodings import is_utf_16, nul_bytes
from variate.data.readers.image_listing import images_in_zip
from variate.data.readers.zips import open_member, opened_zip
from variate.data.wording import list_names, plural
from variate.errors import InputError
from variate.runtime import memory

TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|", ".txt": "", ".data": "", ".dat": ""}
"""Endings of tables of text, and the delimiter that each stands for; empty where it stands for none."""


def _open_zst(path: Path) -> Any:  # noqa: ANN401  a stream of pyarrow's
    import pyarrow as pa

    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _open_zst,
}
"""What opens a compressed file, by its ending."""

TEXT_COPIES = 3
"""Most copies of the text that reading holds."""

FREELY = 2**26
"""Bytes to which anything may unpack; more must have line ends, and be no more than deflating gives."""

FORMATS = {
    b"%PDF-": "a PDF file",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"PK\x03\x04": "a .zip archive or an Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a gzipped file",
    b"BZh9": "a file compressed by bzip2",
    b"\xfd7zXZ\0": "a file compressed by xz",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"{\\rtf": "a text of a word processor (RTF)",
}
"""How formats that are not text begin."""
PAGES = (b"<!doctype html", b"<html", b"<?xml")
"""How web pages begin, which a failed download leaves."""
JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?(?:\{\s*[\"}]|\[\s*(?:\[|\"[^\"]*\"\s*,))")
"""How JSON of tables begins: an object, a list of them, or a list of lists."""


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        data: The bytes.
        suffix: The ending that the table has of its own: .csv, for x.csv.gz.
        notes: What was left out.
    """

    data: bytes
    suffix: str
    notes: list[str]


class Packed(NamedTuple):
    """A file that holds a table of text, which can be read as often as needed.

    Attributes:
        path: The file.
        suffix: The ending that the table has of its own.
        size: Bytes of the table, before it is unpacked.
        member: Of an archive, the name of the table in it.
        notes: What was left out.
    """

    path: Path
    suffix: str
    size: int
    member: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the file is not compressed, so that its size is that of the text."""
        return not self.member and self.path.suffix.lower() not in OPENERS

    def pieces(self) -> Iterator[bytes]:
        """The bytes in pieces of at most `PIECE`, unpacked one at a time.

        Raises:
            InputError: If the file is damaged, of another format, or unpacks to more than a table of text can.
            OSError: If it cannot be read.
        """
        with self._opened() as stream:
            size = line_end = 0
            is_wide = False
            while piece := self._next(stream):
                if not size:
                    _refuse_other_formats(piece[:64], self.path.name)
                    is_wide = is_utf_16(piece)
                elif b"\0" in piece and not is_wide:
                    raise nul_bytes(self.path.name)
                line_end = size if b"\n" in piece or b"\r" in piece else line_end
                size += len(piece)
                if not self.is_plain:
                    self._refuse_bomb(size, line_end)
                yield piece

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The stream of the bytes."""
        stream: Any
        with ExitStack() as stack:
            with self._decoding():
                if self.member:
                    archive = stack.enter_context(opened_zip(self.path, *self._words))
                    stream = open_member(archive, archive.getinfo(self.member))
                elif self.is_plain:
                    stream = self.path.open("rb", buffering=0)
                else:
                    stream = OPENERS[self.path.suffix.lower()](self.path)
            yield stack.enter_context(stream)

    def _next(self, stream: Any) -> bytes:  # noqa: ANN401  any that unpacks
        """The next piece; nothing at the end."""
        with self._decoding():
            return bytes(stream.read(PIECE))

    def _decoding(self) -> AbstractContextManager[None]:
        """A block in which the file is unpacked."""
        return nullcontext() if self.is_plain else decoding(str(self.path), *self._words)

    @property
    def _words(self) -> tuple[str, str]:
        """What a damaged file should be, and what to do about it."""
        return f"a complete {self.path.suffix.lower()} {'archive' if self.member else 'file'}", "make it again"

    def _refuse_bomb(self, size: int, line_end: int) -> None:
        """Refuses what unpacks to more than deflating can give, or to long stretches without a line end."""
        if size > FREELY and (size > DEFLATE_RATIO * self.size or size - line_end > FREELY):
            got = f"{memory.amount(size)} and more from {self.size:,} bytes"
            remedy = "unpack it, and look whether it is a table"
            raise InputError(self.path.name, "a table of text", got, remedy)


def text_suffix(name: str) -> str | None:
    """The ending of a table of text, without that of its compression; None where a name has none."""
    path = PurePosixPath(name.lower())
    suffix = PurePosixPath(path.stem).suffix if path.suffix in OPENERS else path.suffix
    return suffix if suffix in TEXT_SUFFIXES else None


def is_text_table(path: Path) -> bool:
    """Whether a path is a file that is a table of text by its name."""
    return text_suffix(path.name) is not None and not path.is_dir()


def is_zipped_table(path: Path) -> bool:
    """Whether a path is a .zip that holds tables and no images."""
    if path.suffix.lower() != ".zip" or path.is_dir():
        return False
    try:
        with images_in_zip(path) as found:
            return not found.entries and any(map(_is_table, found.others))
    except InputError:
        return False  # which the reader of images says


def _is_table(member: str) -> bool:
    """Whether a member of an archive is a table of text that is not compressed again."""
    return PurePosixPath(member.lower()).suffix in TEXT_SUFFIXES


def packed(path: Path) -> Packed:
    """The table in a file, which is not unpacked yet.

    Raises:
        InputError: If it is an archive that is damaged, or does not hold one table.
        OSError: If it cannot be read.
    """
    if path.suffix.lower() != ".zip":
        return Packed(path, text_suffix(path.name) or ".csv", path.stat().st_size)
    with images_in_zip(path) as found:
        tables = [name for name in found.others if _is_table(name)]
        if len(tables) != 1:
            got = f"{len(tables):,} tables: {list_names(tables)}"
            raise InputError(path.name, "a .zip that holds one table", got, "give one of them, unpacked")
        others = len(found.others) - 1
    with opened_zip(path, "a complete .zip archive", "make it again") as archive:
        size = archive.getinfo(tables[0]).compress_size
    notes = (f"Left out: {plural(others, 'other file')} of the archive than {tables[0]}.",) if others else ()
    return Packed(path, PurePosixPath(tables[0].lower()).suffix, size, tables[0], notes)


def content(table: Packed) -> Content:
    """All bytes of a table of text.

    Raises:
        InputError: If it is damaged, of another format, or larger than memory.
        OSError: If it cannot be read.
    """
    name = table.path.name
    if table.is_plain:
        memory.require(TEXT_COPIES * table.size, name)
        data = table.path.read_bytes()
        _refuse_other_formats(data[:64], name)
        return Content(data, table.suffix, list(table.notes))
    made = io.BytesIO()
    for piece in table.pieces():
        made.write(piece)
        memory.require(TEXT_COPIES * made.tell(), name)
    return Content(made.getvalue(), table.suffix, list(table.notes))


def _refuse_other_formats(beginning: bytes, source: str) -> None:
    """Refuses what begins as another format does."""
    got = next((name for start, name in FORMATS.items() if beginning.startswith(start)), None)
    if got is None and beginning.lstrip().lower().startswith(PAGES):
        got = "a web page, or XML"
    if got is None and JSON.match(beginning):
        remedy = "save it as CSV, for example by pandas.read_json(..).to_csv(..)"
        raise InputError(source, "a table of text", "JSON", remedy)
    if got is not None:
        remedy = "give a table of text, or rename the file if its ending is not that of its format"
        raise InputError(source, "a table of text", got, remedy)
