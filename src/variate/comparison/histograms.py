"""Shares of a column's values, in both tables: bars to draw side by side."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.config.schema import Column
from variate.data.schema.grids import grid_of
from variate.data.schema.number_formats import number_text
from variate.data.schema.origin import as_they_came

EMPTY = "(empty)"
"""The category of empty cells, in a column of ticks."""
BARS = 40
"""Bars of a column of numbers, at most."""
NAMED = 8
"""Categories with a bar of their own."""
TAIL = 0.005
"""Share of the values on each side that may be beyond the last bar, which counts them too."""
NEW, REST = "(not in the real table)", "(all others)"
"""Bars of categories that the real table does not have, and of those that are not among the most frequent."""


class Histogram(NamedTuple):
    """Shares of the cells that have a value, a bar for each group of values.

    Attributes:
        labels: What each bar stands for: a category, or the least of its numbers.
        real: Shares in the real table.
        synthetic: Shares in the synthetic table.
        is_of_numbers: Whether the bars are those of numbers, side by side on an axis.
    """

    labels: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    is_of_numbers: bool


def histogram(column: Column, real: Float64[np.ndarray, " N"], synthetic: Float64[np.ndarray, " M"]) -> Histogram:
    """The bars of a column.

    Args:
        column: What it is.
        real: Its values in the real table, without missing cells.
        synthetic: Its values in the synthetic table.
    """
    if column.kind in ("real", "counts"):
        return _of_numbers(column, real, synthetic)
    names = column.categories or tuple(text_of(bit, column) for bit in (0.0, 1.0))
    names = (EMPTY, *names[1:]) if column.blank else names
    counts = [np.bincount(part.astype(np.intp), minlength=len(names) + 1) for part in (real, synthetic)]
    order = np.argsort(-counts[0][:-1], kind="stable")
    shown, rest = order[:NAMED], order[NAMED:]
    labels = [*(names[code] for code in shown), *([REST] if len(rest) else []), *([NEW] if counts[1][-1] else [])]
    bars = [[*part[shown], *([part[rest].sum()] if len(rest) else []), part[-1]][: len(labels)] for part in counts]
    real_shares, synthetic_shares = (_shares(np.array(part)) for part in bars)
    return Histogram(tuple(labels), real_shares, synthetic_shares, is_of_numbers=False)


def _of_numbers(column: Column, real: np.ndarray, synthetic: np.ndarray) -> Histogram:
    edges, least, decimals = _bars(real, synthetic)
    bars = [np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] for part in (real, synthetic)]
    labels = [text_of(value, column) if column.format else f"{value:.{decimals}f}" for value in least.tolist()]
    return Histogram(tuple(labels), _shares(bars[0]), _shares(bars[1]), is_of_numbers=True)


def _bars(real: np.ndarray, synthetic: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Ends of the bars, one more than there are bars; the least value of each; and how many decimals to show of it.

    The bars are over all but the tails of both columns.
    """
    ends = [np.quantile(part, (TAIL, 1 - TAIL)) for part in (real, synthetic) if len(part)] or [np.array([0.0, 1.0])]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    high = high if high > low else low + 1
    decimals = max(0, 2 - int(np.floor(np.log10(high - low))))
    grid = grid_of(real)
    if grid is None or not grid.spacing:
        edges = np.linspace(low, high, BARS + 1)
        return edges, edges[:-1], decimals
    unit = 10.0**grid.decimals
    first = np.floor((low * unit - grid.first) / grid.spacing)
    last = np.ceil((high * unit - grid.first) / grid.spacing)
    points = np.ceil((last - first + 1) / BARS)
    starts = first + points * np.arange(np.floor((last - first) / points) + 2)
    edges = (grid.first + grid.spacing * (starts - 0.5)) / unit
    return edges, (grid.first + grid.spacing * starts[:-1]) / unit, min(decimals, grid.decimals)


def _shares(counts: np.ndarray) -> tuple[float, ...]:
    return tuple((counts / max(1, counts.sum())).tolist())


def text_of(value: float, column: Column) -> str:
    """A value as text, as it came in the table."""
    if column.kind in ("real", "counts") and not column.format:
        return number_text(value)
    if column.blank and not value:
        return EMPTY
    return str(as_they_came(np.array([value]), column)[0])
