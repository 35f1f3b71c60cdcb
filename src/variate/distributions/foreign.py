"""Distributions of torch and zuko as conditionals: one of ours where it is equal to one, else wrapped."""

from collections.abc import Callable

import torch
from torch import Tensor, distributions
from torch.distributions import Distribution

from variate.distributions.conditional import Conditional
from variate.distributions.gaussian import DiagonalGaussian, FullGaussian, GaussianConditional
from variate.errors import InputError
from variate.runtime.random import mix, seeded


def as_conditional(p_z: Distribution) -> Conditional:
    """A torch distribution over (d,) as a conditional: one of our Gaussians where it is equal to one, else wrapped."""
    if isinstance(p_z, distributions.MultivariateNormal):
        return FullGaussian(p_z.loc, p_z.scale_tril)
    if isinstance(p_z, distributions.Independent) and p_z.reinterpreted_batch_ndims == 1:
        base = p_z.base_dist
        if isinstance(base, distributions.Normal):
            return DiagonalGaussian(base.loc, base.scale.log())
    return pushforward(p_z) or Foreign(p_z)


class Foreign(Conditional):
    """A torch distribution over (d,) of which only draws and densities are known.

    The draws of each row come from torch's global generator, seeded by the row's noise and restored afterwards. That is
    one call per row.

    Args:
        distribution: p(z), with event shape (d,) and no batch shape.
    """

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution
        try:
            self.is_discrete = bool(distribution.support.is_discrete)  # type: ignore[union-attr]
        except NotImplementedError:  # a distribution that does not say
            self.is_discrete = False

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws, (L, N, d), without gradients: those of a row are a function of the row's noise, (L, d)."""
        drawn = []
        for row in noise.detach().cpu().unbind(1):
            with seeded(mix(0, "foreign", row.contiguous().numpy().tobytes().hex())):
                drawn.append(self.distribution.sample(torch.Size((len(row),))))
        return torch.stack(drawn, 1).to(noise)

    def log_prob(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Log-density, (*lead), in nats."""
        return self.distribution.log_prob(z)

    def contains(self, z: Tensor) -> Tensor:
        """Whether each place is in the support, (*lead)."""
        try:
            inside = self.distribution.support.check(z)  # type: ignore[union-attr]
        except NotImplementedError:  # a distribution that does not say: all of R^d
            return torch.ones(z.shape[:-1], dtype=torch.bool, device=z.device)
        return inside.all(-1) if inside.dim() == z.dim() else inside

    def detached(self) -> "Foreign":
        """Not known: its parameters cannot be reached."""
        raise NotImplementedError(f"{type(self.distribution).__name__} cannot be detached")

    def tempered(self, temperature: float) -> "Foreign":
        """Itself, at temperature 1."""
        if temperature != 1:
            kind = type(self.distribution).__name__
            raise InputError("temperature", f"1 for a prior of type {kind}, whose spread is not known", temperature)
        return self


class Pushforward(Foreign):
    """The distribution of f(y) for a Gaussian y and a bijection f: a flow. Its draws are made of the noise itself.

    Args:
        distribution: The distribution, over (d,).
        base: That of y.
        push: f, from (*lead, d) to (*lead, d).
    """

    def __init__(self, distribution: Distribution, base: GaussianConditional, push: Callable[[Tensor], Tensor]) -> None:
        super().__init__(distribution)
        self.base, self.push = base, push

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws f(y), (L, N, d), differentiable in the parameters of the base and of the bijection."""
        return self.push(self.base.from_noise(noise.to(self.base.loc))).to(noise)


def pushforward(p_z: Distribution) -> Pushforward | None:
    """A distribution of torch with transforms, or a flow of zuko, if its base is a Gaussian over as many dimensions."""
    base, transform = getattr(p_z, "base", None), getattr(p_z, "transform", None)
    if isinstance(p_z, distributions.TransformedDistribution):
        base, push = p_z.base_dist, distributions.ComposeTransform(p_z.transforms)
    elif isinstance(base, Distribution) and transform is not None:  # zuko's transforms lead to the base
        push = transform.inv
    else:
        return None
    if base.event_shape != p_z.event_shape:
        return None
    found = as_conditional(base)
    return Pushforward(p_z, found, push) if isinstance(found, GaussianConditional) else None
