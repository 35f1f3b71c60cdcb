"""A distribution whose log-density is known by a shorter way than through its parameters."""

from collections.abc import Callable
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from variate.distributions.support import Shape


class Deferred(Distribution):
    """A distribution that is made only when something other than log-probabilities is asked of it.

    Args:
        make: Makes the distribution.
        log_prob: Its log-probabilities of rows, (*x_batch, *event), in nats: broadcast(batch, x_batch).
        batch_shape: Of the distribution.
        event_shape: Of the distribution.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        make: Callable[[], Distribution],
        log_prob: Callable[[Tensor], Tensor],
        batch_shape: Shape,
        event_shape: Shape,
    ) -> None:
        self._make, self._log_prob = make, log_prob
        super().__init__(torch.Size(batch_shape), torch.Size(event_shape), validate_args=False)

    @cached_property
    def base(self) -> Distribution:
        """The distribution itself."""
        return self._make()

    @property
    def support(self) -> constraints.Constraint | None:
        """That of the distribution."""
        return self.base.support

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether its draws carry gradients."""
        return self.base.has_rsample

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        """Variance, (*batch, *event)."""
        return self.base.variance

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of rows, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        return self._log_prob(value)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, (*sample_shape, *batch, *event)."""
        return self.base.sample(torch.Size(sample_shape))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws that carry gradients, (*sample_shape, *batch, *event)."""
        return self.base.rsample(torch.Size(sample_shape))

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Distribution:
        """The distribution over a larger batch."""
        return self.base.expand(torch.Size(batch_shape))
