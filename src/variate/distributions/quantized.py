r"""Distributions over the integers 0 .. levels - 1: a continuous distribution rounded to the nearest level.

With F the standard distribution function, m the location and s the scale, the mass of level k is that of its bin,

    P(k) = F(b) - F(a),    a = (k - 1/2 - m) / s,    b = (k + 1/2 - m) / s,

and the outer bins are open-ended (a = -inf at k = 0, b = +inf at k = levels - 1), so that the masses sum to one. A
mixture has K components, each with its own m and s, on an axis between batch and event. No formula below takes the
difference of two nearly equal numbers, in its value or in its gradient.

**Logistic.** One formula serves all bins; at an infinite edge its factors are 1, and so is the factor of the width:

    P = F(b) - F(a) = F(b) F(-a) (1 - exp(a - b))

With F(b) = exp(min(b, 0)) F(|b|) and the same for F(-a), this is exp(e) f with an exponent e that may be far below zero
and a factor f that is not. So the logarithm of a mixture's mass is the largest exponent plus the logarithm of a sum,
and takes one logarithm per number.

**Normal.** With c = (k - m) / s the bin's centre and w = 1/s its width, the bin is reflected to the upper side, where
its edges are n = |c| - w/2 and f = |c| + w/2 (an outer bin has the single edge n, and f = inf):

    n > 0, the mean lies outside   P = Phi(-n) (1 - exp(-t)),   t = log Phi(-n) / Phi(-f) = |c| w + log R(n) / R(f)
    n <= 0, it lies inside         P = (erf(f / sqrt 2) + erf(-n / sqrt 2)) / 2
    narrow inner bins              P = w phi(c) (1 + w^2 (c^2 - 1) / 24 + O(w^4))

where R(z) = Phi(-z) exp(z^2 / 2) = erfcx(z / sqrt 2) / 2 varies slowly.

References:
    PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood (Salimans et al., 2017)
"""

import math
from abc import abstractmethod
from functools import reduce

import torch
from torch import Tensor

from variate.distributions.categorical import draw_codes
from variate.distributions.elementwise import Elementwise
from variate.distributions.inversion import smallest_integer
from variate.distributions.normal import standard_normal_cdf
from variate.distributions.support import Shape, insert_axis, is_level

MAX_ABS_LOG_SCALE = 20.0
"""Scales are clamped to exp(-20) .. exp(20) levels, far beyond what makes a difference on levels: outside, the squares
of standardised distances leave float32's range and gradients become NaN."""

NARROW_BIN = 1e-3
"""A normal's bin is narrow where w^2 (1 + c^2) is below this: the series is then off by less than 3e-9 nats, while the
difference of the tails would begin to lose digits in float32."""


class Quantized(Elementwise):
    """A continuous distribution, or a mixture of such, rounded to the levels 0 .. levels - 1; elements independent.

    Args:
        loc: Locations in levels, (*batch, *event); (*batch, K, *event) with `logits`.
        log_scale: Logs of the scales in levels; broadcasts with `loc`.
        levels: Number of levels, at least 2.
        logits: Unnormalised log-weights of the K components; broadcasts with `loc`. None: no mixture.
        axis: The axis of the components, counted from the end: -1 minus the number of axes of an event.
    """

    is_discrete = True

    def __init__(
        self, loc: Tensor, log_scale: Tensor, levels: int, logits: Tensor | None = None, axis: int = -1
    ) -> None:
        # not by torch.broadcast_shapes, whose first call imports half a second's worth of modules
        self.loc, *_ = torch.broadcast_tensors(loc, log_scale, *([] if logits is None else [logits]))
        self.log_scale = log_scale.clamp(-MAX_ABS_LOG_SCALE, MAX_ABS_LOG_SCALE)
        self.levels, self.logits, self.axis = levels, logits, axis
        shape = list(self.loc.shape)
        if logits is not None:
            del shape[axis]
        super().__init__(shape, loc.dtype)

    @staticmethod
    @abstractmethod
    def mass(x: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Probability of each level x under one component as exp(exponent) * factor, elementwise with broadcasting.

        The factor is within the range of floating-point numbers, so the log of a sum of such terms takes one logarithm.
        """

    @staticmethod
    @abstractmethod
    def standard_cdf(x: Tensor) -> Tensor:
        """F of the standard distribution, which is symmetric about 0."""

    @classmethod
    def standard_cdf_in_tail(cls, x: Tensor) -> Tensor:
        """F with a small relative error where it is close to 0, too."""
        return cls.standard_cdf(x)

    @staticmethod
    @abstractmethod
    def standard_sample(shape: torch.Size, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draws from the standard distribution, of the dtype and on the device of `like`."""

    @property
    def mean(self) -> Tensor:
        """Exact mean, (*shape): the sum over k >= 1 of P(X >= k), one level at a time to save memory."""
        rate = torch.exp(-self.log_scale)
        total = torch.zeros_like(self.loc)
        for level in range(1, self.levels):
            total = total + self.standard_cdf((self.loc - (level - 0.5)) * rate)
        return self._mix(total)

    @property
    def variance(self) -> Tensor:
        """Exact variance, (*shape), from the second moment about c, the mean rounded to a level.

        E (X - c)^2 = sum_{k > c} (2 (k - c) - 1) P(X >= k) + sum_{1 <= k <= c} (2 (c - k) + 1) P(X < k)
        """
        rate, mean = torch.exp(-self.log_scale), self.mean
        center = mean.round()
        to_center = self._to_components(center)
        total = torch.zeros_like(self.loc)
        for level in range(1, self.levels):
            z, above = (self.loc - (level - 0.5)) * rate, level > to_center
            weight = (2 * (level - to_center) - 1).abs()
            total = total + weight * self.standard_cdf(torch.where(above, z, -z))
        return self._mix(total) - (mean - center).square()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities of levels of any dtype in nats, broadcast(shape, x.shape)."""
        exponent, factor = self.mass(self._to_components(x.to(self.dtype)), self.loc, self.log_scale, self.levels)
        if self.logits is not None:
            exponent, factor = self._weigh(exponent, factor, self.logits)
        return exponent + factor.log()

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is a level."""
        return is_level(x, self.levels)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape): rounding a continuous draw gives exactly the masses above."""
        loc, log_scale = self._draw_components(torch.Size(sample_shape), generator)
        draw = loc + log_scale.exp() * self.standard_sample(loc.shape, loc, generator)
        return draw.round().clamp(0, self.levels - 1)

    def _cdf(self, x: Tensor) -> Tensor:
        x = x.floor()
        z = (self._to_components(x) + 0.5 - self.loc.double()) * torch.exp(-self.log_scale.double())
        p = self._mix(self.standard_cdf_in_tail(z))
        return torch.where(x < 0, 0, torch.where(x >= self.levels - 1, 1, p))

    def _quantile(self, u: Tensor) -> Tensor:
        last = u.new_full(torch.broadcast_shapes(self.shape, u.shape), self.levels - 1.0)
        return smallest_integer(self._cdf, u, last)

    def _to_components(self, x: Tensor) -> Tensor:
        """Gives x an axis for the components, if there are any."""
        return x if self.logits is None else insert_axis(x, self.axis)

    def _weigh(self, exponent: Tensor, factor: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted sum over the components, in the same form."""
        exponents, weights = (exponent + logits).unbind(self.axis), logits.unbind(self.axis)
        most, heaviest = reduce(torch.maximum, exponents).detach(), reduce(torch.maximum, weights).detach()
        terms = [torch.exp(e - most) * f for e, f in zip(exponents, factor.unbind(self.axis), strict=True)]
        total = reduce(torch.add, [torch.exp(w - heaviest) for w in weights])
        return most - heaviest, reduce(torch.add, terms) / total

    def _mix(self, values: Tensor) -> Tensor:
        """The weighted mean of the components' values."""
        if self.logits is None:
            return values
        return (torch.softmax(self.logits.to(values.dtype), self.axis) * values).sum(self.axis)

    def _draw_components(self, sample_shape: torch.Size, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Location and log-scale of the component that each element of a sample comes from."""
        shape = sample_shape + self.loc.shape
        loc, log_scale = self.loc.expand(shape), self.log_scale.expand(shape)
        if self.logits is None:
            return loc, log_scale
        weights = self.logits.expand(self.loc.shape).movedim(self.axis, -1)
        component = draw_codes(weights, sample_shape, generator).unsqueeze(self.axis)
        loc, log_scale = (parameter.gather(self.axis, component) for parameter in (loc, log_scale))
        return loc.squeeze(self.axis), log_scale.squeeze(self.axis)


class QuantizedLogistic(Quantized):
    """A logistic distribution, or a mixture of them, rounded to levels; the scale is the logistic's own s."""

    @staticmethod
    def mass(x: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Mass of each level x as exp(exponent) * factor, elementwise with broadcasting."""
        rate = torch.exp(-log_scale)
        b = (x + 0.5 - loc) * rate
        minus_a = rate - b
        # Infinite edges are computed from x, which is small: it has no axis of draws or components.
        above, below = (torch.where(edge, torch.inf, 0.0).to(rate.dtype) for edge in (x >= levels - 1, x <= 0))
        zero = torch.zeros((), dtype=rate.dtype, device=rate.device)
        b, minus_a, width = b + above, minus_a + below, rate + (above + below)
        exponent = torch.minimum(b, zero) + torch.minimum(minus_a, zero)
        return exponent, -torch.expm1(-width) * torch.sigmoid(b.abs()) * torch.sigmoid(minus_a.abs())

    @staticmethod
    def standard_cdf(x: Tensor) -> Tensor:
        """The logistic function."""
        return torch.sigmoid(x)

    @staticmethod
    def standard_sample(shape: torch.Size, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Logits of uniform draws in float64; float32 has multiples of 2^-24 only, 0 among them."""
        u = torch.rand(shape, dtype=torch.float64, device=like.device, generator=generator)
        return torch.logit(u, eps=1e-300).to(like.dtype)


class QuantizedNormal(Quantized):
    """A normal distribution, or a mixture of them, rounded to levels; the scale is its standard deviation."""

    @staticmethod
    def mass(x: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Mass of each level x as its exponential, times 1, elementwise with broadcasting."""
        w = torch.exp(-log_scale)
        log_mass = log_normal_mass((x - loc) * w, w, x == 0, x == levels - 1)
        return log_mass, torch.ones_like(log_mass)

    @staticmethod
    def standard_cdf(x: Tensor) -> Tensor:
        """Phi, to an absolute error of a few units in the last place."""
        return torch.special.ndtr(x)

    @classmethod
    def standard_cdf_in_tail(cls, x: Tensor) -> Tensor:
        """Phi, to a relative error of a few units in the last place."""
        return standard_normal_cdf(x)

    @staticmethod
    def standard_sample(shape: torch.Size, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Standard normal draws."""
        return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


def log_normal_mass(c: Tensor, w: Tensor, bottom: Tensor | None = None, top: Tensor | None = None) -> Tensor:
    """Log of a standard normal's mass on bins, in nats, elementwise with broadcasting.

    Args:
        c: Centres of the bins.
        w: Their widths, positive.
        bottom: Which bins reach down to -inf; None: none.
        top: Which bins reach up to inf; None: none.
    """
    none = torch.zeros((), dtype=torch.bool, device=c.device)
    bottom, top = none if bottom is None else bottom, none if top is None else top
    outer = bottom | top
    narrow = (w.square() * (1 + c.square()) < NARROW_BIN) & ~outer
    distance = torch.where(bottom, -c, torch.where(top, c, c.abs()))
    # Where the series is not used its inputs are replaced, so that no 0 * inf enters a gradient.
    series = _log_mass_narrow(torch.where(narrow, c, 0), torch.where(narrow, w, 1))
    return torch.where(narrow, series, _log_mass_edges(distance, w, outer, narrow))


def _log1mexp(t: Tensor) -> Tensor:
    """log(1 - exp(-t)) for t > 0, accurate to rounding at both ends."""
    return torch.log(-torch.expm1(-t))


def _log_mills(z: Tensor) -> Tensor:
    """Log R(z) = log Phi(-z) + z^2 / 2, for z >= 0."""
    return torch.log(0.5 * torch.special.erfcx(z / math.sqrt(2)))


def _log_mass_edges(distance: Tensor, w: Tensor, outer: Tensor, narrow: Tensor) -> Tensor:
    """Log of a normal's mass on a bin from its two edges.

    torch.special.log_ndtr is not used: in float32 its gradient is wrong by a third at -5000 and zero at -1e6.

    Args:
        distance: From the mean to the bin's centre, in standard deviations; negative if an outer bin contains the mean.
        w: The bin's width in standard deviations.
        outer: Whether the bin is open-ended on the far side.
        narrow: Where the result is not used.
    """
    near, far = distance - w / 2, distance.abs() + w / 2
    outside, inside = near.clamp(min=0), -near.clamp(max=0)
    log_r = _log_mills(outside)
    t = torch.where(outer | narrow, 1, distance * w + log_r - _log_mills(far))
    beyond = log_r - 0.5 * outside.square() + torch.where(outer, 0, _log1mexp(t))
    around = torch.log(0.5 * (torch.where(outer, 1, torch.erf(far / math.sqrt(2))) + torch.erf(inside / math.sqrt(2))))
    return torch.where(near > 0, beyond, around)


def _log_mass_narrow(c: Tensor, w: Tensor) -> Tensor:
    """Log of a normal's mass on a bin of centre c and width w, by series."""
    log_density = -0.5 * c.square() - 0.5 * math.log(2 * math.pi)
    return log_density + torch.log(w) + torch.log1p(w.square() * (c.square() - 1) / 24)
