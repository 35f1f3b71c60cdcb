r"""Is p(x|z) as wide as the data? Probability integral transforms of every element of a row, by sampling.

For z ~ q(z|x), one draw per row, and S draws x' ~ p(x|z), let R be the number of an element's draws that lie below it,
where a tie is counted or not at random, and

    u = (R + U) / (S + 1),   U ~ Uniform(0, 1).

If x has the distribution p(x|z), u is exactly uniform, for every S and every likelihood. Breaking ties at random
amounts to adding to each value a random number that decides between equals, so the statement holds for probability
masses as well as for densities, and for names in any order as well as for quantities. No distribution function is
needed.

**Coverage** of the central interval of probability c: how often |u - 1/2| < c/2.

**Cost.** If u has the density g, composing each element's distribution function F with the map of density g gives
p'(x) = p(x) g(F(x)). It gains E[log g(u)] = KL(g || 1) nats per element of E_q[log p(x|z)], and so of the ELBO: the
gain of a better scale or shape that is the same for all elements. With f_b the frequencies of `bins` equal bins of all
n elements pooled,

    cost = D ( sum_b f_b log(bins f_b) - (bins - 1) / (2 n) )      nats per row,

where the second term is the bias of the first due to chance. The estimate errs on the low side: bins and finite S blur
u, and for a mass the average of g over a level's interval is worth more than the average of log g. Most is lost if data
lie far out, since all of that is in the outer bins: of a normal whose scale is half of the right one, less than half
the cost is detected.

**Spread.** Given p = F(x), R is binomial, so that with w = p - 1/2

    E (u - 1/2)^2 = ( S (S - 1) E w^2 + S/4 + 1/12 ) / (S + 1)^2,

which solved for E w^2 gives an estimate without bias for every S. If p(x|z) is normal and the data are r times as wide,
p = Phi(r e) with e ~ N(0, 1) and E w^2 = arcsin(r^2 / (1 + r^2)) / (2 pi), so that

    r = sqrt( s / (1 - s) ),   s = sin(2 pi E w^2):

the factor that the scale should be multiplied by. Every element counts the same, however far out it lies; the mean of
squared residuals would be decided by the few elements whose draws nearly all coincide.

**Residual.** With m and v the mean and the variance (over S - 1) of an element's draws, and p(x|z) normal,
E[1/v] = (S - 1) / ((S - 3) sigma^2), independent of m, whose own variance is sigma^2 / S. So

    (S - 3) / (S - 1) (x - m)^2 / v - 1/S

is ((x - E[x|z]) / sigma)^2 on average: 1 if calibrated.

With a mask, only observed elements count.
"""

import math
from typing import Annotated, NamedTuple

import torch
from annotated_types import Interval
from torch import Tensor

from variate.distributions.rows import RowDistribution
from variate.evaluation.groups import draw_posterior, posterior_noise
from variate.limits import MOST_SAMPLES, Rows, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import RowStreams, generator, mix, some_rows
from variate.statistics import Estimate, estimate

LEVELS = (0.5, 0.9, 0.99)
"""Probabilities of the central intervals whose coverage is counted."""

LEAST_SAMPLES = 9
"""Fewest draws: with fewer, the variance of an element's draws is too uncertain to divide by."""

NUMBERS_AT_A_TIME = 2**18
"""Numbers drawn from p(x|z) at a time if a row has fewer; the same on every machine, because draws depend on it."""


class Calibration(NamedTuple):
    """Where the data lie in p(x|z).

    Attributes:
        pit: Number of elements of all rows whose u lies in each of the equal bins of (0, 1), (bins,).
        coverage: Share of each row's elements in the central intervals of probability 0.5, 0.9 and 0.99, (3, N).
        residual: Mean of each row's squared standardised residuals, (N,), 1 if calibrated. Elements for which it has no
            meaning are left out: codes of names, and elements whose draws all coincide; NaN if none is left.
        squared: Mean over each row's elements of (u - 1/2)^2, (N,): 1/12 if calibrated.
        which: Row numbers of these rows in the data, (N,).
        num_samples: Draws from p(x|z) per row, S.
    """

    pit: Tensor
    coverage: Tensor
    residual: Tensor
    squared: Tensor
    which: Tensor
    num_samples: int

    @property
    def mean_coverage(self) -> dict[float, Estimate]:
        """For each of the intervals' probabilities, the share of elements that lie in it."""
        return {level: estimate(_known(own)) for level, own in zip(LEVELS, self.coverage, strict=True)}

    @property
    def mean_residual(self) -> Estimate:
        """The mean squared standardised residual over the rows that have one."""
        return estimate(_known(self.residual))

    @property
    def cost(self) -> float:
        """What a better scale or shape of p(x|z), the same for all elements, would gain, in nats per row.

        Near zero if calibrated, and by chance a little below.
        """
        n, bins = self.pit.sum().item(), len(self.pit)
        frequency = self.pit.double() / n
        divergence = torch.special.xlogy(frequency, bins * frequency).sum().item()
        return n / len(self.which) * (divergence - (bins - 1) / (2 * n))

    @property
    def spread(self) -> float:
        """The factor that the scale of p(x|z) should be multiplied by: above 1, the data are wider than p(x|z).

        Exact if p(x|z) is normal; otherwise the factor of a normal with the same E (u - 1/2)^2. Infinite if the data
        lie further out than any normal allows.
        """
        S = self.num_samples
        moment = (_known(self.squared).mean().item() * (S + 1) ** 2 - S / 4 - 1 / 12) / (S * (S - 1))
        if moment >= 0.25:
            return math.inf
        s = math.sin(2 * math.pi * max(0.0, moment))
        return math.sqrt(s / (1 - s))


def _known(values: Tensor) -> Tensor:
    """The values of the rows that have one."""
    return values[~values.isnan()]


@checked_arguments
@of_a_model
def calibration(
    model: Model,
    data: Data,
    *,
    num_rows: Rows | None = 256,
    num_samples: Annotated[int, Interval(ge=LEAST_SAMPLES, le=MOST_SAMPLES)] = 99,
    bins: Annotated[int, Interval(ge=2, le=10_000)] = 20,
    seed: Seed = 0,
    batch_size: Rows = 256,
) -> Calibration:
    """Compares each element of the rows with draws from p(x|z) for z ~ q(z|x).

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_rows: How many of them to take, chosen by the seed; None takes all.
        num_samples: Draws from p(x|z) per row, S.
        bins: Number of bins of the histogram of u.
        seed: Seed of the choice of rows and of all draws.
        batch_size: Rows encoded at a time. They are decoded one at a time, so that each row's draws are its own.

    Returns:
        Histogram, coverage and residuals, with what follows for the scale.

    Raises:
        InputError: If a number is too small, or the rows are not what the model takes.
    """
    rows = model.dataset(data)
    which = some_rows(len(rows), num_rows, seed)
    counted = model.likelihood.is_quantity().flatten()
    pit, found = torch.zeros(bins, dtype=torch.int64), []
    with evaluating(model):
        for block in which.split(batch_size):
            batch = rows.take(block.numpy()).to(model.device)
            streams = RowStreams(seed, block.tolist(), "calibration")
            latents = draw_posterior(model, batch, posterior_noise(model, streams, 1, torch.float64)).latents
            for n, row in enumerate(block.tolist()):
                own = batch.select(slice(n, n + 1))
                p_x = model.decode([z[:, n : n + 1].to(model.dtype) for z in latents], own.context)
                source = generator(mix(seed, "calibration", row))
                drawn = compare_with_draws(p_x, own.x[0], num_samples, source)
                u = drawn.transforms(num_samples, source)
                seen = None if own.mask is None else own.mask.flatten().cpu()
                found.append(_summary(drawn, u, num_samples, counted, seen))
                pit += _histogram(u if seen is None else u[seen], bins)
    *coverage, residual, squared = torch.stack(found, dim=1)
    return Calibration(pit, torch.stack(coverage), residual, squared, which, num_samples)


def _histogram(u: Tensor, bins: int) -> Tensor:
    """How many numbers lie in each of the equal bins of (0, 1)."""
    return torch.bincount((u * bins).long().clamp(max=bins - 1), minlength=bins)


def _summary(drawn: "Drawn", u: Tensor, num_samples: int, counted: Tensor, seen: Tensor | None) -> Tensor:
    """Coverages, mean squared residual and mean (u - 1/2)^2 of one row's observed elements."""
    off = (u - 0.5).abs()
    off = off if seen is None else off[seen]
    covered = [(off < level / 2).double().mean() for level in LEVELS]
    usable = counted & (drawn.variance > 0) if seen is None else counted & (drawn.variance > 0) & seen
    return torch.stack([*covered, drawn.squared_residual(num_samples)[usable].mean(), off.square().mean()])


class Drawn(NamedTuple):
    """A row compared with draws from a distribution of rows, element by element, each (D,), float64, on the CPU.

    Attributes:
        below: Number of draws that lie below the row.
        ties: Number of draws that equal it.
        offset: The row less the mean of the draws.
        variance: Variance of the draws, with divisor S - 1; exactly 0 if all coincide.
    """

    below: Tensor
    ties: Tensor
    offset: Tensor
    variance: Tensor

    def squared_residual(self, num_samples: int) -> Tensor:
        """The squared standardised residual, without the bias due to finitely many draws."""
        return (num_samples - 3) / (num_samples - 1) * self.offset.square() / self.variance - 1 / num_samples

    def transforms(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """The u of each element."""
        chance = torch.rand(self.below.shape, dtype=self.below.dtype, generator=generator)
        return (self.below + chance * (self.ties + 1)) / (num_samples + 1)


def compare_with_draws(p_x: RowDistribution, x: Tensor, num_samples: int, source: torch.Generator) -> Drawn:
    """Counts and moments of draws, a few at a time so that the memory does not depend on their number.

    Args:
        p_x: p(x|z) with batch shape (1, 1).
        x: The row, (*event).
        num_samples: How many draws.
        source: Generator on the CPU; draws on another device come from one of their own with the same seed.
    """
    at_a_time = max(1, NUMBERS_AT_A_TIME // max(1, x.numel()))
    draws_from = source if x.device.type == "cpu" else generator(source.initial_seed(), x.device)
    first = below = ties = total = squares = torch.zeros((), dtype=torch.float64, device=x.device)
    for start in range(0, num_samples, at_a_time):
        sample = p_x.sample((min(at_a_time, num_samples - start),), draws_from)[:, 0, 0]
        truth = x.to(sample.dtype)
        below = below + (sample < truth).sum(0)
        ties = ties + (sample == truth).sum(0)
        if start == 0:
            first = sample[0].double()
        moved = sample.double() - first  # near the mean, so that the sum of squares cancels no digits
        total, squares = total + moved.sum(0), squares + moved.square().sum(0)
    mean = total / num_samples
    variance = (squares - num_samples * mean.square()).clamp(min=0) / (num_samples - 1)
    return Drawn(*(part.flatten().cpu().double() for part in (below, ties, x.double() - first - mean, variance)))
