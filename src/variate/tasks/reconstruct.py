"""Rows encoded and decoded again."""

from typing import NamedTuple

import numpy as np

from variate.limits import Rows, checked_arguments
from variate.runs import Run
from variate.runtime.finite import TRAIN_AGAIN, finite_rows


class Reconstructions(NamedTuple):
    """Rows and their reconstructions.

    Attributes:
        originals: The rows, (N, *event).
        decoded: E[x|z] at the posterior mean of each, (N, *event).
        part: What the rows are, in words.
    """

    originals: np.ndarray
    decoded: np.ndarray
    part: str


@checked_arguments
def reconstruct(run: Run, data: str | None = None, *, n: Rows | None = None) -> Reconstructions:
    """Encodes rows and decodes them again: deterministic.

    Args:
        run: The run.
        data: Name or path of the data; by default the test part of the run's own.
        n: How many rows, from the first on; by default all.

    Raises:
        InputError: If the data cannot be used, `n` is less than 1, or the model gives rows that are not finite.
    """
    rows, part, *_ = run.held_out(data)
    if n is not None and n < len(rows):
        rows = rows.select(np.arange(n))
    decoded = run.model.reconstruct(rows).numpy()
    remedy = f"nothing was written: {TRAIN_AGAIN}"
    return Reconstructions(rows.x.all(), finite_rows(decoded, "the reconstructions", remedy), part)
