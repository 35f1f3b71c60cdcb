r"""Annealed importance sampling: an estimate of log p(x) that improves with work.

A chain moves along a path of densities f_b from f_0, the prior or q(z|x), to f_1 = p(x, z)
(`variate.evaluation.bounds.path`): z ~ f_0, log w = 0, then for t = 1 .. T

    log w <- log w + log f_{b_t}(z) - log f_{b_{t-1}}(z),    z <- a move that leaves f_{b_t} invariant (if t < T)

and E[w] = p(x), whatever the moves are (Neal 2001). So the log of the mean weight of C chains is, on average, a lower
bound on log p(x). Its tightness depends on T, C and the moves: here Hamiltonian ones (`variate.evaluation.bounds.hmc`),
in units taken from the encoder. A wrong encoder, above all wrong ratios of the latents' scales, makes the bound loose
but never invalid.

The guarantee requires moves that do not depend on the chain that is counted. So the step sizes, one per row and
temperature, are found beforehand by separate chains that adapt (the pilot), and are then frozen. The pilot depends on x
alone, in particular not on the exact draw of z that a chain in the opposite direction starts from
(`variate.evaluation.bounds.sandwich`).

Where f_b is close to a Gaussian of scale s, a trajectory of length pi/2 s leads to an independent draw, and one of
length pi s to the mirror image of where it began. So besides the acceptance, the length L e of a trajectory is limited
by the spread of the pilot's chains.

References:
    Annealed importance sampling (Neal, 2001)
    On the quantitative analysis of decoder-based generative models (Wu et al., 2017)
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from variate.evaluation.bounds import hmc
from variate.evaluation.bounds.path import AnnealingPath, Start, make_options, paths
from variate.limits import Rows, Samples, Seed, Steps, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.device import reuse_freed_memory
from variate.runtime.progress import progress
from variate.runtime.random import some_rows
from variate.statistics import Estimate, estimate

PILOT_STEPS, PILOT_WARMUP, PILOT_CHAINS = 60, 15, 8
"""Temperatures of the pilot, its moves at the first of them before the others, its chains per row."""
TARGET, GAIN = 0.65, 0.5
"""The acceptance aimed at, and the change of the log-step per unit of deviation from it."""
SMOOTHING = 5
"""Number of the pilot's temperatures that each log-step is averaged over."""
LONGEST = 2.0
"""The longest trajectory, in standard deviations; with the random shortening it is pi/2 of them on average."""
LEAST_SPREAD = 1e-3
"""Least spread of the pilot's chains, in units s; it is that small only if they do not move."""

Advance = Callable[[int], None]
"""Called with the number of rows that moved, for a progress bar."""


class Annealed(NamedTuple):
    """The annealed estimate of each row's log-evidence.

    Attributes:
        log_evidence: Log of the mean weight of the C chains, (N,), in nats: on average a lower bound on log p(x).
        ess: Effective sample size of the weights, between 1 and C, (N,).
        acceptance: Mean acceptance of the moves, (N,); NaN where there are none (T = 1).
        which: Row numbers of these rows in the data, (N,).
    """

    log_evidence: Tensor
    ess: Tensor
    acceptance: Tensor
    which: Tensor

    @property
    def estimate(self) -> Estimate:
        """The mean over rows with its standard error."""
        return estimate(self.log_evidence)

    @property
    def value(self) -> float:
        """The mean over rows, in nats."""
        return self.estimate.value

    @property
    def stderr(self) -> float:
        """Standard error of the mean over rows, in nats."""
        return self.estimate.stderr


class Chains(NamedTuple):
    """Log-weights of the chains, (C, R), in nats, and mean acceptance, (R,)."""

    log_w: Tensor
    acceptance: Tensor


def pilot(path: AnnealingPath, advance: Advance) -> Float[Tensor, "P R"]:
    """Log-steps at b_1 .. b_P of a path of fewer temperatures, found by chains that adapt; they depend on x alone."""
    betas, leapfrog = path.schedule(PILOT_STEPS)[1:-1], path.options.leapfrog
    betas = torch.cat([betas[:1].expand(PILOT_WARMUP, -1), betas])
    point = path.evaluate(path.draw_start("annealed pilot start", PILOT_CHAINS))
    drawn = hmc.noise(path.streams("annealed pilot"), len(betas), PILOT_CHAINS, point.z)
    log_step, found = torch.zeros_like(betas[0]), []
    for beta, own in zip(betas, drawn, strict=True):
        units = path.units(beta)
        point, acceptance = hmc.move(path.evaluate, point, own, log_step.exp().unsqueeze(-1) * units, beta, leapfrog)
        spread = (point.z / units).var(0).mean(-1).sqrt().clamp(min=LEAST_SPREAD)
        log_step = log_step + GAIN * (acceptance.mean(0) - TARGET)
        log_step = torch.minimum(log_step, (LONGEST / leapfrog * spread).log())
        found.append(log_step)
        advance(path.num_rows)
    return torch.stack(found[PILOT_WARMUP:])


def frozen_steps(path: AnnealingPath, advance: Advance) -> Float[Tensor, "moves R"]:
    """The step of each row at b_1 .. b_{T-1}: the pilot's log-steps, smoothed and interpolated."""
    moves = path.options.num_steps - 1
    if not moves:
        return path.anchor.new_zeros(0, path.num_rows)
    log_step = pilot(path, advance).T.unsqueeze(0)
    around = torch.nn.functional.pad(log_step, (SMOOTHING // 2, SMOOTHING // 2), mode="replicate")
    smooth = torch.nn.functional.avg_pool1d(around, SMOOTHING, stride=1)
    fine = torch.nn.functional.interpolate(smooth, size=moves, mode="linear", align_corners=True)
    return fine.squeeze(0).T.exp()


def anneal(
    path: AnnealingPath, z: Float[Tensor, "C R d"], steps: Tensor, purpose: str, advance: Advance, up: bool = False
) -> Chains:
    """Moves chains along the path and adds up their log-weights.

    Args:
        path: The densities.
        z: Positions of the chains: exact draws from f_0 or, to go up, from p(z|x).
        steps: Step sizes at b_1 .. b_{T-1}, frozen, (T - 1, R).
        purpose: Name of the random streams.
        advance: Called with the number of rows that moved.
        up: Go from b = 1 to b = 0, through the same moves in reverse order.
    """
    betas = path.schedule(path.options.num_steps)
    if up:
        betas, steps = betas.flip(0), steps.flip(0)
    change = betas.double().diff(dim=0)
    drawn = hmc.noise(path.streams(purpose), len(steps), len(z), z)
    point = path.evaluate(z)
    log_w = change[0] * point.tilt
    accepted = torch.zeros_like(log_w)
    for beta, after, step, own in zip(betas[1:-1], change[1:], steps, drawn, strict=True):
        stride = step.unsqueeze(-1) * path.units(beta)
        point, acceptance = hmc.move(path.evaluate, point, own, stride, beta, path.options.leapfrog)
        log_w += after * point.tilt
        accepted += acceptance
        advance(path.num_rows)
    return Chains(log_w.cpu(), (accepted.mean(0) / len(steps)).cpu())  # 0 / 0 is NaN where nothing moved


def anneal_down(path: AnnealingPath, steps: Tensor, advance: Advance) -> Chains:
    """Chains from f_0 to p(x, z)."""
    z = path.draw_start("annealed start", path.options.num_chains)
    return anneal(path, z, steps, "annealed down", advance)


def log_mean(log_w: Float[Tensor, "C R"]) -> Float[Tensor, " R"]:
    """Log of the mean weight, in nats."""
    return log_w.logsumexp(0) - math.log(len(log_w))


def sample_size(log_w: Float[Tensor, "C R"]) -> Float[Tensor, " R"]:
    """Effective sample size, (sum w)^2 / sum w^2; 0 where every weight is 0."""
    return torch.exp(2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).nan_to_num(0.0)


def total_moves(num_steps: int, runs: int) -> int:
    """Number of moves per row of the pilot and of this many counted runs."""
    return PILOT_WARMUP + PILOT_STEPS - 1 + runs * (num_steps - 1) if num_steps > 1 else 0


@checked_arguments
@of_a_model
def annealed_evidence(
    model: Model,
    data: Data,
    *,
    num_steps: Steps = 2000,
    num_chains: Samples = 16,
    leapfrog: Steps = 3,
    start: Start = "prior",
    num_rows: Rows | None = None,
    batch_size: Rows | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Annealed:
    """A lower bound on log p(x), on average, by annealing from p(z) or q(z|x) to p(x, z).

    It takes about T C L passes through the decoder and back per row.

    Args:
        model: The model, whose prior has a density.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_steps: Temperatures above 0, T.
        num_chains: Chains per row, C.
        leapfrog: Leapfrog steps per move, L.
        start: Start from the "prior", which assumes nothing about the encoder, or from the encoder's "posterior", which
            takes fewer temperatures.
        num_rows: How many of the rows to take, chosen by the seed; by default all. The value of a row does not depend
            on the others.
        batch_size: Rows times chains that are evaluated at a time, which sets the memory; the default suits the size of
            a row.
        seed: Seed of the choice of rows and of all draws; the same seed gives the same numbers bit for bit.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The estimate of each row, in nats, with effective sample size and acceptance.

    Raises:
        InputError: If a number is not positive, the start is unknown, the prior has no density, or the rows are not
            what the model takes.

    References:
        On the quantitative analysis of decoder-based generative models (Wu et al., 2017)
    """
    options = make_options(
        model, start, seed, num_steps=num_steps, num_chains=num_chains, leapfrog=leapfrog, batch_size=batch_size
    )
    rows = model.dataset(data)
    which, runs = some_rows(len(rows), num_rows, seed), []
    total = len(which) * total_moves(num_steps, 1)
    reuse_freed_memory()
    with evaluating(model), progress("annealing", total, show_progress) as advance:
        for path in paths(model, lambda block: rows.take(block.numpy()).to(model.device), which, options):
            runs.append(anneal_down(path, frozen_steps(path, advance), advance))
    log_w, acceptance = (torch.cat(parts, dim=-1) for parts in zip(*runs, strict=True))
    return Annealed(log_mean(log_w), sample_size(log_w), acceptance, which)
