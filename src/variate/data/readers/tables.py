"""Arrow tables as sources: float64 (N, columns), categories as codes 0 .. K-1.

Without a model, `variate.data.schema.columns` tells the kind of each column. For a model, its columns are read by name,
in its order and with its kinds and categories, and other columns are left out.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from variate.config.recipe import Column, DataOptions, Schema
from variate.data.dataset import Dataset
from variate.data.schema.arrow_columns import raw_columns, refuse_one_text
from variate.data.schema.columns import column_notes, column_of, column_values
from variate.data.schema.profiles import RawColumn, profile
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.wording import MEANINGS, list_names, plural, sides
from variate.errors import InputError, Option, Sentence, did_you_mean


def table_source(
    table: pa.Table, name: str, options: DataOptions, schema: Schema | None, notes: Iterable[str] = ()
) -> Source:
    """A source of a table in memory.

    Args:
        table: The table.
        name: What to call it.
        options: `columns` and `drop` are used.
        schema: Of a model, if the rows are read for one.
        notes: What was assumed when it was read.

    Raises:
        InputError: If the table cannot be used as it is, or lacks what a model needs.
    """
    refuse_same_names(table.column_names, name)
    require_rows(table.num_rows, table.num_columns, name)
    if schema is None:
        columns, raws, own_notes = _told_columns(table, name, options)
    else:
        own_notes = extra_columns(table.column_names, options, schema, name)
        columns = schema.columns
        raws = raw_columns(table.select([column.name for column in columns]), name)
    values = np.stack([column_values(r, column, name) for r, column in zip(raws, columns, strict=True)], axis=1)
    found = schema or Schema("table", (len(columns),), columns=columns)
    return Source(Dataset(InMemory(values), found, name=name, notes=(*notes, *own_notes)))


def _told_columns(
    table: pa.Table, name: str, options: DataOptions
) -> tuple[tuple[Column, ...], list[RawColumn], list[str]]:
    """The columns of a table with their kinds, their values, and notes on them."""
    table = table.select(kept_columns(table.column_names, options, name))
    asked = dict(options.columns)
    raws = raw_columns(table, name)
    refuse_one_text(raws, name)
    found = [profile(raw, every=asked.get(raw.name) == "categorical") for raw in raws]
    columns = tuple(column_of(column, asked.get(column.name), name) for column in found)
    return columns, raws, column_notes(found, columns, asked)


def require_table(name: str, options: DataOptions, schema: Schema | None) -> None:
    """Refuses a table where another kind was asked for, or where the model is not one of tables."""
    if schema is None and options.kind not in (None, "table"):
        remedy = Sentence("leave it out; each column has a kind of its own, which ", Option("columns"), " sets")
        raise InputError("kind", f"'table', since {name} is a table", repr(options.kind), remedy)
    if schema is not None and schema.kind != "table":
        expected = f"{MEANINGS[schema.kind]}, rows of {sides(schema.shape)}, which the model takes"
        raise InputError(name, expected, "a table", "give data like those that the model was trained on")


def require_rows(num_rows: int, num_columns: int, name: str) -> None:
    """Refuses a table without rows."""
    if not num_rows:
        got = f"{plural(num_columns, 'column')} and no rows"
        raise InputError(name, "at least one row", got, "give a table with rows")


def refuse_same_names(names: Sequence[str], source: str) -> None:
    """Refuses two columns with the same name."""
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        got = f"more than one column {list_names([repr(n) for n in twice])}"
        raise InputError(source, "columns with different names", got, "rename them")


def kept_columns(names: Sequence[str], options: DataOptions, source: str) -> list[str]:
    """The names of the columns that are not dropped.

    Raises:
        InputError: If no column is left, or an option names a column that is not there.
    """
    _require_known(options.drop, names, "drop", source)
    kept = [name for name in names if name not in options.drop]
    if not kept:
        raise InputError("drop", "at least one column to be left", f"every column of {source}", "drop fewer columns")
    _require_known(dict(options.columns), kept, "columns", source)
    return kept


def extra_columns(names: Sequence[str], options: DataOptions, schema: Schema, source: str) -> list[str]:
    """Notes on the columns that a model does not know.

    Raises:
        InputError: If the table lacks a column that the model needs, or one of these is dropped.
    """
    needed = [column.name for column in schema.columns]
    taken = sorted(set(needed) & set(options.drop))
    if taken:
        remedy = "do not drop what the model needs"
        raise InputError("drop", "columns that the model does not need", list_names(taken), remedy)
    missing = [column for column in needed if column not in names]
    if missing:
        expected = f"all columns that the model needs; {plural(len(missing), 'column')} missing: {list_names(missing)}"
        remedy = did_you_mean(missing[0], names) or "give a table with these columns"
        raise InputError(source, expected, f"the columns {list_names(sorted(names), 10)}", remedy)
    extra = [column for column in names if column not in needed]
    if not extra:
        return []
    return [f"Left out: {plural(len(extra), 'column')} that the model does not know: {list_names(extra)}."]


def _require_known(names: Iterable[str], known: Sequence[str], option: str, source: str) -> None:
    """Refuses an option that names a column which is not there, and would have no effect."""
    for name in names:
        if name not in known:
            expected = f"columns of {source}: {list_names(sorted(known), 10)}"
            raise InputError(option, expected, repr(name), did_you_mean(name, known))
