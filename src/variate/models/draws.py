"""Groups of latents, draws of them, and what the draws are scored by.

Leading axes are (L, N): L draws per row, N rows.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.distributions.conditional import Conditional


class Group(NamedTuple):
    """One group of latents.

    Attributes:
        shape: Shape of the latents of one row.
        noise_shape: Shape of the noise for one draw from the posterior.
        prior_noise_shape: Shape of the noise for one draw from the prior.
    """

    shape: tuple[int, ...]
    noise_shape: tuple[int, ...]
    prior_noise_shape: tuple[int, ...]

    @classmethod
    def gaussian(cls, *shape: int) -> "Group":
        """A group whose noise has the shape of its latents."""
        return cls(shape, shape, shape)


class Draws(NamedTuple):
    """Draws from q(z|x, c) and what they are scored by. Densities and divergences are computed when they are accessed.

    Attributes:
        latents: Latents of each group, (L, N, *group.shape).
        noise: The noise that they were made from, (L, N, *group.noise_shape).
        q: The posterior of each group given the draws above it.
        p: The prior of each group given the draws above it.
        log_px: log p(x_observed | z, c), (L, N), in nats.
    """

    latents: tuple[Tensor, ...]
    noise: tuple[Tensor, ...]
    q: tuple[Conditional, ...]
    p: tuple[Conditional, ...]
    log_px: Tensor

    @property
    def log_qz(self) -> Tensor:
        """Log-densities log q(z_g | z_<g, x, c) of each group, (groups, L, N), in nats."""
        terms = [q.log_prob(z, noise) for q, z, noise in zip(self.q, self.latents, self.noise, strict=True)]
        return torch.stack([term.expand_as(self.log_px) for term in terms])

    @property
    def log_pz(self) -> Tensor:
        """Log-densities log p(z_g | z_<g, c) of each group, (groups, L, N), in nats."""
        terms = [p.log_prob(z) for p, z in zip(self.p, self.latents, strict=True)]
        return torch.stack([term.expand_as(self.log_px) for term in terms])

    @property
    def kl(self) -> tuple[Tensor | None, ...]:
        """KL(q || p) of each group, broadcasting with (L, N), in nats; None where no closed form is known."""
        return tuple(q.kl(p) for q, p in zip(self.q, self.p, strict=True))

    @property
    def kl_elements(self) -> tuple[Tensor | None, ...]:
        """KL(q || p) of each group per latent, broadcasting with (L, N, *group.shape), in nats.

        None where it is not a sum over latents, or where no closed form is known.
        """
        return tuple(q.kl_elements(p) for q, p in zip(self.q, self.p, strict=True))

    @property
    def log_ratio(self) -> Tensor:
        """The rate of each draw: log q(z|x, c) - log p(z|c) over all groups, (L, N), in nats."""
        return (self.log_qz - self.log_pz).sum(0)

    @property
    def log_weights(self) -> Tensor:
        """Log importance weights log p(x, z|c) - log q(z|x, c), (L, N), in nats."""
        return self.log_px + (self.log_pz - self.log_qz).sum(0)


class Joint(NamedTuple):
    """The two parts of log p(x, z | c), in nats: log p(x_observed | z, c), (L, N), and log p(z | c) over all groups."""

    log_px: Tensor
    log_pz: Tensor


class Embedding(NamedTuple):
    """Mean and standard deviation of the posterior of the top group, each (N, *shape)."""

    mean: Tensor
    std: Tensor
