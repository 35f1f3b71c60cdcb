"""Distributions of torch and zuko as conditionals: one of our Gaussians where they are equal, else wrapped.

A draw must be a function of the noise of its row. Of a flow, f(y) with a Gaussian y, that is f of the noise. Other
distributions draw from torch's global generator, which is seeded from the noise of each row and restored afterwards.
"""

from collections.abc import Callable

import torch
from torch import Tensor, distributions
from torch.distributions import Distribution

from variate.distributions.conditional import Conditional
from variate.distributions.gaussian import DiagonalGaussian, FullGaussian, GaussianConditional
from variate.errors import InputError
from variate.runtime.random import mix, seeded


def as_conditional(p_z: Distribution) -> Conditional:
    """A torch distribution with event shape (d,) and no batch shape as a conditional."""
    if isinstance(p_z, distributions.MultivariateNormal):
        return FullGaussian(p_z.loc, p_z.scale_tril)
    if isinstance(p_z, distributions.Independent) and p_z.reinterpreted_batch_ndims == 1:
        base = p_z.base_dist
        if isinstance(base, distributions.Normal):
            return DiagonalGaussian(base.loc, base.scale.log())
    return pushforward(p_z) or Foreign(p_z)


class Foreign(Conditional):
    """A torch distribution that offers only draws and densities; it is called once per row to draw.

    Args:
        distribution: p(z), with event shape (d,) and no batch shape.
    """

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution
        try:
            self.is_discrete = bool(distribution.support.is_discrete)  # type: ignore[union-attr]
        except NotImplementedError:  # a distribution without a `support`
            self.is_discrete = False

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws, (L, N, d), without gradients; those of a row are a function of the row's own noise, (L, d)."""
        drawn = []
        for row in noise.detach().cpu().unbind(1):
            with seeded(mix(0, "foreign", row.contiguous().numpy().tobytes().hex())):
                drawn.append(self.distribution.sample(torch.Size((len(row),))))
        return torch.stack(drawn, 1).to(noise)

    def log_prob(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Log-density, (*lead), in nats."""
        return self.distribution.log_prob(z)

    def contains(self, z: Tensor) -> Tensor:
        """Whether each z, (*lead, d), is in the support, (*lead)."""
        try:
            inside = self.distribution.support.check(z)  # type: ignore[union-attr]
        except NotImplementedError:  # a distribution without a `support`: all of R^d
            return torch.ones(z.shape[:-1], dtype=torch.bool, device=z.device)
        return inside.all(-1) if inside.dim() == z.dim() else inside

    def detached(self) -> "Foreign":
        """Not possible: the parameters are not known.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"{type(self.distribution).__name__} cannot be detached")

    def tempered(self, temperature: float) -> "Foreign":
        """The distribution itself at temperature 1.

        Raises:
            InputError: At any other temperature.
        """
        if temperature != 1:
            kind = type(self.distribution).__name__
            raise InputError("temperature", f"1 for a prior of type {kind}, whose spread is not known", temperature)
        return self


class Pushforward(Foreign):
    """A flow: the distribution of f(y) for a Gaussian y and a bijection f.

    Args:
        distribution: The distribution of f(y), with event shape (d,) and no batch shape.
        base: The distribution of y.
        push: f, from (*lead, d) to (*lead, d).
    """

    def __init__(self, distribution: Distribution, base: GaussianConditional, push: Callable[[Tensor], Tensor]) -> None:
        super().__init__(distribution)
        self.base, self.push = base, push

    def from_noise(self, noise: Tensor) -> Tensor:
        """Draws f(y), (L, N, d), from the noise of y, (L, N, d); differentiable in the parameters of y and f."""
        return self.push(self.base.from_noise(noise.to(self.base.loc))).to(noise)


def pushforward(p_z: Distribution) -> Pushforward | None:
    """A torch distribution with transforms, or a flow of zuko; None unless its base is a Gaussian over (d,)."""
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
