"""Rows whose columns have distributions of different families, independent of one another.

    log p(x) = sum over parts of log p_part(columns of the part)

A density for the columns that have one and a mass for the others. The row is one elementwise factor of mixed kinds.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

import torch
from jaxtyping import Bool
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.rows import RowDistribution, only_factor
from variate.distributions.support import Shape


class JointElements(Elementwise):
    """Elementwise distributions, each over its own columns of the last axis.

    Args:
        parts: Elementwise distributions of shapes (*batch, n_i).
        columns: For each part, the indices of its n_i columns; together every column, once.
    """

    def __init__(self, parts: Sequence[Elementwise], columns: Sequence[Tensor]) -> None:
        self.parts, self.columns = tuple(parts), tuple(columns)
        self.is_discrete = all(part.is_discrete for part in parts)
        self.takes_uniform = all(part.takes_uniform for part in parts)
        super().__init__((*parts[0].shape[:-1], num_columns(columns)), widest(part.dtype for part in parts))

    @property
    def mean(self) -> Tensor:
        """Means of the columns, (*shape)."""
        return assemble([part.mean for part in self.parts], self.columns)

    @property
    def variance(self) -> Tensor:
        """Variances of the columns, (*shape)."""
        return assemble([part.variance for part in self.parts], self.columns)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-densities and log-masses in nats, broadcast(shape, x.shape)."""
        return self._apply(lambda part, own: part.log_prob(own), x)

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x lies in the support of its column."""
        return self._apply(lambda part, own: part.contains(own), x)

    def cdf_below(self, x: Tensor) -> Tensor:
        """P(X < x), broadcast(shape, x.shape), float64."""
        return self._apply(lambda part, own: part.cdf_below(own), x)

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape)."""
        return assemble([part.sample(sample_shape, generator) for part in self.parts], self.columns)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Draws, broadcast(shape, u.shape)."""
        return self._apply(lambda part, own: part.from_uniform(own), u)

    def _cdf(self, x: Tensor) -> Tensor:
        return self._apply(lambda part, own: part.cdf(own), x)

    def _quantile(self, u: Tensor) -> Tensor:
        return self._apply(lambda part, own: part.quantile(own), u)

    def _apply(self, function: Callable[[Elementwise, Tensor], Tensor], x: Tensor) -> Tensor:
        """A function of each part and its columns of x."""
        x = x.expand(*x.shape[:-1], self.shape[-1])
        return assemble(
            [function(part, x[..., own]) for part, own in zip(self.parts, self.columns, strict=True)], self.columns
        )


class JointRows(RowDistribution):
    """Independent distributions, each over its own columns of the last axis.

    Its mean and its draws have the widest dtype of the parts'.

    Args:
        parts: Distributions of rows with one batch shape, event shapes (n_i,) and a single factor.
        columns: For each part, the indices of its n_i columns; together every column, once.
    """

    def __init__(self, parts: Sequence[RowDistribution], columns: Sequence[Tensor]) -> None:
        self.parts, self.columns = tuple(parts), tuple(columns)
        super().__init__(parts[0].batch_shape, (num_columns(columns),), widest(part.dtype for part in parts))

    @property
    def mean(self) -> Tensor:
        """Means of the columns, (*batch, columns)."""
        return assemble([part.mean for part in self.parts], self.columns)

    @property
    def variance(self) -> Tensor:
        """Variances of the columns, (*batch, columns)."""
        return assemble([part.variance for part in self.parts], self.columns)

    def log_prob(self, x: Tensor, mask: Bool[Tensor, "..."] | None = None, *, check_support: bool = True) -> Tensor:
        """Log-probabilities of the observed columns of rows in nats, broadcast(batch, x_batch)."""
        masks = [None if mask is None else mask[..., own] for own in self.columns]
        parts = zip(self.parts, self.columns, masks, strict=True)
        return torch.stack([p.log_prob(x[..., own], seen, check_support=check_support) for p, own, seen in parts]).sum(
            0
        )

    def log_prob_elements(self, x: Tensor) -> Tensor:
        """Log-probabilities of the columns in nats, (*broadcast(batch, x_batch), columns)."""
        parts = zip(self.parts, self.columns, strict=True)
        return assemble([part.log_prob_elements(x[..., own]) for part, own in parts], self.columns)

    def factor(self, i: int, before: Tensor | None = None) -> Elementwise:
        """The only factor, i = 0: elements of mixed kinds."""
        return only_factor(JointElements([part.factor(0) for part in self.parts], self.columns), i)

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *batch, columns)."""
        return assemble([part.sample(sample_shape, generator) for part in self.parts], self.columns)


def assemble(values: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """Puts the columns of the parts, (*batch, n_i) each, where they belong in the row: (*batch, columns)."""
    return torch.cat(list(values), -1).index_select(-1, torch.cat(list(columns)).argsort())


def num_columns(columns: Sequence[Tensor]) -> int:
    """Number of columns of all parts."""
    return sum(len(own) for own in columns)


def widest(dtypes: Iterable[torch.dtype]) -> torch.dtype:
    """The dtype that holds numbers of all these."""
    return reduce(torch.promote_types, dtypes)
