"""Location and spread of training rows."""

from typing import NamedTuple

import torch
from torch import Tensor

ROWS_AT_A_TIME = 4096


class Moments(NamedTuple):
    """Mean and standard deviation of each element, float64, (*event); the latter is exactly 0 where one is constant."""

    mean: Tensor
    std: Tensor


def moments(rows: Tensor) -> Moments:
    """Mean and standard deviation of rows (N, *event), in float64 by two passes, a few rows at a time."""
    chunks = rows.split(ROWS_AT_A_TIME)
    mean = torch.stack([chunk.sum(0, dtype=torch.float64) for chunk in chunks]).sum(0) / len(rows)
    squares = torch.stack([(chunk.to(torch.float64) - mean).square().sum(0) for chunk in chunks]).sum(0)
    std = (squares / len(rows)).sqrt()
    # Rounding leaves a constant element a spread of a few ulp of its value: nothing may be divided by that.
    return Moments(mean, torch.where(std > 1e-12 * mean.abs(), std, 0.0))


def log_mean(rows: Tensor) -> Tensor:
    """Logs of the means of counts, (*event); half a count is added to each total, so that they are finite."""
    return torch.log(moments(rows).mean + 0.5 / len(rows))
