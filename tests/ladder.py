"""A model with two groups of latents whose evidence is known in closed form, written against `Model`."""

import torch
from torch import Tensor, nn

from variate import likelihoods
from variate.data.batch import Batch
from variate.distributions import FullGaussian, GaussianConditional, IsotropicGaussian, StandardNormal
from variate.models.base import Model
from variate.models.draws import Group


class Ladder(Model):
    """z1 ~ N(0, I), z2 | z1 ~ N(A z1, s2^2 I), x | z1, z2 ~ N(B z2 + C z1, sigma^2 I), and an affine encoder.

    q(z1|x) and q(z2|z1, x) have affine means and constant full covariances; `make_exact` gives them those of the model.
    """

    def __init__(self, dim: int = 6, top: int = 2, low: int = 3, s2: float = 0.6, sigma: float = 0.5) -> None:
        super().__init__([Group.gaussian(top), Group.gaussian(low)])
        self.s2, self.sigma = s2, sigma
        self.family = likelihoods.Gaussian((dim,), scale="fixed", sigma=sigma)
        source = torch.Generator().manual_seed(0)
        for name, shape in (("A", (low, top)), ("B", (dim, low)), ("C", (dim, top))):
            self.register_parameter(name, nn.Parameter(torch.randn(shape, generator=source)))
        self.top, self.low = nn.Linear(dim, top), nn.Linear(dim + top, low)
        self.top_raw, self.low_raw = nn.Parameter(torch.zeros(top, top)), nn.Parameter(torch.zeros(low, low))

    @property
    def likelihood(self) -> likelihoods.Gaussian:
        return self.family

    def encode(self, batch: Batch) -> Tensor:
        return batch.x.to(self.dtype)

    def start(self, context: Tensor | None, lead: tuple[int, int]) -> tuple[Tensor, ...]:
        return ()

    def prior(self, g: int, state: tuple[Tensor, ...]) -> GaussianConditional:
        if g == 0:
            return StandardNormal(*self.groups[0].shape, dtype=self.A.dtype, device=self.A.device)
        return IsotropicGaussian(state[0] @ self.A.T, self.A.new_full((1,), self.s2).log())

    def posterior(self, g: int, state: tuple[Tensor, ...], features: Tensor) -> GaussianConditional:
        if g == 0:
            return FullGaussian(self.top(features), triangle(self.top_raw))
        (z1,) = state
        both = torch.cat([features.expand(*z1.shape[:2], -1), z1], -1)
        return FullGaussian(self.low(both), triangle(self.low_raw))

    def extend(self, g: int, state: tuple[Tensor, ...], z: Tensor) -> tuple[Tensor, ...]:
        return (*state, z)

    def outputs(self, state: tuple[Tensor, ...]) -> Tensor:
        return (state[1] @ self.B.T + state[0] @ self.C.T).unsqueeze(-2)

    @torch.no_grad()
    def make_exact(self) -> "Ladder":
        """Gives the encoder the posterior of the model."""
        M, R = self.B @ self.A + self.C, self.s2**2 * self.B @ self.B.T + self.sigma**2 * torch.eye(len(self.B))
        S1 = torch.linalg.inv(torch.eye(M.shape[1]) + M.T @ torch.linalg.solve(R, M))
        S2 = torch.linalg.inv(torch.eye(self.B.shape[1]) / self.s2**2 + self.B.T @ self.B / self.sigma**2)
        self.top.weight.copy_(S1 @ torch.linalg.solve(R, M).T)
        on_z1 = self.A / self.s2**2 - self.B.T @ self.C / self.sigma**2
        self.low.weight.copy_(S2 @ torch.cat([self.B.T / self.sigma**2, on_z1], 1))
        for layer, raw, S in ((self.top, self.top_raw, S1), (self.low, self.low_raw, S2)):
            layer.bias.zero_()
            raw.copy_((L := torch.linalg.cholesky(S)).tril(-1) + torch.diag(L.diagonal().log()))
        return self

    @torch.no_grad()
    def log_evidence(self, x: Tensor) -> Tensor:
        """Log p(x) of rows (N, dim), (N,), in nats."""
        M = self.B @ self.A + self.C
        covariance = M @ M.T + self.s2**2 * self.B @ self.B.T + self.sigma**2 * torch.eye(len(M))
        return torch.distributions.MultivariateNormal(torch.zeros(len(M)), covariance).log_prob(x)


def triangle(raw: Tensor) -> Tensor:
    """A lower triangle with a positive diagonal."""
    return raw.tril(-1) + torch.diag(raw.diagonal().exp())
