r"""The bound of a row as a sum over its elements: which cell, or which pixel, cost how many nats.

With draws z_l ~ q(z|x), l = 1 .. L, and the chain rule log p(x|z) = sum_j log p(x_j | x_<j, z) over the observed
elements,

    ELBO(x)  =  sum_j nats_j + sum_j gaps_j - rate,    nats_j = (1/L) sum_l log p(x_j | x_<j, z_l),

where gaps_j = (1/L) sum_l log p(s_j | z_l) is the term of a cell's being there or not, of a model of gaps, and the rate
is that of `variate.objectives.terms`. An element that is not observed has nats_j = 0.

The importance-weighted bound weighs the draws. With v_l = w_l / sum w, w_l = p(x, z_l) / q(z_l|x),

    IW_L(x)  =  sum_j nats_j + sum_j gaps_j - rate + remainder,    remainder = -(log L + sum_l v_l log v_l) <= 0,

with nats, gaps and rate log q(z_l|x) - log p(z_l) averaged by v. The remainder is minus the KL divergence of v from
equal weights: IW = sum_l v_l log w_l + remainder.

All rows have the same noise. So a score is a function of the row alone: of neither its place, nor its neighbours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.distributions.conditional import Conditional
from variate.distributions.gaps import RowsWithGaps
from variate.likelihoods.base import Likelihood
from variate.likelihoods.blocks import by_blocks
from variate.models.base import Features, Model
from variate.objectives import log_mean_exp, terms

Noise = Sequence[Tensor]
"""Standard normal numbers of each group of latents, (L, 1, *group.noise_shape)."""


class Attribution(NamedTuple):
    """The bound of each row and its parts, in nats: bound = sum of nats + sum of gaps - rate + remainder.

    Attributes:
        bound: ELBO or IW_L, (N,).
        rate: The cost of the latents, (N,).
        nats: log p of each element, (N, *event); 0 where it is not observed, -inf where it is impossible.
        gaps: log p of each cell's being there or not, (N, columns), of a model of gaps; None for others.
        remainder: What averaging the weights leaves over, (N,): 0 for the ELBO.
    """

    bound: Tensor
    rate: Tensor
    nats: Tensor
    gaps: Tensor | None
    remainder: Tensor


class ElementTerms(NamedTuple):
    """Terms of log p(x|z) by element.

    Attributes:
        nats: Of the values, (L, N, *event).
        gaps: Of the pattern of gaps, (L, N, columns); None where it is no part of the row.
    """

    nats: Tensor
    gaps: Tensor | None


class ElementwiseLogProb:
    """Computes log p(x|z) of rows from its elements, which it keeps, for `Model.infer`.

    Args:
        likelihood: The likelihood.

    Attributes:
        found: The elements of the last call.
    """

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood
        self.found: ElementTerms

    def __call__(self, outputs: Tensor, x: Tensor, mask: Tensor | None) -> Tensor:
        """log p(x|z), (L, N), in nats; -inf where an observed element is impossible."""
        self.found = element_terms(self.likelihood, outputs, x, mask)
        total = self.found.nats.flatten(2).sum(-1)
        return total if self.found.gaps is None else total + self.found.gaps.sum(-1)


def element_terms(likelihood: Likelihood, outputs: Tensor, x: Tensor, mask: Tensor | None) -> ElementTerms:
    """The terms of log p(x|z) by element.

    Args:
        likelihood: The likelihood.
        outputs: Its parameters, (L, N, *out_shape).
        x: Rows, (N, *event); anything where they are not observed.
        mask: True where an element is observed, (N, *event); None: all are.
    """

    def of_block(outputs: Tensor, x: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        p_x = likelihood(outputs)
        known = x if mask is None else torch.where(mask, x, torch.zeros((), dtype=x.dtype, device=x.device))
        nats = p_x.without_gaps.log_prob_elements(known)
        if mask is not None:
            nats = torch.where(mask, nats, torch.zeros((), dtype=nats.dtype, device=nats.device))
        return (nats, p_x.log_prob_gap_elements(mask)) if isinstance(p_x, RowsWithGaps) else (nats,)

    nats, *gaps = by_blocks(of_block, outputs, x, mask, len(likelihood.out_shape))
    return ElementTerms(nats, gaps[0] if gaps else None)


def attributed_elbo(
    model: Model, batch: Batch, noise: Noise, tile: int, proposal: Sequence[Conditional] | None = None
) -> Attribution:
    """The ELBO of each row, element by element.

    Args:
        model: The model, in evaluation mode.
        batch: N rows on its device, checked before.
        noise: The noise of the L draws, the same for all rows.
        tile: Draws at a time.
        proposal: Conditionals to draw from, with batch shape (N,), instead of the model's posteriors.
    """
    features = model.encode(batch) if proposal is None else None
    recorder, share, found = ElementwiseLogProb(model.likelihood), 1 / len(noise[0]), []
    for own in tiles(noise, batch.num_rows, tile):
        draws = model.infer(batch, own, features=features, proposal=proposal, log_prob=recorder)
        weight = len(own[0]) * share
        nats, gaps = recorder.found
        rate = terms(draws).rate
        found.append((nats.mean(0) * weight, None if gaps is None else gaps.mean(0) * weight, rate * weight))
    nats, rate = sum_of([part[0] for part in found]), sum_of([part[2] for part in found])
    gaps = None if found[0][1] is None else sum_of([part[1] for part in found if part[1] is not None])
    bound = _summed(nats, gaps) - rate
    return Attribution(bound, rate, nats, gaps, torch.zeros_like(bound))


def attributed_importance(model: Model, batch: Batch, noise: Noise, tile: int) -> Attribution:
    """The importance-weighted bound of each row, element by element: a first pass for the weights, one for the terms.

    A row whose weights are all 0 has equal ones for its terms.

    Args:
        model: As for `attributed_elbo`.
        batch: As for `attributed_elbo`.
        noise: As for `attributed_elbo`.
        tile: Draws at a time.
    """
    features = model.encode(batch)
    log_w, log_ratio = _log_weights(model, batch, noise, tile, features)
    equal = torch.full_like(log_w, 1 / len(log_w))
    weight = torch.where(log_w.isneginf().all(0), equal, log_w.softmax(0))
    recorder, nats, gaps = ElementwiseLogProb(model.likelihood), [], []
    for own, v in zip(tiles(noise, batch.num_rows, tile), weight.split(tile), strict=True):
        model.infer(batch, own, features=features, log_prob=recorder)
        found = recorder.found
        nats.append(_weighed(v, found.nats))
        gaps += [] if found.gaps is None else [_weighed(v, found.gaps)]
    rate = _weighed(weight, log_ratio)
    remainder = -torch.special.xlogy(weight * len(weight), weight * len(weight)).mean(0)
    return Attribution(log_mean_exp(log_w), rate, sum_of(nats), sum_of(gaps) if gaps else None, remainder)


def _log_weights(model: Model, batch: Batch, noise: Noise, tile: int, features: Features) -> tuple[Tensor, Tensor]:
    """log w and log q(z|x) - log p(z) of all draws, each (L, N)."""
    found = []
    for own in tiles(noise, batch.num_rows, tile):
        draws = model.infer(batch, own, features=features)
        ratio = draws.log_ratio
        found.append((draws.log_px - ratio, ratio))
    log_w, log_ratio = (torch.cat(part) for part in zip(*found, strict=True))
    return log_w, log_ratio


def tiles(noise: Noise, num_rows: int, tile: int) -> list[list[Tensor]]:
    """The noise of some draws at a time, for all rows: (up to `tile`, num_rows, *group.noise_shape) per group."""
    parts = zip(*(eps.split(tile) for eps in noise), strict=True)
    return [[eps.expand(len(eps), num_rows, *eps.shape[2:]) for eps in own] for own in parts]


def _weighed(weight: Tensor, values: Tensor) -> Tensor:
    """The sum over draws of weight (L, N) times values (L, N, *event); a weight of 0 counts nothing, not even -inf."""
    w = weight.reshape(weight.shape + (1,) * (values.dim() - 2))
    return torch.where(w > 0, w * values, torch.zeros((), dtype=values.dtype, device=values.device)).sum(0)


def _summed(nats: Tensor, gaps: Tensor | None) -> Tensor:
    total = nats.flatten(1).sum(-1)
    return total if gaps is None else total + gaps.sum(-1)


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape."""
    return sum(parts[1:], parts[0])
