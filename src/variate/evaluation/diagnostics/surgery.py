r"""What the rate consists of: information about the row, and what the prior misses.

With the aggregate posterior q(z) = (1/N) sum_m q(z|x_m) of N rows, the mean rate is the sum of two parts,

    (1/N) sum_n KL(q(z|x_n) || p(z)) = I(n; z) + KL(q(z) || p(z))
    rate                             = information + hole

(Hoffman & Johnson, 2016). Per row, with one draw z_n ~ q(z|x_n) in all three,

    rate         log q(z_n|x_n) - log p(z_n)
    information  log q(z_n|x_n) - log q(z_n)        <= log N
    hole         log q(z_n)     - log p(z_n)

so that the sum is exact, row by row. The information is about which of the N rows z came from, so it cannot exceed log
N. If it comes near, q(z) consists of N separate peaks, and the hole is too large by what the information lacks.

So the hole of a finite sample says little about what a better prior would gain;
`variate.evaluation.diagnostics.better_prior` measures that.

References:
    ELBO surgery: yet another way to carve up the variational evidence lower bound (Hoffman & Johnson, 2016)
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.dataset import Dataset
from variate.evaluation.groups import log_prior, row_posterior
from variate.limits import Rows, Seed, checked_arguments
from variate.models.base import Model
from variate.models.capabilities import Pairwise, offers
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import RowStreams, some_rows
from variate.statistics import Estimate, estimate

SATURATED = 0.1
"""Largest share of q(z_n) that may on average be q(z_n|x_n) / N, the row's own part, before the information counts as
saturated: without that part, log q(z_n) would be lower by more than -log(1 - 0.1) = 0.105 nats."""


class Surgery(NamedTuple):
    """The rate of each row and its two parts, from one draw per row.

    Attributes:
        rate: log q(z_n|x_n) - log p(z_n), (N,), in nats.
        information: log q(z_n|x_n) - log q(z_n), (N,), in nats.
        hole: log q(z_n) - log p(z_n), (N,), in nats.
        which: Row numbers of these rows in the data, (N,).
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
        """I(n; z): the information in z about which of the N rows it came from.

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
        """The part of q(z_n) that comes from the row itself, (1/N) q(z_n|x_n) / q(z_n), on average: from 1/N to 1."""
        return (self.information - self.ceiling).exp().mean().item()

    @property
    def saturated(self) -> bool:
        """Whether N is too small to separate the parts.

        With more rows the information would then rise and the hole fall, both by more than a tenth of a nat: the
        information is a lower bound and the hole an upper one.
        """
        return self.own_share > SATURATED


@checked_arguments
@of_a_model
def surgery(
    model: Model, data: Data, *, num_rows: Rows | None = 2000, seed: Seed = 0, batch_size: Rows = 128
) -> Surgery | None:
    """Splits the rate into what z says about x and what the prior misses.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_rows: How many of them to take, chosen by the seed; None takes all. The work grows as its square.
        seed: Seed of the choice of rows and of the draws.
        batch_size: Rows whose draws are scored under all posteriors at a time.

    Returns:
        The parts of each row, in nats, float64; None if the model takes a context, has several groups of latents, or a
        posterior that cannot be scored for all pairs of rows.

    Raises:
        InputError: If a number is not positive, or the rows are not what the model takes.
    """
    rows = model.dataset(data)
    which = some_rows(len(rows), num_rows, seed)
    q = None if model.takes_context else joint_posterior(model, rows.select(which.numpy()), batch_size)
    if q is None:
        return None
    streams, like = RowStreams(seed, which.tolist(), "surgery"), torch.empty(0, dtype=torch.float64)
    z = q.from_noise(streams.normal(1, model.groups[0].noise_shape, like)[0])
    own, aggregate = q.log_prob(z), log_aggregate(q, z, batch_size)
    with evaluating(model):
        log_p = torch.cat([_log_prior(model, part) for part in z.split(batch_size)])
    return Surgery(own - log_p, own - aggregate, aggregate - log_p, which)


def joint_posterior(model: Model, rows: Dataset, batch_size: int) -> Pairwise | None:
    """q(z|x) of all rows as one distribution with batch shape (N,), in float64 on the CPU.

    Double precision, because scoring all pairs takes differences of numbers as large as 1 / s^2.
    """
    parts: list[Pairwise] = []
    with evaluating(model):
        for batch in rows.batches(batch_size):
            q = row_posterior(model, batch.to(model.device))
            found = None if q is None else offers(q, Pairwise)
            if found is None:
                return None
            parts.append(found.to("cpu", torch.float64))
    return parts[0].cat(parts)


def log_aggregate(q: Pairwise, z: Tensor, batch_size: int) -> Tensor:
    """Log of (1/N) sum_m q(z_n|x_m), (M,), in nats.

    Args:
        q: q(z|x_m), batch shape (N,).
        z: Where, (M, d).
        batch_size: How many z at a time.
    """
    scores = [q.pairwise_log_prob(part) for part in z.split(batch_size)]
    return torch.cat([score.logsumexp(1) - math.log(score.shape[1]) for score in scores])


def _log_prior(model: Model, z: Tensor) -> Tensor:
    """Log p(z), (M,), in nats, float64 on the CPU, computed in the model's own precision."""
    latents = z.unsqueeze(0).to(model.device, model.dtype)
    return log_prior(model, [latents], None).squeeze(0).cpu().double()
