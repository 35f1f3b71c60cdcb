r"""Hamiltonian Monte Carlo on a path of densities between a start and a target, many chains of many rows at once.

    log f_b(z) = log f_0(z) + b tilt(z),        0 <= b <= 1

With momenta r ~ N(0, I) and units s in which f_b is about as wide in each dimension, L leapfrog steps

    r <- r + (e/2) s grad log f_b(z),    z <- z + e s r,    r <- r + (e/2) s grad log f_b(z)

preserve volume and retrace themselves when r is reversed. So accepting the last z with probability min(1, exp(D)),

    D = log f_b(z') - log f_b(z) + 1/2 ||r||^2 - 1/2 ||r'||^2

is a move in detailed balance with f_b for any e, s and L that do not depend on z or r. A move takes L evaluations;
values and gradients of log f_0 and of the tilt are stored separately, so that changing b takes no evaluation.

References:
    MCMC using Hamiltonian dynamics (Neal, 2011)
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.special import log_ndtr, ndtr

from variate.runtime.random import RowStreams

SHORTEST = 0.5
"""The step of a move is the step of its row times a number between this and 1: with equal steps a trajectory can end
where it began."""
BLOCK = 16
"""Number of moves whose random numbers are drawn at a time."""


Beta = Float[Tensor, "*#R"]
"""b, one per row or one for all."""


class Point(NamedTuple):
    """Positions of C chains for each of R rows, with the densities there, in nats.

    Attributes:
        z: Positions.
        log_start: log f_0(z); -inf where it cannot be computed.
        tilt: tilt(z); -inf where it cannot be computed.
        grad_start: Gradient of `log_start`; finite.
        grad_tilt: Gradient of `tilt`; finite.
    """

    z: Float[Tensor, "C R d"]
    log_start: Float[Tensor, "C R"]
    tilt: Float[Tensor, "C R"]
    grad_start: Float[Tensor, "C R d"]
    grad_tilt: Float[Tensor, "C R d"]

    def log_prob(self, beta: Beta) -> Float[Tensor, "C R"]:
        """Log f_b(z), in nats."""
        return self.log_start + beta * self.tilt

    def gradient(self, beta: Beta) -> Float[Tensor, "C R d"]:
        """Gradient of log f_b at z."""
        return self.grad_start + beta.unsqueeze(-1) * self.grad_tilt


Evaluator = Callable[[Tensor], Point]
"""The point at positions (C, R, d)."""


class Noise(NamedTuple):
    """The random numbers of one move: momenta, logs of uniform numbers, and factors on the step."""

    momentum: Float[Tensor, "C R d"]
    log_uniform: Float[Tensor, "C R"]
    shorten: Float[Tensor, "C R"]


class Moved(NamedTuple):
    """The point after a move, and the probability with which each chain accepted it."""

    point: Point
    acceptance: Float[Tensor, "C R"]


def gradient(log_f: Tensor, z: Tensor, *, keep_graph: bool = False) -> Tensor:
    """Gradient of log-densities with respect to z alone; 0 where it is not finite or they do not depend on z.

    Args:
        log_f: Log-densities, (C, R).
        z: Where, (C, R, d).
        keep_graph: Whether another gradient will be taken through the same computation.
    """
    if not log_f.requires_grad:
        return torch.zeros_like(z)
    (found,) = torch.autograd.grad(log_f.sum(), z, retain_graph=keep_graph, allow_unused=True, materialize_grads=True)
    return found.nan_to_num(0.0, 0.0, 0.0)


def noise(streams: RowStreams, moves: int, chains: int, like: Float[Tensor, "*any d"]) -> Iterator[Noise]:
    """The random numbers of successive moves, those of each row from its own stream."""
    size = like.shape[-1]
    for start in range(0, moves, BLOCK):
        numbers = streams.normal(BLOCK * chains, (size + 2,), like).unflatten(0, (BLOCK, chains))
        for own in numbers[: moves - start]:
            momentum, to_accept, to_shorten = own.split([size, 1, 1], dim=-1)
            shorten = SHORTEST + (1 - SHORTEST) * ndtr(to_shorten.squeeze(-1))
            yield Noise(momentum, log_ndtr(to_accept.squeeze(-1)), shorten)


def leapfrog(
    evaluate: Evaluator,
    point: Point,
    momentum: Float[Tensor, "C R d"],
    stride: Float[Tensor, "*#any d"],
    beta: Beta,
    steps: int,
) -> tuple[Point, Float[Tensor, "C R d"]]:
    """Follows the dynamics of f_b.

    Args:
        evaluate: The densities.
        point: Positions of the chains.
        momentum: Momenta, in units 1 / s.
        stride: e s, the step in units of z.
        beta: b.
        steps: L.

    Returns:
        Positions of the chains afterwards, and their momenta.
    """
    for _ in range(steps):
        momentum = momentum + 0.5 * stride * point.gradient(beta)
        point = evaluate(point.z + stride * momentum)
        momentum = momentum + 0.5 * stride * point.gradient(beta)
    return point, momentum


def move(
    evaluate: Evaluator, point: Point, drawn: Noise, stride: Float[Tensor, "*#any d"], beta: Beta, steps: int
) -> Moved:
    """One move that leaves f_b invariant.

    Args:
        evaluate: The densities.
        point: Positions of the chains.
        drawn: The random numbers of the move.
        stride: e s, the longest step in units of z, (R, d); it must not depend on the positions of the chains.
        beta: b.
        steps: Leapfrog steps, L.
    """
    stride = drawn.shorten.unsqueeze(-1) * stride
    end, momentum = leapfrog(evaluate, point, drawn.momentum, stride, beta, steps)
    log_f, kinetic = end.log_prob(beta), 0.5 * (momentum.square() - drawn.momentum.square()).sum(-1)
    # Points whose density cannot be computed are rejected; from a point with log f = -inf every other is accepted.
    log_ratio = torch.where(log_f.isfinite(), log_f - point.log_prob(beta) - kinetic, -torch.inf)
    log_ratio = torch.where(log_ratio.isnan(), -torch.inf, log_ratio)
    return Moved(_choose(drawn.log_uniform < log_ratio, end, point), log_ratio.clamp(max=0).exp())


def _choose(first: Tensor, one: Point, other: Point) -> Point:
    """One point where `first` is true and the other elsewhere."""
    pairs = zip(one, other, strict=True)
    return Point(*(torch.where(first if a.dim() == 2 else first.unsqueeze(-1), a, b) for a, b in pairs))
