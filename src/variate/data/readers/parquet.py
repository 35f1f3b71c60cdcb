"""Parquet files, one or a folder of them, as row groups: what such a file gives without being read as a whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from variate.data.readers.shards import TABLES, shards
from variate.errors import InputError


class RowGroups:
    """The row groups of Parquet files, one file after the other, those without rows left out.

    Args:
        path: A file, or a folder of files with the same columns.

    Attributes:
        files: The files.
        notes: What was left out.
        columns: Names and types of the columns.
        bounds: Number of the first row of each group, and that of all rows.
        packed_size: Bytes that pyarrow says all columns take.

    Raises:
        InputError: If a file is damaged, or its columns are not those of the first.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.files, self.notes = shards(path, TABLES)
        self.columns: pa.Schema | None = None
        self.groups: list[tuple[Path, int]] = []
        self.packed_size, counts = 0, [0]
        for file in self.files:
            with opened(file) as content:
                self._refuse_other(file, content.schema_arrow)
                for number in range(content.metadata.num_row_groups):
                    group = content.metadata.row_group(number)
                    self.packed_size += group.total_byte_size
                    if group.num_rows:
                        counts.append(group.num_rows)
                        self.groups.append((file, number))
        self.bounds = np.cumsum(counts)

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [] if self.columns is None else list(self.columns.names)

    def read(self, number: int, names: Sequence[str]) -> pa.Table:
        """Some columns of a group."""
        file, group = self.groups[number]
        with opened(file) as content:
            return content.read_row_group(group, columns=list(names)).select(list(names))

    def label(self, number: int) -> str:
        """What to call a group in a message."""
        file, group = self.groups[number]
        return f"row group {group} of {file.name}"

    def read_file(self, file: Path) -> pa.Table:
        """All of a file."""
        with opened(file) as content:
            return content.read().replace_schema_metadata()

    def _refuse_other(self, file: Path, columns: pa.Schema) -> None:
        """Shards are parts of one table."""
        self.columns = columns if self.columns is None else self.columns
        if not columns.equals(self.columns):
            ours, theirs = ([f"{field.name} {field.type}" for field in schema] for schema in (self.columns, columns))
            odd = next((t for t in theirs if t not in ours), None) or next((o for o in ours if o not in theirs), "")
            what = f"differ in {odd!r}" if odd else "come in another order"
            raise InputError(f"the columns of {file.name} are not those of {self.files[0].name}: they {what}")


@contextmanager
def opened(file: Path) -> Iterator[parquet.ParquetFile]:
    """An open Parquet file.

    Raises:
        InputError: If it is none, or is damaged.
    """
    try:
        with parquet.ParquetFile(file) as content:
            yield content
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} is no whole Parquet file ({first_line(error)}); write it again") from None


def first_line(error: Exception) -> str:
    """The first line of a library's message."""
    return str(error).partition("\n")[0].rstrip(". ")
