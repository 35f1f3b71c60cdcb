"""Rows that had to be written to disk before they can be used: a Parquet file in the temporary directory.

Numbers are kept as float64 with NaN for gaps, text as dictionaries, and the columns are called by their numbers. All
row groups but the last have the same number of rows, whatever the pieces in which the rows came. The file belongs to
the `Scratch` that holds it, so nothing is left of it when the rows are no longer used.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
from pyarrow import parquet

from variate.data.storage.base import BLOCK_ROWS
from variate.runtime.scratch import Scratch, filling

GROUP_BYTES = 2**22
"""Bytes of a row group, about, when it is decoded: 64 of them are mixed at once."""
PACKING = "lz4"


class Spill(NamedTuple):
    """A finished file.

    Attributes:
        scratch: The file.
        columns: What a column is called in the file, by its name.
    """

    scratch: Scratch
    columns: Mapping[str, str]


class SpillWriter:
    """Writes rows to a temporary file.

    Args:
        source: What errors call the data.

    Attributes:
        scratch: The file.
        rows: Number of rows that were given.
    """

    def __init__(self, source: str) -> None:
        self.source, self.rows, self.scratch = source, 0, Scratch()
        self._writer: parquet.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._count = self._group_rows = 0

    def add(self, table: pa.Table) -> None:
        """Writes rows, or keeps them until a row group is full.

        Raises:
            InputError: If the disk is full.
        """
        if self._writer is None:
            self._group_rows = max(BLOCK_ROWS, GROUP_BYTES // (8 * max(1, table.num_columns)))
            self._writer = self._opened(table.schema)
        self._waiting.append(table)
        self.rows, self._count = self.rows + table.num_rows, self._count + table.num_rows
        whole = self._count // self._group_rows * self._group_rows
        if whole:
            rows = pa.concat_tables(self._waiting)
            self._write(rows.slice(0, whole))
            self._waiting, self._count = [rows.slice(whole)], self._count - whole

    def finish(self) -> None:
        """Writes the rows that are left, and closes the file.

        Raises:
            InputError: If the disk is full.
        """
        if self._count:
            self._write(pa.concat_tables(self._waiting))
        if self._writer is not None:
            with filling(self.source):
                self._writer.close()
        self._waiting, self._writer = [], None

    def abandon(self) -> None:
        """Removes the file."""
        self._waiting, self._writer = [], None
        self.scratch.close()

    def _opened(self, schema: pa.Schema) -> parquet.ParquetWriter:
        texts = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        with filling(self.source):
            return parquet.ParquetWriter(
                str(self.scratch.path), schema, compression=PACKING, use_dictionary=texts, write_statistics=False
            )

    def _write(self, rows: pa.Table) -> None:
        assert self._writer is not None
        with filling(self.source):
            self._writer.write_table(rows, row_group_size=self._group_rows)
