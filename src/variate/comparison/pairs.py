r"""How far two columns hang together in the synthetic table as they do in the real one.

    two numbers    half of the difference of their rank correlations, |rho - rho'| / 2
    other pairs    total variation of their contingency tables, 1/2 sum |p_ij - p'_ij|

Both are between 0 and 1. For the second, numbers are cut at the deciles of the real column, and of a column with more
than ten categories, the rarest are one; so a table has at most 100 cells. Rows with a gap in one of the two columns are
left out. All pairs are computed at once: with one-hot rows X, the cells of all tables are those of X^T X.

References:
    SDMetrics' quality report (DataCebo, 2023), which takes the correlation of the values, not of their ranks
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from variate.comparison.estimates import Contrast, placements
from variate.comparison.rows import RowIndex, Values
from variate.config.schema import Column

GROUPS = 10
"""Groups that the values of a column are sorted into."""
ROWS_AT_ONCE = 10_000
"""One-hot rows that are in memory at a time."""


class PairComparison(NamedTuple):
    """How two columns hang together.

    Attributes:
        first: Name of a column.
        second: Name of a later one.
        distance: Of their associations in the two tables, between 0 and 1.
        real: Of two numbers, their rank correlation in the real table; else None.
        synthetic: The same in the synthetic table.
    """

    first: str
    second: str
    distance: Contrast
    real: float | None
    synthetic: float | None


def compare_pairs(
    columns: Sequence[Column], synthetic: Values, real: Values, halves: Sequence[tuple[RowIndex, RowIndex]]
) -> tuple[PairComparison, ...]:
    """All pairs of columns, the one with the largest excess over its yardstick first.

    Args:
        columns: What the columns are.
        synthetic: Rows of the synthetic table, (M, D).
        real: Rows of the real table, (N, D).
        halves: Numbers of the real rows of two halves, for each halving.
    """
    names = [column.name for column in columns]
    numbers = np.array([column.kind in ("real", "counts") for column in columns])
    own, other = (groups(columns, part, real) for part in (synthetic, real))
    pieces = [(synthetic, own, real, other)]
    pieces += [(real[a], other[a], real[b], other[b]) for a, b in halves]
    correlations = [rank_correlations(part[:, numbers]) for part in (synthetic, real)]
    value, *beside = (_distances(numbers, *piece) for piece in pieces)
    yardstick = np.mean(beside, axis=0)
    place = dict(zip(np.flatnonzero(numbers).tolist(), range(len(names)), strict=False))
    found = []
    for i, j in combinations(range(len(names)), 2):
        both = (place[i], place[j]) if i in place and j in place else None
        made, true = (None if both is None else float(known[both]) for known in correlations)
        distance = Contrast(float(value[i, j]), float(yardstick[i, j]))
        found.append(PairComparison(names[i], names[j], distance, true, made))
    return tuple(sorted(found, key=lambda pair: -pair.distance.excess))


def _distances(
    numbers: np.ndarray, x: Values, x_groups: np.ndarray, y: Values, y_groups: np.ndarray
) -> Float64[np.ndarray, "D D"]:
    """The distances of all pairs between two tables."""
    found = np.abs(contingency(x_groups) - contingency(y_groups)).sum(axis=(1, 3)) / 2
    found[(contingency(x_groups).sum(axis=(1, 3)) == 0) | (contingency(y_groups).sum(axis=(1, 3)) == 0)] = 1.0
    difference = rank_correlations(x[:, numbers]) - rank_correlations(y[:, numbers])
    found[np.ix_(numbers, numbers)] = np.abs(difference) / 2
    return found


def groups(columns: Sequence[Column], values: Values, real: Values) -> Int[np.ndarray, "_ D"]:
    """The group of each cell, 0 .. `GROUPS` - 1; -1 where it is missing.

    Args:
        columns: What the columns are.
        values: The cells, (N, D).
        real: The real table, which decides the groups.
    """
    found = np.empty(values.shape, dtype=np.int64)
    for j, column in enumerate(columns):
        cells, known = values[:, j], real[~np.isnan(real[:, j]), j]
        filled = np.where(np.isnan(cells), 0.0, cells)
        if column.kind in ("real", "counts"):
            cuts = np.quantile(known, np.arange(1, GROUPS) / GROUPS) if len(known) else np.empty(0)
            grouped = np.searchsorted(cuts, filled, side="left")
        else:
            counts = np.bincount(known.astype(np.intp), minlength=max(len(column.categories), 2) + 1)
            place = np.empty(len(counts), dtype=np.int64)
            place[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(len(counts)), GROUPS - 1)
            grouped = place[filled.astype(np.intp)]
        found[:, j] = np.where(np.isnan(cells), -1, grouped)
    return found


def contingency(grouped: Int[np.ndarray, "N D"]) -> Float64[np.ndarray, "D G D G"]:
    """The shares of all combinations of groups of all pairs of columns, among rows in which neither is missing."""
    columns = grouped.shape[1]
    sums = np.zeros((columns * GROUPS, columns * GROUPS))
    for start in range(0, len(grouped), ROWS_AT_ONCE):
        some = grouped[start : start + ROWS_AT_ONCE, :, None] == np.arange(GROUPS)
        hot = some.reshape(len(some), -1).astype(np.float32)  # sums of which are exact up to 2^24
        sums += hot.T @ hot
    counts = sums.reshape(columns, GROUPS, columns, GROUPS)
    return counts / np.maximum(counts.sum(axis=(1, 3), keepdims=True), 1)


def rank_correlations(values: Values) -> Float64[np.ndarray, "D D"]:
    """Spearman's correlations of all pairs, over the rows in which neither is missing; 0 where one is constant.

    Ranks are those among all values of a column.
    """
    known = ~np.isnan(values)
    ranks = np.zeros(values.shape)
    for j, own in enumerate(known.T):
        cells = values[own, j]
        ranks[own, j] = placements(cells, cells) - 0.5
    mask = known.astype(np.float64)
    number = np.maximum(mask.T @ mask, 1)
    first = ranks.T @ mask  # of column i over the rows in which j is known too
    spread = (ranks**2).T @ mask - first**2 / number
    together = ranks.T @ ranks - first * first.T / number
    scale = np.sqrt(np.maximum(spread * spread.T, 0))
    return np.where(scale > 1e-12, together / np.where(scale > 1e-12, scale, 1), 0.0)
