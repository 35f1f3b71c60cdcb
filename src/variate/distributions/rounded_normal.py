"""Normal numbers rounded to a grid: the mass of a point x of a grid of spacing h is that of (x - h/2, x + h/2].

A density of numbers that lie on a grid has no bound and cannot be compared with a mass; this mass can.
"""

import torch
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.normal import standard_normal_cdf
from variate.distributions.quantized import log_normal_mass
from variate.distributions.scaled import standardize
from variate.distributions.support import Shape


class RoundedNormal(Elementwise):
    """The numbers offset + unit * y for normal y, rounded to the nearest point first + step * n of a grid.

    Mean and variance are those before rounding, the variance with step^2 / 12 more.

    Args:
        loc: Means of y, (*batch, *event).
        scale: Standard deviations of y; broadcasts with `loc`.
        offset: Value in the data's units of y = 0, float64; broadcasts with the event, like all that follow.
        unit: Size in the data's units of y = 1, float64.
        step: Spacing of the grid in the data's units, float64, positive.
        first: A point of the grid, float64.
    """

    takes_uniform = True

    def __init__(self, loc: Tensor, scale: Tensor, offset: Tensor, unit: Tensor, step: Tensor, first: Tensor) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.offset, self.unit, self.step, self.first = offset, unit, step, first
        super().__init__(self.loc.shape, self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean in the data's units, (*shape)."""
        return self.offset + self.unit * self.loc

    @property
    def variance(self) -> Tensor:
        """Variance in the data's units squared, (*shape)."""
        return (self.unit * self.scale).square() + self.step.square() / 12

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-masses in nats, broadcast(shape, x.shape)."""
        y = standardize(self.rounded(x.double()), self.offset, self.unit, self.dtype)
        width = (self.step / self.unit).to(self.dtype) / self.scale
        return log_normal_mass((y - self.loc) / self.scale, width)

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is finite."""
        return x.double().isfinite()

    @torch.no_grad()
    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape), float64."""
        shape = torch.Size(sample_shape) + self.shape
        y = torch.normal(self.loc.expand(shape), self.scale.expand(shape), generator=generator)
        return self.rounded(self.offset + self.unit * y.double())

    def from_uniform(self, u: Tensor) -> Tensor:
        """Draws, broadcast(shape, u.shape), float64."""
        return self.quantile(u)

    def rounded(self, x: Tensor) -> Tensor:
        """The nearest points of the grid."""
        return self.first + self.step * torch.round((x - self.first) / self.step)

    def cdf_below(self, x: Tensor) -> Tensor:
        """P(X < x), broadcast(shape, x.shape), float64."""
        return self.cdf(self.rounded(x.double()) - self.step)

    def _cdf(self, x: Tensor) -> Tensor:
        y = (self.rounded(x) + self.step / 2 - self.offset.double()) / self.unit.double()
        return standard_normal_cdf((y - self.loc.double()) / self.scale.double())

    def _quantile(self, u: Tensor) -> Tensor:
        y = self.loc.double() + self.scale.double() * torch.special.ndtri(u)
        x = self.rounded(self.offset + self.unit * y)
        before = x - self.step  # the end of a cell may be missed by rounding
        return torch.where(self._cdf(before) >= u, before, x)
