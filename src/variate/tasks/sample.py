"""New rows from a model; the columns of a table that follow from others are computed from these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from variate.config.schema import Schema
from variate.data.conditions import Condition, conditions_of
from variate.data.relations import computed, usable_relations
from variate.data.schema.naming import name_called
from variate.data.wording import MEANINGS, list_names
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
        conditioned: How rows of a table with conditions on its columns were drawn; None without these.
        context: What each row of a conditional model is conditional on, (n, c); None for other models.
    """

    rows: np.ndarray
    are_means: bool
    conditioned: Conditioned | None = None
    context: np.ndarray | None = None


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
        given: Conditions on columns of a table, "sex=female", "age=30..40", "date=2020-01-01..", and values of what a
            model is conditional on, "label=7". Those that are left out are drawn, if they can be counted.
        num_samples: Proposals for rows with conditions; by default 10 per row, from 10,000 to 1,000,000.
        seed: Seed of the draws.

    Raises:
        InputError: If a number is out of range, a condition cannot be used or is never met, or the model gives rows
            that are not finite.
    """
    schema = run.recipe.schema
    asked = _asked(given, schema)
    width = len(schema.columns)
    of_columns = [own for own in asked if own.place < width]
    context = _contexts(run, n, {own.place - width: own for own in asked if own.place >= width}, seed)
    if not of_columns:
        return _unconditioned(run, n, temperature, noise, seed, context)
    if context is not None and (context != context[0]).any():
        named = list_names([name_called(column.name) for column in schema.conditions])
        expected = f"values of what the model is conditional on, too: {named}"
        raise InputError("given", expected, "none", "add them")
    return _conditioned(run, n, temperature, of_columns, num_samples, seed, context)


def _asked(given: Sequence[str], schema: Schema) -> tuple[Condition, ...]:
    """The conditions that texts say; their places are those among the columns and, after these, the context.

    Raises:
        InputError: If the model has nothing with a name, or does not know a name or a value.
    """
    named = (*schema.columns, *schema.conditions)
    if given and not named:
        got = f"conditions for a model of {MEANINGS[schema.kind]}"
        raise InputError("given", "none, since only columns of a table have names", got, "leave them out")
    everything = Schema("table", (len(named),), columns=named, aside=schema.aside) if given else schema
    return conditions_of(given, everything)


def _contexts(run: Run, n: int, given: Mapping[int, Condition], seed: int) -> np.ndarray | None:
    """The context of each row, (n, c): as given, else drawn; those of images in order. None for a model without.

    Raises:
        InputError: If an interval is given, or a number is not given that cannot be drawn.
    """
    conditions = run.recipe.schema.conditions
    if not conditions:
        return None
    for own in given.values():
        if not own.is_value:
            expected = "one value of what the model is conditional on"
            raise InputError("given", expected, f"an interval, {own.text!r}", "give a value")
    fixed = {place: own.low for place, own in given.items()}
    if len(fixed) == len(conditions):
        return np.tile([fixed[place] for place in range(len(conditions))], (n, 1))

    from variate.models.contexts import drawn_contexts

    known = run.model.conditions
    if known is None or not known.is_countable:
        names = [own.name for place, own in enumerate(conditions) if place not in fixed]
        got = f"none of {list_names([name_called(name) for name in names])}, which cannot be drawn"
        remedy = Sentence("add ", Option("given", [f"{name}=VALUE" for name in names]))
        raise InputError("given", "a value of all that the model is conditional on", got, remedy)
    found = drawn_contexts(known, n, fixed, seed).numpy()
    return found[np.lexsort(found.T[::-1])] if run.recipe.schema.is_image else found


def _unconditioned(run: Run, n: int, temperature: float, noise: bool, seed: int, context: np.ndarray | None) -> NewRows:
    """Rows without conditions on their columns."""
    schema = run.recipe.schema
    are_means = schema.is_image and not noise
    remedy = Sentence("nothing was written: lower ", Option("temperature"), ", or train the model again")

    def drawn(mean: bool) -> np.ndarray:
        rows = run.model.sample(n, temperature=temperature, mean=mean, context=context, seed=seed).numpy()
        if run.recipe.model.gaps == "model":
            finite_rows(np.where(np.isnan(rows), 0, rows), "the samples", remedy)
            return rows
        return finite_rows(rows, "the samples", remedy)

    try:
        rows = drawn(are_means)
    except RuntimeError:  # torch draws from no distribution that has a NaN among its parameters
        drawn(mean=True)
        raise
    rows = computed(rows, schema.relations, schema.columns, run.recipe.model.gaps == "model")
    return NewRows(rows, are_means, context=context)


def _conditioned(
    run: Run,
    n: int,
    temperature: float,
    conditions: Sequence[Condition],
    num_samples: int | None,
    seed: int,
    context: np.ndarray | None,
) -> NewRows:
    """Rows of a table that meet conditions on its columns."""
    schema = run.recipe.schema
    if temperature != 1:
        remedy = Sentence("leave out ", Option("temperature"))
        raise InputError("temperature", Sentence("1, with ", Option("given")), temperature, remedy)

    from variate.evaluation.conditional.given import Asked, Demand, draw_given

    proposals = num_samples or min(max(PROPOSALS_PER_ROW * n, FEWEST_PROPOSALS), MOST_PROPOSALS)
    own_context = None if context is None else run.model.contexts(context[:1], 1)
    asked = Asked([Demand(*own) for own in conditions], own_context)
    found = draw_given(run.model, asked, n, proposals, seed)
    values = [schema.columns[own.place] for own in conditions if own.is_value]
    no_mass = run.recipe.model.likelihood == "student-t"
    is_density = any(column.kind == "real" and (no_mass or not column.step) for column in values)
    rows = finite_rows(found.rows.numpy(), "the samples", "nothing was written: train the model again")
    relations, left_out = usable_relations(schema.relations, {own.place for own in conditions})
    rows = computed(rows, relations, schema.columns, gaps=False)
    as_drawn = tuple(schema.columns[place].name for place in left_out)
    how = Conditioned(found.log_prob, is_density, found.ess, found.num_samples, found.is_chained, as_drawn)
    return NewRows(rows, are_means=False, conditioned=how, context=context)


def with_context(found: NewRows, schema: Schema) -> tuple[np.ndarray, Schema]:
    """New rows of a table with the columns that they are conditional on as its last ones; other rows as they are."""
    if found.context is None or not schema.columns:
        return found.rows, schema
    columns = (*schema.columns, *schema.conditions)
    whole = replace(schema, shape=(len(columns),), columns=columns, conditions=())
    return np.concatenate([found.rows, found.context], 1), whole
