"""Rows encoded and decoded again."""

from typing import NamedTuple

import numpy as np

from variate.errors import at_least
from variate.runs import Run


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


def reconstruct(run: Run, data: str | None = None, *, n: int | None = None) -> Reconstructions:
    """Encodes rows and decodes them again: deterministic.

    Args:
        run: The run.
        data: Name or path of the data; by default the test part of the run's own.
        n: How many rows, from the first on; by default all.

    Raises:
        InputError: If the data cannot be used, or `n` is less than 1.
    """
    at_least(1, n=n)
    rows, part, *_ = run.held_out(data)
    if n is not None and n < len(rows):
        rows = rows.select(np.arange(n))
    return Reconstructions(rows.x.all(), run.model.reconstruct(rows).numpy(), part)
