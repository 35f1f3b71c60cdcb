"""Data that are read with the schema of a model, which grows by what the model has never seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Column, Relation, Schema
from variate.data.relations import computed
from variate.data.schema.growth import Extent, extent_of, grown_column, growth_notes
from variate.data.schema.naming import NAMELESS, drop, name_called
from variate.data.source import Source
from variate.data.storage.base import SAMPLE_BYTES, Storage
from variate.data.wording import list_names
from variate.errors import InputError, Sentence

SAME = 1e-6
"""Relative difference up to which a column follows from others."""


def grown_source(read: Callable[[Schema], Source], options: DataOptions, schema: Schema) -> Source:
    """Data with a schema that is the model's and holds them, too.

    Args:
        read: Reads them with a schema; called again if there are new categories, which have no code before.
        options: How they are read.
        schema: Of the model.

    Raises:
        InputError: If they have columns that the model does not have.
    """
    source = read(schema)
    unseen = source.unseen()
    _refuse_columns(unseen.columns, options, source.name)
    found = _extents(source, schema)
    every = {name for name, kind in options.columns if kind == "categorical"}

    def grown(columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple(
            grown_column(own, found[own.name], unseen.categories.get(own.name, {}), own.name in every)
            for own in columns
        )

    # Rows without a condition are left out, so none of these has gaps.
    conditions = tuple(
        replace(new, gaps=old.gaps) for old, new in zip(schema.conditions, grown(schema.conditions), strict=True)
    )
    larger = replace(schema, columns=grown(schema.columns), conditions=conditions)
    if any(unseen.categories.values()):
        source = read(larger)
    before = (*schema.columns, *schema.conditions)
    notes = growth_notes(before, (*larger.columns, *larger.conditions), found)
    kept = _holding(source, larger)
    if len(kept) < len(larger.relations):
        gone = [larger.columns[relation.place].name for relation in larger.relations if relation not in kept]
        notes.append(f"No longer follow from other columns: {list_names([name_called(name) for name in gone])}.")
    return source.replace(schema=replace(larger, relations=kept), notes=(*source.notes, *notes))


def _refuse_columns(names: Sequence[str], options: DataOptions, source: str) -> None:
    """Refuses columns that the model does not have, but for those that only decide the parts of the data.

    Raises:
        InputError: If there are any.
    """
    new = [name for name in names if name not in (*options.drop, options.split_by, options.split_time)]
    if new:
        got = f"other columns, too: {list_names([name or NAMELESS for name in new])}"
        remedy = Sentence("leave them out with ", drop(*new), ", or train a new model")
        raise InputError(source, "the columns of the model that it goes on from", got, remedy)


def _extents(source: Source, schema: Schema) -> dict[str, Extent]:
    """What the values of columns and conditions are, by name; all rows are read, a piece at a time."""
    found = {column.name: Extent() for column in (*schema.columns, *schema.conditions)}
    for data in (source.dataset, source.test):
        if data is None:
            continue
        for columns, values, mask in (
            (schema.columns, data.x, data.mask),
            (schema.conditions, data.context, data.context_mask),
        ):
            for piece in _pieces(values, mask) if columns and values is not None else ():
                for column, own in zip(columns, piece.T, strict=True):
                    found[column.name] = found[column.name].joined(extent_of(own, column))
    return found


def _pieces(values: Storage, mask: Storage | None) -> Iterator[np.ndarray]:
    """Rows, (n, columns), NaN where a cell is missing."""
    size = values.limit(SAMPLE_BYTES)
    for start in range(0, len(values), size):
        index = np.arange(start, min(start + size, len(values)))
        own = values.take(index)
        yield own if mask is None else np.where(mask.take(index), own, np.nan)


def _holding(source: Source, schema: Schema) -> tuple[Relation, ...]:
    """The relations that no row contradicts; of rows on disk, which are not looked at for this, all."""
    if not schema.relations or not source.in_memory:
        return schema.relations
    mask = source.dataset.mask
    rows = np.concatenate(list(_pieces(source.x, mask)))

    def holds(relation: Relation) -> bool:
        own = rows[:, relation.place]
        expected = computed(rows, [relation], schema.columns, gaps=False)[:, relation.place]
        return bool((np.isnan(own) | np.isclose(expected, own, rtol=SAME, atol=0)).all())

    return tuple(relation for relation in schema.relations if holds(relation))
