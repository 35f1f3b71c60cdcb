"""The Poisson decoder for counts: log p(x|z) = sum_i (x_i log m_i - m_i - log x_i!) with means m."""

import torch
from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.counts import PoissonElements
from variate.distributions.rows import Independent
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import require_counts
from variate.statistics import log_count_mean


class Poisson(Likelihood):
    """Independent Poisson counts; the network gives log-means relative to the logs of the training rows' means.

    Args:
        event_shape: Shape of a row.
    """

    is_mass = True
    offset: Tensor

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape, (1, *event_shape))
        self.register_buffer("offset", torch.zeros(self.event_shape))

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "Poisson":
        """The likelihood that options describe."""
        return cls(schema.shape)

    def distribution(self, outputs: Tensor) -> Independent:
        """Counts whose log-means are the outputs plus the offset."""
        event_dims = len(self.event_shape)
        log_rate = outputs.squeeze(-event_dims - 1) + self.offset.to(outputs.dtype)
        return Independent(PoissonElements(log_rate), event_dims)

    def check(self, rows: Tensor) -> None:
        """Rejects everything but counts."""
        require_counts("poisson", rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the logs of the means."""
        self.offset.copy_(log_count_mean(rows))
