r"""Distributions over the integers 0 .. levels - 1: a continuous distribution rounded to the nearest level.

With F the standard distribution function, m the location and s the scale, the mass of level k is that of its bin,

    P(k) = F(b) - F(a),    a = (k - 1/2 - m) / s,    b = (k + 1/2 - m) / s,

and the outer bins are open-ended (a = -inf at k = 0, b = +inf at k = levels - 1), so that the masses sum to one. A
mixture has K components, each with its own m and s, on an axis between batch and event. No formula below takes the
difference of two nearly equal numbers, in its value or in its gradient.

**Logistic.** One formula serves all bins, for where an edge is infinite so is the width, and 1 stands for its factors:

    P = F(b) - F(a) = F(b) F(-a) (1 - exp(a - b))

With F(b) = exp(min(b, 0)) F(|b|), the exponents of its parts add up to one that may be far below zero, times a factor
that is not; so the logarithm of a mixture's mass is the largest exponent plus the logarithm of a sum, and neither needs
more than one logarithm a number.

**Normal.** With c = (k - m) / s the bin's centre and w = 1/s its width, the bin is reflected to the upper side, where
its edges are n = |c| - w/2 and f = |c| + w/2 (for an outer bin n is its one edge, and f = inf):

    n > 0, the mean lies outside   P = Phi(-n) (1 - exp(-t)),   t = log Phi(-n) / Phi(-f) = |c| w + log R(n) / R(f)
    n <= 0, it lies inside         P = (erf(f / sqrt 2) + erf(-n / sqrt 2)) / 2
    narrow inner bins              P = w phi(c) (1 + w^2 (c^2 - 1) / 24 + O(w^4))

where R(z) = Phi(-z) exp(z^2 / 2) = erfcx(z / sqrt 2) / 2 varies slowly.

References:
    PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood (Salimans et al., 2017)
"""

import math
from abc import ABC, abstractmethod
from functools import partial, reduce
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints

from variate.distributions.support import Shape, is_level, settled, sum_event

MAX_ABS_LOG_SCALE = 20.0
"""Scales are clamped to exp(-20) .. exp(20) levels, far beyond what levels can tell apart: outside, the squares of
standardised distances leave float32's range and gradients become NaN."""

NARROW_BIN = 1e-3
"""A normal's bin is narrow where w^2 (1 + c^2) is below this: the series is then off by less than 3e-9 nats, while the
difference of the tails would begin to lose digits in float32."""


class Quantized(Distribution, ABC):
    """A continuous distribution, or a mixture of them, rounded to the levels 0 .. levels - 1; elements independent.

    Args:
        loc: Locations in levels, (*batch, *event); (*batch, K, *event) with `logits`.
        log_scale: Logs of the scales in levels; broadcasts with `loc`.
        levels: Number of levels, at least 2.
        event_dims: Number of axes of an event.
        logits: Unnormalised log-weights of the K components; broadcasts with `loc`. None: no mixture.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self, loc: Tensor, log_scale: Tensor, levels: int, event_dims: int, logits: Tensor | None = None
    ) -> None:
        shapes = [loc.shape, log_scale.shape] + ([] if logits is None else [logits.shape])
        self.loc = loc.expand(torch.broadcast_shapes(*shapes))
        self.log_scale = log_scale.clamp(-MAX_ABS_LOG_SCALE, MAX_ABS_LOG_SCALE)
        self.logits = logits
        self.levels = levels
        event_start = self.loc.dim() - event_dims
        batch_shape = self.loc.shape[: event_start - (logits is not None)]
        super().__init__(batch_shape, self.loc.shape[event_start:], validate_args=False)

    @staticmethod
    @abstractmethod
    def mass(x: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Probability of each level x under one component as exp(exponent) * factor, elementwise with broadcasting.

        The factor lies well within the range of the numbers, so that the logarithm of a sum of such is one logarithm.
        """

    @staticmethod
    @abstractmethod
    def standard_cdf(x: Tensor) -> Tensor:
        """F of the standard distribution, which is symmetric about 0."""

    @staticmethod
    @abstractmethod
    def standard_sample(shape: torch.Size, like: Tensor) -> Tensor:
        """Draws from the standard distribution."""

    @property
    def support(self) -> constraints.Constraint:
        """The events whose every element is a level."""
        return constraints.independent(constraints.integer_interval(0, self.levels - 1), len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """Exact mean, (*batch, *event): the sum over k >= 1 of P(X >= k), one level at a time to spare memory."""
        rate = torch.exp(-self.log_scale)
        total = torch.zeros_like(self.loc)
        for level in range(1, self.levels):
            total = total + self.standard_cdf((self.loc - (level - 0.5)) * rate)
        return self._mix(total)

    def cdf(self, value: Tensor) -> Tensor:
        """P(X <= value) of each element on its own, broadcast(batch, x_batch) followed by event."""
        value = value.to(self.loc.dtype).floor()
        z = (self._to_components(value) + 0.5 - self.loc) * torch.exp(-self.log_scale)
        p = self._mix(self.standard_cdf(z))
        return torch.where(value < 0, 0, torch.where(value >= self.levels - 1, 1, p))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of events of any dtype, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        x, inside = settled(value, partial(is_level, levels=self.levels))
        x = self._to_components(x.to(self.loc.dtype))
        exponent, factor = self.mass(x, self.loc, self.log_scale, self.levels)
        if self.logits is not None:
            exponent, factor = self._weigh(exponent, factor)
        return sum_event(exponent + factor.log(), inside, len(self.event_shape))

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, (*sample_shape, *batch, *event): rounding a continuous draw gives exactly the masses above."""
        loc, log_scale = self._draw_components(torch.Size(sample_shape))
        draw = loc + log_scale.exp() * self.standard_sample(loc.shape, loc)
        return draw.round().clamp(0, self.levels - 1)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "Quantized":
        """The same distribution over a larger batch; no memory is copied."""
        own_axes = self.loc.shape[len(self.batch_shape) :]
        loc = self.loc.expand(torch.Size(batch_shape) + own_axes)
        return type(self)(loc, self.log_scale, self.levels, len(self.event_shape), self.logits)

    @property
    def _component_axis(self) -> int:
        return -len(self.event_shape) - 1

    def _to_components(self, x: Tensor) -> Tensor:
        """Gives x an axis for the components, if there are any."""
        return x if self.logits is None else x.unsqueeze(x.dim() - len(self.event_shape))

    def _weigh(self, exponent: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted sum over the components, in the same form."""
        axis = self._component_axis
        logits = self.logits if self.logits is not None else exponent
        exponents, weights = (exponent + logits).unbind(axis), logits.unbind(axis)
        most, heaviest = reduce(torch.maximum, exponents).detach(), reduce(torch.maximum, weights).detach()
        terms = [torch.exp(e - most) * f for e, f in zip(exponents, factor.unbind(axis), strict=True)]
        total = reduce(torch.add, [torch.exp(w - heaviest) for w in weights])
        return most - heaviest, reduce(torch.add, terms) / total

    def _mix(self, values: Tensor) -> Tensor:
        """The weighted mean of the components' values."""
        if self.logits is None:
            return values
        return (torch.softmax(self.logits, self._component_axis) * values).sum(self._component_axis)

    def _draw_components(self, sample_shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Location and log-scale of the component that each element of a sample comes from."""
        shape = sample_shape + self.loc.shape
        loc, log_scale = self.loc.expand(shape), self.log_scale.expand(shape)
        if self.logits is None:
            return loc, log_scale
        axis = self._component_axis
        weights = Categorical(logits=self.logits.expand(self.loc.shape).movedim(axis, -1), validate_args=False)
        component = weights.sample(sample_shape).unsqueeze(axis)
        return loc.gather(axis, component).squeeze(axis), log_scale.gather(axis, component).squeeze(axis)


class QuantizedLogistic(Quantized):
    """A logistic distribution, or a mixture of them, rounded to levels; the scale is the logistic's own s."""

    @staticmethod
    def mass(x: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Mass of each level x as exp(exponent) * factor, elementwise with broadcasting."""
        rate = torch.exp(-log_scale)
        b = (x + 0.5 - loc) * rate
        minus_a = rate - b
        # Edges at infinity are made of x, which has no axis of draws or components.
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
    def standard_sample(shape: torch.Size, like: Tensor) -> Tensor:
        """Logits of uniform draws, drawn in float64: float32's are multiples of 2^-24, and 0 among them."""
        u = torch.rand(shape, dtype=torch.float64, device=like.device)
        return torch.logit(u, eps=1e-300).to(like.dtype)


class QuantizedNormal(Quantized):
    """A normal distribution, or a mixture of them, rounded to levels; the scale is its standard deviation."""

    @staticmethod
    def mass(x: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Mass of each level x as its exponential, times 1, elementwise with broadcasting."""
        w = torch.exp(-log_scale)
        c = (x - loc) * w
        bottom, top = x == 0, x == levels - 1
        outer = bottom | top
        narrow = (w.square() * (1 + c.square()) < NARROW_BIN) & ~outer
        distance = torch.where(bottom, -c, torch.where(top, c, c.abs()))
        # Harmless inputs where the series is not taken, so that no 0 * inf enters a gradient.
        series = _log_mass_narrow(torch.where(narrow, c, 0), torch.where(narrow, w, 1))
        log_mass = torch.where(narrow, series, _log_mass_edges(distance, w, outer, narrow))
        return log_mass, torch.ones_like(log_mass)

    @staticmethod
    def standard_cdf(x: Tensor) -> Tensor:
        """Phi."""
        return torch.special.ndtr(x)

    @staticmethod
    def standard_sample(shape: torch.Size, like: Tensor) -> Tensor:
        """Standard normal draws."""
        return torch.randn(shape, dtype=like.dtype, device=like.device)


def _log1mexp(t: Tensor) -> Tensor:
    """log(1 - exp(-t)) for t > 0, accurate to rounding at both ends."""
    return torch.log(-torch.expm1(-t))


def _log_mills(z: Tensor) -> Tensor:
    """Log R(z) = log Phi(-z) + z^2 / 2, for z >= 0."""
    return torch.log(0.5 * torch.special.erfcx(z / math.sqrt(2)))


def _log_mass_edges(distance: Tensor, w: Tensor, outer: Tensor, narrow: Tensor) -> Tensor:
    """Log of a normal's mass on a bin from its two edges.

    (torch.special.log_ndtr does not serve: in float32 its gradient is off by a third at -5000 and zero at -1e6.)

    Args:
        distance: From the mean to the bin's centre, in standard deviations; negative if an outer bin holds the mean.
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
