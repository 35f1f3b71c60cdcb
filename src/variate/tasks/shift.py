"""Rows moved by what tells one group of rows from another."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.config.moves import Strength
from variate.errors import InputError
from variate.limits import checked_arguments
from variate.runs import Run
from variate.tasks.interpolate import possible_rows
from variate.tasks.numbered import group, group_rows, numbered, thinned

if TYPE_CHECKING:
    from variate.evaluation.latent_space.effects import ColumnMove
    from variate.evaluation.latent_space.shift import Shifted

RARE = 0.05
"""Share of the held-out rows whose log p(z) counts as low."""


class ShiftedRows(NamedTuple):
    """Rows that were moved.

    Attributes:
        numbers: Their numbers in the data, (N,).
        rows: What they become, (N, *event).
        before: Their reconstructions, (N, *event).
        moves: Of tables, what happens to each column, the column that moves most first.
        sizes: Number of rows of the two groups, plus and minus.
        found: The latents and their densities.
        usual_log_prior: Mean of log p(z) over the places of the rows of both groups, in nats.
        unlikely: Share of the moved rows that are less probable under p(z) than 95 % of those rows.
    """

    numbers: np.ndarray
    rows: np.ndarray
    before: np.ndarray
    moves: "tuple[ColumnMove, ...]"
    sizes: tuple[int, int]
    found: "Shifted"
    usual_log_prior: float
    unlikely: float


@checked_arguments
def shift_rows(
    run: Run,
    data: str | None = None,
    *,
    plus: tuple[str, ...],
    minus: tuple[str, ...] = (),
    rows: tuple[int, ...] = (),
    strength: Strength = 1.0,
) -> ShiftedRows:
    """Moves rows from one group towards another: `variate.shift` on the rows of a source.

    Args:
        run: The run.
        data: Name or path of the data; by default the run's own.
        plus: The group to move towards, as for `variate.tasks.numbered.group`.
        minus: The group to move away from; by default all rows that are not in the other.
        rows: Numbers of the rows to move, from 0; by default the group to move away from.
        strength: As for `shift`.

    Raises:
        InputError: If the data, a group or a number cannot be used, or the model gives rows that are not finite.
    """
    source = run.all_rows(data)
    towards, away = _groups(run, data, len(source), plus, minus)
    groups = [group_rows(source, numbers) for numbers in (towards, away)]
    moved = numbered(source, rows) if rows else groups[1]

    from variate.evaluation.latent_space.effects import column_moves
    from variate.evaluation.latent_space.positions import positions, prior_density
    from variate.evaluation.latent_space.shift import shift

    model, schema = run.model, run.recipe.schema
    found = shift(model, moved, *groups, strength=strength)
    own = [(positions(model, model.dataset(each)).mean, each.all().context) for each in groups]
    usual = np.concatenate([prior_density(model, *each).numpy() for each in own])
    moves: tuple[ColumnMove, ...] = ()
    if schema.kind == "table":
        before = found.latents - strength * found.direction
        moves = column_moves(model, schema, model.dataset(source), before, found.latents, moved.all().context)
    return ShiftedRows(
        np.array(rows) if rows else thinned(source, away),
        possible_rows(run, found.rows),
        possible_rows(run, found.before),
        moves,
        (len(towards), len(away)),
        found,
        float(usual.mean()),
        float((found.log_prior.numpy() < np.quantile(usual, RARE)).mean()),
    )


def _groups(
    run: Run, data: str | None, count: int, plus: tuple[str, ...], minus: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows of both groups, of which the second one is by default all other rows.

    Raises:
        InputError: If a group cannot be used, or both are the same.
    """
    towards = group(run, data, plus, "plus")
    away = group(run, data, minus, "minus") if minus else np.setdiff1d(np.arange(count), towards)
    if not len(away):
        raise InputError("plus", "a group that leaves rows to compare it with", "all rows", "name another group")
    if np.array_equal(towards, away):
        raise InputError("minus", "another group than `plus`", "the same rows", "choose groups that differ")
    return towards, away
