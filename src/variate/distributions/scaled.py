"""A distribution of standardised rows in the data's own units.

With x = offset + unit * y, y ~ base, the density of x counts the Jacobian of the change of variables:

    log p(x) = log p_base((x - offset) / unit) - sum_i log unit_i.

So one wrapper gives any real-valued likelihood its units, and a number is about the user's data.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from variate.distributions.support import Shape


class Scaled(Distribution):
    """The distribution of offset + unit * y, for y drawn from `base`.

    Args:
        base: Distribution of the standardised rows.
        offset: Value in the data's units of a standardised 0; broadcasts with the event.
        unit: Size in the data's units of a standardised 1, positive; broadcasts with the event.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, base: Distribution, offset: Tensor, unit: Tensor) -> None:
        self.base, self.offset, self.unit = base, offset, unit
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self.has_rsample = base.has_rsample

    @property
    def support(self) -> constraints.Constraint | None:
        """That of the base, which lives on all reals."""
        return self.base.support

    @property
    def mean(self) -> Tensor:
        """Mean in the data's units, (*batch, *event)."""
        return self.offset + self.unit * self.base.mean

    @property
    def variance(self) -> Tensor:
        """Variance in the data's units squared, (*batch, *event)."""
        return self.unit.square() * self.base.variance

    def standardize(self, value: Tensor) -> Tensor:
        """(x - offset) / unit.

        Float64 data are standardised in float64, where a large offset costs no digits, and rounded to the precision of
        the base only then; integers likewise.
        """
        dtype = value.dtype if value.is_floating_point() else torch.float64
        y = (value - self.offset.to(dtype)) / self.unit.to(dtype)
        return y.to(self.base.mean.dtype) if dtype == torch.float64 else y

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of rows, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        log_p = self.base.log_prob(self.standardize(value))
        return log_p - self.unit.log().expand(self.event_shape).sum().to(log_p.dtype)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws in the data's units, (*sample_shape, *batch, *event)."""
        return self.offset + self.unit * self.base.sample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws in the data's units that carry gradients, (*sample_shape, *batch, *event)."""
        return self.offset + self.unit * self.base.rsample(sample_shape)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "Scaled":
        """The same distribution over a larger batch; no memory is copied."""
        return Scaled(self.base.expand(batch_shape), self.offset, self.unit)
