"""Gaussians in d dimensions with an isotropic, diagonal or full covariance.

Each is an affine image of noise, z = m + A e with e ~ N(0, I), so that Sigma = A A^T and

    log N(z | m, Sigma) = - 1/2 ||A^-1 (z - m)||^2 - log|det A| - d/2 log 2 pi

and a family is known by what A is: s I, diag(s_1 .. s_d), or a lower triangle with a positive diagonal. The divergence
of any two (MATHS 6) needs only A_1^-1 applied to vectors and to the columns of A_0:

    KL(0 || 1) = 1/2 ( ||A_1^-1 A_0||_F^2 - d + ||A_1^-1 (m_1 - m_0)||^2 ) + log|det A_1| - log|det A_0|

which for 1 = N(0, I) splits into a sum over latents for the first two families (MATHS 7). There s^2 - 1 - log s^2 is
computed as expm1(2 log s) - 2 log s: exactly 0 at s = 1 and accurate near it.

Shapes: batch_shape is the shape of `loc` without its last axis; the last axis holds the d dimensions.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from variate.distributions.conditional import Conditional

LOG_2PI = math.log(2 * math.pi)


def scale_excess(log_scale: Tensor) -> Tensor:
    """s^2 - 1 - log s^2, elementwise: what a scale other than 1 adds to twice the KL to N(0, I)."""
    return torch.expm1(2 * log_scale) - 2 * log_scale


class GaussianConditional(Conditional):
    """N(loc, A A^T); a family says what A is.

    Args:
        loc: Mean, (*batch, d).
    """

    def __init__(self, loc: Float[Tensor, "*batch d"]) -> None:
        self.loc = loc

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

    @abstractmethod
    def mapped(self, function: Callable[[Tensor], Tensor]) -> "GaussianConditional":
        """The Gaussian whose parameters are a function of these, such as a selection of rows or a change of type."""

    @abstractmethod
    def tempered(self, temperature: float) -> "GaussianConditional":
        """N(loc, t^2 A A^T)."""

    @property
    def batch_shape(self) -> torch.Size:
        """The shape of the batch."""
        return self.loc.shape[:-1]

    @property
    def dim(self) -> int:
        """Number of dimensions, d."""
        return self.loc.shape[-1]

    @property
    def mean(self) -> Tensor:
        """The mean, (*batch, d)."""
        return self.loc

    @property
    def covariance_matrix(self) -> Tensor:
        """A A^T, (*batch, d, d)."""
        return self.scale_tril @ self.scale_tril.mT

    @property
    def log_precision(self) -> Tensor:
        """Log of the diagonal of the inverse covariance, (*batch, d)."""
        return -self.variance.log()

    def __getitem__(self, rows: Tensor) -> "GaussianConditional":
        """The distributions of some rows, by their numbers on the first batch axis, (B,) int64."""
        return self.mapped(lambda parameter: parameter[rows])

    def detached(self) -> "GaussianConditional":
        """The same distribution, constant under differentiation."""
        return self.mapped(Tensor.detach)

    def to(self, *target: Any) -> "GaussianConditional":  # noqa: ANN401  as torch's
        """The same distribution on another device or of another type; arguments as for `Tensor.to`."""
        return self.mapped(lambda parameter: parameter.to(*target))

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws m + A e, (*sample, *batch, d), for noise e of that shape; differentiable in m and A."""
        return self.loc + self.color(noise)

    def sample(self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample, *batch, d), differentiable in m and A.

        Args:
            sample_shape: Shape of the draws of each row.
            generator: Where random numbers come from; None takes torch's global generator.
        """
        shape = (*sample_shape, *self.loc.shape)
        return self.from_noise(torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device, generator=generator))

    def log_prob(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Log-density of z, (*sample, *batch, d), in nats, (*sample, *batch); the noise saves the inversion."""
        eps = self.whiten(z - self.loc) if noise is None else noise
        return -0.5 * (eps.square().sum(-1) + self.dim * LOG_2PI) - self.log_abs_det

    def marginal_log_prob(self, z: Tensor) -> Tensor:
        """Log-densities of the marginals, log q_i(z_i), (*sample, *batch, d), in nats."""
        return -0.5 * ((z - self.loc).square() / self.variance + self.variance.log() + LOG_2PI)

    def marginal_kl(self, p: Conditional) -> Tensor | None:
        """KL(q_i || p_i) of the marginals of two Gaussians, (*batch, d), in nats; None if p is not one."""
        if not isinstance(p, GaussianConditional):
            return None
        log_ratio = 0.5 * (self.variance.log() - p.variance.log())
        return 0.5 * (scale_excess(log_ratio) + (self.loc - p.loc).square() / p.variance)

    def entropy(self) -> Tensor:
        """Differential entropy in nats, (*batch,)."""
        return self.log_abs_det + 0.5 * self.dim * (1 + LOG_2PI)

    def kl(self, p: Conditional) -> Tensor | None:
        """KL(self || p) for two Gaussians over d dimensions, (*batch,), in nats (MATHS 6); None if p is not one."""
        if not isinstance(p, GaussianConditional):
            return None
        if p.is_standard:
            return self.kl_standard()
        batch = torch.broadcast_shapes(self.batch_shape, p.batch_shape)
        columns = self.scale_tril.expand(*batch, self.dim, self.dim).movedim(-1, 0)  # the d columns of A_0 as residuals
        trace = p.whiten(columns).square().sum((0, -1))
        distance = p.whiten(self.loc - p.loc).square().sum(-1)
        return 0.5 * (trace - self.dim + distance) + p.log_abs_det - self.log_abs_det

    def kl_standard(self) -> Tensor:
        """KL(self || N(0, I)) in nats, (*batch,) (MATHS 7)."""
        return self.kl_standard_elements().sum(-1)

    def kl_standard_elements(self) -> Tensor:
        """The terms of KL(self || N(0, I)) per latent, (*batch, d), for independent latents."""
        raise NotImplementedError(f"the rate of a {type(self).__name__} is no sum over latents")

    def kl_elements(self, p: Conditional) -> Tensor | None:
        """The terms of KL(self || p) per latent, (*batch, d), in nats; None unless both have independent latents."""
        if not isinstance(p, GaussianConditional) or not self.is_factorized or not p.is_factorized:
            return None
        return self.kl_standard_elements() if p.is_standard else self.marginal_kl(p)

    parameter_names: tuple[str, ...] = ()
    """The attributes that the constructor takes, in order."""
    is_standard = False
    """Whether this is N(0, I)."""
    is_factorized = True
    """Whether the latents are independent."""

    def pairwise_log_prob(self, z: Tensor) -> Tensor:
        """The log-density of each of M places under each of N distributions, (M, N), in nats.

        Args:
            z: Places, (M, d), in float64: 1 / s^2 costs digits.
        """
        center = self.loc.mean(0)
        return -0.5 * (self._squared_distances(z - center, self.loc - center) + self.dim * LOG_2PI) - self.log_abs_det

    @abstractmethod
    def _squared_distances(self, z: Tensor, loc: Tensor) -> Tensor:
        """||A_n^-1 (z_m - loc_n)||^2 for every pair, (M, N)."""

    @abstractmethod
    def adjusted(self, delta: Tensor, log_factor: Tensor, below: Tensor | None = None) -> "GaussianConditional":
        """A member of the family in coordinates in which this distribution is N(0, I).

        With F = diag exp(log_factor) + T it is N(m + A delta, (A F) (A F)^T).

        Args:
            delta: (*batch, d).
            log_factor: (*log_factor_shape).
            below: T, strictly lower triangular, (*batch, d, d), for a full covariance; None is 0.
        """

    @property
    def log_factor_shape(self) -> tuple[int, ...]:
        """Shape of the family's free log-scales: (*batch, d), or (*batch, 1) for an isotropic covariance."""
        return tuple(self.loc.shape)

    def as_full(self) -> "FullGaussian":
        """The same distribution as a Gaussian with a full covariance."""
        return FullGaussian(self.loc, self.scale_tril)

    def in_frame(self, loc: Tensor, log_scale: Tensor) -> "GaussianConditional":
        """The distribution of (z - loc) / exp(log_scale), both (*batch, d), for z that has this one."""
        shrink = (-log_scale).exp()
        return FullGaussian((self.loc - loc) * shrink, self.scale_tril * shrink.unsqueeze(-1))

    @staticmethod
    def cat(parts: "Sequence[GaussianConditional]") -> "GaussianConditional":
        """The Gaussians of several batches of one family as one batch, joined on the first batch axis."""
        names = parts[0].parameter_names
        return type(parts[0])(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


class StandardNormal(GaussianConditional):
    """N(0, I).

    Args:
        dim: Number of dimensions, d.
        dtype: Type of its draws.
        device: Device of its draws.
    """

    is_standard = True

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
        return torch.eye(self.dim, dtype=self.loc.dtype, device=self.loc.device)

    @property
    def variance(self) -> Tensor:
        """Ones, (d,)."""
        return torch.ones_like(self.loc)

    def mapped(self, function: Callable[[Tensor], Tensor]) -> "StandardNormal":
        """N(0, I) with the type and on the device of the function's result."""
        loc = function(self.loc)
        return StandardNormal(self.dim, loc.dtype, loc.device)

    def tempered(self, temperature: float) -> "GaussianConditional":
        """N(0, t^2 I)."""
        return self if temperature == 1 else self.as_full().tempered(temperature)

    def kl_standard_elements(self) -> Tensor:
        """Zeros."""
        return torch.zeros_like(self.loc)

    def _squared_distances(self, z: Tensor, loc: Tensor) -> Tensor:
        raise NotImplementedError("N(0, I) has no batch")

    def adjusted(self, delta: Tensor, log_factor: Tensor, below: Tensor | None = None) -> "GaussianConditional":
        """N(delta, exp(log_factor)^2)."""
        return DiagonalGaussian(delta, log_factor)


class _Factorized(GaussianConditional):
    """What isotropic and diagonal covariances share: log-scales.

    Args:
        loc: Mean, (*batch, d).
        log_scale: log s, (*batch, 1) or (*batch, d), or of fewer rows that share it.
    """

    parameter_names = ("loc", "log_scale")

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        super().__init__(loc)
        self.log_scale = log_scale

    def color(self, eps: Tensor) -> Tensor:
        """Noise times s."""
        return self.log_scale.exp() * eps

    def whiten(self, residual: Tensor) -> Tensor:
        """Residual over s."""
        return (-self.log_scale).exp() * residual

    def kl_standard_elements(self) -> Tensor:
        """The terms of KL(self || N(0, I)) per latent, in nats, (*batch, d) (MATHS 7)."""
        return 0.5 * (scale_excess(self.log_scale) + self.loc.square())

    def mapped(self, function: Callable[[Tensor], Tensor]) -> "GaussianConditional":
        """The Gaussian whose mean and log-scale are a function of these."""
        return type(self)(function(self.loc), function(self.log_scale))

    def in_frame(self, loc: Tensor, log_scale: Tensor) -> GaussianConditional:
        """The distribution of (z - loc) / exp(log_scale), both (*batch, d), whose covariance is diagonal."""
        return DiagonalGaussian((self.loc - loc) * (-log_scale).exp(), self.log_scale - log_scale)

    def tempered(self, temperature: float) -> GaussianConditional:
        """N(loc, t^2 s^2)."""
        return self if temperature == 1 else self.as_full().tempered(temperature)

    def adjusted(self, delta: Tensor, log_factor: Tensor, below: Tensor | None = None) -> GaussianConditional:
        """N(loc + s delta, s exp(log_factor))."""
        return type(self)(self.loc + self.color(delta), self.log_scale + log_factor)

    def _squared_distances(self, z: Tensor, loc: Tensor) -> Tensor:
        """sum_i (z_i - m_i)^2 / s_i^2, multiplied out into matrix products."""
        precision = (-2 * self.log_scale).exp().expand_as(loc)
        return z.square() @ precision.mT - 2 * z @ (precision * loc).mT + (precision * loc.square()).sum(-1)


class IsotropicGaussian(_Factorized):
    """N(loc, s^2 I), with one s per row.

    Args:
        loc: Mean, (*batch, d).
        log_scale: log s, (*batch, 1), or of fewer rows that share it.
    """

    def __init__(self, loc: Float[Tensor, "*batch d"], log_scale: Float[Tensor, "*#batch 1"]) -> None:
        super().__init__(loc, log_scale.expand(*loc.shape[:-1], 1))

    @property
    def log_abs_det(self) -> Tensor:
        """The sum of d equal log s, (*batch,)."""
        return self.dim * self.log_scale.squeeze(-1)

    @property
    def scale_tril(self) -> Tensor:
        """The identity times s, (*batch, d, d)."""
        return torch.diag_embed(self.log_scale.exp().expand_as(self.loc))

    @property
    def variance(self) -> Tensor:
        """s^2 in every dimension, (*batch, d)."""
        return (2 * self.log_scale).exp().expand_as(self.loc)

    @property
    def log_factor_shape(self) -> tuple[int, ...]:
        """(*batch, 1)."""
        return tuple(self.log_scale.shape)


class DiagonalGaussian(_Factorized):
    """N(loc, diag(s_1^2 .. s_d^2)).

    Args:
        loc: Mean, (*batch, d).
        log_scale: log s_i, (*batch, d), or of fewer rows that share them.
    """

    def __init__(self, loc: Float[Tensor, "*batch d"], log_scale: Float[Tensor, "*#batch d"]) -> None:
        super().__init__(loc, log_scale.expand_as(loc))

    @property
    def log_abs_det(self) -> Tensor:
        """sum_i log s_i, (*batch,)."""
        return self.log_scale.sum(-1)

    @property
    def scale_tril(self) -> Tensor:
        """diag(s), (*batch, d, d)."""
        return torch.diag_embed(self.log_scale.exp())

    @property
    def variance(self) -> Tensor:
        """s_i^2, (*batch, d)."""
        return (2 * self.log_scale).exp()


class FullGaussian(GaussianConditional):
    """N(loc, A A^T) with A a lower triangle.

    Args:
        loc: Mean, (*batch, d).
        scale_tril: A, lower triangular with a positive diagonal, (*batch, d, d), or of fewer rows that share it.
    """

    is_factorized = False
    parameter_names = ("loc", "scale_tril")

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
        """A linear map of vectors (*sample, *batch, d), applied to all samples at once as columns (*batch, d, L).

        Broadcasting A over the samples instead would copy it for each.
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

    @property
    def log_precision(self) -> Tensor:
        """Log of the diagonal of (A A^T)^-1, (*batch, d)."""
        identity = torch.eye(self.dim, dtype=self.loc.dtype, device=self.loc.device)
        return torch.linalg.solve_triangular(self._scale_tril, identity, upper=False).square().sum(-2).log()

    def mapped(self, function: Callable[[Tensor], Tensor]) -> "FullGaussian":
        """The Gaussian whose mean and triangle are a function of these."""
        return FullGaussian(function(self.loc), function(self._scale_tril))

    def tempered(self, temperature: float) -> "FullGaussian":
        """N(loc, t^2 A A^T)."""
        return self if temperature == 1 else FullGaussian(self.loc, temperature * self._scale_tril)

    def kl_standard(self) -> Tensor:
        """KL(self || N(0, I)), in nats, (*batch,) (MATHS 7)."""
        diagonal = scale_excess(self._scale_tril.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
        below = self._scale_tril.tril(-1).square().sum((-2, -1))
        return 0.5 * (diagonal + below + self.loc.square().sum(-1))

    def as_full(self) -> "FullGaussian":
        """Itself."""
        return self

    def adjusted(self, delta: Tensor, log_factor: Tensor, below: Tensor | None = None) -> "FullGaussian":
        """N(loc + A delta, A (diag exp(log_factor) + strictly lower T))."""
        factor = torch.diag_embed(log_factor.exp())
        factor = factor if below is None else factor + below.tril(-1)
        return FullGaussian(self.loc + self.color(delta), self._scale_tril @ factor)

    def _squared_distances(self, z: Tensor, loc: Tensor) -> Tensor:
        """||A_n^-1 (z_m - loc_n)||^2, with one triangular solve per distribution for all places."""
        residual = z.mT - loc.unsqueeze(-1)
        return torch.linalg.solve_triangular(self._scale_tril, residual, upper=False).square().sum(1).mT
