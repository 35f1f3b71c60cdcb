"""Priors p(z): modules without input whose call returns a distribution.

Besides the ones here, any `torch.distributions.Distribution` (wrapped in `Given`) and any module whose call without
arguments returns one (a zuko flow) passes as a prior.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from variate.distributions import DiagonalGaussian, Gaussian, StandardNormal
from variate.errors import InputError


class Normal(nn.Module):
    """N(0, I).

    Args:
        latent: Number of latent dimensions, d.
    """

    origin: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(latent), persistent=False)

    def forward(self) -> StandardNormal:
        """p(z)."""
        return StandardNormal(len(self.origin), self.origin.dtype, self.origin.device)


class Mixture(nn.Module):
    """sum_k w_k N(z | m_k, diag s_k^2), all learned.

    Args:
        latent: Number of latent dimensions, d.
        components: Number of components, K.
    """

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_scale = nn.Parameter(torch.zeros(components, latent))

    def forward(self) -> MixtureSameFamily:
        """p(z)."""
        return mixture(self.logits, DiagonalGaussian(self.loc, self.log_scale))


class Vamp(nn.Module):
    """VampPrior: the encoder's posteriors of K learned pseudo-inputs, mixed.

    The pseudo-inputs are features as the encoder's network sees them, and start at training rows.

    Args:
        encoder: The model's encoder, shared and not owned.
        components: Number of pseudo-inputs, K.

    References:
        VAE with a VampPrior (Tomczak & Welling, 2018).
    """

    def __init__(self, encoder: Any, components: int) -> None:  # noqa: ANN401  an Encoder, which imports this
        super().__init__()
        self._encoder: tuple[Any] = (encoder,)  # in a tuple: its weights are saved once, with the model
        self.logits = nn.Parameter(torch.zeros(components))
        self.pseudo_inputs = nn.Parameter(torch.randn(components, *encoder.inputs.shape))

    def forward(self) -> MixtureSameFamily:
        """p(z)."""
        return mixture(self.logits, self._encoder[0].posterior(self.pseudo_inputs))

    @torch.no_grad()
    def fit_scaling(self, rows: Tensor) -> None:
        """Starts the pseudo-inputs at training rows, drawn at random, repeated where there are too few."""
        index = torch.randperm(len(rows)).repeat(-(-len(self.logits) // len(rows)))[: len(self.logits)]
        self.pseudo_inputs.copy_(self._encoder[0].inputs(rows[index]))


class Given(nn.Module):
    """A distribution that is not learned.

    Args:
        distribution: p(z), with event_shape (d,).
    """

    def __init__(self, distribution: Distribution) -> None:
        super().__init__()
        self.distribution = distribution

    def forward(self) -> Distribution:
        """p(z)."""
        return self.distribution


def mixture(logits: Tensor, components: Gaussian) -> MixtureSameFamily:
    """The mixture of a batch of Gaussians, (K,), with weights softmax(logits)."""
    weights = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, components, validate_args=False)


def tempered(p_z: Distribution, temperature: float) -> Distribution:
    """The prior with the standard deviations of its Gaussians times the temperature.

    Raises:
        InputError: If the prior is neither one of our Gaussians nor a mixture of them, and the temperature is not 1.
    """
    if temperature == 1:
        return p_z
    if isinstance(p_z, Gaussian):
        return p_z.tempered(temperature)
    if isinstance(p_z, MixtureSameFamily) and isinstance(p_z.component_distribution, Gaussian):
        return mixture(p_z.mixture_distribution.logits, p_z.component_distribution.tempered(temperature))
    raise InputError(f"temperature must be 1 for a prior of type {type(p_z).__name__}, got {temperature}")
