"""Linear-Gaussian models, rows with gaps, and what is exactly known of the gaps."""

import torch
from torch import Tensor

from conditional_linear import ConditionalLinear
from variate.data.batch import Batch
from variate.distributions import FullGaussian, GaussianConditional


class Misled(ConditionalLinear):
    """The same model with an encoder that is off in place and in width."""

    def encode(self, batch: Batch) -> GaussianConditional:
        q = super().encode(batch)
        assert isinstance(q, FullGaussian)
        return FullGaussian(q.loc + 0.5, 0.7 * q.scale_tril)


class Hopeless(ConditionalLinear):
    """The same model with an encoder that is nowhere near, and sure of it."""

    def encode(self, batch: Batch) -> GaussianConditional:
        q = super().encode(batch)
        assert isinstance(q, FullGaussian)
        return FullGaussian(q.loc + 3, 0.1 * q.scale_tril)


def linear(kind: type[ConditionalLinear] = ConditionalLinear, dim: int = 5, sigma: float = 0.7) -> ConditionalLinear:
    return kind(dim, 2, context=0, sigma=sigma)


def covariance(model: ConditionalLinear) -> Tensor:
    """Covariance of the rows, whose mean is 0."""
    return (model.W @ model.W.T + model.sigma**2 * torch.eye(len(model.W))).detach()


def rows_with_gaps(model: ConditionalLinear, n: int, share: float = 0.5, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Rows of the model and their mask, True where observed; the first row has no value, the second has no gap."""
    source = torch.Generator().manual_seed(seed)
    x = torch.distributions.MultivariateNormal(torch.zeros(len(model.W)), covariance(model)).sample((n,))
    mask = torch.rand(x.shape, generator=source) > share
    mask[0], mask[1] = False, True
    return x, mask


def conditional(model: ConditionalLinear, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of each row given its observed elements, (N, dim) and (N, dim, dim); 0 where observed."""
    C = covariance(model)
    means, covariances = torch.where(mask, x, 0), torch.zeros(*x.shape, x.shape[1])
    for n, o in enumerate(mask):
        m = ~o
        gain = C[m][:, o] @ torch.linalg.inv(C[o][:, o])
        means[n, m] = gain @ x[n, o]
        covariances[n][torch.outer(m, m)] = (C[m][:, m] - gain @ C[o][:, m]).flatten()
    return means, covariances
