r"""Where the distance between ELBO and log p(x) comes from, row by row.

    log p(x) - ELBO[q] = (log p(x) - ELBO[q*]) + (ELBO[q*] - ELBO[q]) = approximation gap + amortisation gap

with q* the best member of the encoder's family for the row (`variate.evaluation.diagnostics.gaps`). Of the approximation gap, the
part that a full covariance would close is ELBO[best full Gaussian] - ELBO[q*]. log p(x) is the importance-weighted
bound with the best full Gaussian as proposal; as it is a lower bound, so is the approximation gap.

References:
    Inference suboptimality in variational autoencoders (Cremer et al., 2018)
"""

from typing import NamedTuple

from torch import Tensor

from variate.evaluation.bounds.importance import log_evidence
from variate.evaluation.diagnostics.gaps import fit_posterior
from variate.models.vae import VAE, Array
from variate.runtime.random import some_rows
from variate.statistics import Estimate, estimate


class GapBudget(NamedTuple):
    """The terms of the budget, each (N,), in nats.

    Attributes:
        log_evidence: Importance-weighted bound on log p(x) with the best Gaussian as proposal.
        elbo: ELBO of the encoder's q(z|x).
        best: ELBO of q*, the best member of its family.
        full: ELBO of the best Gaussian of any covariance.
        khat: Pareto k-hat of the weights behind `log_evidence`.
        which: Which rows of x they are.
    """

    log_evidence: Tensor
    elbo: Tensor
    best: Tensor
    full: Tensor
    khat: Tensor
    which: Tensor

    @property
    def gap(self) -> Estimate:
        """Log p(x) - ELBO, all of it."""
        return estimate(self.log_evidence - self.elbo)

    @property
    def approximation(self) -> Estimate:
        """What no member of the posterior's family can win."""
        return estimate(self.log_evidence - self.best)

    @property
    def amortization(self) -> Estimate:
        """What the encoder loses against the best member for each row."""
        return estimate(self.best - self.elbo)

    @property
    def covariance(self) -> Estimate:
        """The part of the approximation gap that a full covariance would close."""
        return estimate(self.full - self.best)


def gap_budget(
    vae: VAE,
    x: Array,
    *,
    num_rows: int = 64,
    num_samples: int = 1000,
    steps: int = 300,
    num_draws: int = 8,
    seed: int = 0,
    show_progress: bool = False,
) -> GapBudget:
    """Splits the distance between ELBO and log p(x) into approximation and amortisation gap.

    Args:
        vae: The model, not changed.
        x: Rows as they are, (N, *event).
        num_rows: How many of them, chosen by the seed.
        num_samples: Draws a row for each ELBO and for the evidence.
        steps: Of the optimiser that fits each row's q*.
        num_draws: Draws a row in each of those steps.
        seed: Of the choice of rows and of all draws.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If a number is not positive, or the rows are not what the model takes.
    """
    which = some_rows(len(x), num_rows, seed)
    rows = vae.rows(x[which])
    best, full = (
        fit_posterior(vae, rows, family, steps=steps, num_samples=num_draws, seed=seed, show_progress=show_progress)
        for family in ("same", "full")
    )
    # The same draws for the three: what differs between their ELBOs is not noise.
    by = [log_evidence(vae, rows, num_samples, also=(1,), proposal=q, seed=seed) for q in (None, best, full)]
    elbo, starred, fullest = (found.bounds[1] for found in by)
    return GapBudget(by[2].log_evidence, elbo, starred, fullest, by[2].khat, which)
