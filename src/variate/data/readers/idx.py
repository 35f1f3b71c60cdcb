"""MNIST's format, plain or gzipped: 0 0 TYPE AXES, one big-endian 32-bit length an axis, then the values.

The lengths are held against the size of the file, and a gzipped one is unpacked no further than the header says, so a
broken or hostile file takes no memory.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.arrays import from_array
from variate.data.rows import Rows
from variate.errors import InputError
from variate.runtime import memory

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 4
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_RATIO = 1032
"""No gzip file unpacks to more than this many times its size."""
TRAIN, TEST = "train-images", "t10k-images"
ENDINGS = ("-idx3-ubyte.gz", "-idx3-ubyte", ".idx3-ubyte.gz", ".idx3-ubyte")


class Header(NamedTuple):
    """What the first bytes say."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def is_idx(path: Path) -> bool:
    """Whether a file begins as this format does."""
    try:
        with opened(path) as stream:
            return parse_magic(stream.read(4)) is not None
    except (OSError, EOFError, zlib.error):
        return False


def images_in(folder: Path, part: str) -> Path | None:
    """The images file of a part, under one of the names that are in use, if the folder holds it."""
    files = (folder / f"{part}{ending}" for ending in ENDINGS)
    return next((file for file in files if file.is_file()), None)


def read_idx(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads one file of images as rows."""
    return from_array(load(path), options, schema, name=path.name)


def read_folder(folder: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a folder that holds the training images and, as official test set, the t10k images."""
    train, test = images_in(folder, TRAIN), images_in(folder, TEST)
    if train is None:
        raise InputError(f"{folder} holds no {TRAIN}{ENDINGS[0]}; give it, or the path of one images file")
    held = None if test is None else load(test)
    return from_array(load(train), options, schema, name=folder.name, test=held)


def load(path: Path) -> np.ndarray:
    """The array of one file.

    Raises:
        InputError: If it is cut short, longer than it says, not in this format, or labels.
    """
    try:
        with opened(path) as stream:
            header = read_header(stream, path)
            refuse_impossible(header, path)
            data = stream.read(header.size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}); fetch it again") from None
    if len(data) != header.size:
        raise InputError(
            f"{path} should hold {header.size:,} bytes of values for its shape {header.shape}, but "
            f"{'holds more' if len(data) > header.size else f'only {len(data):,} came'}; fetch it again"
        )
    return np.frombuffer(data, header.dtype).reshape(header.shape)


def opened(path: Path) -> io.BufferedIOBase:
    """The file's bytes, unpacked where they are gzipped."""
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    return gzip.open(path) if packed else path.open("rb")


def parse_magic(magic: bytes) -> tuple[np.dtype, int] | None:
    """The type and number of axes, or None if these are not the first 4 bytes of such a file."""
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= MOST_AXES:
        return None
    return np.dtype(TYPES[magic[2]]), magic[3]


def read_header(stream: io.BufferedIOBase, path: Path) -> Header:
    """Reads the first bytes."""
    parsed = parse_magic(stream.read(4))
    if parsed is None:
        raise InputError(f"{path} does not begin as an idx file does; give MNIST's format, or another that is known")
    dtype, axes = parsed
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise InputError(f"{path} ends within its header; fetch it again")
    return Header(dtype, struct.unpack(f">{axes}I", lengths))


def refuse_impossible(header: Header, path: Path) -> None:
    """A header that cannot be true of this file, or is none of images."""
    if len(header.shape) == 1:
        raise InputError(f"{path} holds one number a row and looks like labels; give the images file beside it")
    if header.size > DEFLATE_RATIO * path.stat().st_size:
        raise InputError(f"{path} is cut short: its header says {header.size:,} bytes of values; fetch it again")
    memory.require(header.size, str(path))
