r"""What each latent does: one is moved while the others stay, the most informative one first.

How much a latent says about a row is its rate, the mean of KL(q(z_i|x) || p(z_i)) in nats; where the marginals of the
prior are not known, that of a Gaussian channel, 1/2 log(1 + Var_x(m_i) / E_x[v_i]). A latent is moved over the places
where rows are, mean + s std of the aggregate q(z_i), with s from -span to span.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.config.moves import Span, Stops, TopLatents
from variate.errors import InputError
from variate.evaluation.diagnostics.latents import latent_rates
from variate.evaluation.latent_space.positions import Positions, aggregate, decoded_rows, positions
from variate.limits import Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model


class Traversal(NamedTuple):
    """Latents that were moved, K of them, each to P places.

    Attributes:
        latent: Number of each moved latent, (K,), the most informative one first.
        nats: How much each says about a row, (K,), float64, in nats.
        s: The places in standard deviations from the mean, (P,), float64.
        latents: All latents at each place, (K, P, latents), float64.
        rows: What stands there, (K, P, *event), as for `Interpolation`.
    """

    latent: Tensor
    nats: Tensor
    s: Tensor
    latents: Tensor
    rows: Tensor


@checked_arguments
@of_a_model
def traverse(
    model: Model,
    data: Data,
    *,
    start: Data | None = None,
    num_latents: TopLatents | None = None,
    span: Span = 3.0,
    stops: Stops = 7,
    seed: Seed = 0,
) -> Traversal:
    """Rows along each latent, the most informative one first.

    Args:
        model: The model.
        data: Rows that say how informative each latent is and where it varies; best those that were not trained on.
        start: One row, at whose place the other latents stay; by default they stay at the mean of all rows.
        num_latents: How many latents; by default all.
        span: How far each is moved from the mean to either side, in standard deviations of the aggregate posterior.
        stops: Number of places per latent.
        seed: Seed of the draws that the rates of a learned prior are estimated from.

    Raises:
        InputError: If rows are not what the model takes, `start` is not one row, an option is out of range, or the
            model is conditional on a context and there is no `start` that has one.
    """
    rows = model.dataset(data, "data")
    places = positions(model, rows)
    whole, context = aggregate(places), None
    center = whole.mean
    if start is not None:
        own = model.dataset(start, "start")
        if len(own) != 1:
            raise InputError("start", "one row", f"{len(own):,} rows")
        center, context = positions(model, own).mean[0], own.all().context
    elif model.takes_context:
        raise InputError("start", "a row with the context to move in", "None", "give a row")
    nats = information(model, data, places, seed)
    order = nats.argsort(descending=True, stable=True)[:num_latents]
    s = torch.linspace(-span, span, stops, dtype=torch.float64)
    latents = center.expand(len(order), stops, -1).clone()
    for moved, latent in zip(latents, order.tolist(), strict=True):
        moved[:, latent] = whole.mean[latent] + s * whole.std[latent]
    flat = latents.flatten(0, 1)
    own_context = None if context is None else context.expand(len(flat), *context.shape[1:])
    found = decoded_rows(model, flat, own_context)
    return Traversal(order, nats[order], s, latents, found.unflatten(0, latents.shape[:2]))


def information(model: Model, data: Data, places: Positions, seed: int) -> Tensor:
    """How much each latent says about a row, (latents,), in nats, float64.

    Args:
        model: The model.
        data: The rows.
        places: Their places.
        seed: Seed of the draws.
    """
    rates = latent_rates(model, data, seed=seed)
    if rates is not None:
        return rates
    return 0.5 * torch.log1p(places.mean.var(0, correction=0) / places.variance.mean(0))
