"""What stands beside the columns of a model: columns to split by, to condition on, to weigh rows by, to judge by.

    split_by, split_time    Source.key
    condition               Dataset.context and Schema.conditions
    weight                  Dataset.weight
    labels                  Dataset.labels and Dataset.label

They are read with the rows, all at once or piece by piece, and are kept in memory, 8 bytes a cell, also of rows that
stay on disk. A table has them as columns; what arrays and images have, `variate.data.readers.offered` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from variate.config.recipe import DataOptions
from variate.config.schema import Column, ColumnKind, Schema
from variate.data.dataset import Dataset
from variate.data.readers.roles import condition_names, names_beside, role_of
from variate.data.readers.split_keys import SplitKey
from variate.data.schema.arrow_columns import raw_column
from variate.data.schema.as_numbers import numbers_told
from variate.data.schema.column_notes import unseen_notes
from variate.data.schema.columns import Listed, aside_words, decide
from variate.data.schema.naming import column_called, name_called
from variate.data.schema.profiles import Profile, RawColumn, profile
from variate.data.schema.readings import resolved
from variate.data.schema.values import column_values, unseen_categories
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.wording import list_names
from variate.errors import InputError, did_you_mean
from variate.runtime import memory


class Beside:
    """Collects what stands beside the rows.

    Args:
        options: `split_by`, `split_time`, `condition`, `weight`, `labels`, `columns`, `formats` and `missing` are used.
        names: The names of all columns.
        schema: Of a model, if the rows are read for one.
        source: What errors call the table.
        listed: Categories that columns list themselves, by their names.

    Attributes:
        names: The columns that `add` needs.

    Raises:
        InputError: If a column is not there, or has two roles that exclude each other.
    """

    def __init__(
        self,
        options: DataOptions,
        names: Sequence[str],
        schema: Schema | None,
        source: str,
        listed: Mapping[str, Listed] = MappingProxyType({}),
    ) -> None:
        self.options, self.schema, self.source, self.listed = options, schema, source, listed
        self.key = SplitKey.of(options, names, source)
        self._cells = {name: _Cells(name) for name in names_beside(options, schema)}
        self._require_known(names)
        if options.weight is not None and options.weight in (*options.condition, options.labels):
            raise InputError("weight", "a column of its own", f"{options.weight!r}, which has another use, too")
        self.names = list(dict.fromkeys([*self.key.names, *self._cells]))

    def _require_known(self, names: Sequence[str]) -> None:
        asked = [("condition", name) for name in self.options.condition]
        asked += [("weight", self.options.weight or ""), ("labels", self.options.labels or "")]
        for option, name in asked:
            if name in self._cells and name not in names:
                shown = list_names([name_called(known) for known in sorted(names)], 10)
                raise InputError(option, f"a column of {self.source}: {shown}", repr(name), did_you_mean(name, names))

    def add(self, table: pa.Table, source: str, first_row: int = 0) -> None:
        """Takes the next rows.

        Args:
            table: Some rows; other columns than `names` are not looked at.
            source: What errors call them.
            first_row: The number of the first of them.

        Raises:
            InputError: If a column's type has no use here, or there are more rows than memory holds.
        """
        self.key.add(table, source, first_row)
        for name, cells in self._cells.items():
            cells.add(raw_column(name, table[name], source, self.options.missing, first_row))
            memory.require(16 * cells.rows * len(self._cells), self.source)

    def attached(self, source: Source) -> Source:
        """The source with what was collected.

        Raises:
            InputError: If a column is none to condition on, to weigh by or to judge by.
        """
        source = replace(source, key=self.key.column())
        if not self._cells:
            return source
        found = {name: self._read(cells.joined()) for name, cells in self._cells.items()}
        conditions = condition_names(self.options, self.schema)
        notes = [note for name in conditions for note in unseen_notes({name: found[name].unseen})]
        parts = {
            **_context([found[name] for name in conditions]),
            "weight": None if self.options.weight is None else _weights(found[self.options.weight]),
            "labels": None if self.options.labels is None else found[self.options.labels].values,
        }
        stored = {part: values for part, values in parts.items() if values is not None}
        label = None if self.options.labels is None else found[self.options.labels].column
        schema = replace(source.schema, conditions=tuple(found[name].column for name in conditions))
        size, test = len(source.dataset), source.test
        dataset = _with(source.dataset, stored, slice(size)).replace(schema=schema, label=label)
        if test is not None:
            test = _with(test, stored, slice(size, None)).replace(schema=schema, label=label)
        before, own = source.unseen, {name: found[name].unseen for name in conditions}
        source = replace(source, unseen=lambda: before()._replace(categories={**before().categories, **own}))
        return replace(source, dataset=dataset, test=test).replace(notes=(*source.notes, *notes))

    def _read(self, raw: RawColumn) -> "_Read":
        """A column's values, and what they are."""
        known = () if self.schema is None else self.schema.conditions
        column = next((own for own in known if own.name == raw.name), None) or self._told(raw)
        unseen = unseen_categories(raw, column)
        values = column_values(raw, column, self.source)
        if column.kind == "categorical":
            values = np.where(values < len(column.categories), values, np.nan)
        return _Read(column, values, unseen)

    def _told(self, raw: RawColumn) -> Column:
        """What a column is. Whole numbers with few different values are names here: of classes, of groups.

        Raises:
            InputError: If it says nothing about a row.
        """
        asked = dict(self.options.columns)
        found = profile(raw, raw.name in self.listed or asked.get(raw.name) == "categorical")
        ((found, *_), _) = resolved([found], dict(self.options.formats), asked, self.source)
        kind = asked.get(raw.name)
        if raw.name == self.options.weight:
            kind = _kind_of_weights(found)
        elif kind is None and raw.name not in self.listed:
            kind = _kind_of_names(found)
        decided = decide(found, kind, 0, self.source, self.listed.get(raw.name))
        if isinstance(decided, Column):
            return decided
        role = role_of(raw.name, self.options)
        got = f"{column_called(raw.name)} of {self.source}, which has {aside_words(decided)}"
        raise InputError(role, "a column whose values differ and recur", got, "name another column")


class _Read(NamedTuple):
    """A column that was read.

    Attributes:
        column: What it is.
        values: Its values, (N,): numbers or codes, NaN where there is none.
        unseen: Categories that a model has never seen, with the number of their cells.
    """

    column: Column
    values: Float64[np.ndarray, " N"]
    unseen: dict[str, int]


class _Cells:
    """The cells of a column, piece by piece.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self.name, self.rows = name, 0
        self._pieces: list[np.ndarray] = []
        self._words: dict[str, int] = {}
        self._is_text, self._native = False, ""

    def add(self, raw: RawColumn) -> None:
        """Takes the next cells."""
        numbers = raw.numbers
        if raw.words is not None:
            self._is_text = True
            places = np.array([*(self._words.setdefault(word, len(self._words)) for word in raw.words), np.nan])
            numbers = places[np.where(np.isnan(numbers), len(raw.words), numbers).astype(np.intp)]
        self._native = raw.native or self._native
        self._pieces.append(numbers)
        self.rows += len(numbers)

    def joined(self) -> RawColumn:
        """All cells."""
        words = tuple(self._words) if self._is_text else None
        return RawColumn(self.name, np.concatenate([np.empty(0), *self._pieces]), words, native=self._native)


def _kind_of_names(found: Profile) -> ColumnKind | None:
    """Categorical for whole numbers with few different values that vary; None lets the values tell."""
    numbers = numbers_told(found)
    if numbers is None or numbers.format or numbers.profile.is_constant:
        return None
    return "categorical" if numbers.profile.whole and numbers.profile.different is not None else None


def _kind_of_weights(found: Profile) -> ColumnKind:
    """Real numbers, even if all are equal.

    Raises:
        InputError: If they are no numbers.
    """
    if numbers_told(found) is None:
        words = [] if found.texts is None else sorted(found.texts.words or ())
        got = f"texts such as {name_called(words[0])}" if words else "no numbers"
        expected = f"numbers of at least 0 in {column_called(found.name)}"
        raise InputError("weight", expected, got, "name another column")
    return "real"


def _context(conditions: Sequence[_Read]) -> dict[str, np.ndarray]:
    """The context, with 0 where a condition is missing, and its mask if one is."""
    if not conditions:
        return {}
    values = np.stack([own.values for own in conditions], 1)
    missing = np.isnan(values)
    found = {"context": np.where(missing, 0, values)}
    return found | {"context_mask": ~missing} if missing.any() else found


def _weights(read: _Read) -> np.ndarray:
    """Weights of rows.

    Raises:
        InputError: If one is missing or negative, or all are 0.
    """
    values = read.values
    bad = np.flatnonzero(~(values >= 0))
    if len(bad) or not values.any():
        got = "only zeros" if not len(bad) else f"{_weight_said(values[bad[0]])} in row {bad[0]} (counting from 0)"
        remedy = "correct it, or leave such rows out"
        raise InputError("weight", f"numbers of at least 0 in {column_called(read.column.name)}", got, remedy)
    return values


def _weight_said(value: float) -> str:
    return "no value" if np.isnan(value) else f"{value:g}"


def _with(dataset: Dataset, values: Mapping[str, np.ndarray], rows: slice) -> Dataset:
    """Some rows with what stands beside them."""
    parts = {part: np.ascontiguousarray(own[rows]) for part, own in values.items()}
    return dataset.replace(**{part: InMemory(own) for part, own in parts.items()})
