r"""Geodesics of the decoder: paths along which what is decoded changes as little as possible.

The Fisher information of z as a parameter of p(x|z) is a metric on latent space: the one that the decoder pulls back
from the space of distributions of rows, for every likelihood and in no units,

    ds^2 = dz^T G(z) dz,    G(z) = E_{x ~ p(x|z)}[ grad_z log p(x|z) grad_z log p(x|z)^T ],    ds^2 ~ 2 KL.

A path z_0 .. z_T has the energy E = T sum_t ds_t^2 and the length sum_t ds_t <= sqrt(E). The path of least energy
between two ends is a geodesic, passed through at constant speed: each step changes p(x|z) by the same amount. A step
is measured at its middle m_t = (z_t + z_(t+1)) / 2. The terms of the chain rule of a row have scores without
correlation, so that

    ds_t^2 = sum_j E_{x ~ p(x|m_t)}[ D_tj^2 ],    D_tj = log p(x_j | z_(t+1)) - log p(x_j | z_t),

which is estimated by draws. Its gradient is that of the squares at fixed draws, and that of the distribution of the
draws, E[D_tj^2 grad log p(x_j | m_t)] (where elements depend on others, the change of these is left out). The path is
the straight line plus sines, of which the k-th is divided by k, so that the energy of a flat space is equally curved
in all coefficients. Where the decoder does not react to a latent, the metric does not decide the path: a small share
of the Euclidean metric, scaled to the same energy, keeps it straight there.

References:
    Latent space oddity: on the curvature of deep generative models (Arvanitidis et al., 2018)
    Pulling back information geometry (Arvanitidis et al., 2022)
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from variate.distributions.rows import RowDistribution
from variate.evaluation.latent_space.paths import linear
from variate.models.base import Model
from variate.runtime.random import generator, mix

Decode = Callable[[Tensor], RowDistribution]
"""From places, (M, d), to p(x|z), batch shape (1, M)."""

LEAST_STEPS = 16
"""Least number of steps in which a path is sought and measured."""
STEPS = 120
"""Steps of the optimiser."""
STEP_SIZE = 0.05
"""Step size of Adam at the start, in distances between the ends; it falls to zero as half a cosine."""
LEAST_SLOPE = 0.05
"""Slopes below this do not count as full ones for Adam, in energies of the straight line per distance of the ends."""
EUCLIDEAN = 1e-3
"""Share of the Euclidean metric."""
NUMBERS, FEWEST_DRAWS, MOST_DRAWS = 2**12, 2, 64
"""Parameters of p(x|z) that are used per step of the path, one row after the other, and how many rows this may be."""
SHARES = (1.0, 0.5, 0.25)
"""Parts of the way from the straight line to the path that was found, of which the best one is taken."""


class Geodesic(NamedTuple):
    """A path.

    Attributes:
        path: Latents, (P, d).
        energy: Its energy.
        straight_energy: That of the straight line, estimated in the same way; never less.
    """

    path: Tensor
    energy: float
    straight_energy: float


def draws_per_step(model: Model) -> int:
    """Number of rows that are drawn to measure a step: fewer of large ones, whose elements make up for it."""
    return min(max(NUMBERS // math.prod(model.likelihood.out_shape), FEWEST_DRAWS), MOST_DRAWS)


def geodesic(
    decode: Decode, start: Tensor, end: Tensor, steps: int, num_draws: int = MOST_DRAWS, seed: int = 0
) -> Geodesic:
    """The path of least energy that is found from the straight line; call it within `evaluating`.

    Args:
        decode: The decoder, differentiable.
        start: The first place, (d,), on the decoder's device.
        end: The last place, (d,).
        steps: Steps from one to the other.
        num_draws: Draws per step.
        seed: Seed of all draws.

    Returns:
        The path, (steps + 1, d).
    """
    fineness = -(-LEAST_STEPS // steps)
    t = torch.linspace(0, 1, fineness * steps + 1, dtype=start.dtype, device=start.device)
    straight = linear(start, end, t)
    bends = _bends(decode, straight, num_draws, seed)
    candidates = [straight, *(straight + share * bends for share in SHARES)]
    energies = [path_energy(decode, path, num_draws, seed) for path in candidates]
    best = min(range(len(candidates)), key=energies.__getitem__)
    return Geodesic(candidates[best][::fineness], energies[best], energies[0])


@torch.no_grad()
def path_energy(decode: Decode, path: Tensor, num_draws: int = MOST_DRAWS, seed: int = 0) -> float:
    """The energy of a path, (T + 1, d), with the same draws for the same seed."""
    return float((len(path) - 1) * _squares(decode, path, num_draws, generator(mix(seed, "energy"), path.device)).sum())


@torch.enable_grad()
def _bends(decode: Decode, straight: Tensor, num_draws: int, seed: int) -> Tensor:
    """What is added to the straight line, (T + 1, d): 0 at both ends."""
    num_steps, distance = len(straight) - 1, (straight[-1] - straight[0]).norm()
    unit = path_energy(decode, straight, num_draws, seed)
    if not unit or not math.isfinite(unit) or not distance:
        return torch.zeros_like(straight)
    waves, places = (torch.arange(*ends).to(straight) for ends in ((1, num_steps), (0, num_steps + 1)))
    sines = torch.sin(torch.pi / num_steps * places[:, None] * waves) / waves
    sines[-1] = 0  # which the sine of a whole number of half turns is only nearly
    weights = straight.new_zeros(num_steps - 1, straight.shape[1]).requires_grad_()
    optimizer = torch.optim.Adam([weights], lr=STEP_SIZE, eps=LEAST_SLOPE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    draws = generator(mix(seed, "geodesic"), straight.device)
    for _ in range(STEPS):
        path = straight + distance * (sines @ weights)
        euclidean = path.diff(dim=0).square().sum() / distance.square()
        loss = num_steps * (_squares(decode, path, num_draws, draws).sum() / unit + EUCLIDEAN * euclidean)
        (weights.grad,) = torch.autograd.grad(loss, [weights])
        optimizer.step()
        schedule.step()
    return distance * (sines @ weights.detach())


def _squares(decode: Decode, path: Tensor, num_draws: int, draws: torch.Generator) -> Tensor:
    """Estimates of ds_t^2, (T,), float64, whose gradients are those of their expectations."""
    middles = (path[1:] + path[:-1]) / 2
    ends, middle = decode(torch.cat([path[:-1], path[1:]])), decode(middles)
    x = middle.sample((num_draws,), draws)
    log_p = ends.log_prob_elements(torch.cat([x, x], 2)).double().flatten(3)
    squares = (log_p[:, :, len(middles) :] - log_p[:, :, : len(middles)]).square()
    if torch.is_grad_enabled():
        own = squares.detach()
        excess = own - own.mean(0, keepdim=True)
        score = middle.log_prob_elements(x).double().flatten(3)
        squares = squares + excess * (score - score.detach()) * (num_draws / (num_draws - 1))
    return squares.sum(-1).mean(0).squeeze(0)
