"""A model that conditions on a context and reads masks, whose evidence is known in closed form."""

import torch
from torch import Tensor, nn

from variate import likelihoods
from variate.data.batch import Batch
from variate.distributions import FullGaussian, GaussianConditional, IsotropicGaussian
from variate.models.base import Model
from variate.models.draws import Group


class ConditionalLinear(Model):
    """z | c ~ N(U c, I), x | z, c ~ N(W z + V c, sigma^2 I), with the exact posterior of the observed elements.

    With W_o, V_o the rows of the observed elements o: Lambda = I + W_o^T W_o / sigma^2 and
    q(z | x_o, c) = N(Lambda^-1 (U c + W_o^T (x_o - V_o c) / sigma^2), Lambda^-1). Without a context, U = V = 0.
    """

    def __init__(self, dim: int = 8, latent: int = 3, context: int = 2, sigma: float = 0.7) -> None:
        super().__init__([Group.gaussian(latent)])
        self.takes_context, self.sigma = context > 0, sigma
        self.family = likelihoods.Gaussian((dim,), scale="fixed", sigma=sigma)
        source = torch.Generator().manual_seed(0)
        self.W, self.V, self.U = (
            nn.Parameter(torch.randn(shape, generator=source))
            for shape in ((dim, latent), (dim, context), (latent, context))
        )

    @property
    def likelihood(self) -> likelihoods.Gaussian:
        return self.family

    def encode(self, batch: Batch) -> GaussianConditional:
        context = self.W.new_zeros(batch.num_rows, 0) if batch.context is None else batch.context.to(self.W)
        observed = torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else batch.mask
        x = torch.where(observed, batch.x, 0) - observed * (context @ self.V.T)
        W = observed.unsqueeze(-1) * self.W
        precision = torch.eye(self.W.shape[1]).to(W) + W.mT @ W / self.sigma**2
        covariance = torch.linalg.inv(precision)
        mean = covariance @ (context @ self.U.T + (x.unsqueeze(-2) @ W).squeeze(-2) / self.sigma**2).unsqueeze(-1)
        return FullGaussian(mean.squeeze(-1), torch.linalg.cholesky(covariance))

    def start(self, context: Tensor | None, lead: tuple[int, int]) -> Tensor:
        return self.W.new_zeros(lead[1], 0) if context is None else context.to(self.W)

    def prior(self, g: int, state: Tensor) -> GaussianConditional:
        return IsotropicGaussian(state @ self.U.T, self.W.new_zeros(1))

    def posterior(self, g: int, state: Tensor, features: GaussianConditional) -> GaussianConditional:
        return features

    def extend(self, g: int, state: Tensor, z: Tensor) -> Tensor:
        return z @ self.W.T + state @ self.V.T

    def outputs(self, state: Tensor) -> Tensor:
        return state.unsqueeze(-2)

    @torch.no_grad()
    def log_evidence(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Log p(x_observed | c) of rows (N, dim), (N,), in nats: 0 if nothing is observed."""
        context = self.W.new_zeros(len(x), 0) if context is None else context
        mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        mean = context @ (self.V + self.W @ self.U).T
        covariance = self.W @ self.W.T + self.sigma**2 * torch.eye(len(self.W))
        found = torch.zeros(len(x))
        for n, o in enumerate(mask):
            if o.any():
                own = torch.distributions.MultivariateNormal(mean[n, o], covariance[o][:, o])
                found[n] = own.log_prob(x[n, o])
        return found
