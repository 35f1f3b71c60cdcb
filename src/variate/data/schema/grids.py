"""The grid that a column of numbers lies on: prices have two decimals, ages are whole, salaries are multiples of 50.

Numbers x lie on the grid with d decimals if each is the floating-point number nearest to k / 10^d for a whole k, which
is what reading text with at most d decimals gives. Their spacing is the greatest common divisor of the differences of
the k. Both can be told from the grids of two pieces of a column, without an error: k are whole numbers.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

MOST_DECIMALS = 9
"""Numbers with more decimals are taken for measurements without a grid."""
WRITTEN_DECIMALS = 15
"""Decimals that a number in floating point can be written with; numbers with more are not rounded."""
MOST_STEPS = 2**51
"""Multiples of a step below this have neighbours, and middles between them, that floating point tells apart."""
TOLERANCE = 1e-3
"""How far a number may be from a point of the grid, in steps."""
FIRST_NUMBERS = 2**12
"""How many numbers are tried first: most columns without a grid are told from these."""


class Grid(NamedTuple):
    """Numbers (first + spacing * n) / 10^decimals for whole n.

    Attributes:
        decimals: The least number of decimals, d, with which all numbers can be written.
        first: The first of the numbers, times 10^d.
        spacing: Greatest common divisor of the differences of all numbers, times 10^d; 0 where all are equal.
    """

    decimals: int
    first: int
    spacing: int

    @property
    def step(self) -> float:
        """Distance of neighbouring points of the grid; 0 where all numbers are equal."""
        return self.spacing / 10**self.decimals

    def is_off(self, values: Float64[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
        """Which numbers lie on no point of the grid; numbers that were float32 once are not exact."""
        steps = (values * 10.0**self.decimals - self.first) / max(self.spacing, 1)
        return np.abs(steps - np.rint(steps)) > TOLERANCE

    def with_decimals(self, decimals: int) -> "Grid":
        """The same grid, written with more decimals."""
        factor: int = 10 ** (decimals - self.decimals)
        return Grid(decimals, self.first * factor, self.spacing * factor)


def grid_of(values: Float64[np.ndarray, " N"]) -> Grid | None:
    """The grid of finite numbers; None where they lie on none, or there is no number."""
    if not len(values):
        return None
    largest = float(np.abs(values).max())
    for decimals in range(MOST_DECIMALS + 1):
        factor = 10.0**decimals
        if largest * factor >= MOST_STEPS:
            return None
        if _is_on_grid(values[:FIRST_NUMBERS], factor) and _is_on_grid(values, factor):
            whole = np.rint(values * factor).astype(np.int64)
            return Grid(decimals, int(whole[0]), int(np.gcd.reduce(whole - whole[0])))
    return None


def decimals_of(numbers: Float64[np.ndarray, " n"]) -> int | None:
    """The least number of decimals that all numbers can be written with; None for no numbers, or for very many."""
    places = range(WRITTEN_DECIMALS + 1) if len(numbers) else ()
    return next((d for d in places if np.array_equal(np.round(numbers, d), numbers)), None)


def _is_on_grid(values: Float64[np.ndarray, " N"], factor: float) -> bool:
    return bool((np.rint(values * factor) / factor == values).all())


def joined_grid(one: Grid | None, other: Grid | None, largest: float) -> Grid | None:
    """The grid of two pieces of a column from theirs; None where the numbers together lie on none.

    Args:
        one: The grid of the first piece.
        other: That of the second.
        largest: The largest absolute value of both.
    """
    if one is None or other is None:
        return None
    decimals = max(one.decimals, other.decimals)
    if largest * 10.0**decimals >= MOST_STEPS:
        return None
    one, other = one.with_decimals(decimals), other.with_decimals(decimals)
    return Grid(decimals, one.first, math.gcd(one.spacing, other.spacing, other.first - one.first))
