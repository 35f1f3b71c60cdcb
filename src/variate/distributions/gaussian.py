"""Gaussians in d dimensions with an isotropic, diagonal or full covariance.

Each is an affine image of noise, z = m + A e with e ~ N(0, I), so that Sigma = A A^T and

    log N(z | m, Sigma) = - 1/2 ||A^-1 (z - m)||^2 - log|det A| - d/2 log 2 pi

and a family is known by what A is: s I, diag(s_1 .. s_d), or a lower triangle with a positive diagonal. The divergence
of any two (MATHS 6) needs only A_1^-1 applied to vectors and to the columns of A_0:

    KL(0 || 1) = 1/2 ( ||A_1^-1 A_0||_F^2 - d + ||A_1^-1 (m_1 - m_0)||^2 ) + log|det A_1| - log|det A_0|

which for 1 = N(0, I) splits into a sum over latents for the first two families (MATHS 7). There s^2 - 1 - log s^2 is
taken as expm1(2 log s) - 2 log s: exactly 0 at s = 1 and accurate near it.

Shapes: batch_shape is that of `loc` without its last axis, event_shape is (d,).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, constraints, register_kl

from variate.distributions.support import Shape
from variate.runtime.random import normal

LOG_2PI = math.log(2 * math.pi)


class Gaussian(Distribution, ABC):
    """N(loc, A A^T); a family says what A is.

    Args:
        loc: Mean, (*batch, d).
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector

    def __init__(self, loc: Float[Tensor, "*batch d"]) -> None:
        self.loc = loc
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=False)

    @abstractmethod
    def color(self, eps: Tensor) -> Tensor:
        """A e, for e of shape (*sample, *batch, d)."""

    @abstractmethod
    def whiten(self, residual: Tensor) -> Tensor:
        """A^-1 r, for r of shape (*sample, *batch, d)."""

    @property
    @abstractmethod
    def log_abs_det(self) -> Tensor:
        """log|det A|, (*batch,)."""

    @property
    @abstractmethod
    def scale_tril(self) -> Tensor:
        """A, (*batch, d, d)."""

    @property
    @abstractmethod
    def variance(self) -> Tensor:
        """Diagonal of the covariance, (*batch, d)."""

    @property
    def mean(self) -> Tensor:
        """The mean, (*batch, d)."""
        return self.loc

    @property
    def covariance_matrix(self) -> Tensor:
        """A A^T, (*batch, d, d)."""
        return self.scale_tril @ self.scale_tril.mT

    def __getitem__(self, rows: Tensor) -> "Gaussian":
        """The distributions of some rows of the first batch axis."""
        return FullGaussian(self.loc[rows], self.scale_tril[rows])

    def detached(self) -> "Gaussian":
        """The same distribution, constant under differentiation."""
        return FullGaussian(self.loc.detach(), self.scale_tril.detach())

    def tempered(self, temperature: float) -> "Gaussian":
        """N(loc, t^2 A A^T): the same with its standard deviations times t."""
        return FullGaussian(self.loc, temperature * self.scale_tril)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws m + A e from torch's global generator, differentiable in m and A; (*sample, *batch, d)."""
        shape = torch.Size(sample_shape) + self.loc.shape
        return self.loc + self.color(normal(shape, self.loc, -2))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats, (*sample, *batch)."""
        return self.log_prob_from(self.whiten(value - self.loc))

    def log_prob_from(self, eps: Tensor) -> Tensor:
        """Log-density of the draw m + A e in nats, (*sample, *batch), for e of shape (*sample, *batch, d)."""
        return -0.5 * (eps.square().sum(-1) + self.loc.shape[-1] * LOG_2PI) - self.log_abs_det

    def entropy(self) -> Tensor:
        """Differential entropy in nats, (*batch,)."""
        return self.log_abs_det + 0.5 * self.loc.shape[-1] * (1 + LOG_2PI)

    def expand(self, batch_shape: Shape, _instance: None = None) -> "Gaussian":
        """The same distribution for every entry of a larger batch."""
        shape = torch.Size(batch_shape) + self.event_shape
        return FullGaussian(self.loc.expand(shape), self.scale_tril.expand(shape + self.event_shape))


class StandardNormal(Gaussian):
    """N(0, I).

    Args:
        dim: Number of dimensions, d.
        dtype: Of its draws.
        device: Of its draws.
    """

    def __init__(self, dim: int, dtype: torch.dtype | None = None, device: torch.device | None = None) -> None:
        super().__init__(torch.zeros(dim, dtype=dtype, device=device))

    def color(self, eps: Tensor) -> Tensor:
        """The noise itself."""
        return eps

    def whiten(self, residual: Tensor) -> Tensor:
        """The residual itself."""
        return residual

    @property
    def log_abs_det(self) -> Tensor:
        """Zero, ()."""
        return self.loc.new_zeros(())

    @property
    def scale_tril(self) -> Tensor:
        """The identity, (d, d)."""
        return torch.eye(self.loc.shape[-1], dtype=self.loc.dtype, device=self.loc.device)

    @property
    def variance(self) -> Tensor:
        """Ones, (d,)."""
        return torch.ones_like(self.loc)


class IsotropicGaussian(Gaussian):
    """N(loc, s^2 I), one s a row.

    Args:
        loc: Mean, (*batch, d).
        log_scale: log s, (*batch, 1), or of fewer rows that share it.
    """

    def __init__(self, loc: Float[Tensor, "*batch d"], log_scale: Float[Tensor, "*#batch 1"]) -> None:
        super().__init__(loc)
        self.log_scale = log_scale.expand(*loc.shape[:-1], 1)

    def color(self, eps: Tensor) -> Tensor:
        """Noise times s."""
        return self.log_scale.exp() * eps

    def whiten(self, residual: Tensor) -> Tensor:
        """Residual over s."""
        return (-self.log_scale).exp() * residual

    @property
    def log_abs_det(self) -> Tensor:
        """The sum of d equal log s, (*batch,)."""
        return self.loc.shape[-1] * self.log_scale.squeeze(-1)

    @property
    def scale_tril(self) -> Tensor:
        """The identity times s, (*batch, d, d)."""
        return torch.diag_embed(self.log_scale.exp().expand_as(self.loc))

    def __getitem__(self, rows: Tensor) -> "IsotropicGaussian":
        """The distributions of some rows of the first batch axis."""
        return IsotropicGaussian(self.loc[rows], self.log_scale[rows])

    def detached(self) -> "IsotropicGaussian":
        """The same distribution, constant under differentiation."""
        return IsotropicGaussian(self.loc.detach(), self.log_scale.detach())

    @property
    def variance(self) -> Tensor:
        """s^2 in every dimension, (*batch, d)."""
        return (2 * self.log_scale).exp().expand_as(self.loc)


class DiagonalGaussian(Gaussian):
    """N(loc, diag(s_1^2 .. s_d^2)).

    Args:
        loc: Mean, (*batch, d).
        log_scale: log s_i, (*batch, d), or of fewer rows that share them.
    """

    def __init__(self, loc: Float[Tensor, "*batch d"], log_scale: Float[Tensor, "*#batch d"]) -> None:
        super().__init__(loc)
        self.log_scale = log_scale.expand_as(loc)

    def color(self, eps: Tensor) -> Tensor:
        """Noise times s_i, latent by latent."""
        return self.log_scale.exp() * eps

    def whiten(self, residual: Tensor) -> Tensor:
        """Residual over s_i, latent by latent."""
        return (-self.log_scale).exp() * residual

    @property
    def log_abs_det(self) -> Tensor:
        """sum_i log s_i, (*batch,)."""
        return self.log_scale.sum(-1)

    @property
    def scale_tril(self) -> Tensor:
        """diag(s), (*batch, d, d)."""
        return torch.diag_embed(self.log_scale.exp())

    def __getitem__(self, rows: Tensor) -> "DiagonalGaussian":
        """The distributions of some rows of the first batch axis."""
        return DiagonalGaussian(self.loc[rows], self.log_scale[rows])

    def detached(self) -> "DiagonalGaussian":
        """The same distribution, constant under differentiation."""
        return DiagonalGaussian(self.loc.detach(), self.log_scale.detach())

    @property
    def variance(self) -> Tensor:
        """s_i^2, (*batch, d)."""
        return (2 * self.log_scale).exp()


class FullGaussian(Gaussian):
    """N(loc, A A^T) with A a lower triangle.

    Args:
        loc: Mean, (*batch, d).
        scale_tril: A, lower triangular with a positive diagonal, (*batch, d, d), or of fewer rows that share it.
    """

    def __init__(self, loc: Float[Tensor, "*batch d"], scale_tril: Float[Tensor, "*#batch d d"]) -> None:
        super().__init__(loc)
        self._scale_tril = scale_tril.expand(*loc.shape, loc.shape[-1])

    def color(self, eps: Tensor) -> Tensor:
        """Noise through the triangle."""
        return self._as_columns(lambda columns: self._scale_tril @ columns, eps)

    def whiten(self, residual: Tensor) -> Tensor:
        """A^-1 r by forward substitution."""
        return self._as_columns(lambda c: torch.linalg.solve_triangular(self._scale_tril, c, upper=False), residual)

    def _as_columns(self, function: Callable[[Tensor], Tensor], vectors: Tensor) -> Tensor:
        """A linear map of vectors (*sample, *batch, d), done for all samples at once on columns (*batch, d, L).

        Otherwise A would be copied for each sample.
        """
        sample = vectors.shape[: max(0, vectors.dim() - 1 - len(self.batch_shape))]
        batch = torch.broadcast_shapes(self.batch_shape, vectors.shape[len(sample) : -1])
        columns = vectors.expand(*sample, *batch, vectors.shape[-1]).reshape(-1, *batch, vectors.shape[-1])
        return function(columns.movedim(0, -1)).movedim(-1, 0).reshape(*sample, *batch, vectors.shape[-1])

    @property
    def log_abs_det(self) -> Tensor:
        """sum_i log A_ii, (*batch,)."""
        return self._scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    @property
    def scale_tril(self) -> Tensor:
        """A, (*batch, d, d)."""
        return self._scale_tril

    @property
    def variance(self) -> Tensor:
        """sum_j A_ij^2, (*batch, d)."""
        return self._scale_tril.square().sum(-1)


@register_kl(Gaussian, Gaussian)
def kl_gaussian(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q || p) of any two Gaussians of one dimension, in nats, (*batch,) (MATHS 6)."""
    batch = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
    columns = q.scale_tril.expand(batch + 2 * q.event_shape).movedim(-1, 0)  # the d columns of A_0 as d residuals
    trace = p.whiten(columns).square().sum((0, -1))
    distance = p.whiten(q.loc - p.loc).square().sum(-1)
    return 0.5 * (trace - q.loc.shape[-1] + distance) + p.log_abs_det - q.log_abs_det


def scale_excess(log_scale: Tensor) -> Tensor:
    """s^2 - 1 - log s^2, elementwise: what a scale other than 1 adds to twice the KL to N(0, I)."""
    return torch.expm1(2 * log_scale) - 2 * log_scale


def rate_per_latent(q: Gaussian) -> Float[Tensor, "*batch d"]:
    """KL(q || N(0, I)) of each latent, in nats, for q with independent latents (MATHS 7).

    Raises:
        TypeError: If q has a full covariance, so that its KL is no sum over latents.
    """
    if not isinstance(q, IsotropicGaussian | DiagonalGaussian):
        raise TypeError(f"the rate of a {type(q).__name__} is no sum over latents")
    return 0.5 * (scale_excess(q.log_scale) + q.loc.square())


@register_kl(IsotropicGaussian, StandardNormal)
@register_kl(DiagonalGaussian, StandardNormal)
def kl_factorized_standard(q: Gaussian, p: StandardNormal) -> Tensor:
    """KL(q || N(0, I)) for independent latents, in nats, (*batch,) (MATHS 7)."""
    return rate_per_latent(q).sum(-1)


@register_kl(FullGaussian, StandardNormal)
def kl_full_standard(q: FullGaussian, p: StandardNormal) -> Tensor:
    """KL(q || N(0, I)) for a full covariance, in nats, (*batch,) (MATHS 7)."""
    diagonal = scale_excess(q.scale_tril.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    below = q.scale_tril.tril(-1).square().sum((-2, -1))
    return 0.5 * (diagonal + below + q.loc.square().sum(-1))


@register_kl(Gaussian, MultivariateNormal)
def kl_gaussian_multivariate(q: Gaussian, p: MultivariateNormal) -> Tensor:
    """KL(q || p) to torch's own multivariate normal, in nats, (*batch,)."""
    return kl_gaussian(q, FullGaussian(p.loc, p.scale_tril))


@register_kl(Gaussian, Independent)
def kl_gaussian_independent(q: Gaussian, p: Independent) -> Tensor:  # type: ignore[type-arg]
    """KL(q || p) to torch's Independent(Normal), in nats, (*batch,)."""
    if not isinstance(p.base_dist, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError(f"no closed form of KL(Gaussian || Independent({type(p.base_dist).__name__}))")
    return kl_gaussian(q, DiagonalGaussian(p.base_dist.loc, p.base_dist.scale.log()))
