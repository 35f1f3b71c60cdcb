r"""The importance-weighted bound on log p(x), at any number of draws.

    log w_k = log p(x|z_k) + log p(z_k) - log q(z_k|x),   z_k ~ q(z|x)
    IW_K = log (1/K) sum_k w_k,    ELBO = E IW_1 <= E IW_k <= E IW_K <= log p(x)

The draws of a row come from a stream of its own, a tile at a time, and its weights are reduced as they come
(`variate.evaluation.bounds.weights`). So memory is set by the chunk, whatever K is; the draws are K exactly; and the result is,
up to the rounding of matrix products, the same for every chunk and whichever rows are computed beside it.

References:
    Importance weighted autoencoders (Burda et al., 2016)
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from variate.distributions import Gaussian
from variate.distributions.support import trusting
from variate.errors import InputError
from variate.evaluation.bounds.weights import Weights
from variate.models.vae import VAE, Array, evaluating
from variate.runtime import device as machine
from variate.runtime.compile import scoring
from variate.runtime.progress import progress
from variate.runtime.random import RowStreams, some_rows
from variate.statistics import Estimate, estimate

TILE = 100
"""Draws a row that are asked of its stream at a time."""
UNRELIABLE = 0.7
"""A row whose k-hat exceeds this has an estimate that a few draws decide."""


class Evidence(NamedTuple):
    """The importance-weighted bound of each row, and how far it can be trusted.

    Attributes:
        log_evidence: IW_K, (N,), in nats: on average a lower bound on log p(x).
        bounds: IW_k for each smaller k that was asked for, (N,), in nats, from the same draws.
        ess: Effective sample size of the weights, between 1 and K, (N,).
        khat: Pareto k-hat of the weights, (N,): above 0.7 the row's estimate is unreliable.
        which: Which rows of x they are, (N,).
        num_samples: Draws a row, K.
    """

    log_evidence: Tensor
    bounds: dict[int, Tensor]
    ess: Tensor
    khat: Tensor
    which: Tensor
    num_samples: int

    @property
    def estimate(self) -> Estimate:
        """The mean over rows, with the standard error of the choice of rows."""
        return estimate(self.log_evidence)

    @property
    def noise(self) -> float:
        """The standard error, in nats, that the draws alone give the mean over these very rows (delta method)."""
        variance = (1 / self.ess - 1 / self.num_samples).clamp(min=0)
        return variance.sum().sqrt().item() / len(self.ess)

    @property
    def unreliable(self) -> float:
        """The share of rows with k-hat above 0.7."""
        return (self.khat > UNRELIABLE).double().mean().item()


def log_evidence(
    vae: VAE,
    x: Array,
    num_samples: int = 1000,
    *,
    also: tuple[int, ...] = (),
    proposal: Gaussian | None = None,
    num_rows: int | None = None,
    chunk: int | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> Evidence:
    """The importance-weighted bound on the log-evidence of each row.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_samples: Draws a row, K.
        also: Smaller numbers of draws k whose bounds are wanted too; each divides 100 or is a multiple of it.
        proposal: Draws from this Gaussian with batch shape (N,) instead of the encoder's q(z|x).
        num_rows: Take this many of the rows, chosen by the seed; by default all.
        chunk: Decoder passes at a time, which sets the memory; the default suits the size of a row.
        seed: Of the draws; the same seed gives the same numbers bit for bit, and torch's generators are left alone.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The bound of each row, in nats, with effective sample size and Pareto k-hat.

    Raises:
        InputError: If a number is not positive, or the rows are not what the model takes.

    References:
        Importance weighted autoencoders (Burda et al., 2016)
    """
    rows = vae.rows(x)
    chunk = machine.rows_at_once(math.prod(vae.event_shape), vae.device) if chunk is None else chunk
    _check(rows, num_samples, also, proposal, chunk)
    index = some_rows(len(rows), num_rows, seed)
    parts = []
    at_once = max(1, chunk // min(TILE, num_samples))
    draws = max(1, min(TILE, num_samples, chunk // min(at_once, len(index))))
    with (
        evaluating(vae),
        machine.keeping_heap(),
        trusting(),
        scoring(vae.decoder, (draws, min(at_once, len(index))), len(index) * num_samples),
        progress("importance sampling", len(index), show_progress) as tell,
    ):
        for block in index.split(at_once):
            batch = rows[block].to(vae.device)
            q_z = vae.posterior(batch) if proposal is None else proposal[block.to(proposal.loc.device)]
            weights = Weights(len(block), num_samples, also, TILE)
            _weigh(vae, batch, q_z, RowStreams(seed, block.tolist(), "importance"), chunk, weights)
            parts.append((weights.log_mean, weights.ess, weights.khat, *(weights.bound(k) for k in also)))
            tell(len(block))
    bound, ess, khat, *others = (torch.cat(column) for column in zip(*parts, strict=True))
    return Evidence(bound, dict(zip(also, others, strict=True)), ess, khat, index, num_samples)


def _weigh(vae: VAE, x: Tensor, q_z: Gaussian, streams: RowStreams, chunk: int, weights: Weights) -> None:
    """Draws the weights of a block of rows, a tile of each row's stream at a time and a chunk of it at once."""
    p_z = vae.prior
    for start in range(0, weights.num_samples, TILE):
        eps = streams.normal(TILE, q_z.loc.shape[-1], q_z.loc)[: weights.num_samples - start]
        log_w = []
        for part in eps.split(max(1, chunk // len(x))):
            z = q_z.loc + q_z.color(part)
            log_w.append(vae.likelihood(z).log_prob(x) + (p_z.log_prob(z) - q_z.log_prob_from(part)))
        weights.add(torch.cat(log_w))


def _check(rows: Tensor, num_samples: int, also: tuple[int, ...], proposal: Gaussian | None, chunk: int) -> None:
    """Refuses what cannot be computed."""
    if not len(rows):
        raise InputError("x must hold at least one row, got none")
    for name, value in (("num_samples", num_samples), ("chunk", chunk)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    for k in also:
        if not 1 <= k <= num_samples or (TILE % k and k % TILE):
            raise InputError(f"also must hold divisors or multiples of {TILE} up to {num_samples}, got {k}")
    if proposal is not None and proposal.batch_shape != rows.shape[:1]:
        raise InputError(f"proposal must have batch shape ({len(rows)},), got {tuple(proposal.batch_shape)}")
