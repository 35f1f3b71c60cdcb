r"""Quantiles of distributions on integers, by bisection.

For a distribution function F on the integers from 0, the quantile at u is the smallest k with F(k) >= u. Bisection
keeps integers low < high with F(low) < u <= F(high) until high = low + 1.

F is computed to a few units in the last place, and not always the same way for the same number (vectorised loops and
their remainders differ), so F(k) >= u is tested as F(k) >= u (1 - 2^-50): then quantile(cdf(k)) = k wherever F is not
flat to that precision.
"""

from collections.abc import Callable

import torch
from torch import Tensor

ROUNDING = 2.0**-50
"""Relative error that is allowed for in distribution functions, 4 to 8 units in the last place of float64."""

LARGEST = 2.0**200
"""Search for an upper end stops here: no count of a distribution in this package comes near."""


def reaches(p: Tensor, u: Tensor) -> Tensor:
    """Whether p >= u up to rounding."""
    return p >= u * (1 - ROUNDING)


def smallest_integer(cdf: Callable[[Tensor], Tensor], u: Tensor, high: Tensor) -> Tensor:
    """The smallest integer k in 0 .. high with cdf(k) >= u, elementwise; `high` where there is none below it.

    Args:
        cdf: Distribution function of integers in float64, nondecreasing.
        u: Probabilities in float64.
        high: Upper ends in float64, at least 0; broadcasts with u and has the shape of the result.
    """
    low = torch.full_like(high, -1)
    # Above 2^53 float64 has no k + 1/2, and bisection ends at its neighbouring numbers.
    for _ in range(int((high + 1).log2().max().ceil()) if high.numel() else 0):
        middle = ((low + high) / 2).floor().clamp(min=0)
        enough = reaches(cdf(middle), u)
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return high


def smallest_count(cdf: Callable[[Tensor], Tensor], u: Tensor, start: Tensor) -> Tensor:
    """The smallest count k = 0, 1, 2, ... with cdf(k) >= u, elementwise; inf for u = 1.

    Args:
        cdf: Distribution function of counts in float64, nondecreasing.
        u: Probabilities in float64.
        start: A guess of the upper end of the search in float64, such as the mean and a few standard deviations;
            broadcasts with u.
    """
    wanted = torch.where(u < 1, u, 0.0)
    high = torch.broadcast_tensors(start.ceil().clamp(min=1), u)[0]
    while (short := ~reaches(cdf(high), wanted) & (high < LARGEST)).any():
        high = torch.where(short, 2 * high, high)
    return torch.where(u < 1, smallest_integer(cdf, wanted, high), torch.inf)
