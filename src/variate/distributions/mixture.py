r"""A mixture of Gaussians, sum_k w_k N(z | m_k, A_k A_k^T).

    log p(z) = log sum_k exp(log w_k + log N(z | m_k, A_k A_k^T))

A draw takes d + 1 standard normal numbers (e_0, e): with Phi the normal distribution function, Phi(e_0) is uniform and
selects component k by the cumulative weights, and z = m_k + A_k e.
"""

import torch
from torch import Tensor

from variate.distributions.conditional import Conditional
from variate.distributions.gaussian import GaussianConditional


class GaussianMixture(Conditional):
    """A mixture of K Gaussians over d dimensions.

    Args:
        logits: Unnormalised log-weights, (K,), or (N, K) for weights per row.
        components: Gaussians with batch shape (K,).
    """

    def __init__(self, logits: Tensor, components: GaussianConditional) -> None:
        self.logits, self.components = logits, components

    @property
    def log_weights(self) -> Tensor:
        """log w_k, in the shape of the logits."""
        return torch.log_softmax(self.logits, -1)

    @property
    def mean(self) -> Tensor:
        """The mean, (d,) or (N, d)."""
        return self.log_weights.exp() @ self.components.mean

    @property
    def variance(self) -> Tensor:
        """Variances of the marginals, (d,) or (N, d)."""
        distance = self.components.mean - self.mean.unsqueeze(-2)
        weights = self.log_weights.exp().unsqueeze(-1)
        return (weights * (self.components.variance + distance.square())).sum(-2)

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws, (*lead, d), from noise (*lead, d + 1); differentiable in m_k and A_k, but not in the weights."""
        chosen, eps = torch.special.ndtr(noise[..., 0]), noise[..., 1:]
        cumulative = self.log_weights.exp().cumsum(-1)
        if cumulative.dim() == 1:
            component = torch.searchsorted(cumulative, chosen.contiguous())
        else:  # each row of the noise, (*lead, N), has weights of its own
            component = (cumulative < chosen.unsqueeze(-1)).sum(-1)
        component = component.clamp(max=self.logits.shape[-1] - 1)
        return self.components[component.flatten()].from_noise(eps.flatten(0, -2)).reshape(eps.shape)

    def log_prob(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Log-density, (*lead), in nats."""
        return torch.logsumexp(self.components.log_prob(z.unsqueeze(-2)) + self.log_weights, -1)

    def marginal_log_prob(self, z: Tensor) -> Tensor:
        """Log-densities of the marginals, log sum_k w_k N(z_i | m_ki, v_ki), (*lead, d), in nats."""
        components = self.components.marginal_log_prob(z.unsqueeze(-2))
        return (self.log_weights.unsqueeze(-1) + components).logsumexp(-2)

    def detached(self) -> "GaussianMixture":
        """The same distribution, constant under differentiation."""
        return GaussianMixture(self.logits.detach(), self.components.detached())

    def tempered(self, temperature: float) -> "GaussianMixture":
        """The mixture with the standard deviations of its components multiplied by the temperature."""
        return GaussianMixture(self.logits, self.components.tempered(temperature))
