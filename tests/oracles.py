"""Models whose evidence is known in closed form, built from the library's own parts (MATHS 6)."""

import torch
from torch import Tensor, nn

from variate import VAE, Batch, Decoder, Encoder, Group, Model, likelihoods
from variate.distributions import DiagonalGaussian, FullGaussian, GaussianConditional, IsotropicGaussian, StandardNormal
from variate.distributions.conditional import Conditional
from variate.likelihoods import Likelihood
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


class LinearLadder(Model):
    """Two groups of latents and a context, everything linear and Gaussian, with the exact posterior.

        z_1 ~ N(0, I),    z_2 = B z_1 + b + s e_2,    x = W z_2 + V z_1 + U c + mu + sigma e

    Args:
        dim: Numbers per row.
        sizes: Latents of the two groups.
        context: Numbers of the context.
        family: "full" for the exact posterior, "diagonal" for its marginals given the latents above.
    """

    takes_context = True
    s, sigma = 0.6, 0.5

    def __init__(
        self, dim: int = 5, sizes: tuple[int, int] = (2, 3), context: int = 2, family: str = "full", seed: int = 0
    ) -> None:
        super().__init__([Group.gaussian(size) for size in sizes])
        generator = torch.Generator().manual_seed(seed)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator))

        first, second = sizes
        self.B, self.b = weight(second, first), weight(second)
        self.W, self.V, self.U, self.mu = weight(dim, second), weight(dim, first), weight(dim, context), weight(dim)
        self.noise_model = likelihoods.Gaussian((dim,), scale="fixed", sigma=self.sigma)
        self.family = family

    @property
    def likelihood(self) -> Likelihood:
        return self.noise_model

    def encode(self, batch: Batch) -> Tensor:
        assert batch.context is not None
        return batch.x - self.mu - batch.context @ self.U.T

    def start(self, context: Tensor | None, lead: tuple[int, int]) -> tuple[Tensor, ...]:
        assert context is not None
        assert lead[1] == len(context)
        return (self.mu + context @ self.U.T,)

    def prior(self, g: int, state: tuple[Tensor, ...]) -> GaussianConditional:
        if g == 0:
            return StandardNormal(self.groups[0].shape[0], self.dtype)
        loc = state[1] @ self.B.T + self.b
        return IsotropicGaussian(loc, torch.full((1,) * loc.dim(), self.s).log())

    def posterior(self, g: int, state: tuple[Tensor, ...], features: Tensor) -> GaussianConditional:
        identity = torch.eye(len(self.mu))
        if g == 0:  # x - mu - U c = (W B + V) z_1 + W b + N(0, s^2 W W^T + sigma^2 I)
            gain = self.W @ self.B + self.V
            return self._conditional(
                gain, features - self.W @ self.b, self.s**2 * self.W @ self.W.T + self.sigma**2 * identity
            )
        prior = state[1] @ self.B.T + self.b
        residual = features - state[1] @ self.V.T - prior @ self.W.T
        found = self._conditional(self.s * self.W, residual, self.sigma**2 * identity)
        scaled = FullGaussian(prior + self.s * found.loc, self.s * found.scale_tril)
        return scaled if self.family == "full" else DiagonalGaussian(scaled.loc, 0.5 * scaled.variance.log())

    def _conditional(self, gain: Tensor, residual: Tensor, covariance: Tensor) -> GaussianConditional:
        """p(z | r) for r = gain z + N(0, covariance) and z ~ N(0, I)."""
        precision = torch.eye(gain.shape[1]) + gain.T @ torch.linalg.solve(covariance, gain)
        loc = residual @ torch.linalg.solve(precision, torch.linalg.solve(covariance, gain).T).T
        found = FullGaussian(loc, torch.linalg.cholesky(torch.linalg.inv(precision)))
        return found if self.family == "full" else DiagonalGaussian(loc, 0.5 * found.variance.log())

    def extend(self, g: int, state: tuple[Tensor, ...], z: Tensor) -> tuple[Tensor, ...]:
        return (*state, z)

    def outputs(self, state: tuple[Tensor, ...]) -> Tensor:
        shift, first, second = state
        return (shift + first @ self.V.T + second @ self.W.T).unsqueeze(-2)

    def log_evidence(self, x: Tensor, context: Tensor) -> Tensor:
        """log p(x|c), (N,), in nats."""
        gain = self.W @ self.B + self.V
        identity = torch.eye(len(self.mu))
        covariance = gain @ gain.T + self.s**2 * self.W @ self.W.T + self.sigma**2 * identity
        loc = self.mu + self.W @ self.b + context @ self.U.T
        return torch.distributions.MultivariateNormal(loc, covariance).log_prob(x)
