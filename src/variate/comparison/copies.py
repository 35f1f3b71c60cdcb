r"""How much of the real table is in the synthetic one: rows that are copies, and rows that are nearly.

A generator that learned draws new rows. Some of them equal a real row by chance, and each has a nearest real row. Real
rows that the generator has not seen say how often that happens, and how near the nearest row is:

    known        the rows that it was trained on; where they are not known, all real rows
    fresh        real rows that it was not trained on; where they are not known, each real row beside all others, to
                 count equal rows, and one half of the real rows beside the other half, to measure distances

The distance of two rows is the mean over the columns (Gower, 1971) of

    numbers      |F(a) - F(b)|, with F(a) the share of the known rows that have a smaller value
    categories   0 if they are equal, else 1

So it is between 0 and 1, depends on no unit, and is not decided by a few large values. Two gaps are equal; a gap beside
a value counts as much as two random known rows differ in that column. Many generators draw rows without gaps: in
columns where the synthetic table has none, it is given the gaps of random real rows, so that both are measured alike.
Distances are computed a few rows at a time, so memory is bounded.

References:
    A general coefficient of similarity and some of its properties (Gower, 1971)
    Extending Gower's general coefficient of similarity to ordinal characters (Podani, 1999)
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from variate.comparison.estimates import Shares, bootstrapped, share
from variate.comparison.rows import TableRows, Values, chance, chosen, halvings, with_gaps_of
from variate.config.schema import Schema
from variate.statistics import Estimate

MOST_QUERIES = 2_000
"""Rows of each table whose nearest real row is looked for."""
TILE = 2**22
"""Distances that are in memory at a time."""
LEVELS = (0.05, 0.5)
"""Quantiles of the distances."""


class Nearest(NamedTuple):
    """Quantiles of the distance to the nearest known row.

    Attributes:
        low: The 5 % quantile.
        median: The median.
    """

    low: Estimate
    median: Estimate


class Copies(NamedTuple):
    """How much of the real table is in the synthetic one.

    Attributes:
        exact: The share of rows that equal a known row: of fresh real rows, and of synthetic rows.
        repeated: The share of known rows that equal another one; the former is about as large if those rows are fresh.
        real: Distances of fresh real rows to the nearest known row.
        synthetic: Distances of synthetic rows to the nearest known row.
        num_known: Number of known rows, for the exact copies.
        num_near: Number of known rows, for the distances.
        of_training: Whether the known rows are the training rows of the generator; else they are all real rows.
    """

    exact: Shares
    repeated: Estimate
    real: Nearest
    synthetic: Nearest
    num_known: int
    num_near: int
    of_training: bool


def find_copies(
    schema: Schema, synthetic: TableRows, known: TableRows, fresh: TableRows | None, most: int, seed: int
) -> Copies:
    """Looks for copies.

    Args:
        schema: What the columns are.
        synthetic: Rows of the synthetic table.
        known: Real rows that the generator may have copied.
        fresh: Real rows that it did not know; None compares the known rows with one another.
        most: Most known rows that distances are computed to.
        seed: Seed of the choice of rows and of the resampling.
    """
    again = share(has_equal(known))
    own_share = again if fresh is None else share(np.isin(fresh.digests, known.digests))
    exact = Shares(own_share, share(np.isin(synthetic.digests, known.digests)))
    if fresh is None:
        both = chosen(known, 2 * most, seed, "known")
        near, own = (both.select(half) for half in halvings(len(both), len(both), seed)[0])
    else:
        near, own = chosen(known, most, seed, "known"), fresh
    own, made = (chosen(rows, MOST_QUERIES, seed, what) for rows, what in ((own, "fresh"), (synthetic, "synthetic")))
    asked = own.values, with_gaps_of(made.values, own.values, seed)
    real, drawn, there = (scaled_rows(schema, values, near.values) for values in (*asked, near.values))
    average = mean_differences(schema, there)
    quantiles = [
        _quantiles(distances, seed) for distances in (nearest(real, there, average), nearest(drawn, there, average))
    ]
    return Copies(exact, again, quantiles[0], quantiles[1], len(known), len(near), of_training=fresh is not None)


def has_equal(rows: TableRows) -> np.ndarray:
    """Which rows equal another one."""
    _, number, counts = np.unique(rows.digests, return_inverse=True, return_counts=True)
    return counts[number] > 1


def scaled_rows(schema: Schema, values: Values, known: Values) -> Float32[np.ndarray, "_ D"]:
    """Numbers as shares of the known rows below them, from 0 to 1, and categories as their codes; NaN for gaps."""
    found = np.empty(values.shape, dtype=np.float32)
    for j, column in enumerate(schema.columns):
        cells, reference = values[:, j], known[~np.isnan(known[:, j]), j]
        if column.kind in ("real", "counts") and len(reference):
            points, counts = np.unique(reference, return_counts=True)
            found[:, j] = np.interp(cells, points, (np.cumsum(counts) - counts / 2) / len(reference))
        else:
            found[:, j] = cells
    return found


def nearest(
    queries: Float32[np.ndarray, "Q D"],
    known: Float32[np.ndarray, "N D"],
    average: Float32[np.ndarray, " D"],
) -> Float64[np.ndarray, " Q"]:
    """The distance of each row to the nearest known row.

    Args:
        queries: Rows from `scaled_rows`.
        known: The same of the known rows.
        average: How much two random known rows differ in each column.
    """
    found = []
    for part in _tiles(len(queries), len(known)):
        found.append(_distances(queries[part], known, average).min(axis=1))
    return np.concatenate(found).astype(np.float64)


def mean_differences(schema: Schema, known: Float32[np.ndarray, "N D"]) -> Float32[np.ndarray, " D"]:
    """How much two random rows differ in each column; 1 where none has a value.

    Args:
        schema: What the columns are.
        known: Rows from `scaled_rows`.
    """
    found = np.ones(len(schema.columns), dtype=np.float32)
    for j, column in enumerate(schema.columns):
        values, counts = np.unique(known[~np.isnan(known[:, j]), j].astype(np.float64), return_counts=True)
        shares = counts / max(1, counts.sum())
        if column.kind in ("real", "counts") and len(values):
            found[j] = 2 * (shares * values * (2 * np.cumsum(shares) - shares - 1)).sum()
        elif len(values):
            found[j] = 1 - (shares**2).sum()
    return found


def _tiles(num_queries: int, num_known: int) -> Iterator[slice]:
    size = max(1, TILE // num_known)
    return (slice(start, start + size) for start in range(0, num_queries, size))


def _distances(
    x: Float32[np.ndarray, "B D"], y: Float32[np.ndarray, "N D"], average: Float32[np.ndarray, " D"]
) -> Float32[np.ndarray, "B N"]:
    """The distances of all pairs of rows; `average` is how much two random rows differ in each column."""
    total, part = np.zeros((len(x), len(y)), np.float32), np.empty((len(x), len(y)), np.float32)
    for own, other, gap in zip(x.T, y.T, average, strict=True):
        np.abs(np.subtract.outer(own, other, out=part), out=part)
        np.minimum(part, 1, out=part)  # codes of different categories differ by 1 or more
        missing, absent = np.isnan(own), np.isnan(other)
        if missing.any() or absent.any():
            part[np.ix_(missing, ~absent)] = part[np.ix_(~missing, absent)] = gap
            part[np.ix_(missing, absent)] = 0
        total += part
    return total / np.float32(x.shape[1])


def _quantiles(distances: Float64[np.ndarray, " Q"], seed: int) -> Nearest:
    def statistic(index: np.ndarray) -> np.ndarray:
        return np.quantile(distances[index], LEVELS)

    return Nearest(*bootstrapped(statistic, len(distances), chance(seed, "quantiles")))
