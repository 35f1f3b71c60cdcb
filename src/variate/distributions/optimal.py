"""A normal distribution whose variance is the best one for whatever it is evaluated on (sigma-VAE).

Of all sigma shared by every element, the log-density of a set of residuals is greatest at

    sigma^2 = mean squared residual,

over all elements, rows and draws of the call. So the log-density of a row depends on the rows beside it: this is a
training device and no model of data. Evaluate with a frozen sigma.

References:
    Simple and Effective VAE Training with Calibrated Decoders (Rybkin et al., 2021)
"""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from variate.distributions.support import Shape


class OptimalNormal(Distribution):
    """N(loc, sigma^2 I) with sigma^2 = the mean squared residual over everything in one call of `log_prob`.

    It has no variance and no draws: both would depend on data that it has not seen.

    Args:
        loc: Means, (*batch, *event).
        event_dims: Number of axes of an event.
        min_log_scale: Log of the least sigma, so that residuals that vanish leave the density finite.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, loc: Tensor, event_dims: int, min_log_scale: float) -> None:
        self.loc, self.min_log_scale = loc, min_log_scale
        start = loc.dim() - event_dims
        super().__init__(loc.shape[:start], loc.shape[start:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real events."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-densities of rows under the sigma that suits them all best, in nats: broadcast(batch, x_batch)."""
        squared = (value - self.loc).square()
        variance = squared.mean().clamp(min=math.exp(2 * self.min_log_scale))
        log_p = -0.5 * (squared / variance + torch.log(2 * math.pi * variance))
        return log_p.sum(tuple(range(-len(self.event_shape), 0)))

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "OptimalNormal":
        """The same distribution over a larger batch; no memory is copied."""
        loc = self.loc.expand(torch.Size(batch_shape) + self.event_shape)
        return OptimalNormal(loc, len(self.event_shape), self.min_log_scale)
