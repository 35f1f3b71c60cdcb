r"""Log p(x) between two bounds, on rows that the model itself has drawn.

Whoever draws z ~ p(z) and then x ~ p(x|z) holds, beside x, one exact draw from p(z|x). From it a chain can go up the
path of annealed importance sampling (`variate.evaluation.bounds.annealed`): z given, log w' = 0, then for t = T .. 1

    z <- a move that leaves f_{b_t} invariant (if t < T),    log w' <- log w' + log f_{b_{t-1}}(z) - log f_{b_t}(z)

and E[w'] = 1 / p(x). So minus the log of the mean w' of C chains, all from the one exact draw, is on average an upper
bound on log p(x), as the chains down the path give a lower one. The gap between them limits the error of both, so it
says how far an annealed estimate with the same settings can be trusted on rows like these.

The steps, frozen, are those that the pilot found for x. Would it see z, E[w'] = 1 / p(x) would no longer hold.

References:
    Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse et al., 2015)
    On the quantitative analysis of decoder-based generative models (Wu et al., 2017)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.distributions.support import trusting
from variate.evaluation.bounds.annealed import anneal, anneal_down, frozen_steps, log_mean, total_moves
from variate.evaluation.bounds.path import Options, Start, check_options, check_prior, chunk_rows, paths
from variate.models.vae import VAE, evaluating
from variate.runtime import device as machine
from variate.runtime.progress import progress
from variate.runtime.random import mix, reseed, seeded
from variate.statistics import Estimate, estimate


class Simulated(NamedTuple):
    """Rows x ~ p(x|z), (N, *event), each with the z ~ p(z) that it came from, (N, d): an exact draw from p(z|x)."""

    z: Tensor
    x: Tensor


class Sandwich(NamedTuple):
    """Bounds on the log-evidence of rows that the model has drawn.

    Attributes:
        lower: On average at most log p(x), (N,), in nats.
        upper: On average at least log p(x), (N,), in nats.
        rows: The rows, (N, *event), on the CPU.
        acceptance: Mean acceptance of the counted moves down and up, (N,); NaN where there are none (T = 1).
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


def simulate(vae: VAE, num_rows: int, seed: int) -> Simulated:
    """Rows from the model, each from a seed of its own, so that asking for more rows changes none."""
    p_z = vae.prior
    check_prior(p_z)
    drawn = []
    with seeded(seed):
        for row in range(num_rows):
            reseed(mix(seed, "simulated", row))
            z = p_z.sample((1,))
            drawn.append((z, vae.likelihood(z).sample()))
    return Simulated(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))


def evidence_sandwich(
    vae: VAE,
    *,
    num_rows: int = 64,
    num_steps: int = 2000,
    num_chains: int = 16,
    leapfrog: int = 3,
    start: Start = "prior",
    chunk: int | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> Sandwich:
    """Bounds log p(x) from both sides on rows that the model draws: bidirectional Monte Carlo.

    It takes about 2 T C L passes through the decoder and back a row.

    Args:
        vae: The model, with any likelihood, posterior, and prior that has a density.
        num_rows: Rows to draw, N.
        num_steps: Temperatures above 0, T.
        num_chains: Chains a row, up and down each, C.
        leapfrog: Leapfrog steps a move, L.
        start: The end of the path opposite p(x, z): the "prior" or the encoder's "posterior".
        chunk: Rows times chains that are evaluated at a time, which sets the memory; the default suits the size of a
            row.
        seed: Of all draws; the same seed gives the same numbers bit for bit, and torch's generators are left alone.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The two bounds of each row, in nats, and the rows.

    Raises:
        InputError: If a number is not positive, the start is unknown, or the prior has no density.

    References:
        Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse et al., 2015)
    """
    numbers = {"num_steps": num_steps, "num_chains": num_chains, "leapfrog": leapfrog, "chunk": chunk}
    check_options(start, num_rows=num_rows, **numbers)
    options = Options(num_steps, num_chains, leapfrog, start, chunk_rows(vae, chunk), seed)
    total, down, up = num_rows * total_moves(num_steps, 2), [], []
    with evaluating(vae), machine.keeping_heap(), trusting(), progress("annealing", total, show_progress) as tell:
        exact, x = simulate(vae, num_rows, seed)
        for path in paths(vae, x, torch.arange(num_rows), options):
            steps = frozen_steps(path, tell)
            down.append(anneal_down(path, steps, tell))
            z = exact[path.numbers].expand(num_chains, -1, -1)
            up.append(anneal(path, z, steps, "annealed up", tell, up=True))
    (below, accepted_down), (above, accepted_up) = (
        [torch.cat(parts, dim=-1) for parts in zip(*runs, strict=True)] for runs in (down, up)
    )
    return Sandwich(log_mean(below), -log_mean(above), x.cpu(), (accepted_down + accepted_up) / 2)
