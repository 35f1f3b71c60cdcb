r"""The importance-weighted bound on log p(x), for any number of draws.

    log w_k = log p(x|z_k) + log p(z_k) - log q(z_k|x),   z_k ~ q(z|x)
    IW_K = log (1/K) sum_k w_k,    ELBO = E IW_1 <= E IW_k <= E IW_K <= log p(x)

With several groups of latents, q and p(z) are products over the groups; with a context c, everything is conditional on
it; with a mask, x stands for the observed elements.

The draws of a row come from a random stream of its own, a tile at a time, and its weights are reduced as they come
(`variate.evaluation.bounds.weights`). So memory depends on the batch size and not on K, and the result is, up to the
rounding of matrix products, the same for every batch size and whichever rows are computed together.

References:
    Importance weighted autoencoders (Burda et al., 2016)
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.distributions.conditional import Conditional
from variate.errors import InputError
from variate.evaluation.bounds.weights import LEAST_DRAWS, UNRELIABLE, WeightStatistics, flagged_excess
from variate.evaluation.groups import posterior_numbers, split_groups
from variate.likelihoods.base import LogProb
from variate.likelihoods.fused import scoring
from variate.limits import Rows, Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.capabilities import PerRow, offers
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.device import reuse_freed_memory, rows_at_once
from variate.runtime.progress import progress
from variate.runtime.random import RowStreams, some_rows
from variate.statistics import Estimate, estimate

TILE = 100
"""Draws per row that are taken from its stream at a time."""


class Evidence(NamedTuple):
    """The importance-weighted bound of each row, and how far it can be trusted.

    Where k-hat exceeds 0.7, a few draws decide the bound, and no estimate of its error can know of weights that were
    not drawn. Such rows are flagged and have no noise. Annealing says how loose their bounds are:

        annealed_evidence(model, data.select(found.flagged.numpy()))

    Attributes:
        log_evidence: IW_K, (N,), in nats: on average a lower bound on log p(x).
        bounds: IW_k for each smaller k that was asked for, (N,), in nats, from the same draws.
        ess: Effective sample size of the weights, between 1 and K, (N,).
        khat: Pareto k-hat of the weights, (N,); NaN with fewer than 21 draws.
        row_noise: Standard deviation of the bound of each row due to the draws alone, (N,), in nats; NaN for flagged
            rows, and for all rows with fewer than 100 draws.
        excess: How far the draws that flagged a row may have raised its bound, (N,), in nats; 0 for other rows.
        which: Row numbers of these rows in the data, (N,).
        num_samples: Draws per row, K.
    """

    log_evidence: Tensor
    bounds: dict[int, Tensor]
    ess: Tensor
    khat: Tensor
    row_noise: Tensor
    excess: Tensor
    which: Tensor
    num_samples: int

    @property
    def estimate(self) -> Estimate:
        """The mean over rows, with the standard error due to the choice of rows."""
        return estimate(self.log_evidence)

    @property
    def flagged(self) -> Tensor:
        """Numbers, in the data, of the rows with k-hat above 0.7, or without one though there are enough draws."""
        has_none = self.khat.isnan() & (self.num_samples >= LEAST_DRAWS)  # the weights of the row are not finite
        return self.which[(self.khat > UNRELIABLE) | has_none]

    @property
    def unreliable(self) -> float:
        """The share of flagged rows."""
        return len(self.flagged) / len(self.which)

    @property
    def noise(self) -> float | None:
        """The standard error, in nats, of the mean over these very rows due to the draws alone.

        None if a row is flagged, or with fewer than 100 draws.
        """
        return None if self.row_noise.isnan().any() else self.reliable_noise

    @property
    def reliable_noise(self) -> float | None:
        """The same for the mean over the rows that are not flagged; None if there are none, or too few draws.

        It covers that rows are flagged by their own draws: those that are not flagged are too low together by the
        `excess` of the flagged ones.
        """
        known = self.row_noise[~self.row_noise.isnan()]
        if not len(known):
            return None
        return math.hypot(known.square().sum().sqrt().item(), self.excess.sum().item()) / len(known)


@checked_arguments
@of_a_model
def log_evidence(
    model: Model,
    data: Data,
    num_samples: Samples = 1000,
    *,
    also: tuple[int, ...] = (),
    proposal: Conditional | Sequence[Conditional] | None = None,
    num_rows: Rows | None = None,
    batch_size: Rows | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Evidence:
    """The importance-weighted bound on the log-evidence of each row.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_samples: Posterior draws per row, K.
        also: Smaller numbers of draws k for which to give bounds too; each divides 100 or is a multiple of it.
        proposal: Conditionals with batch shape (N,) to draw from instead of the model's posteriors: one, or one per
            group of latents.
        num_rows: How many of the rows to take, chosen by the seed; by default all.
        batch_size: Decoder passes at a time, which sets the memory; the default suits the size of a row.
        seed: Seed of the choice of rows and of all draws; the same seed gives the same numbers bit for bit.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The bound of each row, in nats, with effective sample size, Pareto k-hat and noise.

    Raises:
        InputError: If a number is not positive, the proposal does not fit, or the rows are not what the model takes.

    References:
        Importance weighted autoencoders (Burda et al., 2016)
    """
    check_divisors(also, num_samples)
    rows = model.dataset(data)
    proposals = None if proposal is None else checked_proposals(model, proposal, len(rows))
    index = some_rows(len(rows), num_rows, seed)
    batch_size = batch_size or rows_at_once(math.prod(model.event_shape), model.device)
    block_size = min(max(1, batch_size // min(TILE, num_samples)), len(index))
    shape = (max(1, min(TILE, num_samples, batch_size // block_size)), block_size)
    parts = []
    reuse_freed_memory()
    with evaluating(model), progress("importance sampling", len(index), show_progress) as advance:
        log_prob = scoring(model.likelihood, shape, len(index) * num_samples, model.device)
        for block in index.split(block_size):
            batch = rows.take(block.numpy()).to(model.device)
            own = None if proposals is None else [q[block] for q in proposals]
            weights = WeightStatistics(len(block), num_samples, also, TILE)
            streams = RowStreams(seed, block.tolist(), "importance")
            for log_w in log_weights_of(model, batch, streams, num_samples, batch_size, own, log_prob):
                weights.add(log_w)
            tail = weights.tail()
            found = (weights.log_mean, weights.ess, tail.shape, weights.noise(tail))
            parts.append((*found, *(weights.bound(k) for k in also)))
            advance(len(block))
    bound, ess, khat, noise, *others = (torch.cat(column) for column in zip(*parts, strict=True))
    bounds = dict(zip(also, others, strict=True))
    known = (khat <= UNRELIABLE) & (num_samples >= LEAST_DRAWS)
    row_noise, raised = torch.where(known, noise, math.nan), flagged_excess(khat, noise, num_samples)
    return Evidence(bound, bounds, ess, khat, row_noise, raised, index, num_samples)


def log_weights_of(
    model: Model,
    batch: Batch,
    streams: RowStreams,
    num_samples: int,
    batch_size: int,
    proposal: Sequence[Conditional] | None,
    log_prob: LogProb,
) -> Iterator[Tensor]:
    """Draws the weights of a block of rows, by at most `batch_size` decoder passes at a time.

    Yields:
        Log-weights of the next tile of each row's stream, (up to TILE, n), in nats.
    """
    features = model.encode(batch) if proposal is None else None
    shapes = [group.noise_shape for group in model.groups]
    for start in range(0, num_samples, TILE):
        numbers = posterior_numbers(model, streams, TILE)[: num_samples - start]
        log_w = []
        for part in numbers.split(max(1, batch_size // batch.num_rows)):
            noise = split_groups(part, shapes)
            draws = model.infer(batch, noise, features=features, proposal=proposal, log_prob=log_prob)
            log_w.append(draws.log_weights)
        yield torch.cat(log_w)


def check_divisors(also: tuple[int, ...], num_samples: int) -> None:
    """Refuses numbers of draws whose bounds cannot be computed tile by tile.

    Raises:
        InputError: If there is one.
    """
    for k in also:
        if not 1 <= k <= num_samples or (TILE % k and k % TILE):
            raise InputError("also", f"divisors or multiples of {TILE} up to num_samples = {num_samples}", k)


def checked_proposals(model: Model, proposal: Conditional | Sequence[Conditional], num_rows: int) -> list[PerRow]:
    """The proposals of all groups, each with parameters per row.

    Raises:
        InputError: If there is not one per group, or one has not the batch shape (num_rows,).
    """
    given = [proposal] if isinstance(proposal, Conditional) else list(proposal)
    if len(given) != len(model.groups):
        raise InputError("proposal", f"{len(model.groups)} conditionals, one per group of latents", len(given))
    found = []
    for q in given:
        own = offers(q, PerRow)
        shape = None if own is None else tuple(own.batch_shape)
        if own is None or shape != (num_rows,):
            raise InputError("proposal", f"a conditional with batch shape ({num_rows},)", f"{type(q).__name__} {shape}")
        found.append(own)
    return found
