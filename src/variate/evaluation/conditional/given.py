r"""New rows that meet conditions: values of some elements, intervals of others.

Proposals z_k, half of them from the encoder, which is given the conditions as a row with gaps, and half from the prior,
are resampled by their weights

    w_k = p(conditions | z_k) p(z_k) / r(z_k),

and the rest of each row is drawn from p(x | z) within the intervals. This is exact as K grows. Where the effective
sample size is below the number of rows, the rows come in families with the same latents; each is then moved by a Markov
chain of its own, which has the exact law as its stationary one.

Nothing is drawn if the model never comes near: if a single condition is met by less than one row in a million, or if
the conditions together leave hardly any of the draws.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.errors import InputError, Option, Sentence
from variate.evaluation.conditional.chain import NUM_STEPS, run_chains
from variate.evaluation.conditional.known import (
    Bounds,
    Known,
    draw_unknown,
    elements_of,
    interval_ends,
    require_finite_outputs,
)
from variate.evaluation.conditional.latents import LEAST_ESS, Effort, resample
from variate.evaluation.groups import prior_noise
from variate.models.base import Model
from variate.models.network import evaluating
from variate.runtime import memory
from variate.runtime.device import reuse_freed_memory, rows_at_once
from variate.runtime.random import RowStreams

LEAST_PROBABILITY = 1e-6
"""A condition that fewer rows meet is refused."""
LEAST_USED = 10.0
"""With a smaller effective sample size, the conditions together are refused."""
SURVEYED = 10_000
"""Draws from the prior that tell how probable each condition is."""
GIVEN_TILE = 4096
"""Proposals that are taken from the stream at a time."""
GIVEN_BLOCK = 1024
"""Rows that are completed at a time; they share a random stream."""
GIVEN_SHARE = 0.5
"""Share of the prior among the proposals."""


class Demand(NamedTuple):
    """One condition.

    Attributes:
        text: What errors call it.
        place: Position of its element in a row of one axis.
        low: The least value; -inf where there is none.
        high: The largest value; inf where there is none. Of a single value, both are that.
    """

    text: str
    place: int
    low: float
    high: float


class Asked(NamedTuple):
    """What is asked of all rows.

    Attributes:
        demands: The conditions, at most one per element.
        context: What the rows are conditional on, (1, *c), for a model that takes a context.
    """

    demands: Sequence[Demand]
    context: Tensor | None = None


class GivenRows(NamedTuple):
    """Rows that meet conditions.

    Attributes:
        rows: The rows, (n, *event), float64, on the CPU.
        log_prob: Estimate of the log-probability of the conditions, in nats; of values of real numbers, their density.
        ess: Effective sample size of the proposals.
        num_samples: Number of proposals, K.
        is_chained: Whether the rows were moved by chains.
    """

    rows: Tensor
    log_prob: float
    ess: float
    num_samples: int
    is_chained: bool


def draw_given(
    model: Model, asked: Asked, n: int, num_samples: int, seed: int, batch_size: int | None = None
) -> GivenRows:
    """Draws rows that meet conditions.

    Args:
        model: The model, whose rows have one axis.
        asked: The conditions.
        n: Number of rows.
        num_samples: Number of proposals, K.
        seed: Seed of all draws.
        batch_size: Decoder passes at a time; the default suits the size of a row.

    Raises:
        InputError: If the rows do not fit in memory, or the model never comes near the conditions.
    """
    size = 8 * n * (3 * math.prod(model.event_shape) + 2 * model.num_latents)
    memory.require(size, "n", "a number of rows that fit", "draw fewer at a time")
    batch_size = batch_size or rows_at_once(math.prod(model.event_shape), model.device)
    effort = Effort(num_samples, n, NUM_STEPS, batch_size, GIVEN_TILE, GIVEN_SHARE)
    reuse_freed_memory()
    with evaluating(model):
        probabilities = _probabilities(model, asked, seed)
        for demand, probability in zip(asked.demands, probabilities, strict=True):
            if not probability >= LEAST_PROBABILITY:
                raise _too_rare(demand, probability)
        known, seen = known_of(model, asked), seen_of(model, asked)
        found = resample(model, known, RowStreams(seed, [0], "given"), effort, seen)
        ess, log_prob = float(found.ess), float(found.log_mean)
        _require_together(model, asked, seed, batch_size, ess, log_prob)
        is_chained = ess < max(LEAST_ESS, n)
        rows = _completed(model, known, found.latents, effort, seed, is_chained)
    return GivenRows(rows, log_prob, ess, num_samples, is_chained)


def known_of(model: Model, asked: Asked) -> Known:
    """The conditions as what is known of one row."""
    x = torch.zeros(1, *model.event_shape, dtype=torch.float64)
    low, high = torch.full_like(x, -math.inf), torch.full_like(x, math.inf)
    mask = torch.zeros_like(x, dtype=torch.bool)
    for own in asked.demands:
        if own.low == own.high:
            x[0, own.place], mask[0, own.place] = own.low, True
        else:
            low[0, own.place], high[0, own.place] = own.low, own.high
    return Known(
        Batch(x, mask, context=asked.context).to(model.device), Bounds(low.to(model.device), high.to(model.device))
    )


def seen_of(model: Model, asked: Asked) -> Batch:
    """The conditions as the encoder is given them: a row with gaps, in which intervals of quantities are their middles.

    It need not be right, since the weights make up for it.
    """
    batch, is_quantity = known_of(model, asked).batch, model.likelihood.is_quantity()
    assert batch.mask is not None
    for own in asked.demands:
        if own.low < own.high and math.isfinite(own.high - own.low) and is_quantity[own.place]:
            middle = (own.low + own.high) / 2
            is_whole = own.low.is_integer() and own.high.is_integer()
            batch.x[0, own.place] = math.floor(middle) if is_whole else middle
            batch.mask[0, own.place] = True
    return batch


def _completed(
    model: Model, known: Known, latents: tuple[Tensor, ...], effort: Effort, seed: int, is_chained: bool
) -> Tensor:
    """The rows of resampled latents, (n, *event)."""
    rows = []
    for index in torch.arange(effort.num_draws).split(GIVEN_BLOCK):
        block, z = [int(index[0])], tuple(group[index.to(group.device)] for group in latents)
        if is_chained:
            z = run_chains(model, known, z, RowStreams(seed, block, "given chain"), effort.num_steps).latents
        streams = RowStreams(seed, block, "given rows")
        rows.append(
            draw_unknown(model.likelihood, model.outputs_at(z, known.batch.context), known, streams)[0, :, 0].cpu()
        )
    return torch.cat(rows)


def _probabilities(model: Model, asked: Asked, seed: int) -> list[float]:
    """How probable each condition is by itself.

    Of an interval and of a name, that is its probability; of another value v, how far out it is: twice the smaller one
    of P(X <= v) and P(X >= v).
    """
    is_quantity = model.likelihood.is_quantity()
    noise = prior_noise(model, RowStreams(seed, [0], "given survey"), SURVEYED)
    known = known_of(model, asked)
    context = known.batch.context
    outputs = model.outputs_at(model.complete(noise, context), context)
    require_finite_outputs(outputs)
    p_x = elements_of(model.likelihood, outputs)
    assert known.bounds is not None
    low = torch.where(known.mask, known.batch.x, known.bounds.low)
    high = torch.where(known.mask, known.batch.x, known.bounds.high)
    below, upto = (ends.mean(0).squeeze(0) for ends in interval_ends(p_x, Bounds(low, high)))
    found = []
    for own in asked.demands:
        before, until = float(below[own.place]), float(upto[own.place])
        if own.low == own.high and is_quantity[own.place]:
            found.append(min(1.0, 2 * min(until, 1 - before)))
        else:
            found.append(until - before)
    return found


def _too_rare(demand: Demand, probability: float) -> InputError:
    """The error about a condition that hardly any row meets."""
    got = f"{demand.text}, met by {_share(probability)} of its rows"
    return InputError(
        "given", "conditions that rows of the model meet", got, "give a value nearer to the data, or less"
    )


def _share(probability: float) -> str:
    """`less than 1 in 1e+12`, `1 in 3e+08`."""
    return f"1 in {1 / probability:.0e}" if probability > 1e-12 else "less than 1 in 1e+12"


def _require_together(model: Model, asked: Asked, seed: int, batch_size: int, ess: float, log_prob: float) -> None:
    """Refuses conditions that do not go together.

    They do not if they are far less probable than if they had nothing to do with one another, prod_j p(j), or if hardly
    any proposal comes near them. The error names the condition that the others speak most against: the j for which
    p(the others) p(j) is largest.

    Args:
        model: The model.
        asked: The conditions.
        seed: Seed of all draws.
        batch_size: Decoder passes at a time.
        ess: Effective sample size of the proposals.
        log_prob: Log-probability of all of them.

    Raises:
        InputError: If they do not go together.
    """
    effort = Effort(SURVEYED, 1, 0, batch_size, GIVEN_TILE, GIVEN_SHARE)

    def log_prob_of(some: Sequence[Demand]) -> float:
        own = asked._replace(demands=some)
        found = resample(model, known_of(model, own), RowStreams(seed, [0], "given some"), effort, seen_of(model, own))
        return float(found.log_mean)

    demands = asked.demands

    alone = [log_prob_of([own]) for own in demands] if len(demands) > 1 else [log_prob]
    ratio = log_prob - sum(alone)
    if ess >= LEAST_USED and ratio >= math.log(LEAST_PROBABILITY):
        return
    got = f"conditions that {ess:.2g} of the draws come near (effective sample size)"
    if len(demands) > 1:
        pairs = list(zip(alone, demands, strict=True))
        _, worst = max(pairs, key=lambda pair: pair[0] + log_prob_of([own for own in demands if own != pair[1]]))
        times = f"1e{ratio / math.log(10):.0f}" if math.isfinite(ratio) else "0"
        got = f"conditions that are {times} times as probable together as they would be if they were independent; "
        got += f"{worst.text} goes least with the others"
    remedy = Sentence("give wider or fewer conditions, or raise ", Option("num_samples"))
    raise InputError("given", "conditions that rows of the model meet together", got, remedy)
