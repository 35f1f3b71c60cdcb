"""Parquet files, one or a folder of them, in memory or as rows on disk.

Rows on disk are read through once, a row group at a time, to tell the kinds of the columns; they are then decoded by
row groups as they are needed (`variate.data.storage.parquet_rows`). The columns are the same as in memory, because
profiles of row groups join exactly.
"""

from collections.abc import Sequence
from pathlib import Path

from variate.config.recipe import Column, ColumnKind, DataOptions, Schema
from variate.data.dataset import Dataset
from variate.data.readers.shards import PARQUET_SUFFIXES, shards
from variate.data.readers.tables import (
    extra_columns,
    kept_columns,
    refuse_same_names,
    require_rows,
    require_table,
    table_source,
)
from variate.data.schema.arrow_columns import raw_columns, refuse_one_text
from variate.data.schema.columns import (
    MOST_CATEGORIES,
    column_notes,
    column_numbers,
    column_of,
    refuse_identifier,
)
from variate.data.schema.profiles import Profile, RawColumn, joined_profile, profile
from variate.data.source import Source
from variate.data.storage.parquet_rows import ParquetRows
from variate.data.storage.row_groups import RowGroups
from variate.runtime import memory


def read_parquet(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a Parquet file, or a folder of them, into memory or as rows on disk."""
    files, notes = shards(path, PARQUET_SUFFIXES)
    groups = RowGroups(files, path.name)
    width = len(schema.columns) if schema is not None else len(groups.names)
    streamed = memory.streams(options.stream, 8 * width * int(groups.bounds[-1]))
    require_table(path.name, options, schema)
    if streamed:
        return _rows_on_disk(groups, options, schema, notes)
    memory.require(groups.packed_size, path.name)
    return table_source(groups.read_all(), path.name, options, schema, notes)


def _rows_on_disk(groups: RowGroups, options: DataOptions, schema: Schema | None, notes: Sequence[str]) -> Source:
    refuse_same_names(groups.names, groups.name)
    require_rows(len(groups), len(groups.names), groups.name)
    if schema is None:
        columns, own_notes = _survey_columns(groups, options)
        schema = Schema("table", (len(columns),), columns=columns)
    else:
        own_notes = extra_columns(groups.names, options, schema, groups.name)
    rows = ParquetRows(groups, schema.columns)
    sizes = tuple(file.stat().st_size for file in groups.files)
    return Source(Dataset(rows, schema, name=groups.name, notes=(*notes, *own_notes)), sizes=sizes)


def _survey_columns(groups: RowGroups, options: DataOptions) -> tuple[tuple[Column, ...], list[str]]:
    """The columns with their kinds, as `table_source` would tell them, and notes on them."""
    names, asked = kept_columns(groups.names, options, groups.name), dict(options.columns)
    found: list[Profile] = []
    for number in range(len(groups)):
        raws = raw_columns(groups.read(number, names), groups.label(number))
        refuse_one_text(raws, groups.name)
        profiles = [_group_profile(raw, asked.get(raw.name), groups.label(number)) for raw in raws]
        if found:
            pairs = zip(found, profiles, strict=True)
            profiles = [joined_profile(a, b, every=asked.get(a.name) == "categorical") for a, b in pairs]
        found = profiles
        _refuse_identifiers_early(found, asked, groups.name)
    columns = tuple(column_of(column, asked.get(column.name), groups.name) for column in found)
    return columns, column_notes(found, columns, asked)


def _group_profile(raw: RawColumn, kind: ColumnKind | None, source: str) -> Profile:
    """The profile of a column of a row group, which must be of the kind that was asked for."""
    if kind is not None and kind != "categorical":
        column_numbers(raw, kind, source)
    return profile(raw, every=kind == "categorical")


def _refuse_identifiers_early(found: Sequence[Profile], asked: dict[str, ColumnKind], source: str) -> None:
    """Refuses an identifier before all of its values are kept in memory."""
    for column in found:
        if column.name not in asked and len(column.words or ()) > MOST_CATEGORIES:
            refuse_identifier(column, source)
