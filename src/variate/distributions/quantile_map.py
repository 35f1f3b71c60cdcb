r"""Numbers of columns as normal scores: a monotone map per column under which its numbers are standard normal.

A column's distribution function F is estimated from training rows: piecewise linear between some of their quantiles.
The normal score of x is y = Phi^-1(F(x)). Whatever a column looks like (several peaks, heavy tails, a sharp bound), its
scores are close to a standard normal, and a simple distribution of scores is a fitting one of the numbers.

What a number stands for in scores is its cell, an interval (a, b]:

    on a grid of spacing h    a = y(x - h/2), b = y(x + h/2): all that rounds to x
    an atom                   a = y(x-), b = y(x): F jumps at x, where many of the numbers are exactly x
    any other number          the point a = b = y(x), with the density dy/dx in place of a width

So a density of scores p(y) gives a grid or an atom the mass of its cell, and other numbers the density p(y) dy/dx. On a
grid the cells at the ends of the range are open, a = -inf and b = inf. Without one, scores are cut off at the ends of
the range, at 1 / (N + 3) of the probability, and p(y) is to be normalised between them.

A cell may be far less probable than F is exact: a column of amounts up to 10^10 with four decimals has 10^14 cells. So
no small number is computed as the difference of large ones. The edges of the cells of a grid lie between its points,
and the knots lie on such edges; a cell is in one piece of F, and its mass is h dF/dx. A share above 1/2 is kept by what
is missing to 1, and the width of a narrow cell is its mass over phi(y).
"""

import math
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

MOST_KNOTS = 513
"""Knots per column at most: 256 values with a cell of their own, or some frequent values and some quantiles."""
KNOTS_PER_ROOT = 2.0
"""Quantiles of a column without ties, as a multiple of the square root of the number of rows."""
LEAST_QUANTILES, MOST_QUANTILES = 16, 256
FREQUENT_SHARE, FREQUENT_ROWS = 1 / 128, 3
"""On a grid, a value has a cell of its own if at least so many of the rows have it."""
SINGLES = 0.05
"""A column repeats its values if at most this share of its numbers occurs once."""
ROUNDING = 1e-6
"""Part of a step by which a point of a grid may be missed in floating point."""
LEAST_SHARE = 2.0**-53
"""Over the whole range, F rises by at least this: shares are rounded to it, so that a piece may seem to be level."""
NARROW = 1e-4
"""Width of a cell below which phi is constant in it, to a relative error of the square of this."""
LOG_2PI = math.log(2 * math.pi)


class Cells(NamedTuple):
    """Intervals of normal scores, (*batch, columns), float64.

    Attributes:
        lower: Lower end a; 0 where it is -inf.
        upper: Upper end b; 0 where it is inf.
        is_open_below: Whether a is -inf.
        is_open_above: Whether b is inf.
        width: b - a; 0 where one of them is infinite.
        is_mass: Whether it is an interval; else a = b, and what counts is the density there.
    """

    lower: Tensor
    upper: Tensor
    is_open_below: Tensor
    is_open_above: Tensor
    width: Tensor
    is_mass: Tensor


class Located(NamedTuple):
    """Numbers in terms of scores, (*batch, columns), float64.

    Attributes:
        cells: Their cells; of a number outside the range, that of the nearest within.
        log_slope: Log of dy/dx for numbers with a density, else 0.
        log_share: Log of F(b) - F(a), or of dF/dx: the log-probability of the number in its column as a whole.
        distance: How far the number lies outside the range, as a multiple of the range; 0 inside.
    """

    cells: Cells
    log_slope: Tensor
    log_share: Tensor
    distance: Tensor


class QuantileMap(NamedTuple):
    """The maps of some columns.

    Attributes:
        knots: Numbers in ascending order, (columns, Q), float64, from the lower to the upper end of the range. A number
            that occurs twice is an atom. Surplus knots repeat the last.
        shares: F at the knots, (columns, Q), float64.
        step: Spacing of the grid, (columns,), float64; 0 for columns without one.
        low: The smallest number, (columns,), float64.
        high: The largest number, (columns,), float64.
        decimals: 10^d for numbers on a grid with d decimals, (columns,), float64.
    """

    knots: Tensor
    shares: Tensor
    step: Tensor
    low: Tensor
    high: Tensor
    decimals: Tensor

    @property
    def on_grid(self) -> Tensor:
        """Which columns have a grid, (columns,)."""
        return self.step > 0

    @property
    def span(self) -> Tensor:
        """Length of the range, (columns,); 1 where it is a single number."""
        length = self.knots[:, -1] - self.knots[:, 0]
        return torch.where(length > 0, length, 1)

    @property
    def range_cells(self) -> Cells:
        """All scores of the range as one cell per column, (columns,)."""
        first, last = (_Edge(share, 1 - share) for share in (self.shares[:, 0], self.shares[:, -1]))
        mass = last.below - first.below
        return _cells(first, last, mass, mass > 0)

    def rounded(self, x: Tensor) -> Tensor:
        """The points of the grids nearest to numbers, (*batch, columns); other numbers as they are."""
        return self._on_grid(x, torch.round((x - self.low) / self.step))

    def rounded_up(self, x: Tensor) -> Tensor:
        """The least points of the grids that are at least x, (*batch, columns); other numbers as they are."""
        return self._on_grid(x, torch.ceil((x - self.low) / self.step - ROUNDING))

    def _on_grid(self, x: Tensor, steps: Tensor) -> Tensor:
        """The numbers so many steps above the smallest, as reading their decimals gives them; without a grid x."""
        point = self.low + self.step * steps
        exact = torch.round(point * self.decimals) / self.decimals
        return torch.where(self.on_grid, torch.where(exact.isfinite(), exact, point), x)

    def locate(self, x: Tensor) -> Located:
        """Finite numbers, (*batch, columns), in terms of scores."""
        x = self.rounded(x.double())
        ends, rise, is_mass = self._around(x.clamp(self.low, self.high))
        unit = torch.where(self.on_grid, self.step, 1)
        cells = _cells(*ends, rise * unit, is_mass)
        log_rise = rise.log()
        log_slope = torch.where(is_mass, 0, log_rise + 0.5 * cells.lower.square() + 0.5 * LOG_2PI)
        distance = torch.maximum(self.knots[:, 0] - x, x - self.knots[:, -1]).clamp(min=0) / self.span
        return Located(cells, log_slope, log_rise + unit.log(), distance)

    def scores(self, x: Tensor) -> Tensor:
        """One normal score per number, (*batch, columns), float64: that of the middle of its share."""
        (lower, upper), *_ = self._around(self.rounded(x.double()).clamp(self.low, self.high))
        return _Edge((lower.below + upper.below) / 2, (lower.above + upper.above) / 2).score

    def inverse(self, y: Tensor) -> Tensor:
        """The numbers, (*batch, columns), float64, whose cells hold normal scores; all are within the range."""
        x = _interpolated(torch.special.ndtr(y.double()), self.shares, self.knots)
        return self.rounded(x).clamp(self.low, self.high)

    def refined(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """The knots and shares of the maps with a knot more at each of some scores, (columns, Q + scores) each."""
        more = torch.special.ndtr(scores).expand(len(self.shares), -1)
        more = more.clamp(self.shares[:, :1], self.shares[:, -1:])
        x = _interpolated(more.T, self.shares, self.knots)
        shares, order = torch.cat([self.shares, more], 1).sort(dim=1, stable=True)
        knots = torch.cat([self.knots, x.T], 1).gather(1, order)
        return knots.cummax(1).values, shares

    def _around(self, x: Tensor) -> tuple[tuple["_Edge", "_Edge"], Tensor, Tensor]:
        """What F is around numbers within the range, (*batch, columns).

        Returns:
            The two ends of each cell; dF/dx, or how far F jumps at an atom; and whether the cell has a mass.
        """
        half = self.step / 2
        below = _Piece(*_pieces(x, self.knots, self.shares, right=False))
        above = _Piece(*_pieces(x, self.knots, self.shares, right=True))
        above = _Piece(*(torch.where(self.on_grid, own, other) for own, other in zip(below, above, strict=True)))
        ends = below.edge(x - half, 0), above.edge(x + half, 1)
        jump = ends[1].below - ends[0].below
        is_atom = ~self.on_grid & (jump > 0)
        slope = torch.maximum(below.slope, LEAST_SHARE / self.span).clamp(max=torch.finfo(x.dtype).max)
        return ends, torch.where(is_atom, jump, slope), is_atom | self.on_grid


class _Edge(NamedTuple):
    """The shares of a column below and above a number; whichever is smaller is exact to rounding."""

    below: Tensor
    above: Tensor

    @property
    def score(self) -> Tensor:
        """The normal score; infinite where one of the shares is 0."""
        is_below = self.below < self.above
        score = torch.special.ndtri(torch.where(is_below, self.below, self.above))
        return torch.where(is_below, score, -score)


class _Piece(NamedTuple):
    """Pieces of F: the knots at their ends, and the shares there."""

    start: Tensor
    end: Tensor
    low: Tensor
    high: Tensor

    @property
    def slope(self) -> Tensor:
        """dF/dx; infinite in a piece without a length, where F jumps."""
        return (self.high - self.low) / (self.end - self.start)

    def edge(self, x: Tensor, of_points: int) -> _Edge:
        """The shares below and above numbers in the pieces; in pieces without a length, those at one end (0 or 1)."""
        length = self.end - self.start
        part = torch.where(length > 0, (x - self.start) / length, of_points).clamp(0, 1)
        rest = torch.where(length > 0, (self.end - x) / length, 1 - of_points).clamp(0, 1)
        return _Edge(torch.lerp(self.low, self.high, part), torch.lerp(1 - self.high, 1 - self.low, rest))


def _cells(lower: _Edge, upper: _Edge, mass: Tensor, is_mass: Tensor) -> Cells:
    """The cells between edges."""
    open_below, open_above = lower.below <= 0, upper.above <= 0
    a = torch.where(open_below, 0, lower.score)
    b = torch.where(open_above, 0, upper.score)
    middle = (a + b) / 2
    narrow = mass * torch.exp(0.5 * middle.square() + 0.5 * LOG_2PI)
    width = torch.where(narrow * (1 + middle.abs()) < NARROW, narrow, b - a)
    is_closed = is_mass & ~(open_below | open_above)
    return Cells(a, b, open_below, open_above, torch.where(is_closed, width, 0), is_mass)


def _pieces(x: Tensor, knots: Tensor, values: Tensor, right: bool) -> tuple[Tensor, ...]:
    """The pieces of piecewise linear functions in which numbers lie, (*batch, columns).

    Args:
        x: Numbers, (*batch, columns).
        knots: Ascending, (columns, Q).
        values: The functions at the knots, (columns, Q).
        right: Whether to take the piece on the right of a knot, or on its left.

    Returns:
        Where each piece starts and ends, and the values there.
    """
    # Stacked, not transposed: the compiler would keep a view, which searchsorted copies with a warning.
    columns = [column.flatten() for column in x.unbind(-1)]
    by_column = torch.stack(columns) if columns else x.new_zeros(0, math.prod(x.shape[:-1]))
    left = (torch.searchsorted(knots, by_column, right=right) - 1).clamp(0, knots.shape[1] - 2)
    found = [part.gather(1, place) for part in (knots, values) for place in (left, left + 1)]
    return torch.stack(found).reshape(4, len(knots), *x.shape[:-1]).movedim(1, -1).unbind(0)


def _interpolated(x: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Piecewise linear functions of columns, (*batch, columns), from the left where they jump."""
    start, end, low, high = _pieces(x, knots, values, right=False)
    length = end - start
    return torch.lerp(low, high, torch.where(length > 0, (x - start) / length, 0).clamp(0, 1))


class Knots(NamedTuple):
    """The map of one column: knots and shares, (MOST_KNOTS,) each, as in `QuantileMap`."""

    knots: Float64[np.ndarray, " Q"]
    shares: Float64[np.ndarray, " Q"]


Points = dict[tuple[float, int], float]
"""How many rows lie below a number (second key 0), or up to it (1)."""


def fit_knots(
    values: Float64[np.ndarray, " N"], step: float, low: float, high: float, atoms: Collection[float] = ()
) -> Knots:
    """Estimates the distribution function of a column.

    To the N rows one more is added that is uniform over the range, so that every number within it has a probability;
    and without a grid one on each side of the range, so that scores are finite.

    Args:
        values: The column in the training rows.
        step: Spacing of its grid; 0 without one.
        low: Lower end of its range; all values are at least this.
        high: Upper end.
        atoms: For columns without a grid, the values at which many numbers lie.
    """
    found, counts = np.unique(values, return_counts=True)
    if not step and low == high:  # a constant, which has no density
        return _padded(np.array([low, high]), np.array([0.0, 1.0]))
    quantiles = min(max(int(KNOTS_PER_ROOT * math.sqrt(len(values))), LEAST_QUANTILES), MOST_QUANTILES)
    repeats = step and 2 * len(found) < MOST_KNOTS and np.count_nonzero(counts == 1) <= SINGLES * len(values)
    points = _all_edges(found, counts, step) if repeats else {}
    while not 0 < len(points) <= MOST_KNOTS - 2:
        points = _chosen_points(found, counts, step, frozenset(atoms), quantiles)
        quantiles = quantiles * 3 // 4
    return _with_pseudo_rows(points, len(values), low - step / 2, high + step / 2, beyond=0 if step else 1)


def _with_pseudo_rows(points: Points, rows: int, start: float, end: float, beyond: int) -> Knots:
    """The map through points of the rows, with one more that is uniform and `beyond` more on each side of the range."""
    points = {(x, side): below for (x, side), below in points.items() if start <= x <= end}
    points.setdefault((start, 0), 0.0)
    if all(x < end for x, _ in points):
        points[end, 0] = float(rows)
    knots = np.array([x for x, _ in sorted(points)])
    below = np.array([points[point] for point in sorted(points)])
    uniform = (knots - start) / (end - start)
    return _padded(knots, (below + uniform + beyond) / (rows + 1 + 2 * beyond))


def _padded(knots: np.ndarray, shares: np.ndarray) -> Knots:
    """The map with surplus knots, so that the maps of all columns have the same length."""
    surplus = (0, MOST_KNOTS - len(knots))
    return Knots(np.pad(knots, surplus, mode="edge"), np.pad(shares, surplus, mode="edge"))


def _all_edges(found: np.ndarray, counts: np.ndarray, step: float) -> Points:
    """Both ends of the cell of every value."""
    points: Points = {}
    up_to = counts.cumsum()
    for value, count, rows in zip(found.tolist(), counts.tolist(), up_to.tolist(), strict=True):
        points[value - step / 2, 0] = float(rows - count)
        points[value + step / 2, 0] = float(rows)
    return points


def _chosen_points(
    found: np.ndarray, counts: np.ndarray, step: float, atoms: Collection[float], quantiles: int
) -> Points:
    """The ends of the cells of frequent values, and one point for each of some quantiles, more of them in the tails."""
    rows, up_to = int(counts.sum()), counts.cumsum()
    tail = 2.0 ** np.arange(int(math.log2(rows)) + 1) - 0.5  # ranks 1, 2, 4, ... from either end
    ranks = np.concatenate([tail, rows - tail, (np.arange(quantiles) + 0.5) / quantiles * rows])
    positions = np.searchsorted(up_to, ranks)
    frequent = counts >= max(FREQUENT_ROWS, FREQUENT_SHARE * rows) if step else np.isin(found, list(atoms))
    points: Points = {}
    for place in np.union1d(positions, np.flatnonzero(frequent)).tolist():
        value, below, above = float(found[place]), float(up_to[place] - counts[place]), float(up_to[place])
        if step and frequent[place]:
            points[value - step / 2, 0] = below
        elif frequent[place]:
            points[value, 0] = below
        if step:
            points[value + step / 2, 0] = above
        elif frequent[place]:
            points[value, 1] = above
        else:
            points[value, 0] = (below + above) / 2
    return points
