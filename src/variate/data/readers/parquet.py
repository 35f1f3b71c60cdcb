"""Parquet files, one or a folder of them, in memory or as rows on disk.

Rows on disk are read through once, a row group at a time, to tell the kinds of the columns; they are then decoded by
row groups as they are needed (`variate.data.storage.parquet_rows`). The columns are the same as in memory, because
profiles of row groups join exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from variate.config.recipe import Column, ColumnKind, DataOptions, Schema
from variate.data.dataset import Dataset
from variate.data.readers.shards import PARQUET_SUFFIXES, shards
from variate.data.readers.tables import require_table, source_of, wanted_columns
from variate.data.schema.arrow_columns import each_column, refuse_one_text
from variate.data.schema.columns import MOST_CATEGORIES, column_notes, column_numbers, columns_of, refuse_text
from variate.data.schema.profiles import Profile, RawColumn, joined_profile, profile
from variate.data.source import Source
from variate.data.storage.parquet_rows import ParquetRows
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
    return source_of(groups.read_all(names), path.name, options, schema, notes)


def _rows_on_disk(
    groups: RowGroups, names: Sequence[str], options: DataOptions, schema: Schema | None, notes: Sequence[str]
) -> Source:
    groups.require_each(names)
    own_notes: list[str] = []
    if schema is None:
        columns, own_notes = _survey_columns(groups, names, options)
        schema = Schema("table", (len(columns),), columns=columns)
    rows = ParquetRows(groups, schema.columns)
    sizes = tuple(file.stat().st_size for file in groups.files)
    return Source(Dataset(rows, schema, name=groups.name, notes=(*notes, *own_notes)), sizes=sizes)


def _survey_columns(
    groups: RowGroups, names: Sequence[str], options: DataOptions
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns with their kinds, as `source_of` would tell them, and notes on them."""
    asked = dict(options.columns)
    found: dict[str, Profile] = {}
    for number in range(len(groups)):
        table, label = groups.read(number, names), groups.label(number)
        refuse_one_text(table, groups.name)
        each_column(table, label, partial(_join, found, asked, label))
        _refuse_identifiers_early(found.values(), asked, groups.name)
    columns = columns_of(found.values(), asked, groups.name)
    return columns, column_notes(found.values(), columns, asked)


def _join(
    found: dict[str, Profile], asked: Mapping[str, ColumnKind], source: str, _number: int, raw: RawColumn
) -> None:
    """Joins a column of a row group, which must be of the kind that was asked for, to those before it."""
    kind, name = asked.get(raw.name), raw.name
    if kind is not None and kind != "categorical":
        column_numbers(raw, kind, source)
    own = profile(raw, every=kind == "categorical")
    found[name] = joined_profile(found[name], own, every=kind == "categorical") if name in found else own


def _refuse_identifiers_early(found: Iterable[Profile], asked: Mapping[str, ColumnKind], source: str) -> None:
    """Refuses an identifier before all of its values are kept in memory."""
    for column in found:
        if column.name not in asked and len(column.words or ()) > MOST_CATEGORIES:
            refuse_text(column, source)
