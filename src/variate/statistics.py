"""Means with their standard errors, bits per dimension, and the location and spread of training rows."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A mean over rows and its standard error, in nats."""

    value: float
    stderr: float

    def plus_minus(self, value: str = ",.2f", stderr: str = ".2f") -> str:
        """`3.20 ± 0.15`, by two format specifications; `3.20` where a single row leaves no standard error."""
        told = format(self.value, value)
        return told if math.isnan(self.stderr) else f"{told} ± {self.stderr:{stderr}}"


def bits_per_dim(nats: float, dimensions: int) -> float:
    """Nats per row as bits per dimension: nats / (D ln 2)."""
    return nats / (dimensions * math.log(2))


def estimate(per_row: Tensor) -> Estimate:
    """Mean and standard error of the mean of per-row values, (N,)."""
    values = per_row.double()
    stderr = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Estimate(values.mean().item(), stderr)


class Spread(NamedTuple):
    """A number that was measured several times, such as once for each training seed.

    Attributes:
        mean: The mean.
        std: The standard deviation of a single measurement, not of the mean; NaN where there is one.
        number: How many measurements there are.
    """

    mean: float
    std: float
    number: int


def spread_of(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and number of values."""
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    return Spread(mean, math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else math.nan, len(values))


ROWS_AT_A_TIME = 4096


class RowMoments(NamedTuple):
    """Mean and standard deviation of each element, float64, (*event); the latter is exactly 0 where one is constant."""

    mean: Tensor
    std: Tensor


def moments(rows: Tensor) -> RowMoments:
    """Mean and standard deviation of rows (N, *event), in float64 by two passes, a few rows at a time."""
    # Added up as they come: a list of sums would lie between the chunks and keep the heap from reusing their memory.
    sums, squares = (torch.zeros(rows.shape[1:], dtype=torch.float64, device=rows.device) for _ in range(2))
    for chunk in rows.split(ROWS_AT_A_TIME):
        sums += chunk.sum(0, dtype=torch.float64)
    mean = sums / len(rows)
    for chunk in rows.split(ROWS_AT_A_TIME):
        squares += (chunk.to(torch.float64) - mean).square_().sum(0)
    std = (squares / len(rows)).sqrt()
    # Rounding leaves a constant element a spread of a few ulp of its value: nothing may be divided by that.
    return RowMoments(mean, torch.where(std > 1e-12 * mean.abs(), std, 0.0))


def log_count_mean(rows: Tensor) -> Tensor:
    """Logs of the means of counts, (*event); half a count is added to each total, so that they are finite."""
    return torch.log(moments(rows).mean + 0.5 / len(rows))


ACTIVE = 0.01
"""A latent is active if the variance of its posterior mean over the data exceeds this (Burda et al., 2016)."""


def active(means: Tensor) -> Tensor:
    """Which latents vary over the data, from posterior means (N, d): (d,) booleans."""
    return means.double().var(0, correction=0) > ACTIVE
