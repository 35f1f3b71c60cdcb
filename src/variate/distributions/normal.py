"""Independent normal numbers: log p(x) = - (x - m)^2 / (2 s^2) - log s - log sqrt(2 pi), F(x) = Phi((x - m) / s)."""

import math

import torch
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.support import Shape


class NormalElements(Elementwise):
    """Independent normal numbers.

    Args:
        loc: Means, (*batch, *event).
        scale: Standard deviations; broadcasts with `loc`.
    """

    takes_uniform = True

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        super().__init__(self.loc.shape, self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*shape)."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Variance, (*shape)."""
        return self.scale.square()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-densities in nats, broadcast(shape, x.shape)."""
        residual = x.to(self.dtype) - self.loc
        return -(residual**2) / (2 * self.scale**2) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is finite."""
        return x.to(self.dtype).isfinite()

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape)."""
        shape = torch.Size(sample_shape) + self.shape
        with torch.no_grad():
            return torch.normal(self.loc.expand(shape), self.scale.expand(shape), generator=generator)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Draws, broadcast(shape, u.shape), float64."""
        return self.quantile(u)

    def _cdf(self, x: Tensor) -> Tensor:
        return standard_normal_cdf((x - self.loc.double()) / self.scale.double())

    def _quantile(self, u: Tensor) -> Tensor:
        return self.loc.double() + self.scale.double() * torch.special.ndtri(u)


def standard_normal_cdf(z: Tensor) -> Tensor:
    """Phi(z) = erfc(-z / sqrt 2) / 2: unlike (1 + erf(z / sqrt 2)) / 2 it keeps its digits in the lower tail."""
    return 0.5 * torch.special.erfc(-z / math.sqrt(2))
