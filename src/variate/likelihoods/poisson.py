"""The Poisson decoder for counts."""

import torch
from torch import Tensor

from variate.distributions import counts
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import require_counts
from variate.statistics import log_mean


class Poisson(Likelihood):
    """Independent Poisson counts; the network says log-means relative to the logs of the training rows' means.

    Args:
        event_shape: Shape of a row.
    """

    is_mass = True
    offset: Tensor

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape, (1, *event_shape))
        self.register_buffer("offset", torch.zeros(self.event_shape))

    def distribution(self, outputs: Tensor) -> counts.Poisson:
        """Counts whose log-means are the outputs plus the offset."""
        event_dims = len(self.event_shape)
        return counts.Poisson(outputs.squeeze(-event_dims - 1) + self.offset.to(outputs.dtype), event_dims)

    def check(self, rows: Tensor) -> None:
        """Refuses what is no count."""
        require_counts("poisson", rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the logs of the means."""
        self.offset.copy_(log_mean(rows))
