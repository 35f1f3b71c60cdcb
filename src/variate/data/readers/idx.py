"""MNIST's format, idx, plain or gzipped.

    bytes 0, 1      0
    byte 2          type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte 3          number of axes, 1 to 4
    4 bytes each    length of each axis, big-endian
    then            the values, big-endian, last axis fastest

The lengths are checked against the size of the file, and a gzipped file is unpacked no further than its header says, so
that a broken or hostile file takes no memory. A folder holds images as train-images and t10k-images (the official test
set), under one of the names that are in use; the labels of NAME-images are those of NAME-labels beside it.
"""

import gzip
import io
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.array_sources import array_source
from variate.data.readers.decoding import DEFLATE_RATIO, decoding, fill
from variate.data.readers.offered import LABEL, Offered, with_offered
from variate.data.source import Source
from variate.errors import InputError
from variate.runtime import memory

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 4
GZIP_MAGIC = b"\x1f\x8b"
TRAIN_IMAGES, TEST_IMAGES = "train-images", "t10k-images"
IDX_ENDINGS = ("-idx3-ubyte.gz", "-idx3-ubyte", ".idx3-ubyte.gz", ".idx3-ubyte")
LABEL_ENDINGS = ("-idx1-ubyte.gz", "-idx1-ubyte", ".idx1-ubyte.gz", ".idx1-ubyte")


class IdxHeader(NamedTuple):
    """Type and shape of the values of an idx file."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def is_idx(path: Path) -> bool:
    """Whether a file begins as this format does.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        with decoding(str(path), "an idx file", ""), _open_idx(path) as stream:
            return _parse_magic(stream.read(4)) is not None
    except InputError:
        return False


def is_idx_folder(path: Path) -> bool:
    """Whether a path is a folder with training images in this format."""
    return path.is_dir() and idx_file(path, TRAIN_IMAGES) is not None


def idx_file(folder: Path, part: str) -> Path | None:
    """The file of a part (`TRAIN_IMAGES` or `TEST_IMAGES`) in a folder, if there is one."""
    files = (folder / f"{part}{ending}" for ending in IDX_ENDINGS)
    return next((file for file in files if file.is_file()), None)


def read_idx(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads one file of images."""
    source = array_source(read_idx_array(path), options, schema, name=path.name)
    return with_offered(source, options, schema, offered_labels([path]))


def read_idx_folder(folder: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a folder of training images with, as the official test set, the t10k images."""
    train, test = idx_file(folder, TRAIN_IMAGES), idx_file(folder, TEST_IMAGES)
    if train is None:
        raise AssertionError("the folder was chosen because it holds the training images")
    held_out = None if test is None else read_idx_array(test)
    source = array_source(read_idx_array(train), options, schema, name=folder.name, test=held_out)
    return with_offered(source, options, schema, offered_labels([train] if test is None else [train, test]))


def offered_labels(images: Sequence[Path]) -> Offered:
    """The labels of files of images, if each has a file of them beside it."""
    files = [labels_of(path) for path in images]
    found = [file for file in files if file is not None]
    return {LABEL: lambda: [read_idx_array(file, of_labels=True) for file in found]} if len(found) == len(files) else {}


def labels_of(images: Path) -> Path | None:
    """The file of labels that belongs to a file of images, if there is one."""
    part, is_named, _ = images.name.partition("-images")
    files = (images.parent / f"{part}-labels{ending}" for ending in LABEL_ENDINGS) if is_named else ()
    return next((file for file in files if file.is_file()), None)


def read_idx_array(path: Path, of_labels: bool = False) -> np.ndarray:
    """The array of one file.

    Args:
        path: The file.
        of_labels: Whether it is one of labels and not of images.

    Raises:
        InputError: If the file is cut short, longer than its header says, not in this format, or of labels where it
            should be of images.
    """
    with decoding(str(path), "a complete idx file", "fetch it again"), _open_idx(path) as stream:
        header = _read_header(stream, path)
        _refuse_impossible(header, path, of_labels)
        values = np.empty(header.shape, header.dtype)
        found = fill(stream, values)
        more = stream.read(1)  # also compares gzip's checksum, which is known at the end
    if found < header.size or more:
        got = "more" if more else f"only {found:,}"
        expected = f"{header.size:,} bytes of values for its shape {header.shape}"
        raise InputError(str(path), expected, got, "fetch it again")
    return values


def _open_idx(path: Path) -> io.BufferedIOBase:
    """The bytes of a file, unpacked if they are gzipped."""
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    return gzip.open(path) if packed else path.open("rb")


def _parse_magic(magic: bytes) -> tuple[np.dtype, int] | None:
    """The type and number of axes, or None if these are not the first 4 bytes of an idx file."""
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not 1 <= magic[3] <= MOST_AXES:
        return None
    return np.dtype(IDX_TYPES[magic[2]]), magic[3]


def _read_header(stream: io.BufferedIOBase, path: Path) -> IdxHeader:
    parsed = _parse_magic(stream.read(4))
    if parsed is None:
        got = "a file that does not begin as one"
        raise InputError(str(path), "an idx file (MNIST's format)", got, "give a file in one of the known formats")
    dtype, axes = parsed
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise InputError(str(path), "a complete idx file", "a file that ends within its header", "fetch it again")
    return IdxHeader(dtype, struct.unpack(f">{axes}I", lengths))


def _refuse_impossible(header: IdxHeader, path: Path, of_labels: bool) -> None:
    """Refuses a header that cannot be true of this file, or that is not one of images, or of labels."""
    if of_labels and len(header.shape) != 1:
        got = f"an array of {len(header.shape)} axes"
        raise InputError(str(path), "labels, one number per row", got, "give the file of labels its own name")
    if len(header.shape) == 1 and not of_labels:
        remedy = "give the file of images that belongs to it"
        raise InputError(str(path), "images", "one number per row, which looks like labels", remedy)
    if header.size > DEFLATE_RATIO * path.stat().st_size:
        expected = f"{header.size:,} bytes of values, as its header says"
        raise InputError(str(path), expected, "a file that is cut short", "fetch it again")
    memory.require(header.size, str(path))
