r"""Is q(z|x) the posterior of this decoder and prior? Simulation-based calibration.

Let z ~ p(z), x ~ p(x|z), both from the model itself. Then z is a draw from the true p(z|x), and if q(z|x) equals it, z
and S draws from q(z|x) have the same distribution. The rank of z_i among the draws' z_i is then uniform on 0 .. S,
whatever the model is. The shape of its histogram shows what is wrong:

    a hump in the middle      q is too wide
    high ends                 q is too narrow
    a slope                   q is shifted

No data are used: the encoder is tested on rows that the model generates. A marginal that passes may still have wrong
correlations with the others. With several groups of latents, the draws are from all groups, each given the draws above.

References:
    Validating Bayesian inference algorithms with simulation-based calibration (Talts et al., 2018)
"""

from typing import Annotated, NamedTuple

import torch
from annotated_types import Interval
from torch import Tensor

from variate.errors import InputError
from variate.evaluation.groups import draw_posterior, join_groups, posterior_noise
from variate.evaluation.simulation import simulate
from variate.limits import Rows, Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Array
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import RowStreams

LEAST_EXPECTED = 5
"""Smallest expected number of rows per bin; with fewer, the chi-square statistic does not have its distribution."""


class SBC(NamedTuple):
    """Ranks of the true latents among the encoder's draws.

    Attributes:
        histogram: Number of rows whose rank lies in each of the equal bins, (num_latents, bins).
    """

    histogram: Tensor

    @property
    def chi2(self) -> Tensor:
        """Pearson's statistic against equal frequencies, (num_latents,): bins - 1 on average if calibrated."""
        counts = self.histogram.double()
        expected = counts.mean(-1, keepdim=True)
        return ((counts - expected).square() / expected).sum(-1)

    @property
    def p_values(self) -> Tensor:
        """Probability of a statistic at least as large for a calibrated encoder, (num_latents,)."""
        half_freedom = torch.full_like(self.chi2, (self.histogram.shape[-1] - 1) / 2)
        return torch.special.gammaincc(half_freedom, self.chi2 / 2)

    @property
    def p_value(self) -> float:
        """The smallest p-value times the number of latents (Bonferroni): small if any latent is not calibrated."""
        return min(1.0, len(self.histogram) * self.p_values.min().item())


@checked_arguments
@of_a_model
def simulation_based_calibration(
    model: Model,
    *,
    num_rows: Rows = 1000,
    num_samples: Samples = 99,
    bins: Annotated[int, Interval(ge=2, le=10_000)] = 20,
    context: Array | None = None,
    seed: Seed = 0,
    batch_size: Rows = 256,
) -> SBC:
    """Compares the encoder with the posterior of its own decoder and prior.

    Args:
        model: The model.
        num_rows: How many rows to simulate.
        num_samples: Posterior draws per row, S; S + 1 is a multiple of `bins`.
        bins: Number of bins of the histogram of ranks.
        context: What to condition each row on, (num_rows, *c), for a model that takes a context.
        seed: Seed of all draws; the same seed gives the same ranks.
        batch_size: Rows at a time.

    Returns:
        The histogram of ranks of each latent, with its tests of uniformity.

    Raises:
        InputError: If a number is not positive, S + 1 does not divide by the bins, there are fewer than five rows per
            bin, or the contexts do not fit.
    """
    if (num_samples + 1) % bins:
        raise InputError(
            "num_samples", f"1 less than a multiple of bins = {bins}", num_samples, "ranks are 0 to num_samples"
        )
    if num_rows < LEAST_EXPECTED * bins:
        raise InputError("num_rows", f"at least {LEAST_EXPECTED} per bin, {LEAST_EXPECTED * bins}", num_rows)
    conditions = model.contexts(context, num_rows)
    ranks = []
    with evaluating(model):
        for block in torch.arange(num_rows).split(batch_size):
            z, batch = simulate(model, block.tolist(), seed, conditions)
            noise = posterior_noise(model, RowStreams(seed, block.tolist(), "sbc"), num_samples)
            draws = join_groups(draw_posterior(model, batch, noise).latents)
            ranks.append((draws < z).sum(0).cpu())
    binned = torch.cat(ranks) * bins // (num_samples + 1)
    return SBC(torch.stack([torch.bincount(own, minlength=bins) for own in binned.unbind(1)]))
