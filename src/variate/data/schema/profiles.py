"""What must be known of a column to tell what it is: small, and joined piece by piece to that of the whole column.

The joined profile equals that of the whole to the last digit, so a table read in pieces has the very columns that it
has in memory: sums are of whole numbers, without rounding, and are taken only where they decide something.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

FEW = 20
"""Whole numbers with at most this many different values may be codes."""
PIECE = 2**20
"""Numbers summed together."""
NARROW = 2**21
"""A piece of numbers below this has a sum of squares below 2^62, which is exact in 64 bits."""


class Raw(NamedTuple):
    """A column as the file has it.

    Attributes:
        name: Its name.
        numbers: Its values; of text the positions in `words`.
        words: Of text the different values, in any order; of numbers None.
    """

    name: str
    numbers: Float64[np.ndarray, " N"]
    words: tuple[str, ...] | None = None


class Profile(NamedTuple):
    """What a column, or a piece of it, is like.

    Attributes:
        name: Its name.
        rows: How many values there are.
        words: Of text the different values; of numbers None.
        different: The different numbers, where they are few or were asked for; else None.
        bits: Whether there are only 0 and 1.
        whole: Whether there are only whole numbers.
        low: The smallest number.
        total: Sum of the numbers, where they are whole and none is negative.
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
    total: int = 0
    squares: int = 0
    ends: tuple[float, float] = (np.nan, np.nan)
    steps: tuple[float, float] = (np.inf, -np.inf)

    @property
    def is_overdispersed(self) -> bool:
        """Whether the variance of whole numbers from 0 is at least their mean."""
        return self.rows * self.squares - self.total**2 >= self.rows * self.total


def profile(raw: Raw, every: bool = False) -> Profile:
    """The profile of a column.

    Args:
        raw: At least one row of it.
        every: Remember every different number, however many there are.
    """
    if raw.words is not None:
        return Profile(raw.name, len(raw.numbers), words=frozenset(raw.words))
    values = raw.numbers
    low, whole = float(values.min()), is_whole(values)
    steps = np.diff(values)
    return Profile(
        raw.name,
        len(values),
        different=different(values, every),
        bits=is_bits(values),
        whole=whole,
        low=low,
        total=sum(sums(values, 1)) if whole and low >= 0 else 0,
        squares=sum(sums(values, 2)) if whole and low >= 0 else 0,
        ends=(float(values[0]), float(values[-1])),
        steps=(float(steps.min()), float(steps.max())) if len(steps) else (np.inf, -np.inf),
    )


def joined(one: Profile, other: Profile, every: bool = False) -> Profile:
    """The profile of a column of which two pieces are known, the second after the first."""
    rows = one.rows + other.rows
    if one.words is not None and other.words is not None:
        return one._replace(rows=rows, words=one.words | other.words)
    step = other.ends[0] - one.ends[1]
    both = one.different | other.different if one.different is not None and other.different is not None else None
    return Profile(
        one.name,
        rows,
        different=both if both is not None and (every or len(both) <= FEW) else None,
        bits=one.bits and other.bits,
        whole=one.whole and other.whole,
        low=min(one.low, other.low),
        total=one.total + other.total,
        squares=one.squares + other.squares,
        ends=(one.ends[0], other.ends[1]),
        steps=(min(one.steps[0], step, other.steps[0]), max(one.steps[1], step, other.steps[1])),
    )


def different(values: Float64[np.ndarray, " N"], every: bool) -> frozenset[float] | None:
    """The different numbers; None where they are more than `FEW` and not all are wanted."""
    if not every and len(np.unique(values[:PIECE])) > FEW:
        return None
    found = np.unique(values)
    return frozenset(found.tolist()) if every or len(found) <= FEW else None


def sums(values: Float64[np.ndarray, " N"], power: int) -> Iterator[int]:
    """Sums of the pieces of whole numbers from 0, or of their squares, exact."""
    for start in range(0, len(values), PIECE):
        piece = values[start : start + PIECE]
        if piece.max() < NARROW:
            yield int((piece.astype(np.int64) ** power).sum())
        else:
            yield sum(int(value) ** power for value in piece.tolist())


def is_bits(values: Float64[np.ndarray, " N"]) -> bool:
    """Whether there are only 0 and 1."""
    return bool(((values == 0) | (values == 1)).all())


def is_whole(values: Float64[np.ndarray, " N"]) -> bool:
    """Whether there are only whole numbers."""
    return bool((values == np.rint(values)).all())
