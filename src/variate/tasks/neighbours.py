"""Rows like a row of a data set."""

from typing import NamedTuple

import numpy as np

from variate.config.moves import Neighbours
from variate.data import Dataset
from variate.errors import InputError
from variate.limits import checked_arguments
from variate.runs import Run
from variate.tasks.numbered import numbered


class NearestRows(NamedTuple):
    """The rows that are nearest to a row, the nearest first.

    Attributes:
        row: The row itself.
        numbers: Their numbers in the data, (k,).
        distances: How far they are, (k,).
        rows: They themselves, in memory.
        total: Number of rows that were looked among.
    """

    row: Dataset
    numbers: np.ndarray
    distances: np.ndarray
    rows: Dataset
    total: int


@checked_arguments
def find_neighbours(run: Run, data: str | None = None, *, row: int, k: Neighbours = 10) -> NearestRows:
    """The rows of a source that are nearest to one of them: `variate.neighbours`, some rows at a time.

    Args:
        run: The run.
        data: Name or path of the data; by default all rows of the run's own.
        row: Number of the row, from 0.
        k: How many; the row itself is none of them.

    Raises:
        InputError: If the data cannot be used, there is no such row or less than k others, or the model gives latents
            that are not finite.
    """
    rows = run.all_rows(data)
    wanted = numbered(rows, [row], "row")
    if k >= len(rows):
        raise InputError("k", f"at most {len(rows) - 1:,}, the number of other rows", k, "give a smaller number")

    from variate.evaluation.latent_space.neighbours import NearestNeighbours, merged, nearest_vectors, signatures

    own, found = signatures(run.model, wanted), None
    for start, piece in rows.pieces():
        others = signatures(run.model, piece)
        near = nearest_vectors(own, others, min(k + 1, len(others)))
        near = NearestNeighbours(near.rows + start, near.distance)
        found = near if found is None else merged(found, near, k + 1)
    assert found is not None
    is_other = found.rows[0] != row
    index, distance = (part[0][is_other][:k].numpy() for part in found)
    return NearestRows(wanted, index, distance, rows.select(index), len(rows))
