"""Rows of Parquet files, decoded by row groups as they are needed.

A row group can only be decoded as a whole. So the row groups are the blocks, as many of them are mixed as memory
allows, and the groups used last are kept decoded: those of two pools, since the reading of one pool overlaps that of
the next.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, Float64

from variate.config.schema import Column
from variate.data.schema.arrow_columns import raw_columns
from variate.data.schema.values import column_values
from variate.data.storage.base import BLOCK_ROWS, POOL, Index, Storage
from variate.data.storage.row_groups import RowGroups
from variate.data.storage.stacked import grouped

POOL_BYTES, CACHE_BYTES = 2**28, 2**29
"""Most bytes of the decoded row groups whose rows are mixed, and of those that are kept."""


class ParquetRows(Storage):
    """Rows of Parquet files, float64, categories as codes.

    Args:
        groups: The row groups.
        columns: The columns to read, in this order.
        missing: Texts and numbers that say that a value is missing.
        were_read: Whether all rows were read before, and too many texts among numbers refused; else they are refused
            where they are too many of a row group.
    """

    def __init__(
        self, groups: RowGroups, columns: Sequence[Column], missing: Collection[str] = (), were_read: bool = False
    ) -> None:
        self.groups, self.columns, self.missing = groups, tuple(columns), tuple(missing)
        self.were_read = were_read
        self.shape, self.dtype = (len(self.columns),), np.dtype(np.float64)
        self.bounds = merged_blocks(groups.bounds)
        largest = int(np.diff(self.bounds).max()) * 8 * len(self.columns)
        self.at_once = min(POOL, 2 ** max(0, (POOL_BYTES // largest).bit_length() - 1))
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()

    def take(self, index: Index) -> Float64[np.ndarray, "B columns"]:
        """The rows with these numbers, in this order; 0 where a cell is missing."""
        return np.nan_to_num(self.take_with_gaps(index), copy=False)

    def take_with_gaps(self, index: Index) -> Float64[np.ndarray, "B columns"]:
        """The rows with these numbers, in this order; NaN where a cell is missing."""
        found = np.empty((len(index), *self.shape), self.dtype)
        for number, own in grouped(index, self.groups.bounds):
            found[own] = self._group(number)[index[own] - self.groups.bounds[number]]
        return found

    def _group(self, number: int) -> np.ndarray:
        """The rows of a group; the groups used last are kept."""
        if number not in self._decoded:
            self._decoded[number] = self._decode(number)
        self._decoded.move_to_end(number)
        while len(self._decoded) > 1 and sum(group.nbytes for group in self._decoded.values()) > CACHE_BYTES:
            self._decoded.popitem(last=False)
        return self._decoded[number]

    def _decode(self, number: int) -> np.ndarray:
        label = self.groups.label(number)
        raws = raw_columns(self.groups.read(number, [column.name for column in self.columns]), label, self.missing)
        pairs = zip(raws, self.columns, strict=True)
        first = int(self.groups.bounds[number]) if self.groups.spill is not None else 0
        values = [column_values(r, c, label, first_row=first, allow_odd=self.were_read) for r, c in pairs]
        return np.stack(values, axis=1)


class ParquetGaps(Storage):
    """Which cells of rows of Parquet files are there.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: ParquetRows) -> None:
        self.rows = rows
        self.shape, self.dtype = rows.shape, np.dtype(bool)
        self.bounds, self.at_once = rows.bounds, rows.at_once

    def take(self, index: Index) -> Bool[np.ndarray, "B columns"]:
        """True where a cell of the rows with these numbers has a value."""
        return ~np.isnan(self.rows.take_with_gaps(index))


def merged_blocks(bounds: np.ndarray) -> np.ndarray:
    """The bounds of the row groups without those that would make a block of fewer than `BLOCK_ROWS` rows."""
    kept = [int(bounds[0])]
    for bound in bounds[1:-1].tolist():
        if bound - kept[-1] >= BLOCK_ROWS and bounds[-1] - bound >= BLOCK_ROWS:
            kept.append(bound)
    return np.array([*kept, int(bounds[-1])])
