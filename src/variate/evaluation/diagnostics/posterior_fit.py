r"""The best Gaussian of a family for each single row: the posterior that a perfect encoder would give.

q*(z|x) maximises ELBO[q] = E_q[log p(x,z) - log q(z)] over the mean and scale of one row, so that

    log p(x) - ELBO[q] = (log p(x) - ELBO[q*])  +  (ELBO[q*] - ELBO[q])
                         approximation gap         amortisation gap

(Cremer et al., 2018). It is found by stochastic gradients, starting at q = N(m, A A^T), in coordinates in which q is
standard, so that one step size suits every model: with all parameters starting at 0,

    mean  m + A delta,    scale  A exp(lambda)  or, for a full covariance,  A (diag exp(lambda) + strictly lower T).

The gradient leaves out the score of q, whose expectation is zero; it then vanishes if q is the true posterior.

References:
    Inference suboptimality in variational autoencoders (Cremer et al., 2018)
    Sticking the landing (Roeder et al., 2017)
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.distributions.conditional import Conditional
from variate.evaluation.groups import row_posterior
from variate.limits import Rows, Samples, Seed, Steps, checked_arguments
from variate.models.base import Model
from variate.models.capabilities import Adjustable, offers
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.device import reuse_freed_memory, rows_at_once
from variate.runtime.progress import progress
from variate.runtime.random import RowStreams

Family = Literal["same", "full"]

STEP_SIZE = 0.1
"""Step size of Adam at the start, in standard deviations of the encoder's q; it falls to zero as half a cosine."""


class FreePosterior:
    """A member of a posterior family with free parameters for each row, starting at a given one.

    Args:
        q: The start, batch shape (N,).
        family: Stay in its family, or let the covariance be full.
    """

    def __init__(self, q: Adjustable, family: Family) -> None:
        full = family == "full" or not q.is_factorized
        self.start = (q.as_full() if full else q).detached()
        self.delta = torch.zeros_like(q.mean).requires_grad_()
        self.log_factor = self.delta.new_zeros(self.start.log_factor_shape).requires_grad_()
        self.parameters = [self.delta, self.log_factor]
        self.below: Tensor | None = None
        if full:
            self.below = self.delta.new_zeros(*self.delta.shape, self.delta.shape[-1]).requires_grad_()
            self.parameters.append(self.below)

    def groups(self) -> list[dict[str, Any]]:
        """The parameters with their step sizes: d numbers of a row of T together move as far as one elsewhere."""
        row = math.sqrt(self.delta.shape[-1])
        return [{"params": p, "peak": STEP_SIZE / (row if p.dim() > self.delta.dim() else 1)} for p in self.parameters]

    def __call__(self) -> Conditional:
        """The posterior at the present parameters."""
        return self.start.adjusted(self.delta, self.log_factor, self.below)


@checked_arguments
@of_a_model
def fit_posterior(
    model: Model,
    data: Data,
    family: Family = "same",
    *,
    steps: Steps = 300,
    num_samples: Samples = 8,
    batch_size: Rows | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Conditional | None:
    """The member of the posterior's family, or the Gaussian of any covariance, that is best for each row on its own.

    Args:
        model: The model, not changed.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken; a few dozen rows suffice.
        family: "same" stays in the encoder's family; "full" lets every covariance be full.
        steps: Number of steps of the optimiser.
        num_samples: Draws per row and step.
        batch_size: Rows at a time; the default suits the size of a row.
        seed: Seed of the draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        q*, with batch shape (N,); None if the model has several groups of latents or a posterior without such a family.

    Raises:
        InputError: If a number is not positive, or the rows are not what the model takes.
    """
    rows = model.dataset(data)
    batch_size = batch_size or rows_at_once(num_samples * math.prod(model.event_shape), model.device)
    found = []
    reuse_freed_memory()
    with evaluating(model), progress("fitting posteriors", steps * len(rows), show_progress) as advance:
        for part in torch.arange(len(rows)).split(batch_size):
            batch = rows.take(part.numpy()).to(model.device)
            streams = RowStreams(seed, part.tolist(), "posterior")
            fitted = fit_batch(model, batch, streams, family, steps, num_samples, advance)
            if fitted is None:
                return None
            found.append(fitted)
    first = offers(found[0], Adjustable)
    assert first is not None
    return first.cat(found)


def fit_batch(
    model: Model,
    batch: Batch,
    streams: RowStreams,
    family: Family = "same",
    steps: int = 300,
    num_samples: int = 8,
    advance: Callable[[int], None] = lambda done: None,
) -> Conditional | None:
    """The same for a batch of rows that were checked before, in evaluation mode.

    Args:
        model: The model.
        batch: N rows on the model's device.
        streams: The random numbers of each row.
        family: As for `fit_posterior`.
        steps: Number of steps of the optimiser.
        num_samples: Draws per row and step.
        advance: Called after each step with the number of rows.

    Returns:
        q*, with batch shape (N,); None as for `fit_posterior`.
    """
    q = row_posterior(model, batch)
    start = None if q is None else offers(q, Adjustable)
    if start is None:
        return None
    free = FreePosterior(start, family)
    for _ in _climb(model, batch, free, streams, steps, num_samples):
        advance(batch.num_rows)
    return free().detached()


def _climb(
    model: Model, batch: Batch, free: FreePosterior, streams: RowStreams, steps: int, num_samples: int
) -> Iterator[int]:
    """Moves the parameters to the maximum of the ELBO of each row, step by step; they end at the mean of the second
    half.

    The model's own parameters take no part.
    """
    optimizer = torch.optim.Adam(free.groups())
    averaged = [torch.zeros_like(p) for p in free.parameters]
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.5 * group["peak"] * (1 + math.cos(math.pi * step / steps))
        loss = _loss(model, batch, free, streams.normal(num_samples, free.delta.shape[1:], free.delta))
        for parameter, gradient in zip(free.parameters, torch.autograd.grad(loss, free.parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
        if step >= steps // 2:
            for mean, parameter in zip(averaged, free.parameters, strict=True):
                mean.add_(parameter, alpha=1 / (steps - steps // 2))
        yield step
    for parameter, mean in zip(free.parameters, averaged, strict=True):
        parameter.copy_(mean)


@torch.enable_grad()
def _loss(model: Model, batch: Batch, free: FreePosterior, noise: Tensor) -> Tensor:
    """Minus the sum of the ELBOs of the rows, without the score of q."""
    q = free()
    draws = model.infer(batch, [noise], proposal=[q])
    log_w = draws.log_px + draws.log_pz.sum(0) - q.detached().log_prob(draws.latents[0])
    return -log_w.mean(0).sum()
