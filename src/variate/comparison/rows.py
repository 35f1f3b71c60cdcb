"""Rows of a table as numbers, in an order that does not depend on the file, and choices among them by a seed.

Each row has a digest of its cells. Equal rows have equal digests, and the order of the digests is that of no column.
All choices are made among rows in this order, so a result does not change with the order of the rows in a file.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int, UInt64

from variate.data.dataset import Dataset
from variate.data.storage.in_memory import InMemory

HALVINGS = 5
"""Number of times that the real table is halved; a yardstick is the mean over them."""

Values = Float64[np.ndarray, "_ D"]
"""Rows of D columns: categories are codes, NaN is a missing cell."""
RowIndex = Int[np.ndarray, " _"]
"""Numbers of rows."""


class TableRows(NamedTuple):
    """Rows of a table, by rising digest.

    Attributes:
        values: The cells, (N, D) float64: categories are codes, and NaN stands for a missing cell.
        digests: A digest of each row, (N,). That two different rows of a million have the same digest has a probability
            of about 10^-7.
    """

    values: Values
    digests: UInt64[np.ndarray, " N"]

    def __len__(self) -> int:
        """Number of rows, N."""
        return len(self.values)

    def select(self, index: RowIndex) -> "TableRows":
        """The rows with these numbers, by rising digest."""
        index = np.sort(index)
        return TableRows(self.values[index], self.digests[index])


def table_rows(values: Values) -> TableRows:
    """Rows in the order of their digests."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and no -0
    found = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in plain]
    digests = np.frombuffer(b"".join(found), dtype=np.uint64)
    order = np.argsort(digests, kind="stable")
    return TableRows(plain[order], digests[order])


def values_of(data: Dataset) -> Values:
    """The rows of a data set in memory, with NaN where a cell is missing."""
    values = np.asarray(data.x.all(), dtype=np.float64)
    return values.copy() if data.mask is None else np.where(data.mask.all(), values, np.nan)


def dataset_of(values: Values, like: Dataset) -> Dataset:
    """Rows as a data set in memory with the schema of another one."""
    observed = ~np.isnan(values)
    mask = None if observed.all() else InMemory(observed)
    return Dataset(InMemory(np.where(observed, values, 0.0)), like.schema, mask=mask, name=like.name)


def chance(seed: int, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose; those for different purposes are independent."""
    return np.random.default_rng([seed, *purpose.encode()])


def chosen(rows: TableRows, most: int, seed: int, purpose: str) -> TableRows:
    """At most so many of the rows, drawn without replacement."""
    if most >= len(rows):
        return rows
    return rows.select(chance(seed, purpose).permutation(len(rows))[:most])


def with_gaps_of(values: Values, other: Values, seed: int) -> Values:
    """Rows with the gaps of random other rows, in the columns in which they have none themselves."""
    gaps = np.isnan(other)[chance(seed, "gaps").integers(len(other), size=len(values))]
    return np.where(gaps & ~np.isnan(values).any(axis=0), np.nan, values)


def halvings(num_rows: int, most: int, seed: int) -> list[tuple[RowIndex, RowIndex]]:
    """Numbers of the rows of two halves, for each of several halvings.

    Args:
        num_rows: Number of rows to halve.
        most: The first half has no more rows than this; the second has all others.
        seed: Seed of the halvings.
    """
    source, size = chance(seed, "halvings"), min(num_rows // 2, most)
    orders = [source.permutation(num_rows) for _ in range(HALVINGS)]
    return [(order[:size], order[size:]) for order in orders]
