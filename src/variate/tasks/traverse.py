"""What each latent of a model does."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.config.moves import Span, Stops, TopLatents
from variate.data import Dataset
from variate.limits import Seed, checked_arguments
from variate.runs import Run
from variate.tasks.interpolate import possible_rows
from variate.tasks.numbered import numbered

if TYPE_CHECKING:
    from variate.evaluation.latent_space.effects import ColumnMove
    from variate.evaluation.latent_space.traverse import Traversal


class Traversed(NamedTuple):
    """Latents that were moved.

    Attributes:
        found: The traversal.
        rows: What stands at each place, (latents, stops, *event).
        moves: Of tables, what the whole way does to each column, for each latent, the column that moves most first.
        part: What the rows are that say how informative a latent is, in words.
    """

    found: "Traversal"
    rows: np.ndarray
    moves: "tuple[tuple[ColumnMove, ...], ...]"
    part: str


@checked_arguments
def traverse_latents(
    run: Run,
    data: str | None = None,
    *,
    row: int | None = None,
    num_latents: TopLatents | None = None,
    span: Span = 3.0,
    stops: Stops = 7,
    seed: Seed = 0,
) -> Traversed:
    """Moves each latent: `variate.traverse` on the rows of a source.

    Args:
        run: The run.
        data: Name or path of the data; by default the test part of the run's own.
        row: Number of the row to start from, from 0 and among all rows of the data; by default the mean of the rows.
        num_latents: As for `traverse`.
        span: As for `traverse`.
        stops: As for `traverse`.
        seed: As for `traverse`.

    Raises:
        InputError: If the data cannot be used, there is no such row, or the model gives rows that are not finite.
    """
    held_out = run.held_out(data)
    start = None if row is None else numbered(run.all_rows(data), [row], "row")

    return move_latents(run, held_out.data, held_out.part, start, num_latents, span, stops, seed)


def move_latents(
    run: Run,
    rows: Dataset,
    part: str,
    start: Dataset | None = None,
    num_latents: int | None = None,
    span: float = 3.0,
    stops: int = 7,
    seed: int = 0,
) -> Traversed:
    """Moves each latent over the places of some rows; arguments as for `traverse`.

    Args:
        run: The run.
        rows: The rows, in memory.
        part: What they are, in words.
        start: One row, at whose place the other latents stay.
        num_latents: How many latents.
        span: How far each is moved.
        stops: Number of places per latent.
        seed: Seed of the draws.

    Raises:
        InputError: As for `traverse`.
    """
    from variate.evaluation.latent_space.effects import column_moves
    from variate.evaluation.latent_space.traverse import traverse

    model, schema = run.model, run.recipe.schema
    found = traverse(model, rows, start=start, num_latents=num_latents, span=span, stops=stops, seed=seed)
    flat = possible_rows(run, found.rows.flatten(0, 1))
    moves = []
    if schema.kind == "table":
        checked = model.dataset(rows)
        context = None if start is None else start.all().context
        ends = [(places[:1], places[-1:]) for places in found.latents]
        moves = [column_moves(model, schema, checked, before, after, context) for before, after in ends]
    return Traversed(found, flat.reshape(*found.rows.shape), tuple(moves), part)
