"""Rows that stay on disk and are read as they are asked for.

A stream knows which rows lie together: `bounds` cuts it into blocks of consecutive rows, and `at_once` says of how many
blocks the rows may be mixed. Nothing here takes memory that grows with the number of rows.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from variate.config.recipe import Schema
from variate.data.schema.kinds import Cast
from variate.data.storage.stacked import Stacked

BLOCK, MOST_BLOCKS = 256, 2**20
"""Rows of an array's block, more where there would be more blocks than that."""
POOL = 64
"""Blocks whose rows are mixed; a power of two, so that as many readers may share them."""
MOST_ROWS = 65_536
"""Of a part of a stream that is kept in memory."""
HELD_OUT_BYTES, SAMPLE_BYTES = 2**30, 2**28
"""That a held-out part may take, and a sample of the training rows."""

Index = Int[np.ndarray, " B"]


class Stream(ABC):
    """Rows on disk, numbered from 0.

    Attributes:
        shape: Of one row.
        dtype: Of their numbers.
        bounds: Numbers of the first row of each block, and N: (blocks + 1,), rising.
        at_once: Blocks whose rows may be mixed.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    bounds: Int[np.ndarray, " blocks_and_one"]
    at_once: int = POOL

    def __len__(self) -> int:
        return int(self.bounds[-1])

    @abstractmethod
    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows of these numbers, in this order."""

    def limit(self, size: int) -> int:
        """How many rows take at most so many bytes; one in any case, and no more than `MOST_ROWS`."""
        return max(1, min(MOST_ROWS, size // (math.prod(self.shape) * self.dtype.itemsize)))

    def some(self, most: int = MOST_ROWS) -> Shaped[np.ndarray, "B *event"]:
        """A sample, spread evenly over the stream, of at most so many rows and `SAMPLE_BYTES` bytes.

        It is shuffled, so that the first of its rows are a sample too.
        """
        return self.take(np.random.default_rng(0).permutation(spread(len(self), min(most, self.limit(SAMPLE_BYTES)))))


def spread(total: int, most: int) -> Index:
    """At most so many of the numbers below a total, spread evenly."""
    count = min(total, most)
    return np.arange(count) * total // count


def in_memory(rows: np.ndarray | Stream) -> np.ndarray:
    """All of an array, and a sample of a stream."""
    return rows.some() if isinstance(rows, Stream) else rows


class ArrayStream(Stream):
    """Rows of memory-mapped arrays.

    Args:
        values: The arrays, one after the other.
        cast: Makes what a model takes of some of their rows.
    """

    def __init__(self, values: Stacked, cast: Cast) -> None:
        self.values, self.cast = values, cast
        self.shape, self.dtype = values.shape[1:], cast.dtype
        step = max(BLOCK, math.ceil(len(values) / MOST_BLOCKS))
        self.bounds = np.append(np.arange(0, len(values), step), len(values))

    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows of these numbers, in this order."""
        return self.cast(self.values.take(index))


class Rest(Stream):
    """A stream without some of its rows; the others keep their order.

    Row p of the rest is row p + k of the whole, k of the left-out rows h_0 < h_1 < .. having h_i - i <= p.

    Args:
        whole: The stream.
        left_out: Numbers of the rows to leave out, rising.
    """

    def __init__(self, whole: Stream, left_out: Index) -> None:
        self.whole, self.shape, self.dtype, self.at_once = whole, whole.shape, whole.dtype, whole.at_once
        self.shifted = left_out - np.arange(len(left_out))
        bounds = whole.bounds - np.searchsorted(left_out, whole.bounds)
        self.bounds = bounds[np.append(True, np.diff(bounds) > 0)]  # a block of which nothing is left is none

    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows of these numbers, in this order."""
        return self.whole.take(index + np.searchsorted(self.shifted, index, side="right"))


@dataclass(frozen=True, eq=False)
class Streamed:
    """Data that were looked through, and stay where they are.

    Attributes:
        rows: The rows.
        schema: What one row is.
        notes: One sentence each on what the reader did or left out, and why.
        name: What to call the data.
        sizes: Bytes of the files.
        grey: Whether the rows are grey levels, and the model that they were read for is one of bits drawn from them.
    """

    rows: Stream
    schema: Schema
    notes: tuple[str, ...]
    name: str
    sizes: tuple[int, ...]
    grey: bool = False
