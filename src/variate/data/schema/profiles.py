"""Profiles of columns: what must be known of a column to tell its kind.

A profile is small, and the profiles of two pieces of a column join to that of the whole, equal to the last digit. So a
table that is read in pieces gets the same columns as one in memory: sums are of whole numbers, without rounding, and
are used only where all numbers of the column are whole and none is negative.
"""

from functools import partial, reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.data.schema.kinds import is_bits, is_whole

FEW = 20
"""Whole numbers with at most this many different values may be codes."""
PIECE, BEGINNING = 2**20, 2**12
"""How many numbers are profiled at a time, and how many are looked at first to tell whether many are different."""
NARROW = 2**21
"""A piece of numbers below this has a sum of squares below 2^62, which 64 bits hold exactly."""


class RawColumn(NamedTuple):
    """A column as it is in the file.

    Attributes:
        name: Its name.
        numbers: Its values; for text, positions in `words`.
        words: For text, the different values in any order; for numbers, None.
    """

    name: str
    numbers: Float64[np.ndarray, " N"]
    words: tuple[str, ...] | None = None


class Profile(NamedTuple):
    """Summary of a column, or of a piece of it.

    Attributes:
        name: Its name.
        rows: Number of values.
        words: For text, the different values; for numbers, None.
        different: The different numbers, where they are few or were asked for; else None.
        bits: Whether there are only 0 and 1.
        whole: Whether there are only whole numbers.
        low: The smallest number.
        high: The largest number.
        total: Sum of the numbers, where they are whole and none is negative; else 0.
        squares: Sum of their squares, likewise.
        ends: The first and the last number.
        steps: The smallest and the largest difference between neighbours.
    """

    name: str
    rows: int
    words: frozenset[str] | None = None
    different: frozenset[float] | None = None
    bits: bool = False
    whole: bool = False
    low: float = np.nan
    high: float = np.nan
    total: int = 0
    squares: int = 0
    ends: tuple[float, float] = (np.nan, np.nan)
    steps: tuple[float, float] = (np.inf, -np.inf)

    @property
    def is_overdispersed(self) -> bool:
        """Whether the variance of whole numbers from 0 is at least their mean."""
        return self.rows * self.squares - self.total**2 >= self.rows * self.total


def profile(raw: RawColumn, every: bool = False) -> Profile:
    """The profile of a column, joined from those of its pieces, so that it takes little memory.

    Args:
        raw: At least one row of it.
        every: Keep every different number, however many there are.
    """
    if raw.words is not None:
        return Profile(raw.name, len(raw.numbers), words=frozenset(raw.words))
    pieces = (raw.numbers[start : start + PIECE] for start in range(0, len(raw.numbers), PIECE))
    return reduce(partial(joined_profile, every=every), (_of_piece(raw.name, piece, every) for piece in pieces))


def _of_piece(name: str, values: Float64[np.ndarray, " N"], every: bool) -> Profile:
    """The profile of a piece of a column of numbers."""
    low, whole = float(values.min()), is_whole(values)
    steps = np.diff(values)
    return Profile(
        name,
        len(values),
        different=_different(values, every),
        bits=is_bits(values),
        whole=whole,
        low=low,
        high=float(values.max()),
        total=exact_sum(values, 1) if whole and low >= 0 else 0,
        squares=exact_sum(values, 2) if whole and low >= 0 else 0,
        ends=(float(values[0]), float(values[-1])),
        steps=(float(steps.min()), float(steps.max())) if len(steps) else (np.inf, -np.inf),
    )


def joined_profile(one: Profile, other: Profile, every: bool = False) -> Profile:
    """The profile of a column from those of two pieces, the second after the first."""
    rows = one.rows + other.rows
    if one.words is not None and other.words is not None:
        return one._replace(rows=rows, words=one.words | other.words)
    step = other.ends[0] - one.ends[1]
    low, whole = min(one.low, other.low), one.whole and other.whole
    both = one.different | other.different if one.different is not None and other.different is not None else None
    return Profile(
        one.name,
        rows,
        different=both if both is not None and (every or len(both) <= FEW) else None,
        bits=one.bits and other.bits,
        whole=whole,
        low=low,
        high=max(one.high, other.high),
        total=one.total + other.total if whole and low >= 0 else 0,
        squares=one.squares + other.squares if whole and low >= 0 else 0,
        ends=(one.ends[0], other.ends[1]),
        steps=(min(one.steps[0], step, other.steps[0]), max(one.steps[1], step, other.steps[1])),
    )


def _different(values: Float64[np.ndarray, " N"], every: bool) -> frozenset[float] | None:
    """The different numbers; None where there are more than `FEW` and not all are asked for."""
    if not every and len(np.unique(values[:BEGINNING])) > FEW:
        return None
    found = np.unique(values)
    return frozenset(found.tolist()) if every or len(found) <= FEW else None


def exact_sum(values: Float64[np.ndarray, " N"], power: int) -> int:
    """The exact sum of at most `PIECE` whole numbers from 0 (power 1), or of their squares (power 2)."""
    if values.max() < NARROW:
        return int((values.astype(np.int64) ** power).sum())
    return sum(int(value) ** power for value in values.tolist())
