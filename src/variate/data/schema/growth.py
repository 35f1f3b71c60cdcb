"""How the columns of a model grow, so that they can hold other data: new categories, wider ranges, first gaps.

    categories    appended, so that the codes of the others stay; those that are too many share one more code, `other`
    range         widened, by whole steps where the column has a grid
    gaps          allowed
    the rest      stays: name, kind, format, grid, atoms

A grid does not become finer: each number that a model knows would be one of several points then, and would lose the
logarithm of their number in nats. Numbers between its points are taken for the nearest point, as always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from variate.config.schema import Column
from variate.data.schema.columns import MOST_CATEGORIES, OTHER
from variate.data.schema.grids import TOLERANCE, WRITTEN_DECIMALS, decimals_of
from variate.data.schema.naming import cell_called, name_called
from variate.data.schema.number_formats import is_number_name, number_text
from variate.data.schema.origin import as_they_came
from variate.data.wording import list_names, plural

LISTED = 10
"""Columns that a sentence names."""


class Extent(NamedTuple):
    """What the values of a column were found to be.

    Attributes:
        low: The smallest; inf without a value.
        high: The largest; -inf without a value.
        gaps: Whether a cell is missing.
        between: Number of values between the points of the column's grid.
    """

    low: float = np.inf
    high: float = -np.inf
    gaps: bool = False
    between: int = 0

    def joined(self, other: "Extent") -> "Extent":
        """That of two pieces of a column."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Extent(low, high, self.gaps or other.gaps, self.between + other.between)


def extent_of(values: np.ndarray, column: Column) -> Extent:
    """What some values of a column are, NaN where a cell is missing."""
    seen = values[~np.isnan(values)]
    if not len(seen):
        return Extent(gaps=True)
    between = 0
    if column.step and column.low is not None:
        steps = (seen - column.low) / column.step
        between = int(np.count_nonzero(np.abs(steps - np.rint(steps)) > TOLERANCE))
    return Extent(float(seen.min()), float(seen.max()), len(seen) < len(values), between)


def grown_column(column: Column, found: Extent, unseen: Mapping[str, int], keep_all: bool) -> Column:
    """A column that holds other values, too.

    Args:
        column: The column of a model.
        found: What the other values are.
        unseen: Categories that the column does not have, with the number of their cells.
        keep_all: Whether every category is to have a code of its own, however many there are.
    """
    column = replace(column, gaps=column.gaps or found.gaps)
    if column.kind == "categorical" and unseen:
        return _with_categories(column, unseen, keep_all)
    if column.low is None or column.high is None or column.kind == "categorical":
        return column
    if not column.step:
        return replace(column, low=min(column.low, found.low), high=max(column.high, found.high))
    below, above = (column.low - found.low) / column.step, (found.high - column.high) / column.step
    low, high = (
        _point(column, end + sign * column.step * max(0, np.ceil(steps - TOLERANCE))) if steps > TOLERANCE else end
        for end, sign, steps in ((column.low, -1, below), (column.high, 1, above))
    )
    return replace(column, low=low, high=high)


def _point(column: Column, number: float) -> float:
    """A point of the grid as reading its decimals gives it."""
    decimals = decimals_of(np.array([column.low, column.step]))
    return float(np.round(number, WRITTEN_DECIMALS if decimals is None else decimals))


def _with_categories(column: Column, unseen: Mapping[str, int], keep_all: bool) -> Column:
    """A column with more categories: all, or the most frequent and one for all others."""
    ordered = None if column.ordered is None else False  # where the new ones belong is not known
    room = len(unseen) if keep_all else MOST_CATEGORIES - len(column.categories)
    if len(unseen) <= room:
        return replace(column, categories=(*column.categories, *_sorted(unseen)), ordered=ordered)
    frequent = sorted(unseen, key=lambda name: (-unseen[name], name))[: max(0, room - 1)]
    names = (*column.categories, *_sorted(frequent))
    other = OTHER if OTHER not in names else f"({OTHER})"
    return replace(column, categories=(*names, other), pooled=True, ordered=ordered)


def _sorted(names: Sequence[str] | Mapping[str, int]) -> list[str]:
    """Names in the order of the alphabet, or by size if they are numbers."""
    return sorted(names, key=float) if all(map(is_number_name, names)) else sorted(names)


def growth_notes(before: Sequence[Column], after: Sequence[Column], found: Mapping[str, Extent]) -> list[str]:
    """What grew, one sentence for each way in which columns do, and what did not.

    Args:
        before: The columns of the model.
        after: The same, grown.
        found: What the values are, by the names of the columns.
    """
    pairs = list(zip(before, after, strict=True))
    categories = [
        f"{name_called(old.name)} ({list_names([cell_called(name) for name in new.categories[len(old.categories) :]])})"
        for old, new in pairs
        if old.categories != new.categories
    ]
    ranges = [
        f"{name_called(old.name)} ({_range(old)}, now {_range(new)})"
        for old, new in pairs
        if (old.low, old.high) != (new.low, new.high)
    ]
    gaps = [name_called(old.name) for old, new in pairs if old.gaps != new.gaps]
    between = {name: own.between for name, own in found.items() if own.between}
    off = [f"{name_called(name)} ({plural(number, 'cell')})" for name, number in between.items()]
    return [
        *([f"New categories: {list_names(categories, LISTED)}."] if categories else []),
        *([f"Wider ranges: {list_names(ranges, LISTED)}."] if ranges else []),
        *([f"Missing cells, as the model has not seen them before: {list_names(gaps, LISTED)}."] if gaps else []),
        *([f"Numbers between the model's steps are taken for the nearest one: {list_names(off, LISTED)}."] * bool(off)),
    ]


def _range(column: Column) -> str:
    assert column.low is not None
    assert column.high is not None
    if not column.format:
        return f"{number_text(column.low)} to {number_text(column.high)}"
    low, high = as_they_came(np.array([column.low, column.high]), column)
    return f"{low} to {high}"
