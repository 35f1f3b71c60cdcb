r"""Is q(z|x) the posterior of this decoder and prior? Simulation-based calibration.

Let z ~ p(z), x ~ p(x|z), both from the model itself. Then z is a draw from the true p(z|x), and if q(z|x) is that
distribution, z and S draws from q(z|x) are alike. The rank of z_i among the draws' z_i is then uniform on 0 .. S,
whatever the model. The shape of its histogram says what is wrong:

    a hump in the middle      q is too wide
    high ends                 q is too narrow
    a slope                   q is shifted

No data take part: what is judged is the encoder on what the model says that data are like. A marginal that passes may
still have the wrong correlations with the others.

References:
    Validating Bayesian inference algorithms with simulation-based calibration (Talts et al., 2018)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.errors import InputError
from variate.models.vae import VAE, evaluating
from variate.runtime.random import RowStreams, mix, reseed, seeded

LEAST_EXPECTED = 5
"""Fewest rows that a bin may expect: below, the chi-square statistic does not have its distribution."""


class SBC(NamedTuple):
    """Ranks of the true latents among the encoder's draws.

    Attributes:
        histogram: How many rows have their rank in each of the equal bins, (d, bins).
    """

    histogram: Tensor

    @property
    def chi2(self) -> Tensor:
        """Pearson's statistic against equal frequencies, (d,): bins - 1 on average for a calibrated encoder."""
        counts = self.histogram.double()
        expected = counts.mean(-1, keepdim=True)
        return ((counts - expected).square() / expected).sum(-1)

    @property
    def p_values(self) -> Tensor:
        """Probability of a statistic as large for a calibrated encoder, (d,)."""
        half_freedom = torch.full_like(self.chi2, (self.histogram.shape[-1] - 1) / 2)
        return torch.special.gammaincc(half_freedom, self.chi2 / 2)

    @property
    def p_value(self) -> float:
        """That of the worst latent, times the number of latents (Bonferroni): small if any is not calibrated."""
        return min(1.0, len(self.histogram) * self.p_values.min().item())


def simulation_based_calibration(
    vae: VAE, *, num_rows: int = 1000, draws: int = 99, bins: int = 20, seed: int = 0, chunk: int = 256
) -> SBC:
    """Compares the encoder with the posterior of its own decoder and prior.

    Args:
        vae: The model.
        num_rows: How many rows to simulate.
        draws: Posterior draws a row, S; S + 1 is a multiple of `bins`.
        bins: Of the histogram of ranks.
        seed: Of all draws; the same seed gives the same ranks, and torch's global generators are left alone.
        chunk: Rows at a time.

    Returns:
        The histogram of ranks of each latent, with its tests of uniformity.

    Raises:
        InputError: If a number is not positive, S + 1 does not divide by the bins, or there are fewer than five rows
            a bin.
    """
    for name, value, least in (("draws", draws, 1), ("chunk", chunk, 1), ("bins", bins, 2)):
        if value < least:
            raise InputError(f"{name} must be at least {least}, got {value}")
    if (draws + 1) % bins:
        raise InputError(f"draws + 1 must be a multiple of bins={bins}, got draws={draws}: the ranks are 0 to draws")
    if num_rows < LEAST_EXPECTED * bins:
        raise InputError(f"num_rows must be at least {LEAST_EXPECTED} a bin, {LEAST_EXPECTED * bins}, got {num_rows}")
    ranks = []
    with seeded(seed), evaluating(vae):
        for block in torch.arange(num_rows).split(chunk):
            z, x = simulate(vae, block.tolist(), seed)
            q_z = vae.posterior(x)
            eps = RowStreams(seed, block.tolist(), "sbc").normal(draws, vae.latent, q_z.loc)
            ranks.append((q_z.loc + q_z.color(eps) < z).sum(0).cpu())
    binned = torch.cat(ranks) * bins // (draws + 1)
    return SBC(torch.stack([torch.bincount(own, minlength=bins) for own in binned.unbind(1)]))


def simulate(vae: VAE, rows: list[int], seed: int) -> tuple[Tensor, Tensor]:
    """Draws z ~ p(z) and x ~ p(x|z), those of a row from a seed of its own, so that they depend on its number only.

    Call it within `seeded` and `evaluating`: it sets torch's global generators.
    """
    p_z, like, drawn = vae.prior, next(vae.parameters()), []
    for row in rows:
        reseed(mix(seed, "simulated", row))
        z = p_z.sample((1,)).to(like)
        drawn.append((z, vae.likelihood(z).sample()))
    z, x = (torch.cat(part) for part in zip(*drawn, strict=True))
    return z, x
