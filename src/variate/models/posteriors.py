"""Posterior families: from an encoder's output to the Gaussian q(z|x).

A family defines how many numbers per row it needs (`num_outputs`) and turns them into a Gaussian. Log-scales pass
through b tanh(./b), which is the identity near 0, so that no output of a network overflows. Scales outside e^-b .. e^b
are of no use to a model whose prior has scale 1.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from variate.distributions import DiagonalGaussian, FullGaussian, GaussianConditional, IsotropicGaussian

LOG_SCALE_BOUND = 10.0
"""b: posterior scales are between e^-10 and e^10."""


def bounded(raw: Tensor) -> Tensor:
    """Log-scales from a network's raw outputs, in nats."""
    return LOG_SCALE_BOUND * torch.tanh(raw / LOG_SCALE_BOUND)


class PosteriorFamily(nn.Module, ABC):
    """The shape of q(z|x).

    Args:
        latent: Number of latent dimensions, d.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Number of outputs per row that the encoder's network must have."""

    @abstractmethod
    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> GaussianConditional:
        """q(z|x) from the network's outputs for x."""


class Isotropic(PosteriorFamily):
    """N(mu(x), s(x)^2 I)."""

    @property
    def num_outputs(self) -> int:
        """The mean and one log-scale: d + 1."""
        return self.latent + 1

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> IsotropicGaussian:
        """q(z|x) from the network's outputs for x."""
        loc, raw = outputs.split([self.latent, 1], dim=-1)
        return IsotropicGaussian(loc, bounded(raw))


class Diagonal(PosteriorFamily):
    """N(mu(x), diag(s_1(x)^2 .. s_d(x)^2))."""

    @property
    def num_outputs(self) -> int:
        """Mean and log-scales: 2 d."""
        return 2 * self.latent

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> DiagonalGaussian:
        """q(z|x) from the network's outputs for x."""
        loc, raw = outputs.chunk(2, dim=-1)
        return DiagonalGaussian(loc, bounded(raw))


class Full(PosteriorFamily):
    """N(mu(x), A(x) A(x)^T): log-scales on the diagonal of A, free numbers below it."""

    @property
    def num_outputs(self) -> int:
        """Mean, diagonal and lower triangle: 2 d + d (d - 1) / 2."""
        return 2 * self.latent + self.latent * (self.latent - 1) // 2

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> FullGaussian:
        """q(z|x) from the network's outputs for x."""
        below = self.num_outputs - 2 * self.latent
        loc, raw, entries = outputs.split([self.latent, self.latent, below], dim=-1)
        row, column = torch.tril_indices(self.latent, self.latent, -1, device=outputs.device)
        tril = torch.diag_embed(bounded(raw).exp())
        tril[..., row, column] = entries
        return FullGaussian(loc, tril)
