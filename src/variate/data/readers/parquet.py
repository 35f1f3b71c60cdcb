"""Parquet files, one or a folder of them, in memory or as rows on disk.

Rows on disk are read through once, a row group at a time, to tell the kinds of the columns; they are then decoded by
row groups as they are needed (`variate.data.storage.parquet_rows`). The columns are the same as in memory, because
profiles of row groups join exactly.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.readers.beside import Beside
from variate.data.readers.originals import Original, Piece, rows_of_model
from variate.data.readers.shards import PARQUET_SUFFIXES, shards
from variate.data.readers.surveys import ColumnSurvey
from variate.data.readers.tables import require_table, source_of, wanted_columns, without_use
from variate.data.schema.arrow_columns import each_column, refuse_one_text
from variate.data.schema.profiles import RawColumn
from variate.data.schema.values import unseen_categories
from variate.data.source import Source, Unseen
from variate.data.storage.parquet_rows import ParquetGaps, ParquetRows
from variate.data.storage.row_groups import RowGroups
from variate.runtime import memory


def read_parquet(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a Parquet file, or a folder of them, into memory or as rows on disk."""
    require_table(path.name, options, schema)
    files, notes = shards(path, PARQUET_SUFFIXES)
    groups = RowGroups(files, path.name)
    rows = int(groups.bounds[-1])
    names, own_notes = wanted_columns(groups.names, rows, options, schema, path.name)
    notes = [*notes, *own_notes]
    if memory.streams(options.stream, 8 * len(names) * rows):
        return _rows_on_disk(groups, names, options, schema, notes)
    beside = Beside(options, groups.names, schema, groups.name)
    table = groups.read_all(list(dict.fromkeys([*names, *beside.names])))
    beside.add(table, path.name)
    source = source_of(table.select(names), path.name, options, schema, notes)
    return beside.attached(without_use(source, groups.names, options, schema))


def original_parquet(path: Path, options: DataOptions, schema: Schema) -> Original:
    """The same as it came, a row group at a time."""
    require_table(path.name, options, schema)
    files, notes = shards(path, PARQUET_SUFFIXES)
    groups = RowGroups(files, path.name)
    rows = int(groups.bounds[-1])
    names, _ = wanted_columns(groups.names, rows, options, schema, path.name)
    groups.require_each(groups.names)

    def pieces() -> Iterator[Piece]:
        for number in range(len(groups)):
            table = groups.read(number, groups.names)
            rows = rows_of_model(table, names, groups.label(number), options, schema)
            yield Piece(table.cast(groups.columns), rows)

    return Original(path.name, schema, rows, tuple(notes), pieces)


def _rows_on_disk(
    groups: RowGroups, names: Sequence[str], options: DataOptions, schema: Schema | None, notes: Sequence[str]
) -> Source:
    beside = Beside(options, groups.names, schema, groups.name)
    groups.require_each([*names, *beside.names])
    own_notes: list[str] = []
    has_gaps = schema is not None  # of other rows than the model's, that is seen only when they are read
    were_read = schema is None
    if schema is None:
        schema, own_notes = _surveyed(groups, names, options)
        has_gaps = any(column.gaps for column in schema.columns)
    for number in range(len(groups)) if beside.names else ():
        beside.add(groups.read(number, beside.names), groups.label(number))
    rows = ParquetRows(groups, schema.columns, options.missing, were_read)
    mask = ParquetGaps(rows) if has_gaps else None
    sizes = tuple(file.stat().st_size for file in groups.files)
    data = Dataset(rows, schema, mask=mask, name=groups.name, notes=(*notes, *own_notes))
    unseen = partial(_unseen, groups, schema, options)
    source = without_use(Source(data, sizes=sizes, unseen=unseen), groups.names, options, schema)
    return beside.attached(source)


def _surveyed(groups: RowGroups, names: Sequence[str], options: DataOptions) -> tuple[Schema, list[str]]:
    """What the columns are, as `source_of` would tell it, and notes on them."""
    survey = ColumnSurvey(options)
    for number in range(len(groups)):
        table = groups.read(number, names)
        refuse_one_text(table, groups.name)
        survey.add_table(table, groups.label(number))
    return survey.schema({name: name for name in names}, groups.name)


def _unseen(groups: RowGroups, schema: Schema, options: DataOptions) -> Unseen:
    """The categories that a model has never seen; all row groups are read for it."""
    columns = {column.name: column for column in schema.columns if column.kind == "categorical" and not column.pooled}
    found = {name: Counter[str]() for name in columns}

    def count(_: int, raw: RawColumn) -> None:
        found[raw.name].update(unseen_categories(raw, columns[raw.name]))

    for number in range(len(groups)) if columns else ():
        each_column(groups.read(number, list(columns)), groups.label(number), count, options.missing)
    return Unseen(found)
