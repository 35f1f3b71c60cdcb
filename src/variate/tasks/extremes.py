"""The rows that a model finds oddest and likeliest."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.data import Dataset
from variate.data.storage.base import evenly_spaced
from variate.runs import Run

if TYPE_CHECKING:
    from variate.evaluation.scores.score import Scores

DRAWS = 4
"""Posterior draws per row: a mean of few moves no row from one end to the other."""


class Extremes(NamedTuple):
    """Rows of both ends.

    Attributes:
        rows: The rows that were looked at, in memory.
        numbers: Their numbers in the data.
        of_rows: Number of rows that they were chosen from, evenly spread.
        oddest: Places of the oddest ones among them, the oddest first.
        likeliest: Places of the likeliest ones, the likeliest first.
        bound: Lower bound on log p(x) of each row, (N,), in nats.
        p_value: Share of ordinary rows that would be as odd, (N,); None without rows to rank among.
        cell_p_value: The same of each cell within its column, (N, columns); None likewise, and for rows that are no
            tables.
        num_ranked: Number of rows that they are ranked among.
    """

    rows: Dataset
    numbers: np.ndarray
    of_rows: int
    oddest: np.ndarray
    likeliest: np.ndarray
    bound: np.ndarray
    p_value: np.ndarray | None
    cell_p_value: np.ndarray | None
    num_ranked: int


def extremes(run: Run, rows: Dataset, beside: Dataset | None, most: int, shown: int, seed: int = 0) -> Extremes:
    """Scores rows by their bound, and finds both ends.

    Args:
        run: The run.
        rows: The rows, which the model has not seen.
        beside: Other such rows to rank them among; None ranks none.
        most: Most rows to score, spread evenly.
        shown: Most rows of an end.
        seed: Seed of the draws.

    Raises:
        InputError: If the model gives numbers that are not finite.
    """
    from variate.evaluation.scores.reference import reference_scores
    from variate.evaluation.scores.score import score

    numbers = evenly_spaced(len(rows), most)
    chosen, reference = rows.select(numbers), None
    if beside is not None:
        reference = reference_scores(run.model, beside.sample(most), num_samples=DRAWS, seed=seed)
    found: Scores = score(run.model, chosen, calibration=reference, num_samples=DRAWS, seed=seed)
    bound = found.bound.numpy()
    order = np.argsort(bound, kind="stable")
    order = order[~found.is_empty.numpy()[order]]
    shown = min(shown, -(-len(order) // 2))
    return Extremes(
        rows=chosen,
        numbers=numbers,
        of_rows=len(rows),
        oddest=order[:shown],
        likeliest=order[::-1][:shown],
        bound=bound,
        p_value=None if found.p_value is None else found.p_value.numpy(),
        cell_p_value=None if found.cell_p_value is None else found.cell_p_value.numpy(),
        num_ranked=0 if reference is None else reference.num_rows,
    )
