"""Several arrays, one after the other, used as one array without being in memory as a whole.

Arrays are usually memory-mapped files. A process that reads a mapped file beyond its end is killed by the system, so
the length of a file is compared before each reading, and a file that was cut short since it was opened is refused. What
cannot be noticed in time is a file that is cut short while rows of it are being read, or a disk that fails.
"""

import math
import mmap
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from variate.errors import InputError

CHUNK = 2**20
"""How many numbers are checked at a time: a check then takes little memory and stops early."""


class Stacked:
    """The rows of several arrays, one array after the other.

    It has as much of NumPy's interface as telling the kind of an array needs.

    Args:
        parts: Arrays (n, *event), usually memory-mapped, all of one type and one shape of rows.
        filling: What stands for NaN in each element of a row, (*event); None leaves NaN as it is.
    """

    def __init__(self, parts: Sequence[np.ndarray], filling: np.ndarray | None = None) -> None:
        self.parts, self.filling = tuple(parts), filling
        self._files = tuple(_MappedFile.of(part) for part in parts)
        self.starts = np.cumsum([0, *(len(part) for part in parts)])
        self.shape = (int(self.starts[-1]), *parts[0].shape[1:])
        self.dtype = native(parts[0].dtype)
        self.ndim, self.itemsize = len(self.shape), self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def filled(self, filling: np.ndarray) -> "Stacked":
        """The same with these values in place of NaN, (*event)."""
        return Stacked(self.parts, filling)

    def _without_nan(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.filling is None else np.where(np.isnan(rows), self.filling, rows)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Consecutive rows, in memory, in a native type.

        Raises:
            InputError: If a file was cut short since it was opened.
        """
        start, stop, _ = rows.indices(len(self))
        first, last = np.searchsorted(self.starts, (start, stop - 1), side="right") - 1
        for file in filter(None, self._files[first : last + 1]):
            file.require_whole()
        owners = zip(self.parts[first : last + 1], self.starts[first : last + 1], strict=True)
        pieces = [part[max(0, start - before) : stop - before] for part, before in owners]
        with np.errstate(over="ignore"):  # what a float64 cannot hold becomes infinite, and is refused
            return self._without_nan(np.concatenate(pieces).astype(self.dtype, copy=False))

    def take(self, index: np.ndarray) -> np.ndarray:
        """The rows with these numbers, in memory, in this order, in a native type.

        Raises:
            InputError: If a file was cut short since it was opened.
        """
        found = np.empty((len(index), *self.shape[1:]), self.dtype)
        for number, own in grouped(index, self.starts):
            if (file := self._files[number]) is not None:
                file.require_whole()
            with np.errstate(over="ignore"):
                found[own] = self.parts[number][index[own] - self.starts[number]]
        return self._without_nan(found)

    def min(self, axis: int | None = None) -> Any:  # noqa: ANN401  as NumPy's
        """The smallest value, or with axis 0 the smallest of each element of a row."""
        return self._range[0] if axis == 0 else self._range[0].min()

    def max(self, axis: int | None = None) -> Any:  # noqa: ANN401
        """The largest value, or with axis 0 the largest of each element of a row."""
        return self._range[1] if axis == 0 else self._range[1].max()

    @cached_property
    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value of each element of a row, from one pass."""
        low = high = self[:1][0]
        with np.errstate(invalid="ignore"):
            for chunk in chunks(self):
                low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
        return low, high


class _MappedFile(NamedTuple):
    """The file of a memory-mapped array.

    Attributes:
        name: Its path.
        mapped: Its memory map.
        size: Its bytes when it was mapped.
    """

    name: str
    mapped: mmap.mmap
    size: int

    @classmethod
    def of(cls, array: np.ndarray) -> "_MappedFile | None":
        """That of an array; None if it is in memory."""
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        name = str(getattr(array, "filename", None) or "a file of rows")
        return cls(name, base, base.size()) if isinstance(base, mmap.mmap) else None

    def require_whole(self) -> None:
        """Refuses a file that is shorter than it was.

        Raises:
            InputError: If it is.
        """
        size = self.mapped.size()
        if size < self.size:
            remedy = "start again, and do not change data that are in use"
            raise InputError(self.name, f"{self.size:,} bytes, as when it was opened", f"{size:,}", remedy)


Numbers = np.ndarray | Stacked
"""Numbers that can be read chunk by chunk."""


def chunks(values: Numbers) -> Iterator[np.ndarray]:
    """The rows in order, in chunks of about `CHUNK` numbers."""
    step = max(1, CHUNK // max(1, math.prod(values.shape[1:])))
    return (values[start : start + step] for start in range(0, len(values), step))


def grouped(index: np.ndarray, starts: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Groups rows by the part that they are in.

    Args:
        index: Row numbers.
        starts: Number of the first row of each part, and the number of all rows.

    Yields:
        The number of a part, and the positions of its rows in `index`, by rising row number.
    """
    order = np.argsort(index, kind="stable")
    owners = np.searchsorted(starts, index[order], side="right") - 1
    parts, firsts = np.unique(owners, return_index=True)
    yield from zip(parts.tolist(), np.split(order, firsts[1:]), strict=True)


def native(dtype: np.dtype) -> np.dtype:
    """The number type of this machine for one of another byte order, or one too wide for torch."""
    return np.dtype(np.float64) if dtype == np.longdouble else dtype.newbyteorder("=")
