"""Models whose evidence is known in closed form, built from the library's own parts (MATHS 6)."""

import torch
from torch import Tensor, nn

from variate import VAE, Decoder, Encoder, likelihoods
from variate.distributions.conditional import Conditional
from variate.models import posteriors, priors
from variate.networks import MLP, Standardize


def affine(inputs: int, outputs: int, weight: Tensor, bias: Tensor) -> MLP:
    """An MLP without hidden layers that computes weight x + bias."""
    network = MLP((inputs,), (outputs,), depth=0)
    layer = network.layers[-1]
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return network


class LinearGaussian:
    """x = W z + mu + sigma e: probabilistic PCA (Tipping & Bishop, 1999)."""

    def __init__(self, dim: int, latent: int, sigma: float, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.W = torch.randn(dim, latent, generator=generator)
        self.mu = torch.randn(dim, generator=generator)
        self.sigma, self.dim, self.latent = sigma, dim, latent
        self.M = self.W.T @ self.W + sigma**2 * torch.eye(latent)
        self.S = sigma**2 * torch.linalg.inv(self.M)
        """Covariance of p(z|x)."""

    def draw(self, n: int, seed: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n, self.latent, generator=generator)
        return z @ self.W.T + self.mu + self.sigma * torch.randn(n, self.dim, generator=generator)

    def log_evidence(self, x: Tensor) -> Tensor:
        covariance = self.W @ self.W.T + self.sigma**2 * torch.eye(self.dim)
        return torch.distributions.MultivariateNormal(self.mu, covariance).log_prob(x)

    def gap(self, family: str) -> Tensor:
        """KL(q* || p(z|x)) of the best member of a posterior family (MATHS 6.1)."""
        precision, log_det = torch.linalg.inv(self.S), torch.logdet(self.S)
        if family == "full":
            return torch.zeros(())
        if family == "diagonal":
            return 0.5 * (precision.diagonal().log().sum() + log_det)
        return 0.5 * (self.latent * (precision.trace() / self.latent).log() + log_det)

    def vae(self, family: str, prior: nn.Module | Conditional | torch.distributions.Distribution | None = None) -> VAE:
        """The VAE whose decoder is this model and whose encoder is the best member of a posterior family."""
        d = self.latent
        gain = torch.linalg.solve(self.M, self.W.T)
        tril = torch.linalg.cholesky(self.S)
        precision = torch.linalg.inv(self.S)
        bound = posteriors.LOG_SCALE_BOUND

        def raw(log_scale: Tensor) -> Tensor:  # the inverse of posteriors.bounded
            return bound * torch.atanh(log_scale / bound)

        if family == "full":
            row, column = torch.tril_indices(d, d, -1)
            head = torch.cat([raw(tril.diagonal().log()), tril[row, column]])
            module: posteriors.PosteriorFamily = posteriors.Full(d)
        elif family == "diagonal":
            head, module = raw(-0.5 * precision.diagonal().log()), posteriors.Diagonal(d)
        else:
            head, module = raw(-0.5 * (precision.trace() / d).log().reshape(1)), posteriors.Isotropic(d)
        weight = torch.cat([gain, torch.zeros(len(head), self.dim)])
        bias = torch.cat([-gain @ self.mu, head])
        encoder = Encoder(Standardize((self.dim,)), affine(self.dim, module.num_outputs, weight, bias), module)
        likelihood = likelihoods.Gaussian((self.dim,), scale="fixed", sigma=self.sigma)
        decoder = Decoder(affine(d, self.dim, self.W, self.mu), likelihood)
        decoder.network.inner.out_shape = likelihood.out_shape
        return VAE(encoder, decoder, prior if prior is not None else priors.Normal(d))
