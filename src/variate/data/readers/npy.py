"""NumPy's files: .npy, folders of .npy, and .npz.

A header is read first, and its size is checked against that of the file and of the machine's memory, so that a broken
or hostile file takes no memory. Nothing is unpickled.

An .npz archive of several arrays gives the one that is named as in `TRAIN_KEYS`, with an official test set named as in
`TEST_KEYS`; FILE.npz:NAME gives the array NAME. The others can be labels, conditions and weights of its rows.
"""

import io
import math
import struct
import zipfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.array_sources import array_source, mapped_source
from variate.data.readers.decoding import decoding, fill
from variate.data.readers.offered import LABEL, Offered, with_offered
from variate.data.readers.shards import NPY_SUFFIXES, shards
from variate.data.readers.zips import open_member, opened_zip
from variate.data.schema.kinds import require_numbers
from variate.data.source import Source
from variate.data.wording import list_names
from variate.errors import InputError, printable, unknown
from variate.runtime import memory

TRAIN_KEYS = ("x", "data", "images", "train", "x_train")
"""Names of the rows in an .npz archive of several arrays; the first that is there is taken."""
TEST_KEYS = ("test", "x_test")
"""Names of its official test set."""
LABEL_KEYS, TEST_LABEL_KEYS = (LABEL, "labels", "y", "y_train", "train_labels"), ("y_test", "test_labels")
"""Names of the labels of the rows and of the test set; the first that is there is taken."""
HEADER_READERS = {
    (1, 0): ("<H", npy_format.read_array_header_1_0),
    (2, 0): ("<I", npy_format.read_array_header_2_0),
    (3, 0): ("<I", npy_format.read_array_header_2_0),
}
"""Type of a header's length, and what parses the header. Version 3 differs only in the names of fields, and records are
refused."""
LARGEST_HEADER = 10_000
"""Bytes; NumPy's own limit. That of an array of numbers has about 100."""
MOST_AXES, MOST_BYTES = 32, 2**63
"""No array that NumPy can make has more of them."""


class NpyHeader(NamedTuple):
    """Where the values of an array are in a file, and what they are.

    Attributes:
        shape: The array's shape.
        dtype: The type of its values.
        by_columns: Whether the first axis is the fastest, and not the last.
        offset: Bytes before the values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads an .npy file, or a folder of them one after the other."""
    files, notes = shards(path, NPY_SUFFIXES)
    headers = [_header_of(file) for file in files]
    _require_alike(files, headers)
    notes += [note for file, header in zip(files, headers, strict=True) for note in _rest_of_file(file, header)]
    found = list(zip(files, headers, strict=True))
    found = [(file, header) for file, header in found if header.shape[:1] != (0,)] or found[:1]
    size = sum(header.size for _, header in found)
    if memory.streams(options.stream, size):
        sizes = tuple(file.stat().st_size for file, _ in found)
        source = mapped_source([_map_file(*pair) for pair in found], options, schema, path.name, sizes)
    else:
        memory.require(size, path.name)
        source = array_source(_read_files(found), options, schema, name=path.name)
    return source.replace(notes=(*notes, *source.notes))


def _header_of(file: Path) -> NpyHeader:
    with file.open("rb") as stream:
        return read_npy_header(stream, file.stat().st_size, file.name)


def _rest_of_file(file: Path, header: NpyHeader) -> list[str]:
    """A note on what follows an array in its file: `numpy.save` can write several into one."""
    rest = file.stat().st_size - header.offset - header.size
    return [f"Left out: {rest:,} bytes of {printable(file.name)} after its first array."] if rest > 0 else []


def _read_files(found: Sequence[tuple[Path, NpyHeader]]) -> np.ndarray:
    """The arrays of files, one after the other, in memory."""
    if len(found) == 1 or not found[0][1].shape:  # a single number is no row
        return _read_file(*found[0])
    first, length = found[0][1], sum(header.shape[0] for _, header in found)
    rows, start = np.empty((length, *first.shape[1:]), first.dtype), 0
    for file, header in found:
        rows[start : start + header.shape[0]] = _read_file(file, header)
        start += header.shape[0]
    return rows


def _read_file(file: Path, header: NpyHeader) -> np.ndarray:
    with file.open("rb") as stream:
        stream.seek(header.offset)
        return _read_values(stream, header, file.name)


def _map_file(file: Path, header: NpyHeader) -> np.ndarray:
    """The memory-mapped array of an .npy file whose header was checked; each row must lie in one piece."""
    if header.size == 0:
        return _read_file(file, header)
    order: Literal["C", "F"] = "F" if header.by_columns else "C"
    with decoding(file.name, "a complete array", "save it again"):  # it may have been cut short since
        values = np.memmap(file, header.dtype, "r", header.offset, header.shape, order)
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
    """The file of FILE.npz:NAME, FILE.xlsx:NAME or FILE.xls:NAME, and NAME; of any other path the path, and None."""
    archive, colon, key = str(path).rpartition(":")
    if colon and archive.lower().endswith((".npz", ".xlsx", ".xls")) and not path.exists():
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
    with opened_zip(file, "a complete .npz archive", "save it again with numpy.savez") as archive:
        members = _members(archive, file.name)
        rows, test = _chosen_keys(members, key, file.name)

        def read(own: str, of_text: bool = False) -> np.ndarray:
            return _read_member(archive, members[own], f"{file.name}:{own}", of_text)

        name = file.name if key is None else f"{file.name}:{key}"
        source = array_source(read(rows), options, schema, name=name, test=None if test is None else read(test))
        return with_offered(source, options, schema, _offered(members, rows, test, read))


def _offered(keys: Collection[str], rows: str, test: str | None, read: Callable[[str, bool], np.ndarray]) -> Offered:
    """What an archive has beside its rows: the other arrays, and labels under one of their usual names.

    Args:
        keys: The names of its arrays.
        rows: The name of the rows.
        test: The name of the test set.
        read: Reads the array of a name, which may be one of text.
    """

    def values(name: str, of_test: str | None) -> Callable[[], Sequence[np.ndarray]]:
        return lambda: [read(name, True), *([] if of_test is None else [read(of_test, True)])]

    offered = {name: values(name, None) for name in keys if name not in (rows, test)}
    labels = next((name for name in LABEL_KEYS if name in keys), None)
    if labels is not None:
        of_test = next((name for name in TEST_LABEL_KEYS if name in keys), None) if test is not None else None
        offered[LABEL] = values(labels, of_test)
    return offered


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an archive by their names.

    Raises:
        InputError: If two have the same name.
    """
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        key = info.filename.removesuffix(".npy")
        if key in members:
            got = f"several that are named {key}"
            raise InputError(name, "arrays with different names", got, "save it again with numpy.savez")
        members[key] = info
    return members


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
            f"{len(keys):,} arrays: {list_names(sorted(keys), 10)}",
            f"choose one with {name}:NAME",
        )
    return rows[0], next((known for known in TEST_KEYS if known in keys), None)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, of_text: bool = False) -> np.ndarray:
    """One array of an open archive, of numbers or, if that is allowed, of text."""
    with decoding(name, "a complete array", "save it again"), open_member(archive, info) as stream:
        header = read_npy_header(stream, info.file_size, name, of_text)
        values = _read_values(stream, header, name)
        if stream.read(1):  # also compares the checksum, which is known at the end
            raise InputError(name, "one array", "more after it", "save it again with numpy.savez")
    return values


def read_npy_header(stream: io.BufferedReader, length: int, name: str, of_text: bool = False) -> NpyHeader:
    """Reads the header of an array in NumPy's format.

    Args:
        stream: At its beginning; afterwards at the values.
        length: Its bytes.
        name: What to call it.
        of_text: Whether it may be of text.

    Raises:
        InputError: If it is in no format of NumPy's, not of numbers, cut short, or has a shape that no array can have.
    """
    expected, got = "an array as numpy.save writes it", "a file whose beginning cannot be read"
    with decoding(name, expected, "save it again", got):
        shape, by_columns, dtype, offset = _parse_header(stream)
    if dtype.hasobject:
        got = "Python objects, which are never unpickled"
        raise InputError(name, "an array of numbers", got, "save an array of numbers")
    if not (of_text and dtype.kind == "U"):
        require_numbers(dtype, name)
    header = NpyHeader(shape, dtype, by_columns, offset)
    _refuse_impossible(header, name)
    if header.offset + header.size > length:
        got = f"a file that is cut short to {length:,} bytes"
        raise InputError(name, f"{header.size:,} bytes of numbers, as its header says", got, "save it again")
    return header


def _parse_header(stream: io.BufferedReader) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order and type as a header gives them, and the number of bytes before the values.

    Raises:
        Exception: Anything, if it is damaged.
    """
    version = npy_format.read_magic(stream)
    if version not in HEADER_READERS:
        raise ValueError(f"version {version}")
    length_type, parse = HEADER_READERS[version]
    prefix = stream.read(struct.calcsize(length_type))
    (length,) = struct.unpack(length_type, prefix)
    if length > LARGEST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    try:
        shape, by_columns, dtype = parse(io.BytesIO(prefix + stream.read(length)))
    except MemoryError:  # how Python's parser refuses what is nested too deeply
        raise ValueError("a header that cannot be parsed") from None
    return shape, by_columns, dtype, npy_format.MAGIC_LEN + len(prefix) + length


def _refuse_impossible(header: NpyHeader, name: str) -> None:
    """Refuses shapes that no array has; NumPy lets negative lengths, and True and False, pass as whole numbers."""
    shape, whole = header.shape, all(type(length) is int and length >= 0 for length in header.shape)
    if len(shape) > MOST_AXES:
        raise InputError(name, f"an array of at most {MOST_AXES} axes", f"{len(shape):,} axes", "reshape it")
    if not whole or math.prod(filter(None, shape)) * header.dtype.itemsize >= MOST_BYTES:
        got = f"the shape {shape}"
        raise InputError(name, "an array as numpy.save writes it", got, "save it again")


def _read_values(stream: io.BufferedReader, header: NpyHeader, name: str) -> np.ndarray:
    """The values of an array, in memory.

    Args:
        stream: At the values.
        header: What they are.
        name: What to call the array.

    Raises:
        InputError: If they do not fit in memory, or end early.
    """
    memory.require(header.size, name)
    values = np.empty(header.shape[::-1] if header.by_columns else header.shape, header.dtype)
    found = fill(stream, values)
    if found < header.size:
        got = f"only {found:,}"
        raise InputError(name, f"{header.size:,} bytes of numbers, as its header says", got, "save it again")
    return values.T if header.by_columns else values
