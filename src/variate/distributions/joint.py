"""A row whose columns have distributions of different families, independent of one another."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from variate.distributions.support import Shape


class Joint(Distribution):
    """Independent distributions, each over its own columns of the last axis.

    Its mean and its draws have the widest dtype of the parts'.

    Args:
        parts: Distributions with one batch shape and event shapes (n_i,).
        columns: For each part, which n_i columns of the row it is the distribution of; together every column, once.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, parts: Sequence[Distribution], columns: Sequence[Tensor]) -> None:
        self.parts, self.columns = tuple(parts), tuple(columns)
        width = sum(len(own) for own in columns)
        super().__init__(parts[0].batch_shape, torch.Size((width,)), validate_args=False)
        self.has_rsample = all(part.has_rsample for part in parts)

    @property
    def mean(self) -> Tensor:
        """Means of the columns, (*batch, columns)."""
        return self._assemble([part.mean for part in self.parts])

    @property
    def variance(self) -> Tensor:
        """Variances of the columns, (*batch, columns)."""
        return self._assemble([part.variance for part in self.parts])

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of rows, (*x_batch, columns), in nats: broadcast(batch, x_batch).

        A density in the columns that have one and a mass in the others.
        """
        return torch.stack(self.log_probs(value)).sum(0)

    def log_probs(self, value: Tensor) -> list[Tensor]:
        """What each part contributes, each broadcast(batch, x_batch)."""
        return [part.log_prob(value[..., own]) for part, own in zip(self.parts, self.columns, strict=True)]

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws, (*sample_shape, *batch, columns)."""
        return self._assemble([part.sample(sample_shape) for part in self.parts])

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws that carry gradients, (*sample_shape, *batch, columns)."""
        return self._assemble([part.rsample(sample_shape) for part in self.parts])

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "Joint":
        """The same distribution over a larger batch; no memory is copied."""
        return Joint([part.expand(batch_shape) for part in self.parts], self.columns)

    def _assemble(self, values: list[Tensor]) -> Tensor:
        """Puts the parts' columns where they belong."""
        order = torch.cat(self.columns).argsort()
        return torch.cat(values, -1).index_select(-1, order)
