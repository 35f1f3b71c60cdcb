"""Columns that follow from others: copies, codes of one another, sums. A model learns such relations only nearly.

    b follows from a      no value of a comes with two values of b, though it recurs; a gap is a value of its own
    b is linear           b = c_0 + sum_j c_j a_j in all rows, up to the rounding of floating point

They are told from some rows, evenly spaced.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.config.schema import Column
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
LISTED = 6


def dependence_notes(values: Float64[np.ndarray, "N D"], columns: Sequence[Column]) -> list[Sentence]:
    """One sentence on the columns that follow from others; none where there are none.

    Args:
        values: Rows of the table, NaN where a cell is missing.
        columns: Its columns.
    """
    if len(values) < LEAST_ROWS or len(columns) > MOST_COLUMNS:
        return []
    some = values[:: max(1, len(values) // ROWS)]
    names = [name_called(column.name) for column in columns]
    found = dict([*_by_value(some, names), *_linear(some, columns, names)])
    if not found:
        return []
    relations, last = list(found.values()), columns[max(found)].name
    more = f"; and {len(relations) - LISTED} more" if len(relations) > LISTED else ""
    told = "; ".join(relations[:LISTED]) + more
    return [
        Sentence(
            f"Columns that follow from others: {told}. A model learns this only nearly; where samples have to obey it, "
            "leave such a column out with ",
            drop(last),
            " and compute it afterwards.",
        )
    ]


def _by_value(values: np.ndarray, names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Columns that are functions of a single other one with few values, by their positions."""
    codes = [np.unique(np.where(np.isnan(column), -np.inf, column), return_inverse=True)[1] for column in values.T]
    sizes = [int(code.max()) + 1 for code in codes]
    few = [place for place, size in enumerate(sizes) if 1 < size <= MOST_VALUES and len(values) >= LEAST_REPEATS * size]
    decided: dict[int, str] = {}
    for one, other in combinations(few, 2):
        pairs = len(np.unique(codes[one] * sizes[other] + codes[other]))
        if pairs == sizes[one] == sizes[other]:
            decided.setdefault(other, f"{names[one]} and {names[other]} say the same")
        elif pairs == sizes[one]:
            decided.setdefault(other, f"{names[other]} follows from {names[one]}")
        elif pairs == sizes[other]:
            decided.setdefault(one, f"{names[one]} follows from {names[other]}")
    yield from decided.items()


class _Relation(NamedTuple):
    """A column as a sum: positions of the columns on the other side, and their factors; scaled to a spread of 1."""

    places: tuple[int, ...]
    factors: Float64[np.ndarray, " terms"]

    @property
    def plainness(self) -> tuple[int, int]:
        """How many factors are not 1 or -1, and how many are not whole: what is least of these is read most easily."""
        rounded = np.abs([float(f"{factor:.6g}") for factor in self.factors])
        return int((rounded != 1).sum()), int((rounded % 1 != 0).sum())


def _linear(values: np.ndarray, columns: Sequence[Column], names: Sequence[str]) -> Iterator[tuple[int, str]]:
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
    basis, sums = list[int](), dict[int, _Relation]()
    for own in range(len(numeric)):
        found = _relation(standard, std, own, basis)
        if found is None:
            basis.append(own)
            continue
        found = _plainest(standard, std, own, found, sums)
        sums[own] = found
        if len(found.places) <= MOST_TERMS:
            yield numeric[own], f"{names[numeric[own]]} = {_sum(rows, own, found, [names[n] for n in numeric])}"


def _relation(standard: np.ndarray, std: np.ndarray, own: int, others: Sequence[int]) -> _Relation | None:
    """A column as a sum of others; None where it is none."""
    if not others:
        return None
    before = standard[:, list(others)]
    weights = np.linalg.lstsq(before, standard[:, own], rcond=None)[0]
    if np.abs(before @ weights - standard[:, own]).max() >= EXACT:
        return None
    terms = [place for place, weight in enumerate(weights) if abs(weight) > EXACT]
    places = tuple(others[place] for place in terms)
    return _Relation(places, weights[terms] * std[own] / std[list(places)]) if terms else None


def _plainest(
    standard: np.ndarray, std: np.ndarray, own: int, found: _Relation, sums: Mapping[int, _Relation]
) -> _Relation:
    """The sum with the fewest terms, among those of a sum's columns and of sums of these."""
    near = [place for place, other in sums.items() if set(other.places) & set(found.places)]
    candidates = sorted([*found.places, *near][:MOST_CANDIDATES])
    for size in range(1, min(len(found.places), MOST_SEARCHED) + 1) if near else ():
        some = (_relation(standard, std, own, others) for others in combinations(candidates, size))
        exact = [relation for relation in some if relation is not None and len(relation.places) == size]
        if exact:
            return min(exact, key=lambda relation: relation.plainness)
    return found


def _sum(rows: np.ndarray, own: int, found: _Relation, names: Sequence[str]) -> str:
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
