"""A distribution of standardised numbers in the data's own units.

With x = offset + unit * y and y ~ base, the density of x has the Jacobian of the change of variables:

    log p(x) = log p_base((x - offset) / unit) - sum_i log unit_i,    F(x) = F_base((x - offset) / unit).

One wrapper gives every real-valued likelihood its units, so that numbers are about the user's data.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.rows import RowDistribution, only_factor
from variate.distributions.support import Shape


class ScaledElements(Elementwise):
    """The numbers offset + unit * y, for y drawn from `base`.

    Means, variances and draws have the wider dtype of the base and the units.

    Args:
        base: Continuous distributions of standardised numbers.
        offset: Value in the data's units of a standardised 0; broadcasts with the base.
        unit: Size in the data's units of a standardised 1, positive; broadcasts with the base.
    """

    def __init__(self, base: Elementwise, offset: Tensor, unit: Tensor) -> None:
        self.base, self.offset, self.unit, self.takes_uniform = base, offset, unit, base.takes_uniform
        super().__init__(base.shape, base.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean in the data's units, (*shape)."""
        return self.offset + self.unit * self.base.mean

    @property
    def variance(self) -> Tensor:
        """Variance in the data's units squared, (*shape)."""
        return self.unit.square() * self.base.variance

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-densities in nats per data unit, broadcast(shape, x.shape)."""
        log_p = self.base.log_prob(standardize(x, self.offset, self.unit, self.dtype))
        return log_p - self.unit.log().to(log_p.dtype)

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is finite, in standardised units too."""
        return self.base.contains(standardize(x, self.offset, self.unit, self.dtype))

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws in the data's units, (*sample_shape, *shape)."""
        return self.offset + self.unit * self.base.sample(sample_shape, generator)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Draws in the data's units, broadcast(shape, u.shape)."""
        return self.offset + self.unit * self.base.from_uniform(u)

    def _cdf(self, x: Tensor) -> Tensor:
        return self.base.cdf(standardize(x, self.offset, self.unit, torch.float64))

    def _quantile(self, u: Tensor) -> Tensor:
        return self.offset.double() + self.unit.double() * self.base.quantile(u)


class ScaledRows(RowDistribution):
    """Rows offset + unit * y, for standardised rows y drawn from `base`.

    Args:
        base: Distribution of standardised rows, with a density and a single factor.
        offset: Value in the data's units of a standardised 0; broadcasts with the event.
        unit: Size in the data's units of a standardised 1, positive; broadcasts with the event.
    """

    def __init__(self, base: RowDistribution, offset: Tensor, unit: Tensor) -> None:
        assert base.num_factors == 1
        self.base, self.offset, self.unit = base, offset, unit
        super().__init__(base.batch_shape, base.event_shape, base.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean in the data's units, (*batch, *event)."""
        return self.offset + self.unit * self.base.mean

    @property
    def variance(self) -> Tensor:
        """Variance in the data's units squared, (*batch, *event)."""
        return self.unit.square() * self.base.variance

    def log_prob(self, x: Tensor, mask: Bool[Tensor, "..."] | None = None, *, check_support: bool = True) -> Tensor:
        """Log-densities of the observed elements of rows in nats, broadcast(batch, x_batch)."""
        log_p = self.base.log_prob(self.standardize(x), mask, check_support=check_support)
        log_unit = self.unit.log().expand(self.event_shape)
        if mask is None:
            return log_p - log_unit.sum().to(log_p.dtype)
        axes = tuple(range(-len(self.event_shape), 0))
        observed = torch.where(mask, log_unit, 0)
        return log_p - (observed.sum(axes) if axes else observed).to(log_p.dtype)

    def log_prob_elements(self, x: Tensor) -> Tensor:
        """Log-densities of the elements in nats, (*broadcast(batch, x_batch), *event)."""
        log_p = self.base.log_prob_elements(self.standardize(x))
        return log_p - self.unit.log().to(log_p.dtype)

    def factor(self, i: int, before: Tensor | None = None) -> Elementwise:
        """The only factor, i = 0, in the data's units."""
        return only_factor(ScaledElements(self.base.factor(0), self.offset, self.unit), i)

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws in the data's units, (*sample_shape, *batch, *event)."""
        return self.offset + self.unit * self.base.sample(sample_shape, generator)

    def standardize(self, x: Tensor) -> Tensor:
        """Rows in standardised units."""
        return standardize(x, self.offset, self.unit, self.dtype)


def standardize(x: Tensor, offset: Tensor, unit: Tensor, dtype: torch.dtype) -> Tensor:
    """(x - offset) / unit.

    Float64 data are standardised in float64, where a large offset costs no digits, and rounded to `dtype` only then;
    integers likewise. Other data keep their dtype.
    """
    own = x.dtype if x.is_floating_point() else torch.float64
    y = (x - offset.to(own)) / unit.to(own)
    return y.to(dtype) if own == torch.float64 else y
