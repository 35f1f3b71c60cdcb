r"""Runs compared on the same held-out rows.

Rows differ far more from one another than models do on the same row. So the difference of two models is taken row by
row, d_i = a_i - b_i, and its mean has the standard error

    std(d) / sqrt(N),

which is much smaller than what the standard errors of both means say, sqrt(stderr_a^2 + stderr_b^2).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.config.schema import Column, Schema
from variate.data.storage.base import evenly_spaced
from variate.errors import InputError
from variate.runs import HeldOut, Run
from variate.statistics import Estimate

if TYPE_CHECKING:
    from variate.objectives import Terms

DRAWS = 4
"""Posterior draws per row."""
COMPARED_NUMBERS = 4_000_000
"""Most elements of the rows that runs are compared on."""


class Judged(NamedTuple):
    """A run on the rows that all are compared on, with differences from the first run.

    Attributes:
        run: The run.
        elbo: Mean lower bound on log p(x), in nats per row.
        distortion: Mean -log p(x|z), in nats per row.
        rate: Mean KL(q(z|x) || p(z)), in nats per row.
        over_first: By how much the ELBO exceeds that of the first run, by paired differences; None for the first.
        distortion_over_first: The same of the distortion.
        rate_over_first: The same of the rate.
        unpaired: The standard error that the two means alone would give the difference of the ELBO.
        wins: Share of the rows that the run finds likelier than the first run does; NaN for the first.
    """

    run: Run
    elbo: Estimate
    distortion: Estimate
    rate: Estimate
    over_first: Estimate | None = None
    distortion_over_first: Estimate | None = None
    rate_over_first: Estimate | None = None
    unpaired: float = math.nan
    wins: float = math.nan


class Paired(NamedTuple):
    """Several runs on the same rows.

    Attributes:
        runs: The runs, in the order in which they were named.
        part: What the rows are, in words.
        num_rows: Number of rows.
        of_rows: Number of rows that they were chosen from, evenly spread.
        dimensions: Numbers per row.
        is_mass: Whether p(x|z) is a probability mass.
    """

    runs: tuple[Judged, ...]
    part: str
    num_rows: int
    of_rows: int
    dimensions: int
    is_mass: bool


def paired(runs: Sequence[Run], seed: int = 0) -> Paired:
    """The ELBO of several runs and its parts, on the same rows of the test part of their data.

    Args:
        runs: Two runs or more.
        seed: Seed of the draws.

    Raises:
        InputError: If there are fewer than two, or their numbers are not about the same thing: other rows, other
            columns, or a density beside a mass.
    """
    if len(runs) < 2:
        raise InputError("runs", "at least two runs to compare", len(runs))
    first, held_out = runs[0], [run.held_out() for run in runs]
    for run, own in zip(runs[1:], held_out[1:], strict=True):
        _require_same(first, held_out[0], run, own)

    from variate.objectives import elbo

    rows = held_out[0].data
    size = first.recipe.schema.size
    numbers = evenly_spaced(len(rows), max(2, COMPARED_NUMBERS // size))
    found: list[Terms] = []
    for run, own in zip(runs, held_out, strict=True):
        run.use_precision()
        found.append(elbo(run.model, own.data.select(numbers), DRAWS, seed=seed))
    judged = tuple(
        _judged(run, terms, found[0] if place else None)
        for place, (run, terms) in enumerate(zip(runs, found, strict=True))
    )
    return Paired(judged, held_out[0].part, len(numbers), len(rows), size, first.model.likelihood.is_mass)


def _judged(run: Run, own: "Terms", first: "Terms | None") -> Judged:
    """A run, with differences from the first one."""
    from variate.statistics import estimate

    bound, distortion, rate = map(estimate, own)
    means = Judged(run, bound, distortion, rate)
    if first is None:
        return means
    return means._replace(
        over_first=estimate(own.elbo - first.elbo),
        distortion_over_first=estimate(own.distortion - first.distortion),
        rate_over_first=estimate(own.rate - first.rate),
        unpaired=math.hypot(means.elbo.stderr, estimate(first.elbo).stderr),
        wins=float((own.elbo > first.elbo).double().mean()),
    )


def _require_same(first: Run, rows: HeldOut, other: Run, own: HeldOut) -> None:
    """Refuses a run whose nats are about something else than those of the first.

    Raises:
        InputError: If they are.
    """
    remedy = f"compare runs on the same rows of the same data as {first.name}"
    if _meaning(other) != _meaning(first):
        expected = f"a run whose rows mean the same as those of {first.name}"
        raise InputError(other.name, expected, "one with other columns or another kind of likelihood", remedy)
    parts = [(part.x.all(), None if part.mask is None else part.mask.all()) for part in (rows.data, own.data)]
    if not all(_equal(x, y) for x, y in zip(*parts, strict=True)):
        expected = f"a run with the held-out rows of {first.name}"
        raise InputError(other.name, expected, "one that was held out other rows", remedy)


def _equal(x: np.ndarray | None, y: np.ndarray | None) -> bool:
    """Whether rows, or their masks, are the same; NaN is the same as NaN."""
    if x is None or y is None:
        return x is y
    return x.shape == y.shape and np.array_equal(x, y, equal_nan=np.issubdtype(x.dtype, np.floating))


def _meaning(run: Run) -> tuple[Schema, bool, tuple[str, ...], str]:
    """What the nats of a run are about: its columns, and what it has of each, a mass or a density."""
    recipe = run.recipe
    columns = tuple(replace(own, gaps=False) for own in recipe.schema.columns)
    plain = replace(recipe.schema, columns=columns, conditions=(), aside=(), relations=())
    measures = tuple(measure_of(own, recipe.model.likelihood) for own in columns)
    return plain, run.model.likelihood.is_mass, measures, recipe.model.gaps


def measure_of(column: Column, likelihood: str) -> str:
    """What a likelihood of tables has of a column: "mass", "density", or "atoms", a density with masses in it.

    Args:
        column: The column.
        likelihood: The name of the likelihood.
    """
    if column.kind != "real" or (column.step and likelihood != "student-t"):
        return "mass"
    return "atoms" if column.atoms and likelihood == "quantile-logistic" else "density"
