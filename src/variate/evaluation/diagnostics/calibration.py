r"""Is p(x|z) as wide as the data are? Probability integral transforms of every element of a row, by sampling.

For z ~ q(z|x), one draw a row, and S draws x' ~ p(x|z), let R be how many of an element's draws lie below it, a tie
counted or not at random, and

    u = (R + U) / (S + 1),   U ~ Uniform(0, 1).

If x is what p(x|z) says, u is exactly uniform, for every S and every likelihood. To break ties at random is to draw a
number beside each value that decides between equals, so a probability mass is as good as a density, and names in any
order as good as quantities. No distribution function is needed.

**Coverage** of the central interval of probability c: how often |u - 1/2| < c/2.

**Cost.** If u has the density g, composing each element's distribution function F with the map of density g gives
p'(x) = p(x) g(F(x)), which wins E[log g(u)] = KL(g || 1) nats an element of E_q[log p(x|z)], and so of the ELBO: what a
better scale or shape, the same for all elements, is worth. With f_b the frequencies of `bins` equal bins of all n
elements pooled,

    cost = D ( sum_b f_b log(bins f_b) - (bins - 1) / (2 n) )      nats a row,

less the bias that chance gives the sum. It errs on the low side: bins and finite S blur u, and for a mass the average
of g over a level's interval is worth more than the average of log g. Most is lost where data lie far out, since all of
that is in the outer bins: of a normal whose scale is half of what it should be it sees less than half the cost.

**Spread.** Given p = F(x), R is binomial, so that with w = p - 1/2

    E (u - 1/2)^2 = ( S (S - 1) E w^2 + S/4 + 1/12 ) / (S + 1)^2,

which solved for E w^2 is an estimate that no finite S biases. Where p(x|z) is normal and the data are r times as wide
as it says, p = Phi(r e) with e ~ N(0, 1) and E w^2 = arcsin(r^2 / (1 + r^2)) / (2 pi), so that

    r = sqrt( s / (1 - s) ),   s = sin(2 pi E w^2):

the factor that the scale should be multiplied by. No element counts for more than any other, however far out: the mean
of squared residuals would be decided by the few elements whose draws nearly all coincide.

**Residual.** With m and v the mean and the variance (over S - 1) of an element's draws, and p(x|z) normal,
E[1/v] = (S - 1) / ((S - 3) sigma^2), independent of m, whose own variance is sigma^2 / S. So

    (S - 3) / (S - 1) (x - m)^2 / v - 1/S

is ((x - E[x|z]) / sigma)^2 on average: 1 if calibrated.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from variate.errors import InputError
from variate.evaluation.diagnostics.latents import checked, posteriors
from variate.evaluation.diagnostics.reconstruction import quantities
from variate.models.vae import VAE, Array, evaluating
from variate.runtime.random import RowStreams, mix, reseed, seeded, some_rows
from variate.statistics import Estimate, estimate

LEVELS = (0.5, 0.9, 0.99)
"""Of the central intervals whose coverage is counted."""

LEAST_DRAWS = 9
"""Fewest draws: below, the variance of an element's draws says too little to divide by."""

NUMBERS_AT_A_TIME = 2**18
"""Numbers drawn from p(x|z) at a time, as far as a row has fewer; the same on every machine, as draws depend on it."""


class Calibration(NamedTuple):
    """How the data lie in p(x|z).

    Attributes:
        pit: How many elements of all rows have their u in each of the equal bins of (0, 1), (bins,).
        coverage: Share of each row's elements in the central intervals of probability 0.5, 0.9 and 0.99, (3, N).
        residual: Mean of each row's squared standardised residuals, (N,), 1 if calibrated. Elements without meaning in
            it are left out: codes of names, and elements whose draws all coincide; NaN where none is left.
        squared: Mean over each row's elements of (u - 1/2)^2, (N,): 1/12 if calibrated.
        which: Which rows of x they are, (N,).
        draws: From p(x|z) a row, S.
    """

    pit: Tensor
    coverage: Tensor
    residual: Tensor
    squared: Tensor
    which: Tensor
    draws: int

    @property
    def mean_coverage(self) -> dict[float, Estimate]:
        """For each of the intervals' probabilities, the share of elements that lie in it."""
        return {level: estimate(own) for level, own in zip(LEVELS, self.coverage, strict=True)}

    @property
    def mean_residual(self) -> Estimate:
        """The mean squared standardised residual of the rows that have one."""
        return estimate(self.residual[~self.residual.isnan()])

    @property
    def cost(self) -> float:
        """What a better scale or shape of p(x|z), the same for all elements, would win: nats a row.

        Near zero if calibrated, and by chance a little below.
        """
        n, bins = self.pit.sum().item(), len(self.pit)
        frequency = self.pit.double() / n
        divergence = torch.special.xlogy(frequency, bins * frequency).sum().item()
        return n / len(self.which) * (divergence - (bins - 1) / (2 * n))

    @property
    def spread(self) -> float:
        """The factor that the scale of p(x|z) should be multiplied by: above 1, the data are wider than it says.

        Exact where p(x|z) is normal; elsewhere, the factor of a normal with as much of the data as far out. Infinite if
        the data lie further out than any.
        """
        S = self.draws
        moment = (self.squared.mean().item() * (S + 1) ** 2 - S / 4 - 1 / 12) / (S * (S - 1))
        if moment >= 0.25:
            return math.inf
        s = math.sin(2 * math.pi * max(0.0, moment))
        return math.sqrt(s / (1 - s))


def calibration(
    vae: VAE,
    x: Array,
    *,
    num_rows: int | None = 256,
    draws: int = 99,
    bins: int = 20,
    seed: int = 0,
    chunk: int = 256,
) -> Calibration:
    """Compares each element of the rows with draws from p(x|z) for z ~ q(z|x).

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_rows: How many of them, chosen by the seed; None takes all.
        draws: From p(x|z) a row, S.
        bins: Of the histogram of u.
        seed: Of the choice of rows and of all draws; torch's global generators are left alone.
        chunk: Rows encoded at a time; decoded they are one at a time, so that each row's draws are its own.

    Returns:
        Histogram, coverage and residuals, with what they say about the scale.

    Raises:
        InputError: If there is no row, a number is too small, or the rows are not what the model takes.
    """
    rows = checked(vae, x, chunk=chunk)
    for name, value, least in (("draws", draws, LEAST_DRAWS), ("bins", bins, 2)):
        if value < least:
            raise InputError(f"{name} must be at least {least}, got {value}")
    which = some_rows(len(rows), num_rows, seed)
    q_z = posteriors(vae, rows[which], chunk)
    z = q_z.loc + q_z.color(RowStreams(seed, which.tolist(), "calibration").normal(1, vae.latent, q_z.loc)[0])
    counted = quantities(vae.decoder.likelihood).flatten()
    like = next(vae.parameters())
    pit, found = torch.zeros(bins, dtype=torch.int64), []
    with seeded(seed), evaluating(vae):
        for n, row in enumerate(which.tolist()):
            reseed(mix(seed, "calibration", row))
            drawn = compare(vae.likelihood(z[n : n + 1].to(like)), rows[row].to(vae.device), draws)
            u = (drawn.below + torch.rand_like(drawn.below) * (drawn.ties + 1)) / (draws + 1)
            pit += torch.bincount((u * bins).long().clamp(max=bins - 1), minlength=bins)
            off = (u - 0.5).abs()
            covered = [(off < level / 2).double().mean() for level in LEVELS]
            residual = drawn.squared_residual(draws)[counted & (drawn.variance > 0)].mean()
            found.append(torch.stack([*covered, residual, off.square().mean()]))
    *coverage, residual, squared = torch.stack(found, dim=1)
    return Calibration(pit, torch.stack(coverage), residual, squared, which, draws)


class Drawn(NamedTuple):
    """A row beside draws from a distribution of rows, element by element, each (D,), float64, on the CPU.

    Attributes:
        below: How many draws lie below the row.
        ties: How many equal it.
        offset: The row less the mean of the draws.
        variance: Of the draws, with divisor S - 1; exactly 0 where all coincide.
    """

    below: Tensor
    ties: Tensor
    offset: Tensor
    variance: Tensor

    def squared_residual(self, draws: int) -> Tensor:
        """The squared standardised residual, without the bias of finitely many draws."""
        return (draws - 3) / (draws - 1) * self.offset.square() / self.variance - 1 / draws


def compare(p_x: Distribution, x: Tensor, draws: int) -> Drawn:
    """Counts and moments of draws, a few at a time so that their number takes no memory.

    Args:
        p_x: p(x|z) with batch shape (1,).
        x: The row, (*event).
        draws: How many.
    """
    at_a_time = max(1, NUMBERS_AT_A_TIME // max(1, x.numel()))
    first = below = ties = total = squares = torch.zeros((), dtype=torch.float64, device=x.device)
    for start in range(0, draws, at_a_time):
        sample = p_x.sample((min(at_a_time, draws - start),)).squeeze(1)
        truth = x.to(sample.dtype)
        below = below + (sample < truth).sum(0)
        ties = ties + (sample == truth).sum(0)
        if start == 0:
            first = sample[0].double()
        moved = sample.double() - first  # near the mean, so that the sum of squares cancels no digits
        total, squares = total + moved.sum(0), squares + moved.square().sum(0)
    mean = total / draws
    variance = (squares - draws * mean.square()).clamp(min=0) / (draws - 1)
    return Drawn(*(part.flatten().cpu().double() for part in (below, ties, x.double() - first - mean, variance)))
