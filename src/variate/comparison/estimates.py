r"""Numbers with what is needed to judge them: a yardstick, or a standard error.

The area under the ROC curve is the probability that a random member of one group has a larger score than a random
member of the other, with ties counted as half. With the placements

    V_i = P(y < x_i) + P(y = x_i) / 2  over the other group,      W_j likewise for y_j

its variance is var(V) / m + var(W) / n.

References:
    Comparing the areas under two or more correlated receiver operating characteristic curves (DeLong et al., 1988)
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from variate.statistics import Estimate

RESAMPLED = 200
"""Number of bootstrap samples for a standard error."""

VISIBLE, TIMES = 0.05, 2.0
"""A distance stands out if it is at least the one and more than the other times its yardstick."""

Numbers = Float[np.ndarray, " _"]
"""Any number of numbers."""


class Contrast(NamedTuple):
    """A distance between the synthetic and the real table.

    Attributes:
        value: The distance.
        halves: The yardstick: the mean of the same distance between two halves of the real table, of which the first
            stands for the synthetic table. It has as many rows, where those are fewer than half of the real ones.
    """

    value: float
    halves: float

    @property
    def excess(self) -> float:
        """How far the distance is above its yardstick."""
        return self.value - self.halves

    @property
    def stands_out(self) -> bool:
        """Whether the distance is large, and chance does not explain it."""
        return self.value >= VISIBLE and self.value > TIMES * self.halves


class Shares(NamedTuple):
    """The share of rows, or of cells, of which something is true.

    Attributes:
        real: In the real table.
        synthetic: In the synthetic table.
    """

    real: Estimate
    synthetic: Estimate

    @property
    def difference(self) -> Estimate:
        """The share in the synthetic table minus that in the real one."""
        return Estimate(self.synthetic.value - self.real.value, math.hypot(self.real.stderr, self.synthetic.stderr))


def contrast(measure: Callable[[np.ndarray, np.ndarray], float], synthetic: np.ndarray, real: np.ndarray,
             halves: Sequence[tuple[np.ndarray, np.ndarray]]) -> Contrast:  # fmt: skip
    """A distance and its yardstick.

    Args:
        measure: The distance of the first sample from the second.
        synthetic: Values of the synthetic table.
        real: Values of the real table.
        halves: Numbers of the real values of two halves, for each halving.
    """
    return Contrast(measure(synthetic, real), float(np.mean([measure(real[a], real[b]) for a, b in halves])))


def share(of: np.ndarray) -> Estimate:
    """The share of True among independent rows, and its standard error; NaN where there is no row.

    The error is that of (k + 1/2) / (N + 1), so it is not 0 where none or all of the rows are.
    """
    if not len(of):
        return Estimate(math.nan, math.nan)
    likely = (float(np.sum(of)) + 0.5) / (len(of) + 1)
    return Estimate(float(np.mean(of)), math.sqrt(likely * (1 - likely) / len(of)))


def placements(x: Numbers, y: Numbers) -> Numbers:
    """The share of y that is below each x, plus half of the share that is equal to it, (N,)."""
    order = np.sort(y)
    return (np.searchsorted(order, x, "left") + np.searchsorted(order, x, "right")) / (2 * len(y))


def auc(above: Numbers, below: Numbers) -> Estimate:
    """The area under the ROC curve of a score: the probability that a member of `above` has the larger one.

    Args:
        above: Scores of the group that should have the larger ones.
        below: Scores of the other group.

    Returns:
        The area and its standard error, which is NaN where a group has a single member.
    """
    v, w = placements(above, below), 1 - placements(below, above)
    if min(len(v), len(w)) < 2:
        return Estimate(float(v.mean()), math.nan)
    return Estimate(float(v.mean()), math.sqrt(v.var(ddof=1) / len(v) + w.var(ddof=1) / len(w)))


def mean_of(parts: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates."""
    value = sum(part.value for part in parts) / len(parts)
    return Estimate(value, math.hypot(*(part.stderr for part in parts)) / len(parts))


def bootstrapped(
    statistic: Callable[[np.ndarray], np.ndarray], num_rows: int, source: np.random.Generator
) -> list[Estimate]:
    """Statistics of rows, with standard errors by resampling the rows.

    Args:
        statistic: From numbers of rows, which may repeat, to statistics, (S,).
        num_rows: Number of rows.
        source: The random numbers.
    """
    values = statistic(np.arange(num_rows))
    again = np.array([statistic(source.integers(num_rows, size=num_rows)) for _ in range(RESAMPLED)])
    return [Estimate(float(value), float(draws.std(ddof=1))) for value, draws in zip(values, again.T, strict=True)]
