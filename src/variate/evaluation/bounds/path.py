r"""The path that annealing takes from f_0, the prior or the encoder's posterior, to p(x, z).

    log f_b(z) = (1 - b) log f_0(z) + b log p(x, z),    0 = b_0 < b_1 < .. < b_T = 1

The b_t of Wu et al. (2017) are dense at both ends: with u_t = 2t/T - 1, b_t is sigmoid(4 u_t), shifted and scaled onto
[0, 1]. From the prior to a sharp posterior most of the way lies before the second of them. The way that counts is

    integral of sqrt(Var_b(tilt)) db,    tilt(z) = log p(x, z) - log f_0(z)

and steps of equal length on it give log-weights of the least variance (Gelman & Meng 1998). If the prior were N(0, I)
and the encoder's means m_i and variances v_i right, then with k_i = 1 / v_i - 1 and h_i = m_i / v_i

    Var_b(tilt) = sum_i [ k_i^2 / (2 (1 + b k_i)^2) + h_i^2 / (1 + b k_i)^3 ]

So from the prior, three quarters of a row's temperatures are laid as this says and one quarter as Wu et al. do: an
encoder that is wrong costs temperatures, and no guarantee, for the b_t depend on x only.

References:
    Simulating normalizing constants: from importance sampling to bridge sampling to path sampling (Gelman & Meng, 1998)
    On the quantitative analysis of decoder-based generative models (Wu et al., 2017)
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from variate.distributions import Gaussian
from variate.errors import InputError
from variate.evaluation.bounds import hmc
from variate.evaluation.bounds.hmc import Beta, Point
from variate.models.vae import VAE
from variate.runtime import device as machine
from variate.runtime.random import RowStreams, mix, reseed, seeded

Start = Literal["prior", "posterior"]

DELTA = 4.0
"""The schedule's sigmoid is taken from -DELTA to DELTA."""
GUIDED = 0.75
"""The share of the temperatures that the encoder's Gaussian lays."""
GRID = 257
"""Places, twice, at which the way is measured."""
LEAST_VARIANCE, MOST_VARIANCE = 1e-6, 1.0
"""Posterior variances are taken to lie between; an encoder's variance beyond the prior's says nothing of p(z|x)."""
LEAST_SPEED = 1e-6
"""Added to the standard deviation of the tilt, which is 0 where the encoder says what the prior says."""


@dataclass(frozen=True)
class Options:
    """How to anneal.

    Attributes:
        num_steps: Temperatures above 0, T.
        num_chains: Chains a row, C.
        leapfrog: Leapfrog steps a move, L.
        start: f_0: the prior or the encoder's posterior.
        chunk: Rows times chains that are evaluated at a time.
        seed: Of everything drawn.
    """

    num_steps: int
    num_chains: int
    leapfrog: int
    start: Start
    chunk: int
    seed: int

    @property
    def rows_at_once(self) -> int:
        """Rows whose chains fit into one chunk."""
        return max(1, self.chunk // self.num_chains)


def check_options(start: str, **numbers: int | None) -> None:
    """Refuses numbers that are not positive, and a start that there is not.

    Raises:
        InputError: If there is one.
    """
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    if start not in get_args(Start):
        raise InputError(f"start must be 'prior' or 'posterior', got {start!r}")


def chunk_rows(vae: VAE, chunk: int | None) -> int:
    """Rows times chains to evaluate at a time: as given, or what suits the size of a row and the device."""
    return machine.rows_at_once(math.prod(vae.event_shape), vae.device) if chunk is None else chunk


def sigmoid_schedule(num_steps: int) -> Float[Tensor, " temperatures"]:
    """b_0 .. b_T of Wu et al."""
    s = torch.sigmoid(DELTA * torch.linspace(-1, 1, num_steps + 1, dtype=torch.float64))
    return (s - s[0]) / (s[-1] - s[0])


def guided_schedule(q_z: Gaussian, num_steps: int) -> Float[Tensor, "temperatures R"]:
    """b_0 .. b_T of each row, from the prior: three quarters of them as the encoder's Gaussian says."""
    variance = q_z.variance.double().clamp(LEAST_VARIANCE, MOST_VARIANCE)
    k, h = 1 / variance - 1, q_z.mean.double() / variance
    u = torch.linspace(0, 1, GRID, dtype=torch.float64)
    fine = torch.expm1(-u * math.log(LEAST_VARIANCE)) / math.expm1(-math.log(LEAST_VARIANCE))
    beta = torch.cat([fine, sigmoid_schedule(GRID - 1)]).unique()
    # One place at a time: all at once would take 500 times the memory of a row's latents.
    squares = [((0.5 * k**2 + h**2 / (1 + b * k)) / (1 + b * k) ** 2).sum(-1) for b in beta.tolist()]
    speed = torch.stack(squares, dim=-1).sqrt() + LEAST_SPEED
    beta = beta.to(speed.device)
    way = torch.cumulative_trapezoid(speed, beta, dim=-1)
    way = torch.nn.functional.pad(way / way[:, -1:], (1, 0))
    time = GUIDED * way + (1 - GUIDED) * _sigmoid_time(beta)
    return _inverse(time, beta, num_steps)


def _sigmoid_time(beta: Tensor) -> Tensor:
    """Where the schedule of Wu et al. is at b, as a part of its T steps."""
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
class Path:
    """The densities f_b of a block of rows.

    Attributes:
        vae: The model, in evaluation mode.
        x: The rows, (R, *event).
        numbers: Their numbers, which key their random streams.
        q_z: The encoder's posteriors.
        p_z: The prior.
        anchor: A place in the prior's support, (d,), to evaluate at instead of places outside.
        options: How to anneal.
    """

    vae: VAE
    x: Tensor
    numbers: list[int]
    q_z: Gaussian
    p_z: Distribution
    anchor: Tensor
    options: Options

    def streams(self, purpose: str) -> RowStreams:
        """A random stream for each row."""
        return RowStreams(self.options.seed, self.numbers, purpose)

    def schedule(self, num_steps: int) -> Float[Tensor, "temperatures R"]:
        """b_0 .. b_T of each row, in the precision of z."""
        if self.options.start == "prior":
            return guided_schedule(self.q_z, num_steps).to(self.anchor)
        return sigmoid_schedule(num_steps).unsqueeze(-1).expand(-1, len(self.x)).to(self.anchor)

    def draw_start(self, purpose: str, chains: int) -> Float[Tensor, "C R d"]:
        """Exact draws from f_0."""
        if self.options.start == "posterior":
            return self.q_z.loc + self.q_z.color(self.streams(purpose).normal(chains, len(self.anchor), self.q_z.loc))
        drawn = []
        with seeded(self.options.seed):
            for number in self.numbers:
                reseed(mix(self.options.seed, purpose, number))
                drawn.append(self.p_z.sample((chains,)))
        return torch.stack(drawn, dim=1)

    def units(self, beta: Beta) -> Float[Tensor, "R d"]:
        """s: the standard deviations of f_b if the prior had unit scale and the encoder were right."""
        precision = 1 / self.q_z.variance.clamp(LEAST_VARIANCE, MOST_VARIANCE)
        if self.options.start == "prior":
            precision = 1 + beta.unsqueeze(-1) * (precision - 1)
        return precision.rsqrt()

    def evaluate(self, z: Float[Tensor, "C R d"]) -> Point:
        """Densities and gradients, a chunk of the chains at a time; outside the prior's support the density is 0."""
        parts = [self._evaluate(part) for part in z.split(max(1, self.options.chunk // len(self.x)))]
        return parts[0] if len(parts) == 1 else Point(*map(torch.cat, zip(*parts, strict=True)))

    def _evaluate(self, z: Tensor) -> Point:
        inside = supported(self.p_z, z)
        with torch.enable_grad():
            at = torch.where(inside.unsqueeze(-1), z, self.anchor).detach().requires_grad_()
            log_prior, log_px = self.p_z.log_prob(at), self.vae.likelihood(at).log_prob(self.x)
            if self.options.start == "prior":  # the tilt is log p(x|z): no difference of large numbers
                start, rest = log_prior, log_px
            else:
                start, rest = self.q_z.log_prob(at), log_prior + log_px
            grad_start, grad_rest = hmc.gradient(start, at), hmc.gradient(rest, at)
        start, rest = start.detach(), rest.detach()
        if self.options.start == "posterior":
            rest, grad_rest = rest - start, grad_rest - grad_start
        return Point(z, _masked(start, inside), _masked(rest, inside), grad_start, grad_rest)


def supported(p_z: Distribution, z: Float[Tensor, "*batch d"]) -> Tensor:
    """Whether each place is finite and in the support of the prior, (*batch,)."""
    finite = z.isfinite().all(-1)
    try:
        inside = p_z.support.check(z)  # type: ignore[union-attr]
    except NotImplementedError:  # a distribution that does not say: all of R^d
        return finite
    return finite & (inside.all(-1) if inside.dim() == z.dim() else inside)


def _masked(log_f: Tensor, inside: Tensor) -> Tensor:
    """Log-densities with -inf outside and where they are not numbers."""
    return torch.where(inside & ~log_f.isnan(), log_f, -torch.inf)


def paths(vae: VAE, rows: Tensor, which: Tensor, options: Options) -> Iterator[Path]:
    """The rows with these numbers, a block at a time, on the model's device."""
    p_z = vae.prior
    anchor = check_prior(p_z)
    for block in which.split(options.rows_at_once):
        x = rows[block].to(vae.device)
        yield Path(vae, x, block.tolist(), vae.posterior(x), p_z, anchor, options)


def check_prior(p_z: Distribution) -> Float[Tensor, " d"]:
    """A draw from the prior, if it can be annealed.

    Raises:
        InputError: If it has no draws, or no density that a chain could follow.
    """
    kind = type(p_z).__name__
    try:
        with seeded(0):
            anchor = p_z.sample()
        log_prob = p_z.log_prob(anchor)
    except NotImplementedError:
        raise InputError(f"prior must have sample and log_prob to be annealed, got {kind} without") from None
    if not anchor.is_floating_point() or _is_discrete(p_z):
        raise InputError(f"prior must have a density to be annealed, got the discrete {kind}")
    if anchor.dim() != 1 or log_prob.dim():
        shapes = f"batch_shape {tuple(p_z.batch_shape)} and event_shape {tuple(p_z.event_shape)}"
        raise InputError(f"prior must be one distribution over (d,), got {kind} with {shapes}")
    return anchor


def _is_discrete(p_z: Distribution) -> bool:
    try:
        return bool(p_z.support.is_discrete)  # type: ignore[union-attr]
    except NotImplementedError:
        return False
