"""Rows of memory-mapped arrays: the system reads the parts of a file that are used."""

import math

import numpy as np
from jaxtyping import Bool, Shaped

from variate.data.schema.kinds import Cast
from variate.data.storage.base import BLOCK_ROWS, MOST_BLOCKS, Index, Storage
from variate.data.storage.stacked import Stacked


class MappedArrays(Storage):
    """Rows of memory-mapped arrays.

    Args:
        values: The arrays, one after the other.
        cast: Converts rows to the type that they are kept in; None leaves them as they are.
    """

    def __init__(self, values: Stacked, cast: Cast | None = None) -> None:
        self.values, self.cast = values, cast or Cast(values.dtype)
        self.shape, self.dtype = values.shape[1:], self.cast.dtype
        self.bounds = _bounds(len(values))

    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows with these numbers, in this order."""
        return self.cast(self.values.take(index))


class MappedGaps(Storage):
    """Which elements of rows of memory-mapped arrays are observed: those that are not NaN.

    Args:
        values: The arrays, one after the other.
    """

    def __init__(self, values: Stacked) -> None:
        self.values = values
        self.shape, self.dtype = values.shape[1:], np.dtype(bool)
        self.bounds = _bounds(len(values))

    def take(self, index: Index) -> Bool[np.ndarray, "B *event"]:
        """True where an element of the rows with these numbers is observed."""
        return ~np.isnan(self.values.take(index))


def _bounds(rows: int) -> np.ndarray:
    """Number of the first row of each block, and of all rows."""
    step = max(BLOCK_ROWS, math.ceil(rows / MOST_BLOCKS))
    return np.append(np.arange(0, rows, step), rows)
