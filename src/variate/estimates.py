"""Means with their standard errors, and the one place where nats become bits."""

import math
from typing import NamedTuple

from torch import Tensor


class Estimate(NamedTuple):
    """A mean over rows and its standard error, in nats."""

    value: float
    stderr: float


def bits_per_dim(nats: float, dimensions: int) -> float:
    """Nats a row as bits a dimension: nats / (D ln 2)."""
    return nats / (dimensions * math.log(2))


def estimate(per_row: Tensor) -> Estimate:
    """Mean and standard error of the mean of per-row values, (N,)."""
    values = per_row.double()
    stderr = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Estimate(values.mean().item(), stderr)
