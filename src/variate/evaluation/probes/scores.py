r"""Scores of predictions, with standard errors over the rows that are judged.

    categories   accuracy = (1/N) sum_n [y_n = f_n]
    numbers      R2 = 1 - sum_n e_n^2 / sum_n d_n^2      with e = y - f and d = y - mean y

Each score is a mean over rows to first order. Its *influences* are what each row adds to the deviation from that mean,

    accuracy     [y_n = f_n] - accuracy
    R2           -(e_n^2 - (1 - R2) d_n^2) / mean d^2

so the standard error is that of their mean, and the standard error of a difference between two scores on the same rows
is that of the mean of the differences (the delta method).
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.statistics import Estimate

ScoreName = Literal["accuracy", "R2"]

Numbers = Float64[np.ndarray, " N"]
"""A number for each row; categories are codes."""


class PredictionScore(NamedTuple):
    """A score of predictions.

    Attributes:
        value: The score: at most 1, and larger is better; NaN where the true numbers are all equal.
        influences: What each row adds to its deviation, (N,).
        stderr: Its standard error over rows.
    """

    value: float
    influences: Numbers
    stderr: float

    @property
    def estimate(self) -> Estimate:
        """The score with its standard error."""
        return Estimate(self.value, self.stderr)

    def over(self, other: "PredictionScore") -> Estimate:
        """By how much this score exceeds another one on the same rows."""
        return Estimate(self.value - other.value, _stderr(self.influences - other.influences))


def accuracy(true: Numbers, predicted: Numbers) -> PredictionScore:
    """The share of rows whose category was predicted.

    Its standard error is that of (k + 1/2) / (N + 1), which is not 0 where all or none were.
    """
    right = (true == predicted).astype(np.float64)
    value = float(right.mean())
    likely = (right.sum() + 0.5) / (len(right) + 1)
    return PredictionScore(value, right - value, math.sqrt(likely * (1 - likely) / len(right)))


def r_squared(true: Numbers, predicted: Numbers) -> PredictionScore:
    """The share of the variance of numbers that was predicted; below 0 if their mean is a better prediction."""
    errors, spread = (true - predicted) ** 2, (true - true.mean()) ** 2
    unit = spread.mean()
    if unit == 0:
        return PredictionScore(math.nan, np.full(len(true), math.nan), math.nan)
    value = float(1 - errors.mean() / unit)
    influences = -(errors - (1 - value) * spread) / unit
    return PredictionScore(value, influences, _stderr(influences))


def score_predictions(name: ScoreName, true: Numbers, predicted: Numbers) -> PredictionScore:
    """The score of this name."""
    return accuracy(true, predicted) if name == "accuracy" else r_squared(true, predicted)


def _stderr(influences: Numbers) -> float:
    """Standard error of their mean; NaN for a single row."""
    return float(influences.std(ddof=1)) / math.sqrt(len(influences)) if len(influences) > 1 else math.nan
