"""Data that several tests use."""

import numpy as np

from variate import Column, Dataset, Schema, from_arrays
from variate.data.storage import base
from variate.data.storage.base import Storage

COLUMNS = (
    Column("a", "real"),
    Column("b", "categorical", ("x", "y", "z")),
    Column("c", "counts"),
    Column("d", "binary"),
)


def rng():
    return np.random.default_rng(0)


def table(n=30) -> Dataset:
    """Rows with a column of each kind."""
    columns = [rng().normal(size=n), rng().integers(0, 3, n), rng().poisson(4, n), rng().integers(0, 2, n)]
    return from_arrays(np.stack(columns, 1).astype(np.float64), schema=Schema("table", (4,), columns=COLUMNS))


class Virtual(Storage):
    """Rows that say their number, as many as one likes."""

    def __init__(self, count, width=1):
        self.shape, self.dtype = (width,), np.dtype(np.float64)
        step = max(base.BLOCK_ROWS, -(-count // base.MOST_BLOCKS))
        self.bounds = np.append(np.arange(0, count, step), count)

    def take(self, index):
        return np.repeat(index[:, None].astype(float), self.shape[0], axis=1)
