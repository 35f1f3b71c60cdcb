"""The plain variational autoencoder: an encoder, a decoder and a prior, with one vector of latents.

    q(z|x) = posterior family (encoder network (inputs (x)))
    p(x|z) = likelihood (decoder network (z))
    p(z)   = prior ()

Rows go in as they are, in the data's own units; the networks may run in bfloat16, but what leaves them is float32 or
better, so every density is.
"""

from torch import Tensor, nn
from torch.distributions import Distribution

from variate.config.recipe import Recipe
from variate.data.batch import Batch
from variate.distributions.conditional import Conditional
from variate.distributions.gaussian import GaussianConditional
from variate.likelihoods.base import Likelihood
from variate.models.base import Model
from variate.models.draws import Group
from variate.models.network import Network
from variate.models.posteriors import PosteriorFamily
from variate.models.priors import Given, Prior
from variate.networks.inputs import Inputs


class Encoder(nn.Module):
    """q(z|x): scaled inputs, a network, a posterior family.

    Args:
        inputs: Brings rows to order one.
        network: From features (rows, *inputs.shape) to (rows, family.num_outputs).
        family: Turns the network's outputs into the posterior.
    """

    def __init__(self, inputs: Inputs, network: nn.Module, family: PosteriorFamily) -> None:
        super().__init__()
        self.inputs, self.network, self.family = inputs, Network(network), family

    def posterior(self, features: Tensor) -> GaussianConditional:
        """q(z|x), batch shape (N,), from scaled features, (N, *inputs.shape)."""
        return self.family(self.network(features).to(features.dtype))

    def features(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Scaled features, (N, *inputs.shape), of rows and a mask of shape (N, *event)."""
        return self.inputs(x if mask is None else x.masked_fill(~mask, 0), mask)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> GaussianConditional:
        """q(z|x), batch shape (N,), for rows and a mask of shape (N, *event); what is not observed is not read."""
        return self.posterior(self.features(x, mask))


class Decoder(nn.Module):
    """The parameters of p(x|z): a network, with the likelihood that takes its outputs.

    Args:
        network: From latents (rows, d) to (rows, *likelihood.out_shape).
        likelihood: Turns the network's outputs into p(x|z).
    """

    def __init__(self, network: nn.Module, likelihood: Likelihood) -> None:
        super().__init__()
        self.network, self.likelihood = Network(network), likelihood

    def forward(self, z: Tensor) -> Tensor:
        """Parameters, (*batch, *out_shape), for latents (*batch, d)."""
        outputs = self.network(z.reshape(-1, z.shape[-1]))
        return outputs.reshape(*z.shape[:-1], *self.likelihood.out_shape)


class VAE(Model):
    """A variational autoencoder with one vector of latents.

    Args:
        encoder: x -> q(z|x).
        decoder: z -> the parameters of p(x|z).
        prior: p(z): one of `variate.models.priors`, any module whose call returns a distribution (a zuko flow), or a
            torch distribution.
        recipe: How it was built; a model with one can be loaded from its file alone.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        prior: nn.Module | Conditional | Distribution,
        recipe: Recipe | None = None,
    ) -> None:
        latent = encoder.family.latent
        own = prior if isinstance(prior, Prior) else Given(prior, latent)
        super().__init__([Group((latent,), (latent,), own.noise_shape)], recipe)
        self.encoder, self.decoder, self.latent_prior = encoder, decoder, own

    @property
    def latent(self) -> int:
        """Number of latent dimensions, d."""
        return self.encoder.family.latent

    @property
    def likelihood(self) -> Likelihood:
        """The family of p(x|z)."""
        return self.decoder.likelihood

    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """What the encoder's network takes, (N, *inputs.shape), for rows and a mask of shape (N, *event)."""
        return self.encoder.features(x, mask)

    def encode(self, batch: Batch) -> GaussianConditional:
        """q(z|x), batch shape (N,)."""
        return self.encoder(batch.x, batch.mask)

    def start(self, context: Tensor | None, lead: tuple[int, int]) -> None:
        """None: the state is the latents, once they are drawn."""

    def prior(self, g: int, state: Tensor | None) -> Conditional:
        """p(z)."""
        return self.latent_prior()

    def posterior(self, g: int, state: Tensor | None, features: GaussianConditional) -> GaussianConditional:
        """q(z|x)."""
        return features

    def extend(self, g: int, state: Tensor | None, z: Tensor) -> Tensor:
        """The latents, (L, N, d)."""
        return z

    def outputs(self, state: Tensor) -> Tensor:
        """The decoder's outputs, (L, N, *out_shape)."""
        return self.decoder(state)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets all that the data decide before training: scalings, starting biases, pseudo-inputs."""
        self.encoder.inputs.fit_scaling(rows)
        self.likelihood.fit_scaling(rows)
        self.latent_prior.fit_scaling(rows)
