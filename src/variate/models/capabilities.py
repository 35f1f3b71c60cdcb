"""Capabilities that only some conditionals and models have, as protocols, and the function that looks them up."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from variate.distributions.conditional import Conditional

C = TypeVar("C")


@runtime_checkable
class Moments(Protocol):
    """A conditional with a mean and variances."""

    @property
    def mean(self) -> Tensor:
        """The mean, (*batch, *shape)."""

    @property
    def variance(self) -> Tensor:
        """Variances of the marginals, (*batch, *shape)."""


@runtime_checkable
class Marginals(Protocol):
    """A conditional whose marginals have known densities."""

    def marginal_log_prob(self, z: Tensor) -> Tensor:
        """Log-densities of the marginals, (*lead, *shape), in nats."""


@runtime_checkable
class Bounded(Protocol):
    """A conditional that may not have all of R^d as its support."""

    def contains(self, z: Tensor) -> Tensor:
        """Whether each z, (*lead, *shape), is in the support, (*lead)."""


@runtime_checkable
class PerRow(Protocol):
    """A conditional with parameters of its own for each row."""

    @property
    def batch_shape(self) -> torch.Size:
        """The shape of the batch; its first axis is the rows."""

    def __getitem__(self, rows: Tensor) -> Conditional:
        """The distributions of some rows."""


@runtime_checkable
class Convertible(Protocol):
    """A conditional whose parameters can be moved to another device or type."""

    def to(self, *target: Any) -> Conditional:  # noqa: ANN401  as torch's
        """The same distribution on another device or of another type; arguments as for `Tensor.to`."""


@runtime_checkable
class Pairwise(Protocol):
    """A conditional per row that can score many places under the distributions of all rows at once."""

    @staticmethod
    def cat(parts: Sequence[Any]) -> Any:  # noqa: ANN401  of the type that offers it
        """One conditional of the rows of several."""

    def to(self, *target: Any) -> Any:  # noqa: ANN401  of the type that offers it
        """The same distribution on another device or of another type; arguments as for `Tensor.to`."""

    def log_prob(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Log-density of each row's place under the row's own distribution, in nats."""

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws, as a function of standard normal noise."""

    def pairwise_log_prob(self, z: Tensor) -> Tensor:
        """The log-density of each of M places under the distributions of each of N rows, (M, N), in nats."""


@runtime_checkable
class OffersFeatures(Protocol):
    """A model whose encoder's network takes rows as features of order one."""

    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """What the network takes, (N, *shape), for rows and a mask of shape (N, *event)."""


@runtime_checkable
class Precisions(Protocol):
    """A conditional with a mean, variances and the diagonal of the inverse covariance."""

    @property
    def mean(self) -> Tensor:
        """The mean, (*batch, *shape)."""

    @property
    def variance(self) -> Tensor:
        """Variances of the marginals, (*batch, *shape)."""

    @property
    def log_precision(self) -> Tensor:
        """Log of the diagonal of the inverse covariance, (*batch, *shape)."""


@runtime_checkable
class Adjustable(Protocol):
    """A conditional whose family can be parametrised in coordinates in which the conditional is N(0, I).

    Attributes:
        is_factorized: Whether the latents are independent.
    """

    is_factorized: bool

    @property
    def log_factor_shape(self) -> tuple[int, ...]:
        """Shape of the family's free log-scales."""

    @property
    def mean(self) -> Tensor:
        """The mean, (*batch, d)."""

    @property
    def batch_shape(self) -> torch.Size:
        """The shape of the batch."""

    def detached(self) -> "Adjustable":
        """The same distribution, constant under differentiation."""

    def as_full(self) -> "Adjustable":
        """The same distribution as a Gaussian with a full covariance."""

    def adjusted(self, delta: Tensor, log_factor: Tensor, below: Tensor | None = None) -> Conditional:
        """The member of the family with these parameters; see `GaussianConditional.adjusted`."""

    @staticmethod
    def cat(parts: Sequence[Any]) -> Any:  # noqa: ANN401  of the type that offers it
        """One conditional of the rows of several."""


def offers(owner: Conditional | nn.Module, capability: type[C]) -> C | None:
    """The conditional or the model, if it has a capability (one of the protocols above), else None."""
    return owner if isinstance(owner, capability) else None
