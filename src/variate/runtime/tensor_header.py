"""The header of a safetensors file, read without torch and checked before anything else of the file is read.

A file is 8 bytes of length, a header in JSON, and the bytes of the tensors, one after the other without gaps:

    {"__metadata__": {KEY: STRING, ...}, NAME: {"dtype": TYPE, "shape": [...], "data_offsets": [BEGIN, END]}, ...}

The metadata have one entry, variate's, which is an object of strings in JSON. No claim of a header is believed that the
length of the file does not bear out.
"""

import math
import os
from typing import Any, BinaryIO, NamedTuple

from variate.runtime import strict_json

HEADER = "variate"
"""Key of variate's entry in the metadata."""

LONGEST_HEADER = 2**25
"""Bytes: the tensors of a hundred thousand layers, or the names of as many columns."""
MOST_AXES = 64
"""Of a tensor; the limit of NumPy."""

TYPES: dict[str, tuple[str, int]] = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
    "C64": ("complex64", 8),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U64": ("uint64", 8),
    "U32": ("uint32", 4),
    "U16": ("uint16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
"""Types of tensors: torch's names for them, and bytes per element."""

DESCRIBED = {"dtype", "shape", "data_offsets"}
"""What a header says of each tensor."""


class TensorEntry(NamedTuple):
    """What a header says about a tensor.

    Attributes:
        dtype: Torch's name of its type.
        shape: Its shape.
        begin: Where its bytes begin, counted from the end of the header.
        end: Where they end.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorHeader(NamedTuple):
    """A header.

    Attributes:
        entries: The tensors by name, in the order of their bytes.
        strings: What variate wrote beside them.
        start: Where the bytes of the tensors begin in the file.
    """

    entries: dict[str, TensorEntry]
    strings: dict[str, str]
    start: int

    @property
    def num_elements(self) -> int:
        """Number of elements of all tensors together."""
        return sum(math.prod(entry.shape) for entry in self.entries.values())

    @property
    def size(self) -> int:
        """Bytes of all tensors together."""
        return max((entry.end for entry in self.entries.values()), default=0)


def read_tensor_header(file: BinaryIO) -> TensorHeader:
    """Reads and checks the header of an open file.

    Raises:
        ValueError: What is wrong, in words.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise ValueError("its header is longer than the file")
    if length > LONGEST_HEADER:
        raise ValueError(f"its header has {length:,} bytes, more than {LONGEST_HEADER:,}")
    content = strict_json.parse(file.read(length).decode())
    if not isinstance(content, dict):
        raise ValueError("its header is not an object")
    strings = _strings(content.pop("__metadata__", None) or {}, "its metadata")
    own = _strings(strict_json.parse(strings.get(HEADER, "{}")), "the entry of variate")
    return TensorHeader(_entries(content, size - 8 - length), own, 8 + length)


def _strings(found: Any, what: str) -> dict[str, str]:  # noqa: ANN401  any JSON value
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f"{what} is not an object of strings")
    return found


def _entries(content: dict[str, Any], size: int) -> dict[str, TensorEntry]:
    """The tensors in the order of their bytes, which must fill the rest of the file, `size` bytes, without gaps."""
    found = sorted(((name, _entry(name, value)) for name, value in content.items()), key=lambda item: item[1][2:])
    place = 0
    for name, entry in found:
        if entry.begin != place:
            raise ValueError(f"tensor {name!r} does not begin where the one before it ends")
        place = entry.end
    if place != size:
        raise ValueError(f"its tensors have {place:,} bytes, but {size:,} follow the header")
    return dict(found)


def _entry(name: str, value: Any) -> TensorEntry:  # noqa: ANN401  any JSON value
    """One tensor, whose bytes must be as many as its type and shape take."""
    name.encode()  # names of half a character cannot be written, nor hashed
    if not isinstance(value, dict) or value.keys() != DESCRIBED:
        raise ValueError(f"tensor {name!r} is not described by its dtype, shape and data_offsets")
    if not isinstance(value["dtype"], str) or value["dtype"] not in TYPES:
        raise ValueError(f"tensor {name!r} is of the unknown type {value['dtype']!r}")
    shape, offsets = _sizes(value["shape"]), _sizes(value["data_offsets"])
    if shape is None or len(shape) > MOST_AXES or math.prod(filter(None, shape)) >= 2**63:
        raise ValueError(f"tensor {name!r} has the shape {value['shape']!r}")
    dtype, item = TYPES[value["dtype"]]
    if offsets is None or len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * item:
        raise ValueError(f"tensor {name!r} of shape {shape} has the data_offsets {value['data_offsets']!r}")
    return TensorEntry(dtype, shape, *offsets)


def _sizes(value: Any) -> tuple[int, ...] | None:  # noqa: ANN401  any JSON value
    """A list of integers of at least 0; None for anything else."""
    fits = isinstance(value, list) and set(map(type, value)) <= {int} and min(value, default=0) >= 0
    return tuple(value) if fits else None
