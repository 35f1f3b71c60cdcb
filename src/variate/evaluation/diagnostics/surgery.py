r"""What the rate buys, and what a better prior would save.

With the aggregate posterior q(z) = (1/N) sum_m q(z|x_m) of N rows, the mean rate is the sum of two parts,

    (1/N) sum_n KL(q(z|x_n) || p(z)) = I(n; z) + KL(q(z) || p(z))
    rate                             = information + hole

(Hoffman & Johnson, 2016). Per row, with one draw z_n ~ q(z|x_n) in all three,

    rate         log q(z_n|x_n) - log p(z_n)
    information  log q(z_n|x_n) - log q(z_n)        <= log N
    hole         log q(z_n)     - log p(z_n)

so that the sum is exact, row by row. The information says which of the N rows z came from, so it stops at log N; where
it has come near, q(z) is little more than its own N peaks, and the hole is too large by what the information lacks.

The hole of a finite sample is therefore no promise. What another prior p' would win with the same encoder and decoder
is the change of the ELBO, and the distortion does not change, so it is exactly

    ELBO[p'] - ELBO[p] = E_q [ log p'(z) - log p(z) ]

on rows that p' has not seen: `better_prior` fits a few p' to draws of q(z|x) and reports that.

References:
    ELBO surgery: yet another way to carve up the variational evidence lower bound (Hoffman & Johnson, 2016)
"""

import math
import warnings
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from variate.distributions import DiagonalGaussian, Gaussian
from variate.distributions.gaussian import LOG_2PI
from variate.errors import InputError
from variate.evaluation.diagnostics.latents import checked, posteriors
from variate.models.vae import VAE, Array, evaluating
from variate.runtime.random import RowStreams, mix, some_rows
from variate.statistics import Estimate, estimate

SATURATED = 0.1
"""Largest share of q(z_n) that may on average be q(z_n|x_n) / N, the row's own peak, before the information counts as
saturated: without its own row, log q(z_n) would be lower by more than -log(1 - 0.1) = 0.105 nats."""

LEAST_ROWS = 40
"""Fewest rows that a better prior is looked for in: 20 to fit it, 10 to choose it, 10 to score it."""

ROWS_A_PEAK = 8
"""Fitting rows, at least, for each component with a diagonal covariance."""

ROWS_A_DIRECTION = 4
"""Fitting rows, at least, for each component with a full covariance and each latent."""

Covariance = Literal["full", "diag"]

CANDIDATES: tuple[tuple[int, Covariance], ...] = (
    (1, "diag"),
    (1, "full"),
    (8, "diag"),
    (32, "diag"),
    (4, "full"),
    (16, "full"),
)
"""Components and covariance of the mixtures that are tried: the first always, the others given rows enough."""


class Surgery(NamedTuple):
    """The rate of each row and its two parts, from one draw a row.

    Attributes:
        rate: log q(z_n|x_n) - log p(z_n), (N,), in nats.
        information: log q(z_n|x_n) - log q(z_n), (N,), in nats.
        hole: log q(z_n) - log p(z_n), (N,), in nats.
        which: Which rows of x they are, (N,).
    """

    rate: Tensor
    information: Tensor
    hole: Tensor
    which: Tensor

    @property
    def mean_rate(self) -> Estimate:
        """The mean rate."""
        return estimate(self.rate)

    @property
    def mean_information(self) -> Estimate:
        """I(n; z): how much z says about which of the N rows it came from.

        The rows share q(z), but to first order that adds nothing to the standard error: replacing x_m changes the mean
        of log q(z) by the integral of q(z|x_m), which is 1 for every row.
        """
        return estimate(self.information)

    @property
    def mean_hole(self) -> Estimate:
        """KL(q(z) || p(z)) for the q(z) of these N rows."""
        return estimate(self.hole)

    @property
    def ceiling(self) -> float:
        """Log N: the information of N rows that no draw confuses, in nats."""
        return math.log(len(self.rate))

    @property
    def own_share(self) -> float:
        """The part of q(z_n) that is the row's own peak, (1/N) q(z_n|x_n) / q(z_n), on average: between 1/N and 1."""
        return (self.information - self.ceiling).exp().mean().item()

    @property
    def saturated(self) -> bool:
        """Whether N is too small to tell the parts apart.

        The information would then rise with N and the hole fall, both by more than a tenth of a nat: the one is a lower
        and the other an upper bound.
        """
        return self.own_share > SATURATED


class BetterPrior(NamedTuple):
    """What the ELBO would gain by another prior, on rows that it was not fitted to.

    Attributes:
        gain: Mean over the draws of log p'(z) - log p(z), a held-out row each, (M,), in nats; negative on average where
            nothing better was found.
        name: What p' is.
        which: Which rows of x they are, (M,).
    """

    gain: Tensor
    name: str
    which: Tensor

    @property
    def estimate(self) -> Estimate:
        """The mean gain."""
        return estimate(self.gain)


def surgery(vae: VAE, x: Array, *, num_rows: int | None = 2000, seed: int = 0, chunk: int = 128) -> Surgery:
    """Cuts the rate into what z says about x and what the prior misses.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_rows: How many of them, chosen by the seed; None takes all. The work grows as its square.
        seed: Of the choice of rows and of the draws.
        chunk: Rows whose draws are scored under all posteriors at a time.

    Returns:
        The parts of each row, in nats, float64.

    Raises:
        InputError: If there is no row, a number is not positive, or the rows are not what the model takes.
    """
    rows = checked(vae, x, chunk=chunk)
    which = some_rows(len(rows), num_rows, seed)
    q_z = posteriors(vae, rows[which], chunk)
    z = q_z.loc + q_z.color(RowStreams(seed, which.tolist(), "surgery").normal(1, vae.latent, q_z.loc)[0])
    own = q_z.log_prob(z)
    aggregate = log_aggregate(q_z, z, chunk)
    log_p = _log_prior(vae, z, chunk)
    return Surgery(own - log_p, own - aggregate, aggregate - log_p, which)


def log_aggregate(q: Gaussian, z: Tensor, chunk: int) -> Tensor:
    """Log of (1/N) sum_m q(z_n|x_m), (M,), in nats.

    Args:
        q: q(z|x_m), batch shape (N,).
        z: Where, (M, d).
        chunk: How many z at a time.
    """
    return torch.cat([pairwise_log_prob(q, part).logsumexp(1) for part in z.split(chunk)]) - math.log(len(q.loc))


def pairwise_log_prob(q: Gaussian, z: Tensor) -> Tensor:
    """The log-density of each z under each posterior, (M, N), in nats.

    For independent latents the squared distances are matrix products, sum_i (z_i - m_i)^2 / s_i^2 multiplied out; for a
    full covariance each posterior's triangle is solved for all z at once. Neither holds M N d numbers in the first case
    or M N d^2 in the second.

    Args:
        q: q(z|x_m), batch shape (N,), in float64: 1 / s^2 costs digits.
        z: Where, (M, d).
    """
    center = q.loc.mean(0)
    z, loc = z - center, q.loc - center
    if isinstance(q, DiagonalGaussian):
        precision = (-2 * q.log_scale).exp()
        distance = z.square() @ precision.mT - 2 * z @ (precision * loc).mT + (precision * loc.square()).sum(-1)
    else:
        residual = z.mT - loc.unsqueeze(-1)
        distance = torch.linalg.solve_triangular(q.scale_tril, residual, upper=False).square().sum(1).mT
    return -0.5 * (distance + q.loc.shape[-1] * LOG_2PI) - q.log_abs_det


def better_prior(
    vae: VAE, x: Array, *, num_rows: int | None = 4000, draws: int = 4, seed: int = 0, chunk: int = 1024
) -> BetterPrior:
    """By how many nats the ELBO would rise with another prior and the same encoder and decoder.

    Mixtures of Gaussians of several sizes are fitted to draws of q(z|x) of one half of the rows, one of them is chosen
    by its density on a quarter, and its gain is measured on the last quarter, so that nothing flatters it. A gain near
    zero or below says that the prior is not what limits the model; a richer prior than these may still win more.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event); rows that the model was not trained on say what new rows would gain.
        num_rows: How many of them, chosen by the seed; None takes all.
        draws: Of z a row.
        seed: Of the choice and the division of the rows, of the draws, and of the fits.
        chunk: Rows at a time.

    Returns:
        The gain of each held-out row, in nats, float64, and the name of the prior that was chosen.

    Raises:
        InputError: If there are fewer than 40 rows, a number is not positive, or the rows are not what the model takes.
    """
    rows = checked(vae, x, draws=draws, chunk=chunk)
    which = some_rows(len(rows), num_rows, seed)
    number = len(which)
    if number < LEAST_ROWS:
        raise InputError(f"x must hold at least {LEAST_ROWS} rows to look for a better prior, got {number}")
    z = _draw(vae, rows, which, draws, seed, chunk)
    order = torch.randperm(number, generator=torch.Generator().manual_seed(mix(seed, "halves")))
    fitting, choosing, scoring = order.tensor_split([number // 2, number * 3 // 4])
    fits = [
        Fitted(z[:, fitting], components, covariance, mix(seed, "fit") % 2**32)
        for components, covariance in CANDIDATES
        if affordable(len(fitting), components, covariance, vae.latent)
    ]
    best = max(fits, key=lambda fit: fit.log_prob(z[:, choosing]).mean().item())
    scoring = scoring.sort().values
    held_out = z[:, scoring]
    gain = best.log_prob(held_out) - _log_prior(vae, held_out.flatten(0, 1), chunk).reshape(held_out.shape[:2])
    return BetterPrior(gain.mean(0), best.name, which[scoring])


class Fitted:
    """A mixture of Gaussians fitted to draws by expectation maximisation, in units of their spread.

    Args:
        z: Draws, (*batch, d).
        components: Number of Gaussians.
        covariance: Of each.
        seed: Where the search starts.
    """

    def __init__(self, z: Tensor, components: int, covariance: Covariance, seed: int) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        flat = z.flatten(0, -2)
        self.mean, self.std = flat.mean(0), flat.std(0)
        mixture: Any = GaussianMixture(components, covariance_type=covariance, random_state=seed)
        with warnings.catch_warnings():
            # A fit that has not converged is a prior like any other: its gain is measured on other rows.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.mixture = mixture.fit(self._standardize(flat))
        kind = "full" if covariance == "full" else "diagonal"
        many = f"a mixture of {components} Gaussians with {kind} covariances"
        self.name = many if components > 1 else f"one Gaussian with a {kind} covariance"

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density, (*batch,), in nats."""
        log_p = torch.from_numpy(self.mixture.score_samples(self._standardize(z.flatten(0, -2))))
        return log_p.reshape(z.shape[:-1]) - self.std.log().sum()

    def _standardize(self, flat: Tensor) -> Any:  # noqa: ANN401  what scikit-learn takes
        return ((flat - self.mean) / self.std).numpy()


def affordable(rows: int, components: int, covariance: Covariance, latent: int) -> bool:
    """Whether there are rows enough to fit such a mixture: the simplest candidate needs none."""
    each = max(ROWS_A_PEAK, ROWS_A_DIRECTION * latent if covariance == "full" else 0)
    return (components, covariance) == CANDIDATES[0] or rows >= components * each


def _draw(vae: VAE, rows: Tensor, which: Tensor, draws: int, seed: int, chunk: int) -> Tensor:
    """Draws from q(z|x), (draws, N, d), float64 on the CPU."""
    found = []
    with evaluating(vae):
        for block in which.split(chunk):
            q_z = vae.posterior(rows[block].to(vae.device))
            eps = RowStreams(seed, block.tolist(), "better-prior").normal(draws, vae.latent, q_z.loc)
            found.append((q_z.loc + q_z.color(eps)).cpu().double())
    return torch.cat(found, dim=1)


def _log_prior(vae: VAE, z: Tensor, chunk: int) -> Tensor:
    """Log p(z), (M,), in nats, float64 on the CPU, computed in the model's own precision."""
    like = next(vae.parameters())
    with evaluating(vae):
        p_z = vae.prior
        return torch.cat([p_z.log_prob(part.to(like)).cpu().double() for part in z.split(chunk)])
