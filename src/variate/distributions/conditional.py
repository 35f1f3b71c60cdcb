"""The distribution of one group of latents given the groups above it: p(z_g | z_<g, c) or q(z_g | z_<g, x, c).

A draw is a function of standard normal noise that is passed in, so that whatever uses it is a pure function.
Capabilities that only some conditionals have are small protocols; `variate.models.capabilities` looks them up.
"""

from abc import ABC, abstractmethod

from torch import Tensor


class Conditional(ABC):
    """A distribution over one group of latents, with a batch shape that broadcasts with (L, N).

    L is the number of draws per row and N the number of rows. Parameters that do not depend on the draw have no axis
    for it, and those that depend on no row have neither.

    Attributes:
        is_standard: Whether this is N(0, I).
        is_discrete: Whether draws come from a countable set, so that no chain can follow a gradient.
    """

    is_standard: bool = False
    is_discrete: bool = False

    @abstractmethod
    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws, as a function of noise; differentiable in the parameters unless the draws are discrete or foreign.

        Args:
            noise: Standard normal numbers, (L, N, *noise_shape).

        Returns:
            Latents, (L, N, *shape).
        """

    @abstractmethod
    def log_prob(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Log-density, (L, N), in nats.

        Args:
            z: Latents, (L, N, *shape).
            noise: The noise that `from_noise` made z from, if it is known; it saves the inversion.
        """

    @abstractmethod
    def detached(self) -> "Conditional":
        """The same distribution, constant under differentiation."""

    @abstractmethod
    def tempered(self, temperature: float) -> "Conditional":
        """The distribution with its standard deviations multiplied by the temperature.

        Raises:
            InputError: If the temperature is not 1 and the standard deviations cannot be changed.
        """

    def kl(self, p: "Conditional") -> Tensor | None:
        """KL(self || p) in closed form, (*batch), in nats; None where no closed form is known."""
        return None

    def kl_elements(self, p: "Conditional") -> Tensor | None:
        """The terms of KL(self || p) per latent, (*batch, *shape), in nats.

        None where KL(self || p) is not a sum over latents, or where no closed form is known.
        """
        return None

    def marginal_kl(self, p: "Conditional") -> Tensor | None:
        """KL(self_i || p_i) of the marginals of each latent, (*batch, *shape), in nats; None where it is not known."""
        return None
