r"""Log p(x) between two bounds, on rows that the model itself drew.

Drawing z ~ p(z) and then x ~ p(x|z) gives, besides x, one exact draw from p(z|x). From it a chain can move up the path
of annealed importance sampling (`variate.evaluation.bounds.annealed`): with log w' = 0 at first, for t from T down to 1

    z <- a move that leaves f_{b_t} invariant (if t < T),    log w' <- log w' + log f_{b_{t-1}}(z) - log f_{b_t}(z)

and E[w'] = 1 / p(x). So minus the log of the mean w' of C chains, all from the one exact draw, is on average an upper
bound on log p(x), just as the chains in the other direction give a lower one. The gap between the two limits the error
of both, so it says how far an annealed estimate with the same settings can be trusted on similar rows.

The frozen steps are those that the pilot found for x. If the pilot saw z, E[w'] = 1 / p(x) would no longer hold.

References:
    Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse et al., 2015)
    On the quantitative analysis of decoder-based generative models (Wu et al., 2017)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.evaluation.bounds.annealed import anneal, anneal_down, frozen_steps, log_mean, total_moves
from variate.evaluation.bounds.path import Start, check_prior, make_options, paths
from variate.evaluation.simulation import simulate
from variate.limits import Rows, Samples, Seed, Steps, checked_arguments
from variate.models.base import Model
from variate.models.checked import Array
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.device import reuse_freed_memory
from variate.runtime.progress import progress
from variate.statistics import Estimate, estimate


class Sandwich(NamedTuple):
    """Bounds on the log-evidence of rows that the model drew.

    Attributes:
        lower: On average at most log p(x), (N,), in nats.
        upper: On average at least log p(x), (N,), in nats.
        rows: The rows, (N, *event), on the CPU.
        acceptance: Mean acceptance of the counted moves in both directions, (N,); NaN where there are none (T = 1).
    """

    lower: Tensor
    upper: Tensor
    rows: Tensor
    acceptance: Tensor

    @property
    def lower_estimate(self) -> Estimate:
        """The mean lower bound over rows with its standard error."""
        return estimate(self.lower)

    @property
    def upper_estimate(self) -> Estimate:
        """The mean upper bound over rows with its standard error."""
        return estimate(self.upper)

    @property
    def gap(self) -> Estimate:
        """The mean of upper less lower over rows with its standard error."""
        return estimate(self.upper - self.lower)


@checked_arguments
@of_a_model
def evidence_sandwich(
    model: Model,
    *,
    num_rows: Rows = 64,
    num_steps: Steps = 2000,
    num_chains: Samples = 16,
    leapfrog: Steps = 3,
    start: Start = "prior",
    context: Array | None = None,
    batch_size: Rows | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Sandwich:
    """Bounds log p(x) from both sides on rows that the model draws: bidirectional Monte Carlo.

    It takes about 2 T C L passes through the decoder and back per row.

    Args:
        model: The model, whose prior has a density.
        num_rows: Rows to draw, N.
        num_steps: Temperatures above 0, T.
        num_chains: Chains per row in each direction, C.
        leapfrog: Leapfrog steps per move, L.
        start: The end of the path opposite p(x, z): the "prior" or the encoder's "posterior".
        context: What to condition each row on, (N, *c), for a model that takes a context.
        batch_size: Rows times chains that are evaluated at a time, which sets the memory; the default suits the size of
            a row.
        seed: Seed of all draws; the same seed gives the same numbers bit for bit.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The two bounds of each row, in nats, and the rows.

    Raises:
        InputError: If a number is not positive, the start is unknown, the prior has no density, or the contexts do not
            fit.

    References:
        Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse et al., 2015)
    """
    options = make_options(
        model, start, seed, num_steps=num_steps, num_chains=num_chains, leapfrog=leapfrog, batch_size=batch_size
    )
    conditions = model.contexts(context, num_rows)
    total, down, up = num_rows * total_moves(num_steps, 2), [], []
    reuse_freed_memory()
    with evaluating(model), progress("annealing", total, show_progress) as advance:
        check_prior(model, [0], None if conditions is None else conditions[:1].to(model.device))
        exact, batch = simulate(model, range(num_rows), seed, conditions)
        for path in paths(model, lambda block: batch.select(block.to(model.device)), torch.arange(num_rows), options):
            steps = frozen_steps(path, advance)
            down.append(anneal_down(path, steps, advance))
            z = exact[path.numbers].expand(num_chains, -1, -1)
            up.append(anneal(path, z, steps, "annealed up", advance, up=True))
    (below, accepted_down), (above, accepted_up) = (
        [torch.cat(parts, dim=-1) for parts in zip(*runs, strict=True)] for runs in (down, up)
    )
    return Sandwich(log_mean(below), -log_mean(above), batch.x.cpu(), (accepted_down + accepted_up) / 2)
