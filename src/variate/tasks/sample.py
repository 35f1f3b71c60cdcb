"""New rows from a model; the columns of a table that follow from others are computed from these."""

from typing import NamedTuple

import numpy as np

from variate.data.conditions import conditions_of
from variate.data.relations import computed, usable_relations
from variate.data.wording import MEANINGS
from variate.errors import InputError, Option, Sentence
from variate.limits import Rows, Samples, Seed, Temperature, checked_arguments
from variate.runs import Run
from variate.runtime.finite import finite_rows

PROPOSALS_PER_ROW, FEWEST_PROPOSALS, MOST_PROPOSALS = 10, 10_000, 1_000_000
"""How many proposals are drawn for rows with conditions, unless that is said."""


class Conditioned(NamedTuple):
    """How rows with conditions were drawn.

    Attributes:
        log_prob: Estimate of the log-probability of the conditions in the model, in nats.
        is_density: Whether that is a density, since a real number without a grid has a single value.
        ess: Effective sample size of the proposals.
        num_samples: Number of proposals.
        is_chained: Whether the rows were moved by Markov chains, since the effective sample size is below their number.
        as_drawn: Columns that follow from others but are not computed from these, because of the conditions.
    """

    log_prob: float
    is_density: bool
    ess: float
    num_samples: int
    is_chained: bool
    as_drawn: tuple[str, ...] = ()


class NewRows(NamedTuple):
    """New rows.

    Attributes:
        rows: The rows, (n, *event); NaN in the gaps of a model of gaps.
        are_means: Whether they are E[x|z] instead of draws from p(x|z).
        conditioned: How rows with conditions were drawn; None without conditions.
    """

    rows: np.ndarray
    are_means: bool
    conditioned: Conditioned | None = None


@checked_arguments
def sample(
    run: Run,
    n: Rows = 64,
    *,
    temperature: Temperature = 1.0,
    noise: bool = False,
    given: tuple[str, ...] = (),
    num_samples: Samples | None = None,
    seed: Seed = 0,
) -> NewRows:
    """Draws new rows: z from the prior, then x given z; with conditions, both given these.

    Args:
        run: The run.
        n: How many.
        temperature: Factor on the standard deviation of the prior.
        noise: Draw images from p(x|z), too, instead of giving their mean. Rows of a table are always drawn.
        given: Conditions on columns of a table: "sex=female", "age=30..40", "date=2020-01-01..".
        num_samples: Proposals for rows with conditions; by default 10 per row, from 10,000 to 1,000,000.
        seed: Seed of the draws.

    Raises:
        InputError: If a number is out of range, a condition cannot be used or is never met, or the model gives rows
            that are not finite.
    """
    if given:
        return _conditioned(run, n, temperature, given, num_samples, seed)
    are_means = run.recipe.schema.is_image and not noise
    remedy = Sentence("nothing was written: lower ", Option("temperature"), ", or train the model again")

    def drawn(mean: bool) -> np.ndarray:
        rows = run.model.sample(n, temperature=temperature, mean=mean, seed=seed).numpy()
        if run.recipe.model.gaps == "model":
            finite_rows(np.where(np.isnan(rows), 0, rows), "the samples", remedy)
            return rows
        return finite_rows(rows, "the samples", remedy)

    try:
        rows = drawn(are_means)
    except RuntimeError:  # torch draws from no distribution that has a NaN among its parameters
        drawn(mean=True)
        raise
    schema = run.recipe.schema
    return NewRows(computed(rows, schema.relations, schema.columns, run.recipe.model.gaps == "model"), are_means)


def _conditioned(
    run: Run, n: int, temperature: float, given: tuple[str, ...], num_samples: int | None, seed: int
) -> NewRows:
    """Rows of a table that meet conditions."""
    schema = run.recipe.schema
    if schema.kind != "table":
        got = f"conditions for a model of {MEANINGS[schema.kind]}"
        raise InputError("given", "none, since only columns of a table have names", got, "leave them out")
    if temperature != 1:
        remedy = Sentence("leave out ", Option("temperature"))
        raise InputError("temperature", Sentence("1, with ", Option("given")), temperature, remedy)
    conditions = conditions_of(given, schema)

    from variate.evaluation.conditional.given import Demand, draw_given

    proposals = num_samples or min(max(PROPOSALS_PER_ROW * n, FEWEST_PROPOSALS), MOST_PROPOSALS)
    demands = [Demand(*own) for own in conditions]
    found = draw_given(run.model, demands, n, proposals, seed)
    values = [schema.columns[own.place] for own in conditions if own.is_value]
    no_mass = run.recipe.model.likelihood == "student-t"
    is_density = any(column.kind == "real" and (no_mass or not column.step) for column in values)
    rows = finite_rows(found.rows.numpy(), "the samples", "nothing was written: train the model again")
    relations, left_out = usable_relations(schema.relations, {own.place for own in conditions})
    rows = computed(rows, relations, schema.columns, gaps=False)
    as_drawn = tuple(schema.columns[place].name for place in left_out)
    how = Conditioned(found.log_prob, is_density, found.ess, found.num_samples, found.is_chained, as_drawn)
    return NewRows(rows, are_means=False, conditioned=how)
