r"""Where the distance between ELBO and log p(x) comes from, row by row.

    log p(x) - ELBO[q] = (log p(x) - ELBO[q*]) + (ELBO[q*] - ELBO[q]) = approximation gap + amortisation gap

with q* the best member of the encoder's family for the row (`variate.evaluation.diagnostics.posterior_fit`). The part
of the approximation gap that a full covariance would close is ELBO[best full Gaussian] - ELBO[q*]. log p(x) is
estimated by the importance-weighted bound with the best full Gaussian as proposal; since that is a lower bound, so is
the approximation gap. It is a loose one where k-hat says that a few draws decide.

References:
    Inference suboptimality in variational autoencoders (Cremer et al., 2018)
"""

from typing import NamedTuple

from torch import Tensor

from variate.evaluation.bounds.importance import log_evidence
from variate.evaluation.bounds.weights import UNRELIABLE
from variate.evaluation.diagnostics.posterior_fit import fit_posterior
from variate.limits import Rows, Samples, Seed, Steps, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
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
        which: Row numbers of these rows in the data.
    """

    log_evidence: Tensor
    elbo: Tensor
    best: Tensor
    full: Tensor
    khat: Tensor
    which: Tensor

    @property
    def unreliable(self) -> float:
        """The share of rows with k-hat above 0.7, whose `log_evidence` and approximation gap may be far too low."""
        return (self.khat > UNRELIABLE).double().mean().item()

    @property
    def gap(self) -> Estimate:
        """The whole gap, log p(x) - ELBO."""
        return estimate(self.log_evidence - self.elbo)

    @property
    def approximation(self) -> Estimate:
        """The part that no member of the posterior's family can close."""
        return estimate(self.log_evidence - self.best)

    @property
    def amortization(self) -> Estimate:
        """The ELBO of the best member for each row less that of the encoder's."""
        return estimate(self.best - self.elbo)

    @property
    def covariance(self) -> Estimate:
        """The part of the approximation gap that a full covariance would close."""
        return estimate(self.full - self.best)


@checked_arguments
@of_a_model
def gap_budget(
    model: Model,
    data: Data,
    *,
    num_rows: Rows = 64,
    num_samples: Samples = 1000,
    steps: Steps = 300,
    fit_samples: Samples = 8,
    seed: Seed = 0,
    show_progress: bool = False,
) -> GapBudget | None:
    """Splits the distance between ELBO and log p(x) into approximation and amortisation gap.

    Args:
        model: The model, not changed.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_rows: How many of them to take, chosen by the seed.
        num_samples: Posterior draws per row for each ELBO and for the evidence.
        steps: Number of steps of the optimiser that fits each row's q*.
        fit_samples: Posterior draws per row in each of those steps.
        seed: Seed of the choice of rows and of all draws.
        show_progress: Show progress bars on standard error, on a terminal.

    Returns:
        The budget; None if the model has several groups of latents or a posterior that cannot be fitted to a row.

    Raises:
        InputError: If a number is not positive, or the rows are not what the model takes.
    """
    rows = model.dataset(data)
    which = some_rows(len(rows), num_rows, seed)
    chosen = rows.select(which.numpy())
    best, full = (
        fit_posterior(
            model, chosen, family, steps=steps, num_samples=fit_samples, seed=seed, show_progress=show_progress
        )
        for family in ("same", "full")
    )
    if best is None or full is None:
        return None
    # The same draws for the three: the differences between their ELBOs are not noise.
    found = [log_evidence(model, chosen, num_samples, also=(1,), proposal=q, seed=seed) for q in (None, best, full)]
    own, starred, fullest = (evidence.bounds[1] for evidence in found)
    return GapBudget(found[2].log_evidence, own, starred, fullest, found[2].khat, which)
