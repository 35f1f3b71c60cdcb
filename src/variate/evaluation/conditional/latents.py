r"""Draws from p(z | known): importance resampling, then a Markov chain where the weights say that it is needed.

    z_k ~ r(z | x_o),    w_k = p(known | z_k) p(z_k) / r(z_k | x_o),    k = 1 .. K

Resampling by the weights is exact as K grows, and the mean weight estimates p(known). Where few of the K draws have
nearly all of the weight, the effective sample size is small, and the resampled draws repeat each other. Such a row is
drawn anew with more draws, if so many would do; else each resampled draw becomes the start of a chain, which costs as
much as 40 K draws.

References:
    MIWAE: Deep generative modelling and imputation of incomplete data sets (Mattei & Frellsen, 2019)
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.evaluation.conditional.chain import run_chains
from variate.evaluation.conditional.known import Known, log_prob_known
from variate.evaluation.conditional.proposals import PRIOR_SHARE, Proposal, ProposalNumbers
from variate.evaluation.conditional.resampling import Resampled
from variate.models.base import Model
from variate.runtime.random import RowStreams

TILE = 100
"""Proposals per row that are taken from its stream at a time."""
LEAST_ESS = 100
"""Rows whose weights have a smaller effective sample size are drawn anew, or handed to the chain."""
MORE = (4, 16)
"""How many times as many draws such a row gets, where so many are likely to be enough."""


class Effort(NamedTuple):
    """How much is computed.

    Attributes:
        num_samples: Importance draws per row, K.
        num_draws: Draws per row that are kept, R.
        num_steps: Steps of the chain; 0 for none, and for K draws whatever their weights.
        batch_size: Decoder passes at a time.
        tile: Importance draws that are taken from a row's stream at a time. The draws depend on it.
        share: Share of the prior among the proposals.
    """

    num_samples: int
    num_draws: int
    num_steps: int
    batch_size: int
    tile: int = TILE
    share: float = PRIOR_SHARE


class LatentDraws(NamedTuple):
    """Draws from p(z | known).

    Attributes:
        latents: Latents of each group, (R, N, *group.shape).
        log_prob: Estimate of log p(known), (N,), in nats: on average a lower bound.
        ess: Effective sample size of the importance weights, between 1 and K; 0 where no draw makes the row possible.
        is_chained: Whether the draws of a row are the ends of chains, (N,).
        acceptance: Share of accepted proposals of the chains, (N,); NaN without one.
    """

    latents: tuple[Tensor, ...]
    log_prob: Tensor
    ess: Tensor
    is_chained: Tensor
    acceptance: Tensor


def draw_latents(
    model: Model, known: Known, seed: int, effort: Effort, seen: Batch | None = None, rows: Tensor | None = None
) -> LatentDraws:
    """Draws latents given what is known of rows; call it within `evaluating`.

    Args:
        model: The model.
        known: What is known of N rows.
        seed: Seed of all streams.
        effort: How much is computed.
        seen: What the encoder is given for importance sampling, if it is not the known values.
        rows: Numbers of the rows, (N,), which key their random streams; by default 0 to N - 1.

    Returns:
        R draws per row.
    """
    numbers = list(range(known.batch.num_rows)) if rows is None else rows.tolist()
    seen = seen or known.batch
    found = resample(model, known, RowStreams(seed, numbers, "conditional"), effort, seen)
    latents, log_prob, ess = found.latents, found.log_mean, found.ess
    for times in MORE if effort.num_steps else ():
        few = _lacking(ess, known) & (ess * times >= LEAST_ESS / 2)
        if few.any():
            own = few.nonzero().flatten()
            streams = RowStreams(seed, [numbers[n] for n in own.tolist()], f"conditional, {times} times")
            more = effort._replace(num_samples=times * effort.num_samples)
            found = resample(model, known.select(own), streams, more, seen.select(own))
            latents = _placed(latents, own, found.latents)
            log_prob[own], ess[own] = found.log_mean, found.ess
    is_chained = _lacking(ess, known) & (effort.num_steps > 0)
    acceptance = torch.full_like(ess, math.nan)
    if is_chained.any():
        own = is_chained.nonzero().flatten()
        streams = RowStreams(seed, [numbers[n] for n in own.tolist()], "conditional chain")
        ends = run_chains(model, known.select(own), [z[:, own] for z in latents], streams, effort.num_steps)
        latents = _placed(latents, own, ends.latents)
        acceptance[own] = ends.acceptance
    return LatentDraws(latents, log_prob, ess, is_chained, acceptance)


def _lacking(ess: Tensor, known: Known) -> Tensor:
    """Which rows have too few effective draws, (N,)."""
    return (ess < LEAST_ESS) & (ess > 0) & known.has_any


def _placed(latents: Sequence[Tensor], rows: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Latents of each group, (R, N, *shape), with those of some rows replaced."""
    return tuple(z.index_copy(1, rows, new) for z, new in zip(latents, own, strict=True))


def resample(model: Model, known: Known, streams: RowStreams, effort: Effort, seen: Batch) -> Resampled:
    """Importance resampling, by at most `batch_size` decoder passes at a time.

    Args:
        model: The model.
        known: What is known of N rows.
        streams: A stream for each of them.
        effort: How much is computed.
        seen: What the encoder is given.
    """
    share = torch.where(known.has_any, effort.share, 1.0).double()
    proposal = Proposal.of(model, seen, share)
    at_once = max(1, effort.batch_size // known.batch.num_rows)
    found = Resampled()
    for start in range(0, effort.num_samples, effort.tile):
        numbers = ProposalNumbers.draw(model, streams, effort.tile)
        u = streams.uniform(effort.num_draws, (), share)
        size = min(effort.tile, effort.num_samples - start)
        latents, log_w = [], []
        for first in range(0, size, at_once):
            z = proposal.draw(numbers.part(slice(first, min(first + at_once, size))))
            log_p = log_prob_known(model.likelihood, model.outputs_at(z, known.batch.context), known)
            latents.append(z)
            log_w.append(log_p + proposal.log_ratio(z))
        found.add([torch.cat(own) for own in zip(*latents, strict=True)], torch.cat(log_w), u)
    return found
