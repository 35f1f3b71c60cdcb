r"""Poisson and negative binomial counts whose log-probabilities are accurate in float32 for large counts too.

The textbook forms, and torch's, subtract numbers of the size of x log x to get one of the size of log x: in float32
they are off by 0.01 nats at counts near 10^4. Loader's saddle-point form has no such difference. With Stirling's error
d(x) = log x! - log(sqrt(2 pi x) (x/e)^x), the deviance D(x, m) = x log(x/m) + m - x computed as x (expm1(u) - u)
with u = log(m/x), and n = x + r,

    Poisson            log p = -d(x) - D(x, m) - log(2 pi x) / 2
    negative binomial  log p = d(n) - d(x) - d(r) - D(x, n m / (r + m)) - D(r, n r / (r + m)) + log(r / (2 pi x n)) / 2

for x > 0, where the negative binomial has mean m and variance m + m^2 / r: the smaller its dispersion parameter r, the
more it is overdispersed, and as r grows it becomes Poisson. At x = 0 they are -m and -r log(1 + m/r).

The distribution functions are regularised incomplete gamma and beta functions, with q = m / (r + m):

    Poisson            F(x) = Q(x + 1, m)
    negative binomial  F(x) = I_{1-q}(r, x + 1) = 1 - I_q(x + 1, r),

where the second form is used for q < 1/2: 1 - q, once rounded, has lost digits of q.

References:
    Fast and accurate computation of binomial probabilities (Loader, 2000)
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from variate.distributions.elementwise import Elementwise
from variate.distributions.interop import call_scipy, numpy_generator
from variate.distributions.inversion import smallest_count
from variate.distributions.support import Shape, is_count

MAX_LOG_MEAN = 30.0
"""Means are at most exp(30), beyond what float32 can count, so that a diverging network stays finite."""

MAX_ABS_LOG_DISPERSION = 20.0
"""Dispersions are within exp(-20) .. exp(20): above, the distribution is Poisson to float32 precision."""

STIRLING_FROM = 10.0
"""For x at least this large, four terms of Stirling's series give d(x) to 1e-12."""

UPPER_DEVIATIONS = 10.0
"""The search for a quantile begins with the counts up to the mean plus so many standard deviations."""


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


class Counts(Elementwise):
    """Independent counts: what the two families share."""

    is_discrete = True

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is 0, 1, 2, ..."""
        return is_count(x)

    def _quantile(self, u: Tensor) -> Tensor:
        start = self.mean.double() + UPPER_DEVIATIONS * self.variance.double().sqrt()
        return smallest_count(self._cdf, u, start)


class PoissonElements(Counts):
    """Independent Poisson counts.

    Args:
        log_rate: Logs of the means, (*batch, *event).
    """

    def __init__(self, log_rate: Tensor) -> None:
        self.log_rate = log_rate.clamp(max=MAX_LOG_MEAN)
        super().__init__(log_rate.shape, log_rate.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*shape)."""
        return self.log_rate.exp()

    @property
    def variance(self) -> Tensor:
        """Variance, equal to the mean."""
        return self.mean

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities of counts of any dtype in nats, broadcast(shape, x.shape)."""
        x = x.to(self.dtype)
        positive = x.clamp(min=1)
        of_x = stirling_error(positive) + 0.5 * torch.log(2 * math.pi * positive)
        log_p = -of_x - deviance(positive, self.log_rate - positive.log())
        return torch.where(x > 0, log_p, -self.mean)

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape)."""
        with torch.no_grad():
            return torch.poisson(self.mean.expand(torch.Size(sample_shape) + self.shape), generator=generator)

    def _cdf(self, x: Tensor) -> Tensor:
        below = x < 0
        p = call_scipy("gammaincc", torch.where(below, 0, x.floor()) + 1, self.log_rate.double().exp())
        return torch.where(below, 0, p)


class NegativeBinomialElements(Counts):
    """Independent overdispersed counts with mean m and variance m + m^2 / r.

    Args:
        log_mean: log m, (*batch, *event).
        log_dispersion: log r; broadcasts with `log_mean`.
    """

    def __init__(self, log_mean: Tensor, log_dispersion: Tensor) -> None:
        shape = torch.broadcast_tensors(log_mean, log_dispersion)[0].shape
        self.log_mean = log_mean.expand(shape).clamp(max=MAX_LOG_MEAN)
        self.log_dispersion = log_dispersion.clamp(-MAX_ABS_LOG_DISPERSION, MAX_ABS_LOG_DISPERSION)
        super().__init__(shape, log_mean.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*shape)."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """Variance, (*shape)."""
        return self.mean + torch.exp(2 * self.log_mean - self.log_dispersion)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities of counts of any dtype in nats, broadcast(shape, x.shape)."""
        x = x.to(self.dtype)
        at_zero = -self.log_dispersion.exp() * softplus(self.log_mean - self.log_dispersion)
        return torch.where(x > 0, self._log_prob_positive(x.clamp(min=1)), at_zero)

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

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape): Poisson counts whose rates are gamma draws of shape r and mean m.

        The gamma draws come from a numpy generator that is seeded from `generator`.
        """
        shape = torch.Size(sample_shape) + self.shape
        with torch.no_grad():
            r = self.log_dispersion.exp().double().cpu().numpy()
            gamma = torch.as_tensor(numpy_generator(generator).standard_gamma(r, shape)).to(self.log_mean)
            return torch.poisson(gamma * torch.exp(self.log_mean - self.log_dispersion), generator=generator)

    def _cdf(self, x: Tensor) -> Tensor:
        below = x < 0
        r, after = self.log_dispersion.double().exp(), torch.where(below, 0, x.floor()) + 1
        log_odds = self.log_mean.double() - self.log_dispersion.double()
        q = torch.sigmoid(log_odds)
        by_rest = call_scipy("betainc", r, after, torch.sigmoid(-log_odds))
        p = torch.where(q < 0.5, call_scipy("betaincc", after, r, q), by_rest)
        return torch.where(below, 0, p)
