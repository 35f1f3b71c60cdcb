r"""How far the values of a column are from those of the real column.

Numbers, with distribution functions F of the synthetic and G of the real column:

    distance   Kolmogorov-Smirnov, max |F - G|
    shift      1-Wasserstein, integral of |F - G|, in standard deviations of the real column: how far the values have to
               move on average until the two columns agree

Categories and bits, with shares p and q:

    distance   total variation, 1/2 sum |p - q|: the share of rows whose category has to change

A distance is over the cells that have a value. Where one of the columns has none, it is 1.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.comparison.estimates import Contrast, Shares, contrast, share
from variate.comparison.histograms import Histogram, histogram, text_of
from variate.comparison.rows import RowIndex, Values
from variate.config.schema import Column, ColumnKind
from variate.data.schema.grids import Grid, grid_of
from variate.statistics import Estimate

Cells = Float64[np.ndarray, " _"]
"""Values of a column, NaN where a cell is missing."""


class Frequent(NamedTuple):
    """The most frequent value of the real column.

    Attributes:
        value: As text.
        shares: Its share of the cells that have a value, in both columns.
    """

    value: str
    shares: Shares


class ColumnComparison(NamedTuple):
    """How one column of the synthetic table differs from the real one.

    Attributes:
        name: Its name.
        kind: The kind of its values.
        distance: Kolmogorov-Smirnov distance of numbers, total variation of categories and bits; between 0 and 1.
        shift: Of numbers, the 1-Wasserstein distance in standard deviations of the real column; else None.
        missing: Share of missing cells.
        outside: Share of values below the least or above the largest real one; of categories, of those that the real
            column does not have.
        off_grid: Of numbers that lie on a grid (whole numbers, two decimals, days), share of values beside it; else
            None.
        frequent: The most frequent real value; None if no value occurs twice.
        histogram: Shares by value, for a picture.
    """

    name: str
    kind: ColumnKind
    distance: Contrast
    shift: Contrast | None
    missing: Shares
    outside: Contrast
    off_grid: Contrast | None
    frequent: Frequent | None
    histogram: Histogram


def compare_columns(
    columns: Sequence[Column], synthetic: Values, real: Values, halves: Sequence[tuple[RowIndex, RowIndex]]
) -> tuple[ColumnComparison, ...]:
    """All columns in their order.

    Args:
        columns: What the columns are.
        synthetic: Rows of the synthetic table, (M, D).
        real: Rows of the real table, (N, D).
        halves: Numbers of the real rows of two halves, for each halving.
    """
    cells = zip(columns, synthetic.T, real.T, strict=True)
    return tuple(compare_column(column, own, other, halves) for column, own, other in cells)


def compare_column(
    column: Column, synthetic: Cells, real: Cells, halves: Sequence[tuple[RowIndex, RowIndex]]
) -> ColumnComparison:
    """One column; arguments as for `compare_columns`."""
    is_number = column.kind in ("real", "counts")
    has_grid = is_number and _grid(real) is not None
    return ColumnComparison(
        name=column.name,
        kind=column.kind,
        distance=contrast(kolmogorov_smirnov if is_number else total_variation, synthetic, real, halves),
        shift=contrast(standardised_shift, synthetic, real, halves) if is_number else None,
        missing=Shares(share(np.isnan(real)), share(np.isnan(synthetic))),
        outside=contrast(beyond if is_number else unseen, synthetic, real, halves),
        off_grid=contrast(beside_grid, synthetic, real, halves) if has_grid else None,
        frequent=_frequent(column, _known(real), _known(synthetic)),
        histogram=histogram(column, _known(real), _known(synthetic)),
    )


def kolmogorov_smirnov(synthetic: Cells, real: Cells) -> float:
    """The largest difference of the two distribution functions."""
    x, y = _known(synthetic), _known(real)
    return float(np.abs(_difference(x, y)[1]).max()) if len(x) and len(y) else 1.0


def standardised_shift(synthetic: Cells, real: Cells) -> float:
    """1-Wasserstein distance in standard deviations of the real values; NaN where it is not defined."""
    x, y = _known(synthetic), _known(real)
    if not len(x) or not len(y):
        return math.nan
    points, difference = _difference(x, y)
    moved, unit = float(np.abs(difference[:-1]) @ np.diff(points)), float(y.std())
    return moved / unit if unit > 0 else (0.0 if moved == 0 else math.nan)


def total_variation(synthetic: Cells, real: Cells) -> float:
    """Half of the sum of the differences of the shares of all values."""
    x, y = _known(synthetic), _known(real)
    if not len(x) or not len(y):
        return 1.0
    _, codes = np.unique(np.concatenate([x, y]), return_inverse=True)
    p, q = (np.bincount(part, minlength=codes.max() + 1) / len(part) for part in (codes[: len(x)], codes[len(x) :]))
    return float(np.abs(p - q).sum() / 2)


def beyond(synthetic: Cells, real: Cells) -> float:
    """The share of values outside the range of the real ones."""
    x, y = _known(synthetic), _known(real)
    return float(np.mean((x < y.min()) | (x > y.max()))) if len(x) and len(y) else 0.0


def unseen(synthetic: Cells, real: Cells) -> float:
    """The share of values that are none of the real ones."""
    x, y = _known(synthetic), _known(real)
    return float(np.mean(~np.isin(x, y))) if len(x) else 0.0


def beside_grid(synthetic: Cells, real: Cells) -> float:
    """The share of values that are not on the grid of the real ones; 0 where these have none."""
    x, grid = _known(synthetic), _grid(real)
    return float(np.mean(grid.is_off(x))) if len(x) and grid is not None else 0.0


def _grid(real: Cells) -> Grid | None:
    """The grid of the values; None where there is none, or a single value."""
    grid = grid_of(_known(real))
    return grid if grid is not None and grid.spacing else None


def _known(cells: Cells) -> Cells:
    """The cells that have a value."""
    return cells[~np.isnan(cells)]


def _difference(x: Cells, y: Cells) -> tuple[Cells, Cells]:
    """All values by size, and F - G at each of them."""
    points = np.sort(np.concatenate([x, y]))
    f, g = (np.searchsorted(np.sort(part), points, side="right") / len(part) for part in (x, y))
    return points, f - g


def _frequent(column: Column, real: Cells, synthetic: Cells) -> Frequent | None:
    values, counts = np.unique(real, return_counts=True)
    if counts.max(initial=0) < 2:
        return None
    value = values[counts.argmax()]
    own = share(synthetic == value) if len(synthetic) else Estimate(0.0, 0.0)
    return Frequent(text_of(float(value), column), Shares(share(real == value), own))
