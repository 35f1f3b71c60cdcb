"""Elementwise distributions: independent numbers X_i, one for each element of a shape (*batch, *event).

Each family gives, element by element,

    log_prob(x)    log p_i(x_i), a density or a mass, in nats
    cdf(x)         F_i(x_i) = P(X_i <= x_i)
    quantile(u)    the smallest x of the support with F_i(x) >= u_i, which is F_i^-1(u_i) for a continuous family

A discrete family here lives on integers, so P(X < x) = F(ceil(x) - 1) and P(a < X <= b) = F(b) - F(a). `log_prob` is
computed in the dtype of the parameters, is differentiable and is the hot path: it takes x to lie in the support, which
`contains` tests. `cdf` and `quantile` are computed in float64 and carry no gradients, so that interval masses, p-values
and codes keep their digits in float32 models too.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from variate.distributions.support import Shape


class Elementwise(ABC):
    """Independent numbers, one for each element of `shape`.

    Args:
        shape: (*batch, *event).
        dtype: Type of the parameters, in which log-probabilities are computed.

    Attributes:
        is_discrete: Whether every element has a mass (on integers) instead of a density.
        takes_uniform: Whether `from_uniform` draws, at small cost.
    """

    is_discrete: bool = False
    takes_uniform: bool = False

    def __init__(self, shape: Shape, dtype: torch.dtype) -> None:
        self.shape, self.dtype = torch.Size(shape), dtype

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Mean of each element, (*shape); the most probable code if codes stand for names."""

    @property
    def variance(self) -> Tensor:
        """Variance of each element, (*shape).

        Raises:
            NotImplementedError: If the values are codes of names, which have no variance.
        """
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities in nats, broadcast(shape, x.shape), of x in the support: nothing is tested.

        The result is meaningless outside the support.
        """

    @abstractmethod
    def contains(self, x: Tensor) -> Tensor:
        """Whether each x, of any dtype, is finite and lies in the support: booleans of a shape that broadcasts with x.

        0 lies in every support.
        """

    @abstractmethod
    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape), without gradients.

        Args:
            sample_shape: Shape of the draws of each element.
            generator: Where random numbers come from; None takes torch's global generator.
        """

    def from_uniform(self, u: Tensor) -> Tensor:
        """A draw of each element as a function of a uniform number, broadcast(shape, u.shape), without gradients.

        So the draws of a row can come from a stream of its own while all rows are computed together.

        Args:
            u: In (0, 1), float64.

        Raises:
            NotImplementedError: If `takes_uniform` is false.
        """
        raise NotImplementedError(f"{type(self).__name__} draws by `sample` only")

    @abstractmethod
    def _cdf(self, x: Tensor) -> Tensor:
        """P(X <= x) for finite x in float64."""

    @abstractmethod
    def _quantile(self, u: Tensor) -> Tensor:
        """The smallest x with P(X <= x) >= u, for u in [0, 1] in float64."""

    def log_prob_or_minus_inf(self, x: Tensor) -> Tensor:
        """Log-probabilities in nats, broadcast(shape, x.shape); -inf outside the support, never NaN."""
        inside = self.contains(x)
        return torch.where(inside, self.log_prob(torch.where(inside, x, 0)), -torch.inf)

    @torch.no_grad()
    def cdf(self, x: Tensor) -> Tensor:
        """P(X <= x), broadcast(shape, x.shape), float64: 0 below the support, 1 above it, NaN for NaN."""
        x = x.to(torch.float64)
        finite = x.isfinite()
        p = self._cdf(torch.where(finite, x, 0)).clamp(0, 1)
        return torch.where(finite, p, torch.where(x.isnan(), x, (x > 0).to(torch.float64)))

    @torch.no_grad()
    def cdf_below(self, x: Tensor) -> Tensor:
        """P(X < x), broadcast(shape, x.shape), float64; equal to `cdf` where X is continuous."""
        return self.cdf(x.to(torch.float64).ceil() - 1 if self.is_discrete else x)

    @torch.no_grad()
    def quantile(self, u: Tensor) -> Tensor:
        """The smallest x of the support with cdf(x) >= u, broadcast(shape, u.shape), float64.

        The lower end of the support at u = 0 and the upper end, which may be infinite, at u = 1; NaN for u outside
        [0, 1].
        """
        u = u.to(torch.float64)
        valid = (u >= 0) & (u <= 1)
        return torch.where(valid, self._quantile(torch.where(valid, u, 0.5)), torch.nan)
