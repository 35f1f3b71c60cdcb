"""Parquet files as row groups: what such files give without being read as a whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from variate.errors import InputError


class RowGroups:
    """The row groups of Parquet files, one file after the other; groups without rows are left out.

    Args:
        files: The files, all with the same columns.
        name: What to call them.

    Attributes:
        columns: Names and types of the columns.
        bounds: Number of the first row of each group, and that of all rows.
        packed_size: Bytes of all columns in memory, according to the files.

    Raises:
        InputError: If a file is damaged, or its columns are not those of the first.
    """

    def __init__(self, files: Sequence[Path], name: str) -> None:
        self.files, self.name = tuple(files), name
        self.columns: pa.Schema | None = None
        self.groups: list[tuple[Path, int]] = []
        self.packed_size, counts = 0, [0]
        for file in self.files:
            with open_parquet(file) as content:
                self._refuse_other_columns(file, content.schema_arrow)
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
        """Names of the columns."""
        return [] if self.columns is None else list(self.columns.names)

    def read(self, number: int, names: Sequence[str]) -> pa.Table:
        """Some columns of a group."""
        file, group = self.groups[number]
        with open_parquet(file) as content:
            return content.read_row_group(group, columns=list(names)).select(list(names))

    def label(self, number: int) -> str:
        """What to call a group in a message."""
        file, group = self.groups[number]
        return f"row group {group} of {file.name}"

    def read_all(self) -> pa.Table:
        """All rows of all files."""
        tables = []
        for file in self.files:
            with open_parquet(file) as content:
                tables.append(content.read().replace_schema_metadata())
        return pa.concat_tables(tables)

    def _refuse_other_columns(self, file: Path, columns: pa.Schema) -> None:
        """The files must be parts of one table."""
        self.columns = columns if self.columns is None else self.columns
        if not columns.equals(self.columns):
            ours, theirs = ([f"{field.name} {field.type}" for field in schema] for schema in (self.columns, columns))
            odd = next((t for t in theirs if t not in ours), None) or next((o for o in ours if o not in theirs), "")
            got = f"columns that differ in {odd!r}" if odd else "the same columns in another order"
            remedy = "write all files with the same columns"
            raise InputError(file.name, f"the columns of {self.files[0].name}", got, remedy)


@contextmanager
def open_parquet(file: Path) -> Iterator[parquet.ParquetFile]:
    """An open Parquet file.

    Raises:
        InputError: If it is none, or is damaged.
    """
    try:
        with parquet.ParquetFile(file) as content:
            yield content
    except (pa.ArrowException, OSError) as error:
        got = f"a damaged file ({first_line(error)})"
        raise InputError(str(file), "a complete Parquet file", got, "write it again") from None


def first_line(error: Exception) -> str:
    """The first line of another library's message."""
    return str(error).partition("\n")[0].rstrip(". ")
