"""A table that stays on disk: looked through once, a row group at a time, and decoded by row groups as it is needed."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from variate.config.recipe import Column, ColumnKind, DataOptions, Schema
from variate.data.readers.parquet import RowGroups
from variate.data.readers.tables import (
    extra_columns,
    kept_columns,
    raw_columns,
    read_table,
    refuse_kind,
    refuse_one_text,
    refuse_other_schema,
    refuse_twice,
)
from variate.data.rows import Rows
from variate.data.schema.columns import MOST_CATEGORIES, advice, checked, conformed, described, refuse_identifier
from variate.data.schema.profiles import Profile, Raw, joined, profile
from variate.data.storage.stacked import grouped
from variate.data.storage.stream import BLOCK, POOL, Index, Stream, Streamed
from variate.errors import InputError
from variate.runtime import memory

POOL_BYTES, CACHE_BYTES = 2**28, 2**29
"""Decoded row groups whose rows are mixed, and that are kept: more, so that those of two pools may be there at once."""


def read_parquet(path: Path, options: DataOptions, schema: Schema | None) -> Rows | Streamed:
    """Reads a Parquet file, or a folder of them, into memory or as a stream."""
    groups = RowGroups(path)
    width = len(schema.columns) if schema is not None else len(groups.names)
    if not memory.streams(options.stream, 8 * width * int(groups.bounds[-1])):
        return read_table(path, options, schema)
    refuse_twice(groups.names, path.name)
    if not len(groups):
        raise InputError(f"{path.name} has no rows; give at least one row")
    if schema is None:
        refuse_kind(path, options)
        columns, told = survey(groups, options)
        schema = Schema("table", (len(columns),), columns=columns)
    else:
        refuse_other_schema(path, schema)
        told = extra_columns(groups.names, options, schema, path.name)
    sizes = tuple(file.stat().st_size for file in groups.files)
    return Streamed(TableStream(groups, schema.columns), schema, (*groups.notes, *told), path.name, sizes)


def survey(groups: RowGroups, options: DataOptions) -> tuple[tuple[Column, ...], list[str]]:
    """What the columns are, as `read_table` would tell, and what a person should know about them."""
    names, asked = kept_columns(groups.names, options, groups.name), dict(options.columns)
    found: list[Profile] = []
    for number in range(len(groups)):
        raws = raw_columns(groups.read(number, names), groups.label(number))
        refuse_one_text(raws, groups.name)
        profiles = [surveyed(raw, asked.get(raw.name), groups.label(number)) for raw in raws]
        if found:
            pairs = zip(found, profiles, strict=True)
            profiles = [joined(a, b, every=asked.get(a.name) == "categorical") for a, b in pairs]
        found = profiles
        refuse_many(found, asked, groups.name)
    columns = tuple(described(column, asked.get(column.name), groups.name) for column in found)
    return columns, advice(found, columns, asked)


def surveyed(raw: Raw, kind: ColumnKind | None, source: str) -> Profile:
    """The profile of a column of a row group, which must be of the kind that was asked for."""
    if kind is not None and kind != "categorical":
        checked(raw, kind, source)
    return profile(raw, every=kind == "categorical")


def refuse_many(found: Sequence[Profile], asked: dict[str, ColumnKind], source: str) -> None:
    """An identifier is refused before all of it is remembered."""
    for column in found:
        if column.name not in asked and len(column.words or ()) > MOST_CATEGORIES:
            refuse_identifier(column, source)


class TableStream(Stream):
    """Rows of Parquet files, float64, categories as codes.

    A row group can only be decoded as a whole, so the groups are the blocks, and as many are mixed as memory allows.

    Args:
        groups: The row groups.
        columns: What to read, in this order.
    """

    def __init__(self, groups: RowGroups, columns: Sequence[Column]) -> None:
        self.groups, self.columns = groups, tuple(columns)
        self.shape, self.dtype = (len(self.columns),), np.dtype(np.float64)
        self.bounds = blocks(groups.bounds)
        largest = int(np.diff(self.bounds).max()) * 8 * len(self.columns)
        self.at_once = min(POOL, 2 ** max(0, (POOL_BYTES // largest).bit_length() - 1))
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()

    def take(self, index: Index) -> Float64[np.ndarray, "B columns"]:
        """The rows of these numbers, in this order."""
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
        raws = raw_columns(self.groups.read(number, [column.name for column in self.columns]), label)
        return np.stack([conformed(raw, column, label) for raw, column in zip(raws, self.columns, strict=True)], axis=1)


def blocks(bounds: np.ndarray) -> np.ndarray:
    """The bounds of the row groups, without those that would make a block of fewer than `BLOCK` rows."""
    kept = [int(bounds[0])]
    for bound in bounds[1:-1].tolist():
        if bound - kept[-1] >= BLOCK and bounds[-1] - bound >= BLOCK:
            kept.append(bound)
    return np.array([*kept, int(bounds[-1])])
