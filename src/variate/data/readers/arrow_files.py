"""Arrow's own files: .feather, .arrow and .ipc, as files or as streams.

They are read batch by batch into memory, which is checked as it grows, and validated: offsets of a damaged file could
point anywhere. Feather files of the first version are refused, because pyarrow crashes on damaged ones.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.decoding import decoding
from variate.data.readers.originals import Original, original_of
from variate.data.readers.tables import require_table, table_source
from variate.data.schema.arrow_columns import listed_categories
from variate.data.source import Source
from variate.errors import InputError
from variate.limits import MOST_ROWS
from variate.runtime import memory

FIRST_VERSION, FILE = b"FEA1", b"ARROW1"
"""How Feather files of the first version begin, and Arrow files; streams begin otherwise."""


def read_arrow(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a table from one of Arrow's own files."""
    require_table(path.name, options, schema)
    table = _decoded(path)
    return table_source(table, path.name, options, schema, listed=listed_categories(table, options.missing))


def original_arrow(path: Path, options: DataOptions, schema: Schema) -> Original:
    """The same as it came."""
    require_table(path.name, options, schema)
    return original_of(_decoded(path), path.name, options, schema)


def _decoded(path: Path) -> pa.Table:
    """All rows, with names of columns that are text."""
    memory.require(path.stat().st_size, path.name)
    with decoding(str(path), "a complete Arrow or Feather file", "write it again"):
        table = _table(path)
        names = table.column_names  # which may be no text
    return table.rename_columns(names)


def _table(path: Path) -> pa.Table:
    """All rows.

    Raises:
        InputError: If they are more than memory holds.
        Exception: Anything, if the file is damaged.
    """
    with pa.OSFile(str(path)) as file:
        start = file.read(len(FILE))
        file.seek(0)
        if start.startswith(FIRST_VERSION):
            got = "a Feather file of the first version"
            remedy = "write it again with pyarrow.feather.write_feather, or as Parquet"
            raise InputError(path.name, "a Feather file of version 2", got, remedy)
        reader = ipc.open_file(file) if start == FILE else ipc.open_stream(file)
        batches, size, rows = [], 0, 0
        for batch in _batches(reader):
            batch.validate(full=True)  # before anything is asked of it
            size, rows = size + batch.nbytes, rows + batch.num_rows
            memory.require(size, path.name)
            if rows > MOST_ROWS:
                raise InputError(path.name, f"at most {MOST_ROWS:,} rows", f"{rows:,}", "give fewer rows")
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema).replace_schema_metadata()


def _batches(reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    """The batches of a file or of a stream."""
    if isinstance(reader, pa.RecordBatchStreamReader):
        yield from reader
    else:
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
