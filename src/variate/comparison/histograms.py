"""Shares of a column's values, in both tables: bars to draw side by side."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.comparison.grids import grid_of
from variate.config.schema import Column
from variate.data.schema.formats import number_text
from variate.data.schema.origin import as_they_came

BARS = 40
"""Bars of a column of numbers, at most."""
NAMED = 8
"""Categories with a bar of their own."""
TAIL = 0.005
"""Share of the values on each side that may be beyond the last bar, which counts them too."""
NEW, REST = "(not in the real table)", "(all others)"
"""Bars of categories that the real table does not have, and of those that are not among the most frequent."""


class Histogram(NamedTuple):
    """Shares of the cells that have a value.

    Attributes:
        labels: Of categories and bits, the name of each bar; of numbers, the values at the ends of the bars, one more
            than there are bars.
        real: Shares in the real table.
        synthetic: Shares in the synthetic table.
    """

    labels: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]

    @property
    def is_of_numbers(self) -> bool:
        """Whether the bars are those of numbers, side by side on an axis."""
        return len(self.labels) > len(self.real)


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
    counts = [np.bincount(part.astype(np.intp), minlength=len(names) + 1) for part in (real, synthetic)]
    order = np.argsort(-counts[0][:-1], kind="stable")
    shown, rest = order[:NAMED], order[NAMED:]
    labels = [*(names[code] for code in shown), *([REST] if len(rest) else []), *([NEW] if counts[1][-1] else [])]
    bars = [[*part[shown], *([part[rest].sum()] if len(rest) else []), part[-1]] for part in counts]
    return Histogram(tuple(labels), *(tuple(_shares(np.array(part[: len(labels)]))) for part in bars))


def _of_numbers(column: Column, real: np.ndarray, synthetic: np.ndarray) -> Histogram:
    edges = _edges(real, synthetic)
    bars = [np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] for part in (real, synthetic)]
    labels = tuple(text_of(float(edge), column) for edge in edges)
    return Histogram(labels, *(tuple(_shares(part)) for part in bars))


def _edges(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Ends of the bars, over all but the tails of both columns; of values on a grid, around as many points each."""
    ends = [np.quantile(part, (TAIL, 1 - TAIL)) for part in (real, synthetic) if len(part)] or [np.array([0.0, 1.0])]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    grid = grid_of(real)
    if grid is None:
        return np.linspace(low, high if high > low else low + 1, BARS + 1)
    width = grid.width * max(1, np.ceil((high - low) / grid.width / BARS))
    number = int(np.floor((high - low) / width)) + 1
    return low - grid.width / 2 + width * np.arange(number + 1)


def _shares(counts: np.ndarray) -> list[float]:
    return (counts / max(1, counts.sum())).tolist()


def text_of(value: float, column: Column) -> str:
    """A value as text, as it came in the table."""
    if column.kind in ("real", "counts") and not column.format:
        return number_text(value)
    return str(as_they_came(np.array([value]), column)[0])
