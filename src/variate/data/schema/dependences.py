"""Columns that follow from others: copies, codes of one another, sums. A model learns such relations only nearly.

    b follows from a      no value of a comes with two values of b, though it recurs; a gap is a value of its own
    b is linear           b = c_0 + sum_j c_j a_j in all rows, up to the rounding of floating point

They are told from some rows, evenly spaced. Samples obey them: `variate.data.relations` computes such columns.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.config.schema import LARGEST, Column, Relation
from variate.data.schema.naming import drop, name_called
from variate.data.schema.number_formats import number_text
from variate.errors import Sentence

ROWS, LEAST_ROWS = 5_000, 50
"""How many rows are looked at, and how many there must be."""
MOST_COLUMNS = 100
"""Tables with more columns are not looked at: pairs grow with the square of their number."""
MOST_VALUES, LEAST_REPEATS = 100, 5
"""A column may decide another if it has at most so many values, each in at least so many rows on average."""
EXACT = 1e-9
"""A relation is exact if it misses by less than this part of the column's standard deviation."""
MOST_TERMS = 6
"""Columns on the other side of a linear relation that is worth a word."""
MOST_SEARCHED, MOST_CANDIDATES = 3, 12
"""Terms of the sums among which the plainest is looked for, and columns that they are made of."""
ROUNDING = 1e-14
"""Errors of floating point, as a part of the largest term of a sum."""
EXACT_DIGITS = 17
"""Significant digits that a number in floating point is read back from exactly."""
LISTED = 6


class Dependences(NamedTuple):
    """Columns that follow from others.

    Attributes:
        relations: How they follow, in an order in which they can be computed.
        notes: One sentence on them; none where there are none.
    """

    relations: tuple[Relation, ...] = ()
    notes: tuple[Sentence, ...] = ()


class _Found(NamedTuple):
    """What is said of a column that follows from others, and how it does; None where no value of a source decides."""

    told: str
    relation: Relation | None


def dependences(values: Float64[np.ndarray, "N D"], columns: Sequence[Column]) -> Dependences:
    """The columns that follow from others.

    Args:
        values: Rows of the table, NaN where a cell is missing.
        columns: Its columns.
    """
    if len(values) < LEAST_ROWS or len(columns) > MOST_COLUMNS:
        return Dependences()
    some = values[:: max(1, len(values) // ROWS)]
    names = [name_called(column.name) for column in columns]
    found = dict([*_by_value(some, values, names), *_linear(some, columns, names)])
    if not found:
        return Dependences()
    relations = _in_order([own.relation for own in found.values() if own.relation is not None])
    told, last = [own.told for own in found.values()], columns[max(found)].name
    more = f"; and {len(told) - LISTED} more" if len(told) > LISTED else ""
    note = Sentence(
        f"Columns that follow from others: {'; '.join(told[:LISTED])}{more}. A model learns this only nearly, so in "
        "samples such a column is computed from the others; ",
        drop(last),
        " leaves one out of the model.",
    )
    return Dependences(relations, (note,))


def _in_order(relations: Sequence[Relation]) -> tuple[Relation, ...]:
    """Relations in an order in which they can be computed; of a circle, one that is by value is left out."""
    kept: dict[int, Relation] = {}
    order: tuple[int, ...] = ()
    for relation in sorted(relations, key=lambda own: not own.factors):
        tried = {**kept, relation.place: relation}
        with suppress(CycleError):
            order = tuple(TopologicalSorter({place: own.sources for place, own in tried.items()}).static_order())
            kept = tried
    return tuple(kept[place] for place in order if place in kept)


def _by_value(some: np.ndarray, values: np.ndarray, names: Sequence[str]) -> Iterator[tuple[int, _Found]]:
    """Columns that are functions of a single other one with few values, by their positions."""
    codes = [np.unique(_with_gaps(column), return_inverse=True)[1] for column in some.T]
    sizes = [int(code.max()) + 1 for code in codes]
    few = [place for place, size in enumerate(sizes) if 1 < size <= MOST_VALUES and len(some) >= LEAST_REPEATS * size]
    decided: dict[int, tuple[int, str]] = {}
    for one, other in combinations(few, 2):
        pairs = len(np.unique(codes[one] * sizes[other] + codes[other]))
        if pairs == sizes[one] == sizes[other]:
            decided.setdefault(other, (one, f"{names[one]} and {names[other]} say the same"))
        elif pairs == sizes[one]:
            decided.setdefault(other, (one, f"{names[other]} follows from {names[one]}"))
        elif pairs == sizes[other]:
            decided.setdefault(one, (other, f"{names[one]} follows from {names[other]}"))
    for own, (source, told) in decided.items():
        yield own, _Found(told, _pairs(some, values, own, source))


def _with_gaps(column: np.ndarray) -> np.ndarray:
    """Values with a gap as one of them, the smallest."""
    return np.where(np.isnan(column), -np.inf, column)


def _pairs(some: np.ndarray, values: np.ndarray, own: int, source: int) -> Relation | None:
    """How a column follows by value; values of the source that do not decide it in all rows are left out."""
    keys, first = np.unique(_with_gaps(some[:, source]), return_index=True)
    decided = _with_gaps(some[first, own])
    every = _with_gaps(values[:, source])
    near = np.searchsorted(keys, every).clip(max=len(keys) - 1)
    broken = (keys[near] == every) & (decided[near] != _with_gaps(values[:, own]))
    kept = np.setdiff1d(np.arange(len(keys)), near[broken])
    texts = [tuple(None if number == -np.inf else number for number in side[kept].tolist()) for side in (keys, decided)]
    return Relation(own, (source,), keys=texts[0], values=texts[1]) if len(kept) else None


class _Sum(NamedTuple):
    """A column as a sum: positions of the columns on the other side, and their factors; scaled to a spread of 1."""

    places: tuple[int, ...]
    factors: Float64[np.ndarray, " terms"]

    @property
    def plainness(self) -> tuple[int, int]:
        """How many factors are not 1 or -1, and how many are not whole: what is least of these is read most easily."""
        rounded = np.abs([float(f"{factor:.6g}") for factor in self.factors])
        return int((rounded != 1).sum()), int((rounded % 1 != 0).sum())


def _linear(values: np.ndarray, columns: Sequence[Column], names: Sequence[str]) -> Iterator[tuple[int, _Found]]:
    """Columns of numbers that are sums of others, by their positions.

    A column is looked for among those before it, of which it is then told, and left out. Where some of these are sums
    themselves, several sums are right: the one with the fewest terms is told, and of these the plainest.
    """
    numeric = [place for place, column in enumerate(columns) if column.kind in ("real", "counts")]
    rows = values[:, numeric][~np.isnan(values[:, numeric]).any(1)]
    if len(rows) < max(LEAST_ROWS, 2 * len(numeric)):
        return
    std = rows.std(0)
    kept = [place for place in range(len(numeric)) if std[place] > 0]
    rows, std, numeric = rows[:, kept], std[kept], [numeric[place] for place in kept]
    standard = (rows - rows.mean(0)) / std
    basis, sums = list[int](), dict[int, _Sum]()
    for own in range(len(numeric)):
        found = _relation(standard, std, own, basis)
        if found is None:
            basis.append(own)
            continue
        found = _plainest(standard, std, own, found, sums)
        sums[own] = found
        if len(found.places) <= MOST_TERMS:
            told = f"{names[numeric[own]]} = {_said(rows, own, found, [names[n] for n in numeric])}"
            yield numeric[own], _Found(told, _exactly(values, rows, numeric, own, found))


def _relation(standard: np.ndarray, std: np.ndarray, own: int, others: Sequence[int]) -> _Sum | None:
    """A column as a sum of others; None where it is none."""
    if not others:
        return None
    before = standard[:, list(others)]
    weights = np.linalg.lstsq(before, standard[:, own], rcond=None)[0]
    if np.abs(before @ weights - standard[:, own]).max() >= EXACT:
        return None
    terms = [place for place, weight in enumerate(weights) if abs(weight) > EXACT]
    places = tuple(others[place] for place in terms)
    return _Sum(places, weights[terms] * std[own] / std[list(places)]) if terms else None


def _plainest(standard: np.ndarray, std: np.ndarray, own: int, found: _Sum, sums: Mapping[int, _Sum]) -> _Sum:
    """The sum with the fewest terms, among those of a sum's columns and of sums of these."""
    near = [place for place, other in sums.items() if set(other.places) & set(found.places)]
    candidates = sorted([*found.places, *near][:MOST_CANDIDATES])
    for size in range(1, min(len(found.places), MOST_SEARCHED) + 1) if near else ():
        some = (_relation(standard, std, own, others) for others in combinations(candidates, size))
        exact = [relation for relation in some if relation is not None and len(relation.places) == size]
        if exact:
            return min(exact, key=lambda relation: relation.plainness)
    return found


def _exactly(values: np.ndarray, rows: np.ndarray, numeric: Sequence[int], own: int, found: _Sum) -> Relation | None:
    """A sum with the shortest factors and constant that are as exact as those of least squares; None if one is too
    large.

    Args:
        values: Rows of the table.
        rows: Complete rows of the columns that `numeric` counts.
        numeric: Positions of these columns in the table.
        own: Which of them the sum is.
        found: The sum.
    """
    parts = rows[:, list(found.places)]
    limit = float(np.ptp(rows[:, own] - parts @ found.factors))
    limit += ROUNDING * float(np.abs([rows[:, own], *(parts * found.factors).T]).max())
    factors = next(few for few in _shortened(found.factors) if np.ptp(rows[:, own] - parts @ few) <= limit)
    rest = float(np.median(rows[:, own] - parts @ factors))
    constant = next(few[0] for few in ([0.0], *_shortened([rest])) if abs(few[0] - rest) <= limit)
    if max(map(abs, (*factors, constant))) > LARGEST:
        return None
    place, sources = numeric[own], tuple(numeric[part] for part in found.places)
    shares_gaps = np.array_equal(np.isnan(values[:, place]), np.isnan(values[:, sources]).any(1))
    return Relation(place, sources, factors=tuple(factors), constant=constant, shares_gaps=shares_gaps)


def _shortened(numbers: Iterable[float]) -> Iterator[list[float]]:
    """Numbers with 1, 2, ... significant digits, at last exact."""
    numbers = list(numbers)
    for digits in range(1, EXACT_DIGITS + 1):
        yield [float(f"{number:.{digits}g}") for number in numbers]


def _said(rows: np.ndarray, own: int, found: _Sum, names: Sequence[str]) -> str:
    """`2 'a' + 'b' - 3`."""
    rest = float(rows[0, own] - rows[0, list(found.places)] @ found.factors)
    parts = [
        (factor, f"{_factor(factor)}{names[place]}") for factor, place in zip(found.factors, found.places, strict=True)
    ]
    if abs(rest) > EXACT * max(1.0, float(np.abs(rows[:, own]).max())):
        parts.append((rest, number_text(float(f"{abs(rest):.6g}"))))
    first, *others = parts
    text = f"{'-' if first[0] < 0 else ''}{first[1]}"
    return text + "".join(f" {'-' if sign < 0 else '+'} {told}" for sign, told in others)


def _factor(factor: float) -> str:
    rounded = float(f"{abs(factor):.6g}")
    return "" if rounded == 1 else f"{number_text(rounded)} "
