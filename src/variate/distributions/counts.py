r"""Poisson and negative binomial distributions that hold their digits in float32 for large counts.

The textbook forms, and torch's, subtract numbers of the size of x log x to get one of the size of log x: in float32
they are off by 0.01 nats at counts near 10^4. Loader's saddle-point form has no such difference. With Stirling's error
d(x) = log x! - log(sqrt(2 pi x) (x/e)^x), the deviance D(x, m) = x log(x/m) + m - x taken as x (expm1(u) - u) for
u = log(m/x), and n = x + r,

    Poisson            log p = -d(x) - D(x, m) - log(2 pi x) / 2
    negative binomial  log p = d(n) - d(x) - d(r) - D(x, n m / (r + m)) - D(r, n r / (r + m)) + log(r / (2 pi x n)) / 2

for x > 0, where the negative binomial has mean m and variance m + m^2 / r: the smaller its dispersion parameter r, the
more it is overdispersed, and as r grows it becomes Poisson. At x = 0 they are -m and -r log(1 + m/r).

References:
    Fast and accurate computation of binomial probabilities (Loader, 2000)
"""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import softplus

from variate.distributions.support import Shape, is_count, settled, sum_event

MAX_LOG_MEAN = 30.0
"""Means are at most exp(30), beyond the counts that float32 can tell apart: a network that diverges stays finite."""

MAX_ABS_LOG_DISPERSION = 20.0
"""Dispersions are within exp(-20) .. exp(20): above, the distribution is Poisson to every digit of float32."""

STIRLING_FROM = 10.0
"""From here on four terms of Stirling's series give d(x) to 1e-12."""


def stirling_error(x: Tensor) -> Tensor:
    """d(x) = log Gamma(x + 1) - log(sqrt(2 pi x) (x/e)^x), for x > 0."""
    small = x.clamp(max=STIRLING_FROM)
    exact = torch.lgamma(small + 1) - (small + 0.5) * small.log() + small - 0.5 * math.log(2 * math.pi)
    y = 1 / x.clamp(min=STIRLING_FROM)
    series = y * (1 / 12 - y.square() * (1 / 360 - y.square() * (1 / 1260 - y.square() / 1680)))
    return torch.where(x < STIRLING_FROM, exact, series)


def deviance(x: Tensor, u: Tensor) -> Tensor:
    """X log(x/m) + m - x with m = x exp(u): half the deviance of a Poisson count x of mean m."""
    return x * (torch.expm1(u) - u)


class Poisson(Distribution):
    """Independent Poisson counts.

    Args:
        log_rate: Logs of the means, (*batch, *event).
        event_dims: Number of axes of an event.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, log_rate: Tensor, event_dims: int) -> None:
        self.log_rate = log_rate.clamp(max=MAX_LOG_MEAN)
        start = log_rate.dim() - event_dims
        super().__init__(log_rate.shape[:start], log_rate.shape[start:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The events whose every element is a count."""
        return constraints.independent(constraints.nonnegative_integer, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.log_rate.exp()

    @property
    def variance(self) -> Tensor:
        """Variance, equal to the mean."""
        return self.mean

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of events of any dtype, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        x, inside = settled(value, is_count)
        x = x.to(self.log_rate.dtype)
        positive = x.clamp(min=1)
        of_x = stirling_error(positive) + 0.5 * torch.log(2 * math.pi * positive)
        log_p = -of_x - deviance(positive, self.log_rate - positive.log())
        return sum_event(torch.where(x > 0, log_p, -self.mean), inside, len(self.event_shape))

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, (*sample_shape, *batch, *event)."""
        with torch.no_grad():
            return torch.poisson(self.mean.expand(self._extended_shape(torch.Size(sample_shape))))

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "Poisson":
        """The same distribution over a larger batch; no memory is copied."""
        return Poisson(self.log_rate.expand(torch.Size(batch_shape) + self.event_shape), len(self.event_shape))


class NegativeBinomial(Distribution):
    """Independent overdispersed counts with mean m and variance m + m^2 / r.

    Args:
        log_mean: log m, (*batch, *event).
        log_dispersion: log r; broadcasts with `log_mean`.
        event_dims: Number of axes of an event.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, log_mean: Tensor, log_dispersion: Tensor, event_dims: int) -> None:
        shape = torch.broadcast_shapes(log_mean.shape, log_dispersion.shape)
        self.log_mean = log_mean.expand(shape).clamp(max=MAX_LOG_MEAN)
        self.log_dispersion = log_dispersion.clamp(-MAX_ABS_LOG_DISPERSION, MAX_ABS_LOG_DISPERSION)
        start = len(shape) - event_dims
        super().__init__(shape[:start], shape[start:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The events whose every element is a count."""
        return constraints.independent(constraints.nonnegative_integer, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """Variance, (*batch, *event)."""
        return self.mean + torch.exp(2 * self.log_mean - self.log_dispersion)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of events of any dtype, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        x, inside = settled(value, is_count)
        x = x.to(self.log_mean.dtype)
        at_zero = -self.log_dispersion.exp() * softplus(self.log_mean - self.log_dispersion)
        log_p = torch.where(x > 0, self._log_prob_positive(x.clamp(min=1)), at_zero)
        return sum_event(log_p, inside, len(self.event_shape))

    def _log_prob_positive(self, x: Tensor) -> Tensor:
        r, n = self.log_dispersion.exp(), x + self.log_dispersion.exp()
        u = self._log_ratio(x)
        stirling = stirling_error(n) - stirling_error(x) - stirling_error(r)
        spread = deviance(x, u + self.log_mean - x.log()) + deviance(r, u)
        return stirling - spread + 0.5 * (self.log_dispersion - torch.log(2 * math.pi * x) - n.log())

    def _log_ratio(self, x: Tensor) -> Tensor:
        """log((x + r) / (m + r)), by log1p where that is near 0."""
        m, r = self.mean, self.log_dispersion.exp()
        relative = (x - m) / (m + r)
        near = relative.abs() < 0.5
        far = torch.log(x + r) - torch.logaddexp(self.log_mean, self.log_dispersion)
        return torch.where(near, torch.log1p(torch.where(near, relative, 0)), far)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, (*sample_shape, *batch, *event): Poisson counts whose rate is drawn from a gamma distribution."""
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            gamma = torch.distributions.Gamma(self.log_dispersion.exp().expand(shape), 1.0, validate_args=False)
            return torch.poisson(gamma.sample() * torch.exp(self.log_mean - self.log_dispersion))

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "NegativeBinomial":
        """The same distribution over a larger batch; no memory is copied."""
        log_mean = self.log_mean.expand(torch.Size(batch_shape) + self.event_shape)
        return NegativeBinomial(log_mean, self.log_dispersion, len(self.event_shape))
