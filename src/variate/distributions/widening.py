r"""Wider ranges for maps from numbers to normal scores (`variate.distributions.quantile_map`).

A map is estimated once, from the rows that a model was first trained on. Where other rows have numbers beyond its
range, a piece is put at its end. What that piece gets of the distribution function F is taken from where it changes the
fewest scores:

    without a grid    from what lies beyond the range: with F = 1 - b at its end, the new piece rises to 1 - b / 2
    on a grid         from the last piece, of the mass m, which keeps m - min(m / 2, g)

So without a grid the density of every number that was within the range is multiplied by L(R) / L(R'), where R are the
scores of the old range, R' those of the new one, and L is the probability of scores: what the numbers lose is what the
new piece has. On a grid only the cells of the last piece change, of which one holds the largest number of the rows.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.distributions.quantile_map import MOST_KNOTS, Knots

MOST_GIVEN = 1e-4
"""Share g of a column that a new piece on a grid gets at most."""
LEAST_GIVEN = 2.0**-40
"""A new piece that would get less is joined to the one before: shares are exact to 2^-53."""


class _End(NamedTuple):
    """The end of a map, both as seen from the middle.

    Attributes:
        outer: What F leaves beyond the end of the range.
        inner: The mass of the last piece.
    """

    outer: float
    inner: float

    @property
    def given(self) -> float:
        """What a new piece gets."""
        return self.outer / 2 if self.outer else min(self.inner / 2, MOST_GIVEN)


def widened(knots: Float64[np.ndarray, " Q"], shares: Float64[np.ndarray, " Q"], start: float, end: float) -> Knots:
    """The map of a column over a wider range.

    Args:
        knots: Numbers in ascending order, from the lower to the upper end of the range; surplus ones repeat the last.
        shares: F at the knots.
        start: The lower end of the new range; it is kept if it is not below the old one.
        end: The upper end.

    Returns:
        The map, with `MOST_KNOTS` knots.
    """
    last = int(np.flatnonzero((knots == knots[-1]) & (shares == shares[-1]))[0]) + 1
    knots, shares = knots[:last].copy(), shares[:last].copy()
    if end > knots[-1]:
        found = _End(1 - shares[-1], shares[-1] - shares[-2])
        if found.given < LEAST_GIVEN:
            knots[-1] = end
        else:
            rest = found.outer / 2
            shares[-1] = shares[-1] if found.outer else 1 - found.given
            knots, shares = np.append(knots, end), np.append(shares, 1 - rest)
    if start < knots[0]:
        found = _End(shares[0], shares[1] - shares[0])
        if found.given < LEAST_GIVEN:
            knots[0] = start
        else:
            rest = found.outer / 2
            shares[0] = shares[0] if found.outer else found.given
            if found.outer and knots[0] < knots[1]:  # the smallest number stays in its piece, which begins at it
                knots[0] = np.nextafter(knots[0], -np.inf)
            knots, shares = np.append(start, knots), np.append(rest, shares)
    while len(knots) > MOST_KNOTS:
        least = _least_needed(knots, shares)
        knots, shares = np.delete(knots, least), np.delete(shares, least)
    surplus = (0, MOST_KNOTS - len(knots))
    return Knots(np.pad(knots, surplus, mode="edge"), np.pad(shares, surplus, mode="edge"))


def _least_needed(knots: np.ndarray, shares: np.ndarray) -> int:
    """The place of the inner knot without which F changes least."""
    part = (knots[1:-1] - knots[:-2]) / (knots[2:] - knots[:-2])
    without = shares[:-2] + part * (shares[2:] - shares[:-2])
    return 1 + int(np.abs(shares[1:-1] - without).argmin())
