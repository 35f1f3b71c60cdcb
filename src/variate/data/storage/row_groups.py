"""Parquet files as row groups: what such files give without being read as a whole.

A file's footer may claim anything, and a page of a few bytes may stand for millions of cells. So the numbers of rows
are checked, and memory is required for all cells before any is decoded. Text is decoded to places in a dictionary,
because one long text may stand in every row.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from variate.data.readers.decoding import decoding
from variate.data.storage.base import BLOCK_ROWS
from variate.data.storage.spilled import Spill
from variate.errors import InputError
from variate.limits import MOST_ROWS
from variate.runtime import memory

FEW_CELLS = 2**16
"""So many cells are decoded faster by one thread."""
MOST_SMALL_GROUPS = 5_000
"""Each row group takes a millisecond of its own."""
EXPECTED, REMEDY = "a complete Parquet file", "write it again"


class RowGroups:
    """The row groups of Parquet files, one file after the other; groups without rows are left out.

    Args:
        files: The files, all with the same columns.
        name: What to call them.
        spill: Where the rows of another file were written to one of our own: what holds it. Columns are then called as
            in the other file, and messages speak of its rows.

    Attributes:
        columns: Names and types of the columns.
        bounds: Number of the first row of each group, and that of all rows.
        packed_size: Bytes of all columns when they are decompressed, according to the files.

    Raises:
        InputError: If a file is damaged, or its columns are not those of the first.
    """

    def __init__(self, files: Sequence[Path], name: str, spill: Spill | None = None) -> None:
        self.files, self.name, self.spill = tuple(files), name, spill
        self.columns: pa.Schema | None = None
        self.groups: list[tuple[Path, int]] = []
        self.packed_size, counts = 0, [0]
        self._metadata: dict[Path, parquet.FileMetaData] = {}
        for file in self.files:
            footer = _footer_of(file)
            self._refuse_other_columns(file, footer.columns)
            self._metadata[file] = footer.metadata
            self.packed_size += sum(footer.sizes)
            for number, rows in enumerate(footer.rows):
                if rows:
                    counts.append(rows)
                    self.groups.append((file, number))
        if sum(counts) > MOST_ROWS:
            raise InputError(name, f"at most {MOST_ROWS:,} rows", f"{sum(counts):,}", "give fewer rows")
        self.bounds = np.cumsum(counts)

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [] if self.columns is None else list(self.columns.names)

    def read(self, number: int, names: Sequence[str]) -> pa.Table:
        """Some columns of a group; `require_each` says before whether it fits in memory."""
        file, group = self.groups[number]
        return self._read(file, [group], names, int(self.bounds[number + 1] - self.bounds[number]))

    def require_each(self, names: Sequence[str]) -> None:
        """Checks that every group, alone, fits in memory with these columns.

        Raises:
            InputError: For the largest, if it does not.
        """
        sizes = np.diff(self.bounds)
        largest = int(np.argmax(sizes))
        memory.require(8 * int(sizes[largest]) * len(names), self.label(largest))

    def label(self, number: int) -> str:
        """What to call a group in a message."""
        if self.spill is not None:
            return f"rows {self.bounds[number]:,} to {self.bounds[number + 1] - 1:,} (counting from 0) of {self.name}"
        file, group = self.groups[number]
        return f"row group {group} of {file.name}"

    def read_all(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all files."""
        memory.require(max(self.packed_size, 8 * int(self.bounds[-1]) * len(names)), self.name)
        tables, first = [], 0
        for file, own in groupby(self.groups, key=itemgetter(0)):
            numbers = [number for _, number in own]
            rows = int(self.bounds[first + len(numbers)] - self.bounds[first])
            tables.append(self._read(file, numbers, names, rows))
            first += len(numbers)
        return pa.concat_tables(tables)

    def _read(self, file: Path, groups: Sequence[int], names: Sequence[str], rows: int) -> pa.Table:
        """Some columns of groups of one file, text as dictionaries."""
        assert self.columns is not None
        texts = [field.name for field in self.columns if field.type in (pa.string(), pa.large_string())]
        with (
            _decoding(file),
            pa.OSFile(str(file)) as stream,
            parquet.ParquetFile(stream, metadata=self._metadata[file], read_dictionary=texts) as content,
        ):
            threads = rows * len(names) > FEW_CELLS
            stored = list(names) if self.spill is None else [self.spill.columns[name] for name in names]
            table = content.read_row_groups(list(groups), stored, use_threads=threads).select(stored)
            table = table.rename_columns(list(names)).replace_schema_metadata()
            table.validate(full=True)
        if table.num_rows != rows:
            raise _damaged(file, f"{table.num_rows:,} rows where {rows:,} are claimed")
        return table

    def _refuse_other_columns(self, file: Path, columns: pa.Schema) -> None:
        """The files must be parts of one table."""
        self.columns = columns if self.columns is None else self.columns
        if not columns.equals(self.columns):
            ours, theirs = ([f"{field.name} {field.type}" for field in schema] for schema in (self.columns, columns))
            odd = next((t for t in theirs if t not in ours), None) or next((o for o in ours if o not in theirs), "")
            got = f"columns that differ in {odd!r}" if odd else "the same columns in another order"
            remedy = "write all files with the same columns"
            raise InputError(file.name, f"the columns of {self.files[0].name}", got, remedy)


class Footer(NamedTuple):
    """What a Parquet file says of itself.

    Attributes:
        columns: Names and types of the columns.
        metadata: All of it, as pyarrow keeps it.
        rows: Number of rows of each row group.
        sizes: Bytes of each row group when it is decompressed.
    """

    columns: pa.Schema
    metadata: parquet.FileMetaData
    rows: list[int]
    sizes: list[int]


def _footer_of(file: Path) -> Footer:
    """What a file says of itself.

    Raises:
        InputError: If it is no Parquet file, is damaged, or contradicts itself.
    """
    with _decoding(file), pa.OSFile(str(file)) as stream, parquet.ParquetFile(stream) as content:
        columns, metadata = content.schema_arrow, content.metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        rows, sizes = [group.num_rows for group in groups], [group.total_byte_size for group in groups]
        total, _ = metadata.num_rows, columns.names  # names are decoded here, since they may not be UTF-8
    if min([total, *rows, *sizes]) < 0 or sum(rows) != total:
        raise _damaged(file, f"row groups of {sum(rows):,} rows where {total:,} are claimed")
    if len(rows) > MOST_SMALL_GROUPS and total < len(rows) * BLOCK_ROWS:
        expected = f"row groups of {BLOCK_ROWS:,} rows or more, where there are more than {MOST_SMALL_GROUPS:,}"
        raise InputError(str(file), expected, f"{len(rows):,} of {total / len(rows):,.1f} on average", REMEDY)
    return Footer(columns, metadata, rows, sizes)


@contextmanager
def _decoding(file: Path) -> Iterator[None]:
    """A block of pyarrow's calls, whose errors say that the file cannot be read."""
    with decoding(str(file), EXPECTED, REMEDY, "one that cannot be read"):
        yield


def _damaged(file: Path, got: str) -> InputError:
    return InputError(str(file), EXPECTED, got, REMEDY)
