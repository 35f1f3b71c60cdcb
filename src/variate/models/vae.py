"""The model: an encoder, a decoder and a prior.

    q(z|x) = vae.posterior(x)       p(x|z) = vae.likelihood(z)       p(z) = vae.prior

Nothing else in variate needs more of a model than these three. Rows go in as they are, in the data's own units; the
networks may run in bfloat16, but what leaves them is float32 or better, so every density is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from variate.config.recipe import FORMAT, Recipe
from variate.distributions import Gaussian
from variate.distributions.deferred import Deferred
from variate.errors import InputError
from variate.likelihoods import Likelihood
from variate.likelihoods.checks import holds
from variate.models.posteriors import PosteriorFamily
from variate.models.priors import Given, Vamp, tempered
from variate.networks import Inputs
from variate.runtime import files
from variate.runtime.random import seeded

Array = Tensor | np.ndarray


class Embedding(NamedTuple):
    """Mean and standard deviation of q(z|x), each (N, d)."""

    mean: Tensor
    std: Tensor


class Network(nn.Module):
    """A network that may run in a lower precision than what surrounds it.

    Args:
        inner: The network.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.precision: torch.dtype | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The network's output, in the network's precision."""
        if self.precision is None:
            return self.inner(x)
        with torch.autocast(x.device.type, self.precision):
            return self.inner(x)


class Encoder(nn.Module):
    """q(z|x): scaled inputs, a network, a posterior family.

    Args:
        inputs: Brings rows to order one.
        network: From features (rows, *inputs.shape) to (rows, family.num_outputs).
        family: Makes the posterior of them.
    """

    def __init__(self, inputs: Inputs, network: nn.Module, family: PosteriorFamily) -> None:
        super().__init__()
        self.inputs, self.network, self.family = inputs, Network(network), family

    def posterior(self, features: Tensor) -> Gaussian:
        """q(z|x) from features that are already scaled."""
        return self.family(self.network(features).to(features.dtype))

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x), for x of shape (N, *event)."""
        return self.posterior(self.inputs(x))


class Decoder(nn.Module):
    """p(x|z): a network and a likelihood.

    Args:
        network: From latents (rows, d) to (rows, *likelihood.out_shape).
        likelihood: Makes p(x|z) of them.

    Attributes:
        score: A shorter way from outputs and x to log p(x|z), if there is one.
    """

    def __init__(self, network: nn.Module, likelihood: Likelihood) -> None:
        super().__init__()
        self.score: Callable[[Tensor, Tensor], Tensor] | None = None
        self.network, self.likelihood = Network(network), likelihood

    def forward(self, z: Float[Tensor, "*batch d"]) -> Distribution:
        """p(x|z), with batch shape *batch."""
        batch, likelihood = z.shape[:-1], self.likelihood
        outputs = self.network(z.reshape(-1, z.shape[-1])).reshape(*batch, *likelihood.out_shape)
        if self.score is None:
            return likelihood(outputs)
        return Deferred(partial(likelihood, outputs), partial(self.score, outputs), batch, likelihood.event_shape)


class VAE(nn.Module):
    """A variational autoencoder.

    Args:
        encoder: x -> q(z|x).
        decoder: z -> p(x|z).
        prior: p(z): a module whose call returns a distribution, or a distribution.
        recipe: How it was built; a model with one can be loaded from its file alone.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, prior: nn.Module | Distribution, recipe: Recipe | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.latent_prior = Given(prior) if isinstance(prior, Distribution) else prior
        self.recipe = recipe

    @property
    def latent(self) -> int:
        """Number of latent dimensions, d."""
        return self.encoder.family.latent

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return tuple(self.decoder.likelihood.event_shape)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def prior(self) -> Distribution:
        """p(z)."""
        return self.latent_prior()

    def posterior(self, x: Tensor) -> Gaussian:
        """q(z|x), for x of shape (N, *event)."""
        return self.encoder(x)

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z), for z of shape (*batch, d)."""
        return self.decoder(z)

    def set_precision(self, precision: torch.dtype | None) -> None:
        """Runs the two networks in this type by autocast; None runs them in their own."""
        for network in (self.encoder.network, self.decoder.network):
            network.precision = precision

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets all that the data decide before training: scalings, starting biases, pseudo-inputs."""
        self.encoder.inputs.fit_scaling(rows)
        self.decoder.likelihood.fit_scaling(rows)
        if isinstance(self.latent_prior, Vamp):
            self.latent_prior.fit_scaling(rows)

    def rows(self, x: Array) -> Tensor:
        """Data as a tensor of rows that this is a model of, with their own dtype.

        Raises:
            InputError: If the shape, a value or the kind of data is not what the model takes.
        """
        return checked(x, self.decoder.likelihood)

    def embed(self, x: Array, batch_size: int = 1024) -> Embedding:
        """The posterior of each row: deterministic.

        Args:
            x: Rows, (N, *event).
            batch_size: Rows at a time.

        Returns:
            Mean and standard deviation of q(z|x), each (N, d), on the CPU.
        """

        def moments(rows: Tensor) -> Tensor:
            q_z = self.posterior(rows)
            return torch.stack([q_z.mean, q_z.variance.sqrt()])

        mean, std = torch.cat(list(self._batches(moments, self.rows(x), batch_size)), dim=1)
        return Embedding(mean, std)

    def reconstruct(self, x: Array, batch_size: int = 1024) -> Tensor:
        """E[x|z] at the posterior mean of each row: deterministic, (N, *event), on the CPU."""
        batches = self._batches(lambda rows: self.likelihood(self.posterior(rows).mean).mean, self.rows(x), batch_size)
        return torch.cat(list(batches))

    def sample(
        self, n: int, *, temperature: float = 1.0, mean: bool = False, seed: int | None = None, batch_size: int = 1024
    ) -> Tensor:
        """New rows: z ~ p(z), then x ~ p(x|z).

        Args:
            n: How many.
            temperature: Factor on the standard deviations of p(z).
            mean: Give E[x|z] instead of a draw from p(x|z).
            seed: Seed of the draws; torch's global generator goes on where not given, and is left alone where given.
            batch_size: Rows at a time.

        Returns:
            Rows, (n, *event), on the CPU.
        """
        if n < 1:
            raise InputError(f"n must be at least 1, got {n}")
        if not temperature >= 0:
            raise InputError(f"temperature must not be negative, got {temperature}")

        def draw(z: Tensor) -> Tensor:
            p_x = self.likelihood(z)
            return p_x.mean if mean else p_x.sample()

        with seeded(seed), evaluating(self):
            z = tempered(self.prior, temperature).sample((n,))
            return torch.cat(list(self._batches(draw, z, batch_size)))

    def _batches(self, function: Callable[[Tensor], Tensor], rows: Tensor, batch_size: int) -> Iterator[Tensor]:
        """The function of each batch of rows, without gradients, on the CPU."""
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        with evaluating(self):
            for batch in rows.split(batch_size):
                yield function(batch.to(self.device)).cpu()

    def save(self, path: str | Path) -> None:
        """Writes the weights, the scalings and the recipe to one safetensors file, whole or not at all."""
        metadata = {"format": str(FORMAT), "recipe": self.recipe.to_json() if self.recipe else ""}
        files.write_tensors(Path(path), self.state_dict(), metadata)


def checked(x: Array, likelihood: Likelihood) -> Tensor:
    """Data as a tensor of rows that a likelihood is of, with their own dtype.

    Raises:
        InputError: If the shape, a value or the kind of data is not what the likelihood takes.
    """
    rows, shape = _tensor(x), tuple(likelihood.event_shape)
    if tuple(rows.shape[1:]) != shape:
        raise InputError(f"x must have shape (N, {', '.join(map(str, shape))}), got {tuple(rows.shape)}")
    if rows.is_floating_point() and not holds(Tensor.isfinite, rows):
        bad = (~rows.isfinite()).flatten(1).any(1).nonzero().flatten()
        raise InputError(f"x must be finite, got NaN or Inf in {len(bad)} rows, the first at index {int(bad[0])}")
    likelihood.check(rows)
    return rows


def _tensor(x: Array) -> Tensor:
    """Numbers of any layout as a tensor, bits as integers; torch's own conversion refuses or warns of some arrays."""
    if not isinstance(x, Tensor):
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise InputError(f"x must be an array of numbers, got dtype {array.dtype}")
        x = torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
    return x.to(torch.uint8) if x.dtype == torch.bool else x


@contextmanager
def evaluating(vae: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode is put back afterwards.

    The weights do not change inside, so those of networks in lower precision are cast once: autocast keeps its casts
    until the outermost of its blocks ends.
    """
    training = vae.training
    vae.eval()
    try:
        with torch.no_grad(), torch.autocast(next(vae.parameters()).device.type, enabled=False):
            yield
    finally:
        vae.train(training)
