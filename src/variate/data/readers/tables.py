"""Arrow tables as sources: float64 (N, columns), categories as codes 0 .. K-1.

Without a model, `variate.data.schema.columns` tells the kind of each column. For a model, its columns are read by name,
in its order and with its kinds and categories, and other columns are left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from variate.config.recipe import DataOptions
from variate.config.schema import Aside, Column, Schema
from variate.data.dataset import Dataset
from variate.data.gaps import empty_note
from variate.data.readers.beside import Beside
from variate.data.readers.roles import names_beside
from variate.data.schema.arrow_columns import each_column, refuse_one_text
from variate.data.schema.column_notes import column_notes, gaps_note, unseen_notes
from variate.data.schema.columns import Decided, Listed, decide_all
from variate.data.schema.dependences import dependences
from variate.data.schema.naming import NAMELESS, name_called
from variate.data.schema.profiles import Profile, RawColumn, profile
from variate.data.schema.readings import resolved
from variate.data.schema.values import column_values, unseen_categories
from variate.data.source import Source, Unseen
from variate.data.storage.in_memory import InMemory
from variate.data.wording import FIRST, MEANINGS, list_names, plural, sides
from variate.errors import InputError, Option, Sentence, did_you_mean
from variate.runtime import memory

MOST_COLUMNS = 10_000
LONGEST_COLUMN_NAME = 1_000
"""Characters."""
ROW_COPIES = 2
"""Reading holds all columns as they are in the file, and as the numbers that come out."""


def table_source(
    table: pa.Table,
    name: str,
    options: DataOptions,
    schema: Schema | None,
    notes: Iterable[str] = (),
    listed: Mapping[str, Listed] = MappingProxyType({}),
) -> Source:
    """A source of a table in memory.

    Args:
        table: The table.
        name: What to call it.
        options: `columns`, `formats`, `drop`, `missing` and those of `Beside` are used.
        schema: Of a model, if the rows are read for one.
        notes: What was assumed when it was read.
        listed: Categories that columns list themselves, by the names of the columns.

    Raises:
        InputError: If the table cannot be used as it is, or lacks what a model needs.
    """
    wanted, own_notes = wanted_columns(table.column_names, table.num_rows, options, schema, name)
    beside = Beside(options, table.column_names, schema, name, listed)
    beside.add(table, name)
    source = source_of(table.select(wanted), name, options, schema, (*notes, *own_notes), listed)
    return beside.attached(without_use(source, table.column_names, options, schema))


def wanted_columns(
    names: Sequence[str], num_rows: int, options: DataOptions, schema: Schema | None, source: str
) -> tuple[list[str], list[str]]:
    """The names of the columns to read, and notes on the others.

    Args:
        names: The names of all columns.
        num_rows: Number of rows.
        options: `columns`, `formats`, `drop` and those of `names_beside` are used.
        schema: Of a model, if the rows are read for one.
        source: What errors call the table.

    Raises:
        InputError: If the table has no rows, or too many columns, or columns whose names cannot be used; or if the
            options, or the model, do not fit its columns.
    """
    require_columns(len(names), source)
    require_names(names, source)
    if not num_rows:
        got = f"{plural(len(names), 'column')} and no rows"
        raise InputError(source, "at least one row", got, "give a table with rows")
    if schema is None:
        return kept_columns(names, options, source), []
    return [column.name for column in schema.columns], extra_columns(names, options, schema, source)


def source_of(
    table: pa.Table,
    name: str,
    options: DataOptions,
    schema: Schema | None,
    notes: Iterable[str] = (),
    listed: Mapping[str, Listed] = MappingProxyType({}),
) -> Source:
    """A source of the columns that `wanted_columns` chose, in that order."""
    memory.require(ROW_COPIES * 8 * table.num_rows * table.num_columns, name)
    own_notes: list[str] = []
    is_told = schema is None
    if schema is None:
        refuse_one_text(table, name)
        schema, own_notes = _told_schema(table, name, options, listed)
        table = table.select([column.name for column in schema.columns])
    values, columns = np.empty((table.num_rows, table.num_columns)), schema.columns
    names = [column.name for column in columns]

    unseen: dict[str, dict[str, int]] = {}

    def use(number: int, raw: RawColumn) -> None:
        values[:, number] = column_values(raw, columns[number], name)
        if not is_told:
            unseen[raw.name] = unseen_categories(raw, columns[number])

    each_column(table, name, use, options.missing)
    if is_told:
        found = dependences(values, columns)
        schema, own_notes = replace(schema, relations=found.relations), [*own_notes, *found.notes]
    gaps = np.isnan(values)
    mask = None
    if gaps.any():
        values[gaps], mask = 0, InMemory(~gaps)
        own_notes += [] if is_told else [gaps_note(dict(zip(names, gaps.sum(0).tolist(), strict=True)), len(gaps))]
        own_notes += empty_note(int(np.count_nonzero(gaps.all(1))), len(gaps))
        own_notes += remark_note(gaps, names) if is_told else []
    own_notes += unseen_notes(unseen)
    data = Dataset(InMemory(values), schema, mask=mask, name=name, notes=(*notes, *own_notes))
    return Source(data, unseen=partial(Unseen, unseen))


def remark_note(gaps: Bool[np.ndarray, "N D"], names: Sequence[str]) -> list[str]:
    """A note on a last row with one value, as a remark or a sum below a table is, where no other row is so.

    Args:
        gaps: Where cells are missing.
        names: The names of the columns.
    """
    values = len(names) - gaps.sum(1)
    if len(names) < 3 or values[-1] != 1 or np.count_nonzero(values == 1) > 1:
        return []
    only = name_called(names[int(np.argmin(gaps[-1]))])
    return [f"The last row has no value but in {only}; if it is a remark below the table, remove it."]


def _told_schema(
    table: pa.Table, name: str, options: DataOptions, listed: Mapping[str, Listed]
) -> tuple[Schema, list[str]]:
    """What the columns of a table are, and notes on it."""
    asked, found = dict(options.columns), list[Profile]()

    def profiled(_: int, raw: RawColumn) -> None:
        found.append(profile(raw, raw.name in listed or asked.get(raw.name) == "categorical"))

    each_column(table, name, profiled, options.missing)
    places = {column: place for place, column in enumerate(table.column_names)}
    found, notes = resolved(found, dict(options.formats), asked, name)
    decided = decide_all(found, asked, places, name, listed)
    return schema_of(decided), [*notes, *column_notes(found, decided, asked)]


def schema_of(decided: Iterable[Decided]) -> Schema:
    """The schema of a table with these columns."""
    decided = tuple(decided)
    columns = tuple(own for own in decided if isinstance(own, Column))
    return Schema("table", (len(columns),), columns=columns, aside=tuple(o for o in decided if isinstance(o, Aside)))


def require_table(name: str, options: DataOptions, schema: Schema | None) -> None:
    """Refuses a table where another kind was asked for, or where the model is not one of tables."""
    if schema is None and options.kind not in (None, "table"):
        remedy = Sentence("leave it out; each column has a kind of its own, which ", Option("columns"), " sets")
        raise InputError("kind", f"'table', since {name} is a table", repr(options.kind), remedy)
    if schema is not None and schema.kind != "table":
        expected = f"{MEANINGS[schema.kind]}, rows of {sides(schema.shape)}, which the model takes"
        raise InputError(name, expected, "a table", "give data like those that the model was trained on")


def require_columns(number: int, source: str) -> None:
    """Refuses a table without columns, and one with too many: each takes memory and time of its own."""
    if not number:
        raise InputError(source, "at least one column", "none", "give a table with columns")
    if number > MOST_COLUMNS:
        remedy = "give fewer columns, or, if they are all of one kind, an array (.npy), which may have more"
        raise InputError(source, f"at most {MOST_COLUMNS:,} columns", f"{number:,}", remedy)


def require_names(names: Sequence[str], source: str) -> None:
    """Refuses names that are too long, and two columns with the same name."""
    longest = max(map(len, names))
    if longest > LONGEST_COLUMN_NAME:
        expected = f"names of columns of at most {LONGEST_COLUMN_NAME:,} characters"
        raise InputError(source, expected, f"{longest:,} characters", "shorten the header line")
    if len(set(names)) == len(names):
        return
    if len(names) > 2 and names[0] and not any(names[1:]):
        title = f"a first line with {name_called(names[0])} alone, which looks like a title"
        raise InputError(
            source, "a first line with the names of the columns", title, "remove the lines above the names"
        )
    twice = [name for name, number in Counter(names).items() if number > 1]
    got = []
    if any(twice):
        got.append(f"more than one column {list_names([name_called(name) for name in twice if name])}")
    if "" in twice:
        places = [str(place) for place, name in enumerate(names) if not name]
        got.append(f"{len(places):,} columns without a name (number {list_names(places)}, counting from 0)")
    raise InputError(source, "columns with different names", " and ".join(got), "rename them")


def kept_columns(names: Sequence[str], options: DataOptions, source: str) -> list[str]:
    """The names of the columns that are neither dropped nor beside those of the model.

    Raises:
        InputError: If no column is left, or an option names a column that is not there.
    """
    _require_known(options.drop, names, "drop", source)
    beside = names_beside(options)
    read = [name for name in names if name not in options.drop or name in beside]
    kept = [name for name in read if name not in beside]
    if not kept:
        raise InputError("drop", "at least one column to be left", f"every column of {source}", "drop fewer columns")
    _require_known(dict(options.columns), read, "columns", source)
    _require_known(dict(options.formats), read, "formats", source)
    return kept


def extra_columns(names: Sequence[str], options: DataOptions, schema: Schema, source: str) -> list[str]:
    """Notes on the columns that are not in the schema, which is that of a model or of another table.

    Raises:
        InputError: If the table lacks a column of the schema, or one of these is dropped.
    """
    needed = [column.name for column in (*schema.columns, *schema.conditions)]
    taken = sorted(set(needed) & set(options.drop))
    if taken:
        remedy = "do not drop what is needed"
        raise InputError("drop", "columns that are not needed", _listed(taken), remedy)
    missing = [column for column in needed if column not in names]
    if missing:
        expected = f"all columns that are needed; {plural(len(missing), 'column')} missing: {_listed(missing)}"
        remedy = did_you_mean(missing[0], names) or "give a table with these columns"
        raise InputError(source, expected, f"the columns {_listed(sorted(names), 10)}", remedy)
    extra = columns_without_use(names, options, schema)
    if not extra:
        return []
    verb = "is" if len(extra) == 1 else "are"
    return [f"Left out: {plural(len(extra), 'column')} that {verb} not needed: {_listed(extra)}."]


def columns_without_use(names: Sequence[str], options: DataOptions, schema: Schema) -> list[str]:
    """The names of the columns that are neither in the schema nor read beside its columns."""
    columns = [column.name for column in (*schema.columns, *schema.conditions)]
    known = {*columns, *names_beside(options), *(column.name for column in schema.aside)}
    return [name for name in names if name not in known]


def without_use(source: Source, names: Sequence[str], options: DataOptions, schema: Schema | None) -> Source:
    """The source with the columns of its table that a model has no use for; arguments as for `wanted_columns`."""
    if schema is None:
        return source
    before, extra = source.unseen, tuple(columns_without_use(names, options, schema))
    return replace(source, unseen=lambda: before()._replace(columns=extra))


def _require_known(names: Iterable[str], known: Sequence[str], option: str, source: str) -> None:
    """Refuses an option that names a column which is not there, and would have no effect."""
    for name in names:
        if name not in known:
            expected = f"columns of {source}: {_listed(sorted(known), 10)}"
            raise InputError(option, expected, repr(name), did_you_mean(name, known))


def _listed(names: Iterable[str], first: int = FIRST) -> str:
    """`a, b, (no name)`."""
    return list_names([name or NAMELESS for name in names], first)
