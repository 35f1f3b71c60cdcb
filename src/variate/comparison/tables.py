"""Two tables read under one schema: that of the real table, or of the model that was trained on it.

The synthetic table may hold what no row of the real one does, which is for the comparison to say: categories that are
new have a code of their own, after the last, and columns of bits and counts may hold any numbers. Loads no torch.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from variate.comparison.rows import TableRows, Values, table_rows, values_of
from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data import Dataset, Source, Splits, from_arrays, held_out_rows, read
from variate.data.conversion import Frame, is_frame
from variate.data.schema.fits import open_number
from variate.data.wording import plural, told
from variate.errors import InputError, Sentence
from variate.runs.run import Run
from variate.runtime import memory

LEAST_ROWS = 10
"""A table with fewer rows says nothing about its distribution."""
ROW_COPIES = 4
"""A table is held as it was read, and three times more while its rows are put in order."""

Path = str | os.PathLike[str]
Real = Path | Frame | Source | Dataset | Splits
"""What a real table may be given as."""


class TwoTables(NamedTuple):
    """Two tables to compare.

    Attributes:
        schema: What the columns are.
        real: All rows of the real table.
        synthetic: All rows of the synthetic table.
        train: The rows of the real table that the generator was trained on; None if that is not known.
        held_out: Rows of the real table that it was not trained on; None likewise.
        names: What the real and the synthetic table are called.
        notes: What was assumed when they were read, one sentence each.
    """

    schema: Schema
    real: TableRows
    synthetic: TableRows
    train: TableRows | None
    held_out: TableRows | None
    names: tuple[str, str]
    notes: tuple[str, ...]


def given_tables(
    real: Real, synthetic: Path | Frame | Source | Dataset | ArrayLike, options: DataOptions, run: Run | None
) -> TwoTables:
    """Reads both tables.

    Args:
        real: The real table: a path, a table in memory, or what `read` or `split` gave.
        synthetic: The synthetic table: a path, a table in memory, what `read` gave, or rows in the schema of the real
            table.
        options: How files are read.
        run: The run of the model, which knows how its own data are read and which rows it was trained on.

    Raises:
        InputError: If they cannot be read as two tables with the same columns, or have too few rows.
    """
    found = _real_rows(real, options, run)
    first = found.parts[0]
    if first.schema.kind != "table":
        raise InputError(first.name, "a table with named columns", f"data of the kind {first.schema.kind!r}")
    own = _synthetic_rows(synthetic, first.schema, options if run is None else run.recipe.data)
    for name, size in ((first.name, sum(map(len, found.parts))), (own.name, len(own))):
        if size < LEAST_ROWS:
            raise InputError(name, f"at least {LEAST_ROWS} rows to compare", plural(size, "row"), "give more rows")
        memory.require(ROW_COPIES * 8 * size * len(first.schema.columns), name)
    return TwoTables(
        first.schema,
        _table_rows(first.schema, found.parts),
        _table_rows(first.schema, [own]),
        None if found.train is None else _table_rows(first.schema, [found.train]),
        None if found.held_out is None else _table_rows(first.schema, [found.held_out]),
        (_called(real, first), _called(synthetic, own)),
        tuple(Sentence(f"{part.name}: ", note) for part in (first, own) for note in part.notes),
    )


class _RealRows(NamedTuple):
    """The rows of the real table in one or more parts, and what is known of the training of the generator."""

    parts: list[Dataset]
    train: Dataset | None = None
    held_out: Dataset | None = None


def _real_rows(real: Real, options: DataOptions, run: Run | None) -> _RealRows:
    """Reads the real table. Other data than the run's own are held-out rows."""
    if isinstance(real, Splits):
        return _of_splits(real)
    if isinstance(real, str | os.PathLike):
        path = os.fspath(real)
        if run is not None and not run.is_other(path):
            return _of_splits(run.splits())
        rows = _in_memory(read(real, options)) if run is None else run.held_out(path).data
    elif is_frame(real):
        rows = (read(real, options).dataset if run is None else _read_for(run, real)).replace(name="the real table")
    elif isinstance(real, Source | Dataset):
        rows = _in_memory(real) if isinstance(real, Source) else real.sample()
    else:
        raise InputError("real", "a path, a table in memory, or what `read` or `split` gave", told(real))
    return _RealRows([rows]) if run is None else _RealRows([rows], run.splits().train.sample(), rows)


def _read_for(run: Run, table: Frame) -> Dataset:
    """A table in memory, read for the model of a run."""
    return read(table, DataOptions(missing=run.recipe.data.missing), run.recipe.schema).dataset


def _of_splits(splits: Splits) -> _RealRows:
    train, validation, test = (part.sample() for part in (splits.train, splits.validation, splits.test))
    return _RealRows([train, validation, test], train, test)


def _table_rows(schema: Schema, parts: Sequence[Dataset]) -> TableRows:
    return table_rows(np.concatenate([_codes(schema, values_of(part)) for part in parts]))


def _called(given: object, rows: Dataset) -> str:
    """What a table is called: its path, which tells it from another one of the same name."""
    return os.fspath(given) if isinstance(given, str | os.PathLike) else rows.name


def _in_memory(source: Source) -> Dataset:
    return held_out_rows(source, 0)


def _synthetic_rows(
    synthetic: Path | Frame | Source | Dataset | ArrayLike, schema: Schema, options: DataOptions
) -> Dataset:
    """The rows of the synthetic table."""
    if isinstance(synthetic, str | os.PathLike):
        as_real = replace(options, columns=(), kind=None, stream="auto")
        return _in_memory(read(synthetic, as_real, schema=open_schema(schema)))
    if is_frame(synthetic):
        rows = read(synthetic, DataOptions(missing=options.missing), schema=open_schema(schema)).dataset
        return rows.replace(name="the synthetic table")
    if isinstance(synthetic, Source | Dataset):
        found = _in_memory(synthetic) if isinstance(synthetic, Source) else synthetic.sample()
        if found.schema.columns != schema.columns:
            remedy = "read it with schema=real.schema, or give its path"
            raise InputError("synthetic", "rows in the schema of the real table", "rows in another schema", remedy)
        return found
    return from_arrays(synthetic, schema=schema, name="synthetic")  # type: ignore[arg-type]  # no table is left


def open_schema(schema: Schema) -> Schema:
    """A schema that rows of other tables fit in, too: new categories are the last one, bits and counts are numbers."""
    return replace(schema, columns=tuple(map(_open, schema.columns)))


def _open(column: Column) -> Column:
    if column.kind != "categorical":
        return open_number(column)
    if column.pooled:
        return column
    new = _new_name(column.categories)
    return replace(column, categories=(*column.categories, new), pooled=True)


def _new_name(categories: Sequence[str]) -> str:
    """A name that is none of the categories."""
    return max(categories, key=len, default="") + " (new)"


def _codes(schema: Schema, values: Values) -> Values:
    """The rows with bits as codes, of which 2 stands for other numbers."""
    bits = np.array([column.kind == "binary" for column in schema.columns])
    known = values[:, bits]
    values[:, bits] = np.where((known == 0) | (known == 1) | np.isnan(known), known, 2.0)
    return values
