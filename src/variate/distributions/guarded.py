"""One of torch's univariate distributions as a distribution of events, safe against values outside its support.

Without argument validation, `torch.distributions` answers nonsense for what lies outside the support: Bernoulli gives
grey pixels a finite log-probability, Normal gives NaN for NaN.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from variate.distributions.support import Shape, settled, sum_event


class Guarded(Distribution):
    """Independent elements, each distributed as in `base`; -inf for events with an element outside its support.

    Args:
        base: Distribution of single numbers, with batch shape (*batch, *event).
        support: That of a single number; it contains 0.
        event_dims: Number of axes of an event.
        dtype: Of the parameters, in which densities are computed.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self, base: Distribution, support: constraints.Constraint, event_dims: int, dtype: torch.dtype
    ) -> None:
        self.base, self.element_support, self.dtype = base, support, dtype
        start = len(base.batch_shape) - event_dims
        super().__init__(base.batch_shape[:start], base.batch_shape[start:], validate_args=False)
        self.has_rsample = base.has_rsample

    @property
    def support(self) -> constraints.Constraint:
        """Events whose every element lies in the support."""
        return constraints.independent(self.element_support, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        """Variance, (*batch, *event)."""
        return self.base.variance

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of events of any dtype, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        x, inside = settled(value.to(self.dtype), lambda x: self.element_support.check(x) & x.isfinite())
        return sum_event(self.base.log_prob(x), inside, len(self.event_shape))

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, (*sample_shape, *batch, *event)."""
        return self.base.sample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws that carry gradients, (*sample_shape, *batch, *event)."""
        return self.base.rsample(sample_shape)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "Guarded":
        """The same distribution over a larger batch; no memory is copied."""
        shape = torch.Size(batch_shape) + self.event_shape
        return Guarded(self.base.expand(shape), self.element_support, len(self.event_shape), self.dtype)
