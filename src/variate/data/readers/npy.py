"""NumPy's files, .npy and .npz.

A header is read first and its size held against the file's and the machine's, so that a broken or hostile one takes no
memory. Nothing is unpickled.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.arrays import from_array, streamed
from variate.data.readers.shards import ARRAYS, shards
from variate.data.rows import Rows
from variate.data.storage.stream import Streamed
from variate.data.wording import listing
from variate.errors import InputError, did_you_mean
from variate.runtime import memory

TRAIN_KEYS = ("x", "data", "images", "train", "x_train")
"""Names that an .npz archive of several arrays may give to its rows, the first found wins."""
TEST_KEYS = ("test", "x_test")
"""Names that it may give to its official test set."""
HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


class Header(NamedTuple):
    """What the first bytes say."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, options: DataOptions, schema: Schema | None) -> Rows | Streamed:
    """Reads an .npy file as rows, or a folder of them as the rows of one after the other."""
    files, told = shards(path, ARRAYS)
    found = [header_of(file) for file in files]
    for file, other in zip(files, found, strict=True):
        refuse_other(file, other, files[0], found[0])
    files = [file for file, header in zip(files, found, strict=True) if header.shape[:1] != (0,)] or files[:1]
    if memory.streams(options.stream, sum(header.size for header in found)):
        sizes = tuple(file.stat().st_size for file in files)
        rows: Rows | Streamed = streamed([mapped(file) for file in files], options, schema, path.name, sizes)
    else:
        memory.require(sum(header.size for header in found), path.name)
        parts = [read_file(file) for file in files]
        rows = from_array(parts[0] if len(parts) == 1 else np.concatenate(parts), options, schema, name=path.name)
    return replace(rows, notes=(*told, *rows.notes))


def header_of(file: Path) -> Header:
    """The header of an .npy file."""
    with file.open("rb") as stream:
        return read_header(stream, file.stat().st_size, file.name)


def read_file(file: Path) -> np.ndarray:
    """The array of an .npy file, in memory."""
    with file.open("rb") as stream:
        return read_stream(stream, file.stat().st_size, file.name)


def mapped(file: Path) -> np.ndarray:
    """The array of an .npy file whose header is in order, where it is; its rows must lie in one piece each."""
    values = np.load(file, mmap_mode="r", allow_pickle=False) if 0 not in header_of(file).shape else read_file(file)
    if values.ndim > 1 and not values.flags.c_contiguous:
        raise InputError(
            f"{file.name} is stored column by column, so its rows cannot be streamed; save its numpy.ascontiguousarray"
        )
    return values


def refuse_other(file: Path, found: Header, first: Path, expected: Header) -> None:
    """Shards are rows of one array."""
    for what, ours, theirs in (
        ("rows of shape", expected.shape[1:], found.shape[1:]),
        ("values of type", expected.dtype, found.dtype),
    ):
        if ours != theirs:
            raise InputError(f"{file.name} holds {what} {theirs}, but {first.name} {ours}; shards must be alike")


def read_npz(path: Path, key: str | None, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads an array of an .npz archive as rows, with its official test set if it has one.

    Args:
        path: The archive.
        key: Which array; else the one named as `TRAIN_KEYS`, or the only one.
        options: How the data are read.
        schema: Of a model, where the rows are for one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = {name.removesuffix(".npy") for name in archive.namelist()}
            rows, test = chosen(keys, key, path.name)
            values = read_member(archive, rows, path)
            held = None if test is None else read_member(archive, test, path)
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} is no whole .npz archive ({error}); save it again with numpy.savez") from None
    return from_array(values, options, schema, name=path.name if key is None else f"{path.name}:{key}", test=held)


def chosen(keys: Collection[str], key: str | None, name: str) -> tuple[str, str | None]:
    """Which array holds the rows and which, if any, the test set."""
    if key is not None:
        if key not in keys:
            raise InputError(f"{name} has no array {key!r}{did_you_mean(key, keys)}")
        return key, None
    if not keys:
        raise InputError(f"{name} holds no arrays; save some with numpy.savez")
    rows = [known for known in TRAIN_KEYS if known in keys] or (list(keys) if len(keys) == 1 else [])
    if not rows:
        raise InputError(
            f"{name} holds {len(keys)} arrays, {listing(sorted(keys), 10)}, and none is named as rows are "
            f"({', '.join(TRAIN_KEYS)}); pick one with {name}:NAME"
        )
    return rows[0], next((known for known in TEST_KEYS if known in keys), None)


def read_member(archive: zipfile.ZipFile, key: str, path: Path) -> np.ndarray:
    """One array of an open archive."""
    name = f"{key}.npy" if f"{key}.npy" in archive.namelist() else key
    with archive.open(name) as stream:
        return read_stream(stream, archive.getinfo(name).file_size, f"{path.name}:{key}")


def read_header(stream: IO[bytes] | io.BufferedIOBase, length: int, name: str) -> Header:
    """Reads the first bytes.

    Args:
        stream: At its beginning.
        length: Its bytes.
        name: What to call it.

    Raises:
        InputError: If the array is cut short, holds Python objects, or is in no format of NumPy's.
    """
    try:
        shape, _, dtype = HEADERS[npy_format.read_magic(stream)](stream)
    except (ValueError, KeyError, EOFError):
        raise InputError(f"{name} does not begin as an array of numpy.save does; save it again") from None
    if dtype.hasobject:
        raise InputError(f"{name} holds Python objects, which are never unpickled; save an array of numbers")
    header = Header(shape, dtype)
    if stream.tell() + header.size > length:
        expected = f"its header says {header.size:,} bytes of numbers"
        raise InputError(f"{name} is cut short: {expected}, {length:,} bytes came")
    return header


def read_stream(stream: IO[bytes] | io.BufferedIOBase, length: int, name: str) -> np.ndarray:
    """One array in NumPy's format.

    Args:
        stream: At its beginning, and seekable.
        length: Its bytes.
        name: What to call it.

    Raises:
        InputError: If its header cannot be true, or the array is damaged.
    """
    memory.require(read_header(stream, length, name).size, name)
    stream.seek(0)
    try:
        return npy_format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{name} is damaged ({error}); save it again") from None
