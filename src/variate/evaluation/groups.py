r"""The groups of latents of a model: draws and densities without the decoder, and all latents of a row as one vector.

Bounds and diagnostics treat the latents of a row as a vector of `num_latents` numbers, those of all groups
concatenated. The groups are visited from the top down: at group g, z_<g is known and the model gives p(z_g | z_<g, c)
and q(z_g | z_<g, x, c). So

    log q(z|x, c) = sum_g log q(z_g | z_<g, x, c)        log p(z|c) = sum_g log p(z_g | z_<g, c)

Leading axes are (L, N): L draws per row, N rows. Random numbers come from one stream per row, and a draw takes those of
all groups at once.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.distributions.conditional import Conditional
from variate.models.base import Features, Model, State
from variate.models.capabilities import Bounded, Convertible, Moments, PerRow, offers
from variate.runtime.random import RowStreams

Shapes = Sequence[tuple[int, ...]]


class PosteriorDraws(NamedTuple):
    """Draws from the posterior of all groups.

    Attributes:
        latents: Draws of each group, (L, N, *group.shape).
        q: The posterior of each group given the draws above it.
        p: The prior of each group given the draws above it.
        state: The model's state below all groups.
    """

    latents: tuple[Tensor, ...]
    q: tuple[Conditional, ...]
    p: tuple[Conditional, ...]
    state: State

    @property
    def log_pz(self) -> Tensor:
        """Log p(z|c) of the draws over all groups, (L, N), in nats."""
        return _total(p.log_prob(z) for p, z in zip(self.p, self.latents, strict=True))


class PathMoments(NamedTuple):
    """Moments of all latents along the path of posterior means, each (N, num_latents).

    Those of a group are conditional on the means of the groups above. A prior without any condition (the first group of
    a model without a context) is treated as N(0, I); any other as a Gaussian with its own moments, or as N(0, I) if
    they are not known.

    Attributes:
        mean: Posterior means less the prior's, in units of the prior's standard deviations.
        variance: Posterior variances over the prior's.
        scale: Standard deviations of the prior.
    """

    mean: Tensor
    variance: Tensor
    scale: Tensor


def join_groups(parts: Sequence[Tensor]) -> Tensor:
    """One vector per draw and row, (L, N, total), of the parts of all groups, (L, N, *shape)."""
    flat = [part.reshape(*part.shape[:2], -1) for part in parts]
    return flat[0] if len(flat) == 1 else torch.cat(flat, -1)


def split_groups(vectors: Tensor, shapes: Shapes) -> tuple[Tensor, ...]:
    """The parts of all groups, (L, N, *shape), of vectors (L, N, total): the inverse of `join_groups`."""
    parts = vectors.split([math.prod(shape) for shape in shapes], -1)
    return tuple(part.reshape(*vectors.shape[:2], *shape) for part, shape in zip(parts, shapes, strict=True))


def latent_shapes(model: Model) -> Shapes:
    """The shape of the latents of each group."""
    return [group.shape for group in model.groups]


def posterior_numbers(model: Model, streams: RowStreams, num_samples: int, dtype: torch.dtype | None = None) -> Tensor:
    """Standard normal numbers for posterior draws, those of all groups concatenated.

    Args:
        model: The model.
        streams: A stream per row.
        num_samples: Draws per row, L.
        dtype: Type of the numbers; by default that of the model's latents.

    Returns:
        (L, N, total); `split_groups` with the groups' noise shapes gives those of each group.
    """
    return _numbers(model, streams, num_samples, [group.noise_shape for group in model.groups], dtype)


def posterior_noise(
    model: Model, streams: RowStreams, num_samples: int, dtype: torch.dtype | None = None
) -> tuple[Tensor, ...]:
    """The same for each group, (L, N, *group.noise_shape)."""
    numbers = posterior_numbers(model, streams, num_samples, dtype)
    return split_groups(numbers, [group.noise_shape for group in model.groups])


def prior_noise(model: Model, streams: RowStreams, num_samples: int) -> tuple[Tensor, ...]:
    """Standard normal numbers for draws from the prior, (L, N, *group.prior_noise_shape) for each group."""
    shapes = [group.prior_noise_shape for group in model.groups]
    return split_groups(_numbers(model, streams, num_samples, shapes, None), shapes)


def _numbers(model: Model, streams: RowStreams, num_samples: int, shapes: Shapes, dtype: torch.dtype | None) -> Tensor:
    like = torch.empty(0, dtype=dtype or model.dtype, device=model.device)
    return streams.normal(num_samples, (sum(map(math.prod, shapes)),), like)


def draw_posterior(model: Model, batch: Batch, noise: Sequence[Tensor], features: Features = None) -> PosteriorDraws:
    """Draws z ~ q(z|x, c) without decoding.

    Args:
        model: The model.
        batch: Rows on the model's device, checked before.
        noise: Standard normal numbers of each group, (L, N, *group.noise_shape). In a wider type than the model's, the
            draws are computed in that type; only the model sees them rounded.
        features: What `Model.encode` gave for these rows, if it was called before.
    """
    features = model.encode(batch) if features is None else features
    state = model.start(batch.context, (noise[0].shape[0], noise[0].shape[1]))
    latents, q, p = [], [], []
    for g, own in enumerate(noise):
        p.append(model.prior(g, state))
        q.append(_in_type(model.posterior(g, state, features), own.dtype, model.dtype))
        latents.append(q[-1].from_noise(own))
        state = model.extend(g, state, latents[-1].to(model.dtype))
    return PosteriorDraws(tuple(latents), tuple(q), tuple(p), state)


def _in_type(q: Conditional, wanted: torch.dtype, present: torch.dtype) -> Conditional:
    """The posterior in the type of the noise, if it can be converted."""
    found = offers(q, Convertible) if wanted != present else None
    return q if found is None else found.to(wanted)


def posteriors(
    model: Model, latents: Sequence[Tensor], batch: Batch, features: Features
) -> Iterator[tuple[Conditional, Tensor]]:
    """q(z_g | z_<g, x, c) of each group for given latents, with the latents of the group."""
    state = model.start(batch.context, (latents[0].shape[0], latents[0].shape[1]))
    for g, z in enumerate(latents):
        yield model.posterior(g, state, features), z
        state = model.extend(g, state, z) if g + 1 < len(latents) else state


def priors(model: Model, latents: Sequence[Tensor], context: Tensor | None) -> Iterator[tuple[Conditional, Tensor]]:
    """p(z_g | z_<g, c) of each group for given latents, with the latents of the group."""
    state = model.start(context, (latents[0].shape[0], latents[0].shape[1]))
    for g, z in enumerate(latents):
        yield model.prior(g, state), z
        state = model.extend(g, state, z) if g + 1 < len(latents) else state


def log_posterior(model: Model, latents: Sequence[Tensor], batch: Batch, features: Features) -> Tensor:
    """The log-density q(z|x, c) of given latents over all groups, (L, N), in nats, differentiable in the latents."""
    return _total(q.log_prob(z) for q, z in posteriors(model, latents, batch, features))


def log_prior(model: Model, latents: Sequence[Tensor], context: Tensor | None) -> Tensor:
    """The log-density p(z|c) of given latents over all groups, (L, N), in nats."""
    return _total(p.log_prob(z) for p, z in priors(model, latents, context))


def _total(terms: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, terms)


def in_support(model: Model, latents: Sequence[Tensor], context: Tensor | None) -> Tensor | None:
    """Whether given latents lie in the support of the prior, (L, N); None if no prior is bounded."""
    inside = None
    for p, z in priors(model, latents, context):
        bounded = offers(p, Bounded)
        if bounded is not None:
            own = bounded.contains(z).expand(z.shape[:2])
            inside = own if inside is None else inside & own
    return inside


def path_moments(model: Model, batch: Batch, features: Features) -> PathMoments | None:
    """Moments of q along the path of posterior means, relative to those of the prior.

    Returns:
        The moments; None if a posterior has none that are known.
    """
    zeros = [torch.zeros(1, batch.num_rows, *g.noise_shape, dtype=model.dtype).to(model.device) for g in model.groups]
    path, found = draw_posterior(model, batch, zeros, features), []
    for g, (z, q, p) in enumerate(zip(path.latents, path.q, path.p, strict=True)):
        conditional = g > 0 or batch.context is not None
        own, prior = offers(q, Moments), offers(p, Moments) if conditional else None
        if own is None:
            return None
        mean, variance = (torch.zeros_like(z), torch.ones_like(z)) if prior is None else (prior.mean, prior.variance)
        scale = variance.sqrt()
        parts = ((own.mean - mean) / scale, own.variance / variance, scale)
        found.append([part.expand_as(z) for part in parts])
    return PathMoments(*(join_groups(parts).squeeze(0) for parts in zip(*found, strict=True)))


def row_posterior(model: Model, batch: Batch, features: Features = None) -> Conditional | None:
    """q(z|x, c) of a model with one group of latents, if its parameters depend on the row alone: batch shape (N,)."""
    if len(model.groups) > 1:
        return None
    features = model.encode(batch) if features is None else features
    q = model.posterior(0, model.start(batch.context, (1, batch.num_rows)), features)
    found = offers(q, PerRow)
    return q if found is not None and tuple(found.batch_shape) == (batch.num_rows,) else None
