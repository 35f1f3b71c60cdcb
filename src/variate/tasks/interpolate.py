"""Rows between rows of a data set."""

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.config.moves import Curve, PathSteps
from variate.data.relations import computed
from variate.errors import InputError
from variate.limits import Seed, checked_arguments
from variate.runs import Run
from variate.tasks.numbered import numbered

if TYPE_CHECKING:
    from torch import Tensor

    from variate.evaluation.latent_space.interpolate import Interpolation

DEFAULT_ROWS = 4
"""Rows that a path passes through unless they are named."""


class Paths(NamedTuple):
    """Paths through the same rows.

    Attributes:
        numbers: Numbers of the rows.
        found: The path of each curve.
        rows: What stands on each path, (curves, points, *event).
    """

    numbers: tuple[int, ...]
    found: "dict[Curve, Interpolation]"
    rows: np.ndarray


@checked_arguments
def interpolate_rows(
    run: Run,
    data: str | None = None,
    *,
    rows: tuple[int, ...] = (),
    curves: tuple[Curve, ...] = ("linear",),
    steps: PathSteps = 10,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Paths:
    """Paths through rows: `variate.interpolate` on rows of a source.

    Args:
        run: The run.
        data: Name or path of the data; by default the run's own.
        rows: Numbers of the rows to pass through, from 0; by default four, chosen by the seed.
        curves: As for `interpolate`, one path each.
        steps: As for `interpolate`.
        seed: As for `interpolate`.
        show_progress: As for `interpolate`.

    Raises:
        InputError: If the data cannot be used, there is no row of a number, a row is followed by itself, or the model
            gives rows that are not finite.
    """
    source = run.all_rows(data)
    chosen = rows or tuple(map(int, np.random.default_rng(seed).permutation(len(source))[:DEFAULT_ROWS]))
    if len(chosen) < 2:
        raise InputError("rows", "at least two rows, to go from one to the next", "one row")
    if any(one == next_one for one, next_one in pairwise(chosen)):
        raise InputError("rows", "different rows next to each other", f"{' '.join(map(str, chosen))}")
    passed = numbered(source, chosen)

    from variate.evaluation.latent_space.interpolate import interpolate

    found = {
        curve: interpolate(run.model, passed, curve=curve, steps=steps, seed=seed, show_progress=show_progress)
        for curve in dict.fromkeys(curves)
    }
    return Paths(chosen, found, np.stack([possible_rows(run, path.rows) for path in found.values()]))


def possible_rows(run: Run, rows: "Tensor") -> np.ndarray:
    """Decoded rows, (N, *event), in which columns of a table that follow from others are computed from these."""
    schema = run.recipe.schema
    return computed(rows.numpy(), schema.relations, schema.columns, gaps=False)
