"""Members of .zip and .npz archives: unpacked in memory, a piece at a time, and never to a file.

The directory of an archive says how large its members are, and may say anything. A deflated member that claims more
than deflating can give is refused, and zipfile gives no more bytes than a member claims.
"""

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from variate.data.readers.decoding import DEFLATE_RATIO, PIECE, decoding
from variate.errors import InputError

ENCRYPTED = 0x1
"""The bit in a member's flags that marks it as encrypted."""
SHORTEST_HEADER = 30
"""Bytes before the content of a member, at least."""
BY_BLOCKS = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
"""Methods of which zipfile unpacks each block whole: up to 20,000 times the bytes that it has read."""
SMALL_PIECE = 2**12
"""Bytes that are asked for at once of a member packed by one of them: the least that zipfile reads."""


@contextmanager
def opened_zip(path: Path, expected: str, remedy: str) -> Iterator[zipfile.ZipFile]:
    """An archive that is closed when the block ends.

    Args:
        path: The file.
        expected: What it should be, to follow the word "expected".
        remedy: What to do if it is damaged.

    Raises:
        InputError: If it is no archive, or its members overlap.
    """
    with decoding(str(path), expected, remedy):
        archive = zipfile.ZipFile(path)
    with archive:
        if overlapping := _overlapping(archive):
            raise InputError(str(path), expected, f"one whose member {overlapping} lies within another", remedy)
        yield archive


def _overlapping(archive: zipfile.ZipFile) -> str | None:
    """The name of a member that begins before another one ends: such members can unpack a tiny file to any size."""
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    for first, second in pairwise(members):
        if first.header_offset + SHORTEST_HEADER + first.compress_size > second.header_offset:
            return second.filename
    return None


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> io.BufferedReader:
    """The bytes of a member, in order.

    Raises:
        zipfile.BadZipFile: If it claims to be larger than its compressed bytes can be.
        OSError: If it is encrypted.
        Exception: Anything, if the archive is damaged.
    """
    if info.flag_bits & ENCRYPTED:
        raise OSError("encrypted")
    is_bounded = info.compress_type not in BY_BLOCKS
    if is_bounded and info.file_size > DEFLATE_RATIO * (info.compress_size + 1):
        raise zipfile.BadZipFile(f"{info.file_size:,} bytes in {info.compress_size:,} compressed ones")
    stream = cast(zipfile.ZipExtFile, archive.open(info))
    return io.BufferedReader(_Member(stream, PIECE if is_bounded else SMALL_PIECE))


class _Member(io.RawIOBase):
    """A member, of which little is asked for at once.

    Args:
        stream: What zipfile opened.
        piece: Number of bytes to ask for at most.
    """

    def __init__(self, stream: zipfile.ZipExtFile, piece: int) -> None:
        self._stream, self._piece = stream, piece

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  any writable buffer
        """Fills a buffer as far as one piece goes."""
        data = self._stream.read(min(len(buffer), self._piece))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Closes the member."""
        self._stream.close()
        super().close()


class Unpacked(io.RawIOBase):
    """A member in which one can go back: it is unpacked as far as it is read, and kept.

    Args:
        stream: Its bytes, in order.
        size: How many there are.
    """

    def __init__(self, stream: io.BufferedReader, size: int) -> None:
        self._stream, self._size = stream, size
        self._kept, self._position = bytearray(), 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a position, without unpacking anything."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"negative position {start + offset}")
        self._position = start + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, or all that are left."""
        end = self._size if size is None or size < 0 else min(self._size, self._position + size)
        self._unpack(end)
        data = bytes(memoryview(self._kept)[self._position : end])
        self._position += len(data)
        return data

    def check(self) -> None:
        """Compares the checksum, which is known at the end, unless much of the member was never asked for."""
        if self._size - len(self._kept) <= PIECE:
            self._unpack(self._size)

    def _unpack(self, end: int) -> None:
        while len(self._kept) < end:
            piece = self._stream.read(min(PIECE, end - len(self._kept)))
            if not piece:
                return
            self._kept += piece

    def close(self) -> None:
        """Closes the member and forgets what was kept."""
        self._stream.close()
        self._kept = bytearray()
        super().close()
