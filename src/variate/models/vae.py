"""The plain variational autoencoder: an encoder, a decoder and a prior, with one vector of latents.

    q(z|x) = posterior family (encoder network (inputs (x)))
    p(x|z) = likelihood (decoder network (z))
    p(z)   = prior ()

A model with conditions has the features of its context c beside those of x in the encoder, and beside z in the decoder.
Its prior is p(z|c): of a mixture, the weights depend on c; N(0, I) is put in a frame that does (`ContextFrame`).

Rows go in as they are, in the data's own units; the networks may run in bfloat16, but what leaves them is float32 or
better, so every density is.
"""

from typing import NamedTuple

from torch import Tensor, cat, nn
from torch.distributions import Distribution

from variate.config.recipe import Recipe
from variate.data.batch import Batch
from variate.distributions.conditional import Conditional
from variate.distributions.gaussian import GaussianConditional
from variate.likelihoods.base import Likelihood
from variate.models.base import Model
from variate.models.contexts import ContextChannels, ContextFrame, Contexts
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
        beside: Puts the features of a context beside those of rows; the network then takes rows of its shape.
    """

    def __init__(
        self, inputs: Inputs, network: nn.Module, family: PosteriorFamily, beside: ContextChannels | None = None
    ) -> None:
        super().__init__()
        self.inputs, self.network, self.family, self.beside = inputs, Network(network), family, beside

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the features that the network takes."""
        return self.inputs.shape if self.beside is None else self.beside.shape

    def posterior(self, features: Tensor) -> GaussianConditional:
        """q(z|x), batch shape (N,), from scaled features, (N, *shape)."""
        return self.family(self.network(features).to(features.dtype))

    def forward(self, x: Tensor, mask: Tensor | None = None, context: Tensor | None = None) -> GaussianConditional:
        """q(z|x, c), batch shape (N,).

        Args:
            x: Rows, (N, *event).
            mask: True where an element is observed, (N, *event); what is not is not read.
            context: Features of the context, (N, size).
        """
        return self.posterior(self.features(x, mask, context))

    def features(self, x: Tensor, mask: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """What the network takes, (N, *shape); arguments as for `forward`."""
        found = self.inputs(x if mask is None else x.masked_fill(~mask, 0), mask)
        return found if self.beside is None or context is None else self.beside(found, context)


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


class TopDown(NamedTuple):
    """The state of the top-down pass.

    Attributes:
        z: The latents, (L, N, d), once they are known.
        context: Features of the context, (N, size), of a model with conditions.
    """

    z: Tensor | None = None
    context: Tensor | None = None


class VAE(Model):
    """A variational autoencoder with one vector of latents.

    Args:
        encoder: x -> q(z|x).
        decoder: z -> the parameters of p(x|z).
        prior: p(z): one of `variate.models.priors`, any module whose call returns a distribution (a zuko flow), or a
            torch distribution.
        recipe: How it was built; a model with one can be loaded from its file alone.
        conditions: The features of what it is conditional on; the encoder and the decoder's network take them, too.
        frame: Where latents lie given a context, for a prior that does not depend on it.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        prior: nn.Module | Conditional | Distribution,
        recipe: Recipe | None = None,
        conditions: Contexts | None = None,
        frame: ContextFrame | None = None,
    ) -> None:
        latent = encoder.family.latent
        own = prior if isinstance(prior, Prior) else Given(prior, latent)
        super().__init__([Group((latent,), (latent,), own.noise_shape)], recipe)
        self.encoder, self.decoder, self.latent_prior, self.conditions = encoder, decoder, own, conditions
        self.takes_context, self.frame = conditions is not None, frame

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
        """q(z|x, c), batch shape (N,)."""
        context = self._features(batch.context)
        q = self.encoder(batch.x, batch.mask, context)
        return q if self.frame is None or context is None else self.frame.of_latents(q, context)

    def start(self, context: Tensor | None, lead: tuple[int, int]) -> TopDown:
        """The features of the context."""
        return TopDown(context=self._features(context))

    def prior(self, g: int, state: TopDown) -> Conditional:
        """p(z|c)."""
        return self.latent_prior(state.context)

    def posterior(self, g: int, state: TopDown, features: GaussianConditional) -> GaussianConditional:
        """q(z|x, c)."""
        return features

    def extend(self, g: int, state: TopDown, z: Tensor) -> TopDown:
        """The latents, (L, N, d), beside the features of the context."""
        return state._replace(z=z)

    def outputs(self, state: TopDown) -> Tensor:
        """The decoder's outputs, (L, N, *out_shape)."""
        if state.z is None:
            raise AssertionError("the latents are known before the likelihood's parameters")
        if state.context is None:
            return self.decoder(state.z)
        z = state.z if self.frame is None else self.frame.placed(state.z, state.context)
        context = state.context.to(z.dtype).expand(*z.shape[:-1], -1)
        return self.decoder(cat([z, context], -1))

    def _features(self, context: Tensor | None) -> Tensor | None:
        """Features of a context, (N, size)."""
        return None if context is None or self.conditions is None else self.conditions(context)

    def fit_scaling(self, rows: Tensor, context: Tensor | None = None) -> None:
        """Sets all that the data decide before training: scalings, starting biases, pseudo-inputs, the prior of c."""
        self.encoder.inputs.fit_scaling(rows)
        self.likelihood.fit_scaling(rows)
        if self.conditions is not None and context is not None:
            self.conditions.fit(context)
        self.latent_prior.fit_scaling(rows, self._features(context))
