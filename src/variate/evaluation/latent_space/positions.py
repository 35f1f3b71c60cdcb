r"""Where rows lie in latent space, what stands there, and how far a place is from the data.

The place of a row is the mean of q(z|x), all groups of latents side by side; that of a group is given the means of
the groups above it. With mean m(x) and variance v(x) of q(z|x), the *aggregate* q(z) = E_x[q(z|x)] has for each
latent

    mean      E_x[m_i(x)]
    variance  Var_x(m_i(x)) + E_x[v_i(x)]

What stands at a place z is, of images and arrays, E[x|z]. Of tables it is the median of each number and the most
probable one of each category: values that a cell can have.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.dataset import Dataset
from variate.distributions.rows import RowDistribution
from variate.errors import InputError
from variate.evaluation.groups import draw_posterior, join_groups, latent_shapes, log_prior, split_groups
from variate.models.base import Model
from variate.models.capabilities import Moments, offers
from variate.models.network import evaluating
from variate.runtime import memory
from variate.runtime.finite import finite_rows

AT_A_TIME = 1024
"""Rows that are encoded or decoded together."""


class Positions(NamedTuple):
    """Places of rows: means and variances of q(z|x), each (N, latents), float64, on the CPU."""

    mean: Tensor
    variance: Tensor


class Aggregate(NamedTuple):
    """Mean and standard deviation of each latent over the rows and their posteriors, each (latents,), float64."""

    mean: Tensor
    std: Tensor


def positions(model: Model, rows: Dataset, batch_size: int = AT_A_TIME) -> Positions:
    """The places of rows.

    Args:
        model: The model.
        rows: Rows that were checked against it.
        batch_size: Rows at a time.

    Raises:
        InputError: If the posterior has no moments, or the model gives numbers that are not finite.
    """
    found = []
    with evaluating(model):
        for batch in rows.batches(batch_size):
            zeros = [torch.zeros(1, batch.num_rows, *g.noise_shape, dtype=model.dtype) for g in model.groups]
            draws = draw_posterior(model, batch.to(model.device), [noise.to(model.device) for noise in zeros])
            variances = [_variance(q, z) for q, z in zip(draws.q, draws.latents, strict=True)]
            found.append([join_groups(parts).squeeze(0).cpu().double() for parts in (draws.latents, variances)])
    mean, variance = (torch.cat(parts) for parts in zip(*found, strict=True))
    for part in (mean, variance):
        finite_rows(part.numpy(), "the latent coordinates")
    return Positions(mean, variance)


def _variance(q: object, z: Tensor) -> Tensor:
    moments = offers(q, Moments)  # type: ignore[arg-type]
    if moments is None:
        raise InputError("model", "a posterior with mean and variance", type(q).__name__)
    return moments.variance.expand_as(z)


def aggregate(places: Positions) -> Aggregate:
    """Mean and spread of the latents over rows and their posteriors."""
    variance = places.mean.var(0, correction=0) + places.variance.mean(0)
    return Aggregate(places.mean.mean(0), variance.sqrt())


def decoder(model: Model, context: Tensor | None = None) -> Callable[[Tensor], RowDistribution]:
    """The function from places, (M, latents), to p(x|z), batch shape (1, M), of the values alone.

    Args:
        model: The model, in evaluation mode.
        context: What the places are conditioned on, (M, *c), or (1, *c) for all.
    """

    def decode(places: Tensor) -> RowDistribution:
        latents = split_groups(places.to(model.device, model.dtype).unsqueeze(0), latent_shapes(model))
        own = None if context is None else context.to(model.device).expand(len(places), *context.shape[1:])
        return model.decode(latents, own).without_gaps

    return decode


def decoded_rows(model: Model, places: Tensor, context: Tensor | None = None, batch_size: int = AT_A_TIME) -> Tensor:
    """What stands at places, (M, *event), on the CPU.

    Args:
        model: The model.
        places: Latents, (M, latents).
        context: What they are conditioned on, (M, *c).
        batch_size: Places at a time.

    Raises:
        InputError: If the rows do not fit in memory, or a number of theirs is not finite.
    """
    size = 2 * len(places) * math.prod(model.event_shape) * model.dtype.itemsize  # they are joined from batches
    memory.require(size, "the decoded rows", "rows that fit", "take fewer steps, or fewer rows")
    found = []
    with evaluating(model):
        for some in torch.arange(len(places)).split(batch_size):
            p_x = decoder(model, None if context is None else context[some])(places[some])
            found.append(typical(model, p_x).squeeze(0).cpu())
    rows = torch.cat(found)
    finite_rows(rows.numpy(), "the decoded rows")
    return rows


def typical(model: Model, p_x: RowDistribution) -> Tensor:
    """E[x|z]; of tables the medians of numbers and the most probable categories, (*batch, *event)."""
    if model.recipe is None or model.recipe.schema.kind != "table":
        return p_x.mean
    half = torch.full(p_x.event_shape, 0.5, dtype=torch.float64, device=model.device)
    medians = p_x.factor(0).quantile(half)
    is_quantity = model.likelihood.is_quantity()
    if is_quantity.all():
        return medians
    return torch.where(is_quantity.to(model.device), medians, p_x.mean.double())


def prior_density(model: Model, places: Tensor, context: Tensor | None = None, batch_size: int = AT_A_TIME) -> Tensor:
    """log p(z) of places, (M,), in nats, float64, on the CPU.

    Args:
        model: The model.
        places: Latents, (M, latents).
        context: What they are conditioned on, (M, *c).
        batch_size: Places at a time.
    """
    found = []
    with evaluating(model):
        for some in torch.arange(len(places)).split(batch_size):
            latents = split_groups(places[some].to(model.device, model.dtype).unsqueeze(0), latent_shapes(model))
            own = None if context is None else context[some].to(model.device)
            found.append(log_prior(model, latents, own).expand(1, len(some)).squeeze(0).cpu().double())
    return torch.cat(found)
