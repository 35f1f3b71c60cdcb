r"""Independent Student-t numbers with v degrees of freedom, location m and scale s.

With y = (x - m) / s,

    log p(x) = - (v + 1) / 2 log(1 + y^2 / v) - log s - log(pi v) / 2 - log Gamma(v / 2) + log Gamma((v + 1) / 2).

The variance, s^2 v / (v - 2), exists for v > 2. With I the regularised incomplete beta function and w = v / (v + y^2),

    F(x) = I_w(v / 2, 1 / 2) / 2    for y <= 0,

and 1 minus that for y > 0. Its inverse for u <= 1/2 is y = -sqrt(v (1 - w) / w) where w or 1 - w, whichever is small,
comes from the inverse of I or of its complement, so that no digits are lost at either end.
"""

import math

import torch
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.interop import call_scipy, numpy_generator
from variate.distributions.support import Shape


class StudentTElements(Elementwise):
    """Independent Student-t numbers.

    Args:
        df: Degrees of freedom v, positive; (*batch, *event).
        loc: Locations; broadcasts with `df`.
        scale: Scales; broadcasts with `df`.
    """

    def __init__(self, df: Tensor, loc: Tensor, scale: Tensor) -> None:
        self.df, self.loc, self.scale = torch.broadcast_tensors(df, loc, scale)
        super().__init__(self.df.shape, self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*shape); NaN where v is at most 1."""
        return torch.where(self.df > 1, self.loc, torch.nan)

    @property
    def variance(self) -> Tensor:
        """Variance, (*shape); infinite where v is at most 2, NaN where it is at most 1."""
        variance = self.scale.square() * self.df / (self.df - 2)
        return torch.where(self.df > 2, variance, torch.where(self.df > 1, torch.inf, torch.nan))

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-densities in nats, broadcast(shape, x.shape)."""
        y = (x.to(self.dtype) - self.loc) / self.scale
        normalizer = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + torch.lgamma(0.5 * self.df)
            - torch.lgamma(0.5 * (self.df + 1.0))
        )
        return -0.5 * (self.df + 1.0) * torch.log1p(y**2.0 / self.df) - normalizer

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is finite."""
        return x.to(self.dtype).isfinite()

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *shape), from a numpy generator that is seeded from `generator`."""
        shape = torch.Size(sample_shape) + self.shape
        y = numpy_generator(generator).standard_t(self.df.detach().double().cpu().numpy(), shape)
        return self.loc.detach() + self.scale.detach() * torch.as_tensor(y).to(self.loc)

    def _cdf(self, x: Tensor) -> Tensor:
        return call_scipy("stdtr", self.df, (x - self.loc.double()) / self.scale.double())

    def _quantile(self, u: Tensor) -> Tensor:
        half_df, half = self.df.double() / 2, torch.full((), 0.5, dtype=torch.float64, device=u.device)
        tails = 2 * torch.minimum(u, 1 - u)
        w = call_scipy("betaincinv", half_df, half, tails)
        rest = call_scipy("betainccinv", half, half_df, tails)
        odds = torch.where(rest < 0.5, rest / (1 - rest), (1 - w) / w)
        return self.loc.double() + self.scale.double() * (u - 0.5).sign() * (2 * half_df * odds).sqrt()
