"""The grid that the values of a column lie on: whole numbers, tenths, hundreds, days of a week.

Prices have two decimals and ages none. No distance of distributions objects to an age of 41.7, yet no reader takes it
for a real one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

MOST_DECIMALS = 6
"""Values with more decimals are taken for measurements without a grid."""
EXACT = 2.0**53
"""Whole numbers up to this are exact in float64."""
TOLERANCE = 1e-3
"""How far a value may be from its point of the grid, in steps: numbers that were float32 once are not exact."""


class Grid(NamedTuple):
    """Points (offset + k step) / 10^decimals for whole numbers k.

    Attributes:
        decimals: Number of decimals.
        step: Distance of neighbouring points, in units of the last decimal.
        offset: One of the points, in the same units.
    """

    decimals: int
    step: int
    offset: int


def grid_of(values: Float64[np.ndarray, " N"]) -> Grid | None:
    """The widest grid with decimal points that all values lie on; None where there is none, or a single value."""
    for decimals in range(MOST_DECIMALS + 1):
        factor = 10.0**decimals
        units = np.rint(values * factor)
        if np.abs(units).max(initial=0) > EXACT:
            return None
        if (units / factor == values).all():
            whole = units.astype(np.int64)
            step = int(np.gcd.reduce(whole - whole.min())) if len(whole) else 0
            return Grid(decimals, step, int(whole.min())) if step else None
    return None


def off_grid(values: Float64[np.ndarray, " N"], grid: Grid) -> Bool[np.ndarray, " N"]:
    """Which values are on no point of a grid."""
    steps = (values * 10.0**grid.decimals - grid.offset) / grid.step
    return np.abs(steps - np.rint(steps)) > TOLERANCE
