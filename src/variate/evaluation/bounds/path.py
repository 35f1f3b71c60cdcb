r"""The path of densities from f_0, the prior or the encoder's posterior, to p(x, z), along which annealing moves.

    log f_b(z) = (1 - b) log f_0(z) + b log p(x, z),    0 = b_0 < b_1 < .. < b_T = 1

z holds the latents of all groups concatenated; with a context, every density is conditional on it, and with a mask, x
stands for the observed elements.

The b_t of Wu et al. (2017) are dense at both ends: with u_t = 2t/T - 1, b_t is sigmoid(4 u_t), shifted and scaled onto
[0, 1]. From the prior to a sharp posterior, most of the distance lies before the second of them. That distance is

    integral of sqrt(Var_b(tilt)) db,    tilt(z) = log p(x, z) - log f_0(z)

and steps of equal length on it give log-weights of the least variance (Gelman & Meng 1998). If the prior were N(0, I)
and the encoder's means m_i and variances v_i right, then with k_i = 1 / v_i - 1 and h_i = m_i / v_i

    Var_b(tilt) = sum_i [ k_i^2 / (2 (1 + b k_i)^2) + h_i^2 / (1 + b k_i)^3 ]

So from the prior, three quarters of the temperatures of a row are placed by this formula and one quarter as Wu et al.
do: a wrong encoder costs temperatures but never the guarantee, because the b_t depend on x only.

With several groups, m_i and v_i are those of q(z_g | z_<g, x) at the posterior means of the groups above. Where the
prior is conditional on those or on a context, they are taken relative to its moments m_p and v_p: as
(m_i - m_p) / sqrt(v_p) and v_i / v_p.

References:
    Simulating normalizing constants: from importance sampling to bridge sampling to path sampling (Gelman & Meng, 1998)
    On the quantitative analysis of decoder-based generative models (Wu et al., 2017)
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from variate.data.batch import Batch
from variate.errors import InputError, unknown
from variate.evaluation.bounds import hmc
from variate.evaluation.bounds.hmc import Beta, Point
from variate.evaluation.groups import (
    PathMoments,
    draw_posterior,
    in_support,
    join_groups,
    latent_shapes,
    log_posterior,
    log_prior,
    path_moments,
    posterior_noise,
    prior_noise,
    priors,
    split_groups,
)
from variate.limits import Rows, Samples, Seed, Steps, checked_arguments
from variate.models.base import Features, Model
from variate.runtime.device import rows_at_once
from variate.runtime.random import RowStreams

Start = Literal["prior", "posterior"]

DELTA = 4.0
"""The schedule's sigmoid is taken from -DELTA to DELTA."""
GUIDED = 0.75
"""Share of the temperatures that are placed by the encoder's Gaussian."""
GRID = 257
"""The distance is measured on two grids of this many values of b."""
LEAST_VARIANCE, MOST_VARIANCE = 1e-6, 1.0
"""Posterior variances are clamped to this range; a variance beyond the prior's says nothing about p(z|x)."""
LEAST_SPEED = 1e-6
"""Added to the standard deviation of the tilt, which is 0 where the encoder's posterior is the prior."""


@dataclass(frozen=True)
class AnnealingOptions:
    """How to anneal.

    Attributes:
        num_steps: Temperatures above 0, T.
        num_chains: Chains per row, C.
        leapfrog: Leapfrog steps per move, L.
        start: f_0: the prior or the encoder's posterior.
        batch_size: Rows times chains that are evaluated at a time.
        seed: Seed of all draws.
    """

    num_steps: int
    num_chains: int
    leapfrog: int
    start: Start
    batch_size: int
    seed: int

    @property
    def rows_at_once(self) -> int:
        """Number of rows whose chains fit into one batch."""
        return max(1, self.batch_size // self.num_chains)


@checked_arguments
def make_options(
    model: Model,
    start: Start,
    seed: Seed,
    *,
    num_steps: Steps,
    num_chains: Samples,
    leapfrog: Steps,
    batch_size: Rows | None,
) -> AnnealingOptions:
    """The options, checked, with a default batch size that suits the size of a row and the device.

    Raises:
        InputError: If a number is not positive, or the start is unknown.
    """
    default = rows_at_once(math.prod(model.event_shape), model.device)
    return AnnealingOptions(num_steps, num_chains, leapfrog, known_start(start), batch_size or default, seed)


def known_start(start: str) -> Start:
    """The name of a start.

    Raises:
        InputError: If there is no such start.
    """
    if start not in get_args(Start):
        raise unknown("start", start, get_args(Start))
    return cast(Start, start)


def sigmoid_schedule(num_steps: int) -> Float[Tensor, " temperatures"]:
    """b_0 .. b_T of Wu et al."""
    s = torch.sigmoid(DELTA * torch.linspace(-1, 1, num_steps + 1, dtype=torch.float64))
    return (s - s[0]) / (s[-1] - s[0])


def guided_schedule(
    mean: Float[Tensor, "R d"], variance: Float[Tensor, "R d"], num_steps: int
) -> Float[Tensor, "temperatures R"]:
    """b_0 .. b_T of each row, from the prior: three quarters of them placed by the encoder's Gaussian.

    Args:
        mean: Posterior means m, in units of the prior's standard deviation.
        variance: Posterior variances v, likewise.
        num_steps: T.
    """
    variance = variance.double().clamp(LEAST_VARIANCE, MOST_VARIANCE)
    k, h = 1 / variance - 1, mean.double() / variance
    u = torch.linspace(0, 1, GRID, dtype=torch.float64)
    fine = torch.expm1(-u * math.log(LEAST_VARIANCE)) / math.expm1(-math.log(LEAST_VARIANCE))
    beta = torch.cat([fine, sigmoid_schedule(GRID - 1)]).unique()
    # One value of b at a time: all at once would take 500 times the memory of the latents.
    squares = [((0.5 * k**2 + h**2 / (1 + b * k)) / (1 + b * k) ** 2).sum(-1) for b in beta.tolist()]
    speed = torch.stack(squares, dim=-1).sqrt() + LEAST_SPEED
    beta = beta.to(speed.device)
    distance = torch.cumulative_trapezoid(speed, beta, dim=-1)
    distance = torch.nn.functional.pad(distance / distance[:, -1:], (1, 0))
    time = GUIDED * distance + (1 - GUIDED) * _sigmoid_time(beta)
    return _inverse(time, beta, num_steps)


def _sigmoid_time(beta: Tensor) -> Tensor:
    """The t / T at which the schedule of Wu et al. reaches b."""
    low, high = (1 / (1 + math.exp(sign * DELTA)) for sign in (1, -1))
    return (torch.logit(low + beta * (high - low)) / DELTA + 1) / 2


def _inverse(time: Float[Tensor, "R G"], beta: Float[Tensor, " G"], num_steps: int) -> Float[Tensor, "temperatures R"]:
    """The b at which each row's time is 0, 1/T .. 1."""
    wanted = torch.linspace(0, 1, num_steps + 1, dtype=time.dtype, device=time.device).expand(len(time), -1)
    above = torch.searchsorted(time.contiguous(), wanted.contiguous()).clamp(1, len(beta) - 1)
    before, after = time.gather(1, above - 1), time.gather(1, above)
    found = torch.lerp(beta[above - 1], beta[above], ((wanted - before) / (after - before)).clamp(0, 1))
    found[:, 0], found[:, -1] = 0, 1
    return found.T


@dataclass(frozen=True)
class AnnealingPath:
    """The densities f_b of a block of rows.

    Attributes:
        model: The model, in evaluation mode.
        batch: The rows, on the model's device.
        numbers: Row numbers, which key the random streams.
        features: What the model's encoder gives for the rows.
        moments: Moments of the encoder's posteriors, (R, d) each; None if they are not known.
        anchor: A point in the support of each row's prior, (1, R, d), used instead of points outside.
        bounded: Whether the support of the prior may be less than all of R^d.
        options: How to anneal.
    """

    model: Model
    batch: Batch
    numbers: list[int]
    features: Features
    moments: PathMoments | None
    anchor: Tensor
    bounded: bool
    options: AnnealingOptions

    @property
    def num_rows(self) -> int:
        """Number of rows, R."""
        return len(self.numbers)

    def streams(self, purpose: str) -> RowStreams:
        """A random stream for each row."""
        return RowStreams(self.options.seed, self.numbers, purpose)

    def schedule(self, num_steps: int) -> Float[Tensor, "temperatures R"]:
        """b_0 .. b_T of each row, in the precision of z."""
        if self.options.start == "prior" and self.moments is not None:
            return guided_schedule(self.moments.mean, self.moments.variance, num_steps).to(self.anchor)
        return sigmoid_schedule(num_steps).unsqueeze(-1).expand(-1, self.num_rows).to(self.anchor)

    def draw_start(self, purpose: str, chains: int) -> Float[Tensor, "C R d"]:
        """Exact draws from f_0."""
        model, streams = self.model, self.streams(purpose)
        if self.options.start == "prior":
            return join_groups(model.complete(prior_noise(model, streams, chains), self.batch.context))
        noise = posterior_noise(model, streams, chains)
        return join_groups(draw_posterior(model, self.batch, noise, self.features).latents)

    def units(self, beta: Beta) -> Float[Tensor, "R d"]:
        """s: the standard deviations of f_b if the prior and the posterior were Gaussians with the known moments."""
        if self.moments is None:
            return torch.ones_like(self.anchor[0])
        precision = 1 / self.moments.variance.clamp(LEAST_VARIANCE, MOST_VARIANCE)
        if self.options.start == "prior":
            precision = 1 + beta.unsqueeze(-1) * (precision - 1)
        return self.moments.scale * precision.rsqrt()

    def evaluate(self, z: Float[Tensor, "C R d"]) -> Point:
        """Densities and gradients, a batch of the chains at a time; outside the prior's support the density is 0."""
        parts = [self._evaluate(part) for part in z.split(max(1, self.options.batch_size // self.num_rows))]
        return parts[0] if len(parts) == 1 else Point(*map(torch.cat, zip(*parts, strict=True)))

    def _evaluate(self, z: Tensor) -> Point:
        inside = self._inside(z)
        with torch.enable_grad():
            at = torch.where(inside.unsqueeze(-1), z, self.anchor).detach().requires_grad_()
            latents = split_groups(at, latent_shapes(self.model))
            log_px, log_pz = self.model.log_joint(latents, self.batch)
            if self.options.start == "prior":  # the tilt is log p(x|z): no difference of large numbers
                start, rest = log_pz, log_px
            else:
                start, rest = log_posterior(self.model, latents, self.batch, self.features), log_pz + log_px
            grad_start = hmc.gradient(start, at, keep_graph=True)
            grad_rest = hmc.gradient(rest, at)
        start, rest = start.detach(), rest.detach()
        if self.options.start == "posterior":
            rest, grad_rest = rest - start, grad_rest - grad_start
        return Point(z, _masked(start, inside), _masked(rest, inside), grad_start, grad_rest)

    def _inside(self, z: Tensor) -> Tensor:
        """Whether each point is finite and in the support of the prior, (C, R)."""
        finite = z.isfinite().all(-1)
        if not self.bounded:
            return finite
        inside = in_support(self.model, split_groups(z, latent_shapes(self.model)), self.batch.context)
        return finite if inside is None else finite & inside


def _masked(log_f: Tensor, inside: Tensor) -> Tensor:
    """Log-densities with -inf outside the support and where they are NaN."""
    return torch.where(inside & ~log_f.isnan(), log_f, -torch.inf)


def paths(
    model: Model, take: Callable[[Tensor], Batch], which: Tensor, options: AnnealingOptions
) -> Iterator[AnnealingPath]:
    """The paths of rows, a block at a time; call it within `evaluating`.

    Args:
        model: The model.
        take: Gives the rows with some numbers, on the model's device.
        which: Numbers of the rows, (N,).
        options: How to anneal.
    """
    for block in which.split(options.rows_at_once):
        batch, numbers = take(block), block.tolist()
        features = model.encode(batch)
        anchor, bounded = check_prior(model, numbers, batch.context)
        yield AnnealingPath(
            model, batch, numbers, features, path_moments(model, batch, features), anchor, bounded, options
        )


def check_prior(model: Model, numbers: list[int], context: Tensor | None) -> tuple[Float[Tensor, "1 R d"], bool]:
    """A draw from the prior of each row, if it can be annealed, and whether its support may be less than R^d.

    Args:
        model: The model.
        numbers: Row numbers, R of them.
        context: Contexts of these rows, (R, *c).

    Raises:
        InputError: If the prior has no draws, or no density that a chain could follow.
    """
    wanted = "a distribution with draws and a density"
    try:
        latents = model.complete(prior_noise(model, RowStreams(0, numbers, "annealed anchor"), 1), context)
        log_prior(model, latents, context)
        inside = in_support(model, latents, context)
    except NotImplementedError:
        raise InputError("prior", wanted, "one without", "give it `sample` and `log_prob`") from None
    if any(p.is_discrete for p, _ in priors(model, latents, context)):
        raise InputError("prior", wanted, "a discrete one")
    return join_groups(latents), inside is not None
