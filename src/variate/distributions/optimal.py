"""A normal distribution with the best variance for whatever it is evaluated on (sigma-VAE).

Of all sigma shared by every element, the log-density of a set of residuals is greatest at

    sigma^2 = mean squared residual,

over all observed elements, rows and draws of the call. So the log-density of a row depends on the rows beside it: this
is a training device and not a model of data. Evaluate with a frozen sigma.

References:
    Simple and Effective VAE Training with Calibrated Decoders (Rybkin et al., 2021)
"""

import math
from typing import NoReturn

import torch
from jaxtyping import Bool
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.rows import RowDistribution
from variate.distributions.support import Shape, sum_event


class OptimalNormal(RowDistribution):
    """N(loc, sigma^2 I) with sigma^2 = the mean squared residual over everything in one call of `log_prob`.

    It has no variance, no draws and no factors: they would depend on the rows of a call.

    Args:
        loc: Means, (*batch, *event).
        event_dims: Number of axes of an event.
        min_log_scale: Log of the least sigma, so that vanishing residuals leave the density finite.
    """

    def __init__(self, loc: Tensor, event_dims: int, min_log_scale: float) -> None:
        self.loc, self.min_log_scale = loc, min_log_scale
        start = loc.dim() - event_dims
        super().__init__(loc.shape[:start], loc.shape[start:], loc.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """None: sigma is known only in `log_prob`."""
        return self._unknown()

    def log_prob(self, x: Tensor, mask: Bool[Tensor, "..."] | None = None, *, check_support: bool = True) -> Tensor:
        """Log-densities of rows under the best sigma for all observed elements, in nats, broadcast(batch, x_batch)."""
        if mask is not None:
            x = torch.where(mask, x, 0)
        inside = x.isfinite() if check_support else None
        if inside is not None:
            x = torch.where(inside, x, 0)
        log_p = self._log_prob(x, mask)
        if mask is not None:
            log_p = torch.where(mask, log_p, 0)
        return sum_event(log_p, inside, len(self.event_shape))

    def log_prob_elements(self, x: Tensor) -> Tensor:
        """Log-densities of the elements under the best sigma for them all, (*broadcast(batch, x_batch), *event)."""
        inside = x.isfinite()
        return torch.where(inside, self._log_prob(torch.where(inside, x, 0), None), -torch.inf)

    def _log_prob(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Log-densities of the elements in nats; those that the mask leaves out have no part in sigma."""
        squared = (x - self.loc).square()
        if mask is None:
            mean = squared.mean()
        else:
            observed = mask.expand_as(squared)
            mean = torch.where(observed, squared, 0).sum() / observed.sum().clamp(min=1)
        variance = mean.clamp(min=math.exp(2 * self.min_log_scale))
        return -0.5 * (squared / variance + torch.log(2 * math.pi * variance))

    def factor(self, i: int, before: Tensor | None = None) -> Elementwise:
        """None: sigma is known only in `log_prob`."""
        return self._unknown()

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """None: sigma is known only in `log_prob`."""
        return self._unknown()

    def _unknown(self) -> NoReturn:
        raise NotImplementedError("an optimal sigma depends on the rows of a call: freeze it first")
