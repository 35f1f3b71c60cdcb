"""NumPy's files: .npy, folders of .npy, and .npz.

A header is read first, and its size is checked against that of the file and of the machine's memory, so that a broken
or hostile file takes no memory. Nothing is unpickled.

An .npz archive of several arrays gives the one that is named as in `TRAIN_KEYS`, with an official test set named as in
`TEST_KEYS`; FILE.npz:NAME gives the array NAME.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.array_sources import array_source, mapped_source
from variate.data.readers.shards import NPY_SUFFIXES, shards
from variate.data.source import Source
from variate.data.wording import list_names
from variate.errors import InputError, unknown
from variate.runtime import memory

TRAIN_KEYS = ("x", "data", "images", "train", "x_train")
"""Names of the rows in an .npz archive of several arrays; the first that is there is taken."""
TEST_KEYS = ("test", "x_test")
"""Names of its official test set."""
HEADER_READERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


class NpyHeader(NamedTuple):
    """Shape and type of an array in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads an .npy file, or a folder of them one after the other."""
    files, notes = shards(path, NPY_SUFFIXES)
    headers = [_header_of(file) for file in files]
    _require_alike(files, headers)
    files = [file for file, header in zip(files, headers, strict=True) if header.shape[:1] != (0,)] or files[:1]
    size = sum(header.size for header in headers)
    if memory.streams(options.stream, size):
        sizes = tuple(file.stat().st_size for file in files)
        source = mapped_source([_map_file(file) for file in files], options, schema, path.name, sizes)
    else:
        memory.require(size, path.name)
        parts = [_read_file(file) for file in files]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        source = array_source(values, options, schema, name=path.name)
    return source.replace(notes=(*notes, *source.notes))


def _header_of(file: Path) -> NpyHeader:
    with file.open("rb") as stream:
        return read_npy_header(stream, file.stat().st_size, file.name)


def _read_file(file: Path) -> np.ndarray:
    with file.open("rb") as stream:
        return read_npy_array(stream, file.stat().st_size, file.name)


def _map_file(file: Path) -> np.ndarray:
    """The memory-mapped array of an .npy file whose header was checked; each row must lie in one piece."""
    values = np.load(file, mmap_mode="r", allow_pickle=False) if 0 not in _header_of(file).shape else _read_file(file)
    if values.ndim > 1 and not values.flags.c_contiguous:
        raise InputError(
            file.name,
            "an array stored row by row, which can be streamed",
            "one stored column by column",
            "save its numpy.ascontiguousarray",
        )
    return values


def _require_alike(files: Sequence[Path], headers: Sequence[NpyHeader]) -> None:
    """Refuses files whose rows are not of the shape and type of those of the first file."""
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        for what, ours, theirs in (
            ("rows of shape", first.shape[1:], header.shape[1:]),
            ("values of type", first.dtype, header.dtype),
        ):
            if ours != theirs:
                remedy = "save all files of the folder alike"
                raise InputError(file.name, f"{what} {ours}, as in {files[0].name}", f"{what} {theirs}", remedy)


def archive_and_key(path: Path) -> tuple[Path, str | None]:
    """The file of FILE.npz:NAME and NAME; of any other path the path, and None."""
    archive, colon, key = str(path).rpartition(":")
    if colon and archive.lower().endswith(".npz") and not path.exists():
        return Path(archive), key
    return path, None


def is_npz(path: Path) -> bool:
    """Whether a path is an .npz file or FILE.npz:NAME."""
    file, _ = archive_and_key(path)
    return file.suffix.lower() == ".npz" and not file.is_dir()


def read_npz(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads an array of an .npz archive, with its official test set if it has one.

    Args:
        path: The archive, or FILE.npz:NAME.
        options: How the data are read.
        schema: Of a model, if the rows are read for one.
    """
    file, key = archive_and_key(path)
    try:
        with zipfile.ZipFile(file) as archive:
            keys = {name.removesuffix(".npy") for name in archive.namelist()}
            rows, test = _chosen_keys(keys, key, file.name)
            values = _read_member(archive, rows, file)
            held_out = None if test is None else _read_member(archive, test, file)
    except zipfile.BadZipFile as error:
        got = f"a damaged one ({error})"
        raise InputError(str(file), "a complete .npz archive", got, "save it again with numpy.savez") from None
    name = file.name if key is None else f"{file.name}:{key}"
    return array_source(values, options, schema, name=name, test=held_out)


def _chosen_keys(keys: Collection[str], key: str | None, name: str) -> tuple[str, str | None]:
    """The names of the rows and, if there is one, of the test set."""
    if key is not None:
        if key not in keys:
            raise unknown(f"array of {name}", key, keys)
        return key, None
    if not keys:
        raise InputError(name, "an archive of arrays", "one without arrays", "save some with numpy.savez")
    rows = [known for known in TRAIN_KEYS if known in keys] or (list(keys) if len(keys) == 1 else [])
    if not rows:
        raise InputError(
            name,
            f"one array, or an array with one of the names {', '.join(TRAIN_KEYS)}",
            f"{len(keys)} arrays: {list_names(sorted(keys), 10)}",
            f"choose one with {name}:NAME",
        )
    return rows[0], next((known for known in TEST_KEYS if known in keys), None)


def _read_member(archive: zipfile.ZipFile, key: str, path: Path) -> np.ndarray:
    """One array of an open archive."""
    name = f"{key}.npy" if f"{key}.npy" in archive.namelist() else key
    with archive.open(name) as stream:
        return read_npy_array(stream, archive.getinfo(name).file_size, f"{path.name}:{key}")


def read_npy_header(stream: IO[bytes] | io.BufferedIOBase, length: int, name: str) -> NpyHeader:
    """Reads the header of an array in NumPy's format.

    Args:
        stream: At its beginning.
        length: Its bytes.
        name: What to call it.

    Raises:
        InputError: If the array is cut short, holds Python objects, or is in no format of NumPy's.
    """
    try:
        shape, _, dtype = HEADER_READERS[npy_format.read_magic(stream)](stream)
    except (ValueError, KeyError, EOFError):
        got = "a file that does not begin as one"
        raise InputError(name, "an array as numpy.save writes it", got, "save it again") from None
    if dtype.hasobject:
        got = "Python objects, which are never unpickled"
        raise InputError(name, "an array of numbers", got, "save an array of numbers")
    header = NpyHeader(shape, dtype)
    if stream.tell() + header.size > length:
        got = f"a file that is cut short to {length:,} bytes"
        raise InputError(name, f"{header.size:,} bytes of numbers, as its header says", got, "save it again")
    return header


def read_npy_array(stream: IO[bytes] | io.BufferedIOBase, length: int, name: str) -> np.ndarray:
    """One array in NumPy's format, in memory.

    Args:
        stream: At its beginning, and seekable.
        length: Its bytes.
        name: What to call it.

    Raises:
        InputError: If its header cannot be true, or the array is damaged.
    """
    memory.require(read_npy_header(stream, length, name).size, name)
    stream.seek(0)
    try:
        return npy_format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(name, "a complete array", f"a damaged one ({error})", "save it again") from None
