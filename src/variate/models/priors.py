"""Priors p(z) of one group: modules without input whose call returns a `Conditional`.

Any `torch.distributions.Distribution`, and any module whose call without arguments returns one (a zuko flow), can be a
prior too: `Given` wraps it.

A new prior is a `Prior` with a `build`, and a line in `variate.config.parts.PRIORS`.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from variate.config.recipe import ModelOptions
from variate.distributions import DiagonalGaussian, StandardNormal
from variate.distributions.conditional import Conditional
from variate.distributions.foreign import as_conditional
from variate.distributions.mixture import GaussianMixture
from variate.errors import InputError


class Prior(nn.Module, ABC):
    """p(z) over d latents.

    Args:
        noise_size: Standard normal numbers per draw.
    """

    def __init__(self, noise_size: int) -> None:
        super().__init__()
        self.noise_shape = (noise_size,)

    @classmethod
    def build(cls, encoder: Any, options: ModelOptions, context: int = 0) -> "Prior":  # noqa: ANN401
        """The prior that options describe, for a model with this encoder; only for priors with a name.

        Args:
            encoder: An `Encoder`, whose module imports this one.
            options: Complete.
            context: Number of features of a context.
        """
        raise NotImplementedError(f"{cls.__name__} has no name in a recipe")

    @abstractmethod
    def forward(self, context: Tensor | None = None) -> Conditional:
        """p(z), or p(z|c) with batch shape (N,) for features of contexts (N, size)."""

    def fit_scaling(self, rows: Tensor, context: Tensor | None = None) -> None:
        """Sets starting values from the training rows, (N, *event), and the features of their contexts; most do not."""


class Normal(Prior):
    """N(0, I).

    Args:
        latent: Number of latent dimensions, d.
    """

    origin: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.register_buffer("origin", torch.zeros(latent), persistent=False)

    @classmethod
    def build(cls, encoder: Any, options: ModelOptions, context: int = 0) -> "Normal":  # noqa: ANN401
        """N(0, I) over the encoder's latents."""
        return cls(encoder.family.latent)

    def forward(self, context: Tensor | None = None) -> StandardNormal:
        """p(z), whatever the context."""
        return StandardNormal(len(self.origin), self.origin.dtype, self.origin.device)


def by_context(components: int, context: int) -> nn.Parameter | None:
    """The part W of the log-odds b + W c of a mixture's components that depends on a context; it starts at 0.

    Args:
        components: Number of components, K.
        context: Number of features of a context, 0 without one.
    """
    return nn.Parameter(torch.zeros(components, context)) if context else None


def log_odds(logits: Tensor, by_context: Tensor | None, context: Tensor | None) -> Tensor:
    """Log-odds of a mixture's components, (K,), or (N, K) for features of contexts (N, size)."""
    if by_context is None or context is None:
        return logits
    return logits + context.to(logits.dtype) @ by_context.T


class Mixture(Prior):
    """sum_k w_k N(z | m_k, diag s_k^2), with learned weights, means and scales; the weights depend on a context.

    Args:
        latent: Number of latent dimensions, d.
        components: Number of components, K.
        context: Number of features of a context, 0 without one.
    """

    def __init__(self, latent: int, components: int, context: int = 0) -> None:
        super().__init__(latent + 1)
        self.logits = nn.Parameter(torch.zeros(components))
        self.by_context = by_context(components, context)
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_scale = nn.Parameter(torch.zeros(components, latent))

    @classmethod
    def build(cls, encoder: Any, options: ModelOptions, context: int = 0) -> "Mixture":  # noqa: ANN401
        """A mixture of `components` Gaussians over the encoder's latents."""
        return cls(encoder.family.latent, options.components, context)

    def forward(self, context: Tensor | None = None) -> GaussianMixture:
        """p(z), or p(z|c)."""
        logits = log_odds(self.logits, self.by_context, context)
        return GaussianMixture(logits, DiagonalGaussian(self.loc, self.log_scale))


class Vamp(Prior):
    """VampPrior: the encoder's posteriors of K learned pseudo-inputs, mixed.

    The pseudo-inputs are features as the encoder's network sees them, those of a context too, and start at training
    rows. Their weights depend on a context.

    Args:
        encoder: The model's encoder, shared and not owned.
        components: Number of pseudo-inputs, K.
        context: Number of features of a context, 0 without one.

    References:
        VAE with a VampPrior (Tomczak & Welling, 2018).
    """

    def __init__(self, encoder: Any, components: int, context: int = 0) -> None:  # noqa: ANN401  an Encoder
        super().__init__(encoder.family.latent + 1)
        self._encoder: tuple[Any] = (encoder,)  # in a tuple: its weights are saved once, with the model
        self.logits = nn.Parameter(torch.zeros(components))
        self.by_context = by_context(components, context)
        self.pseudo_inputs = nn.Parameter(torch.randn(components, *encoder.shape))

    @classmethod
    def build(cls, encoder: Any, options: ModelOptions, context: int = 0) -> "Vamp":  # noqa: ANN401
        """A VampPrior with `components` pseudo-inputs."""
        return cls(encoder, options.components, context)

    def forward(self, context: Tensor | None = None) -> GaussianMixture:
        """p(z), or p(z|c)."""
        logits = log_odds(self.logits, self.by_context, context)
        return GaussianMixture(logits, self._encoder[0].posterior(self.pseudo_inputs))

    @torch.no_grad()
    def fit_scaling(self, rows: Tensor, context: Tensor | None = None) -> None:
        """Starts the pseudo-inputs at training rows, each used about equally often.

        The rows are drawn from torch's global generator, as initial weights are.
        """
        index = torch.randperm(len(rows)).repeat(-(-len(self.logits) // len(rows)))[: len(self.logits)]
        own = None if context is None else context[index]
        self.pseudo_inputs.copy_(self._encoder[0].features(rows[index], context=own))


class Given(Prior):
    """A distribution from elsewhere: a torch distribution, or a module whose call returns one.

    Args:
        source: The distribution, one of ours or of torch's, or the module.
        latent: Number of latent dimensions, d.

    Raises:
        InputError: If a torch distribution is not one over (d,).
    """

    def __init__(self, source: Conditional | Distribution | nn.Module, latent: int) -> None:
        super().__init__(latent)
        self.distribution = source
        if isinstance(source, Distribution):
            self()

    def forward(self, context: Tensor | None = None) -> Conditional:
        """p(z), whatever the context."""
        found = self.distribution() if isinstance(self.distribution, nn.Module) else self.distribution
        if isinstance(found, Conditional):
            return found
        if (tuple(found.event_shape), tuple(found.batch_shape)) != (self.noise_shape, ()):
            shapes = f"event shape {tuple(found.event_shape)} and batch shape {tuple(found.batch_shape)}"
            raise InputError("prior", f"a distribution with event shape {self.noise_shape} and no batch shape", shapes)
        return as_conditional(found)
