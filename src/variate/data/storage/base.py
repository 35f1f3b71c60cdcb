"""What holds rows, whether they are in memory or on disk.

A storage knows which rows lie together: `bounds` cuts it into blocks of consecutive rows, and `at_once` says how many
blocks may be read in turn at little cost. A storage on disk takes no memory that grows with the number of rows, except
for `bounds`.
"""

import math
from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Int, Shaped

BLOCK_ROWS, MOST_BLOCKS = 256, 2**20
"""Rows per block of an array; more where there would be more blocks than that."""
POOL = 64
"""Blocks whose rows are mixed; a power of two, so that as many readers can share them."""
MOST_ROWS = 65_536
"""Rows of a part of the data on disk that is kept in memory."""
HELD_OUT_BYTES, SAMPLE_BYTES = 2**30, 2**28
"""Most bytes of a held-out part of data on disk, and of a sample of them."""

Index = Int[np.ndarray, " B"]


class Storage(ABC):
    """Rows of numbers, numbered from 0.

    Attributes:
        shape: Shape of one row.
        dtype: Type of the numbers.
        bounds: Number of the first row of each block, and N: (blocks + 1,), rising.
        at_once: Number of blocks whose rows may be mixed.
        in_memory: Whether the rows are in memory.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    bounds: Int[np.ndarray, " blocks_and_one"]
    at_once: int = POOL
    in_memory: bool = False

    def __len__(self) -> int:
        return int(self.bounds[-1])

    @abstractmethod
    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows with these numbers, in this order, in memory of their own."""

    def all(self) -> Shaped[np.ndarray, "N *event"]:
        """All rows, in memory; those of a storage in memory are not copied."""
        return self.take(np.arange(len(self)))

    def limit(self, size: int) -> int:
        """Number of rows that take at most `size` bytes: at least 1, at most `MOST_ROWS`."""
        return max(1, min(MOST_ROWS, size // (math.prod(self.shape) * self.dtype.itemsize)))


def evenly_spaced(total: int, most: int) -> Index:
    """At most `most` of the numbers below `total`, spread evenly."""
    count = min(total, most)
    return np.arange(count) * total // count
