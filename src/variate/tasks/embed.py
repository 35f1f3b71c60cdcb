"""The latent coordinates of rows."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from variate.data import Dataset
from variate.data.storage.base import SAMPLE_BYTES
from variate.limits import checked_arguments
from variate.runs import Run
from variate.runtime.finite import TRAIN_AGAIN, finite_rows


class Embeddings(NamedTuple):
    """A table with a line per row, in the order of the data.

    Attributes:
        pieces: The columns z0, z1, ... and, if asked for, std0, std1, ..., some lines at a time, computed on
            demand.
        num_rows: Number of lines.
    """

    pieces: Iterator[Mapping[str, np.ndarray]]
    num_rows: int


@checked_arguments
def embed(run: Run, data: str | None = None, *, std: bool = False) -> Embeddings:
    """The mean of q(z|x) of every row: deterministic.

    Args:
        run: The run.
        data: Name or path of the data; by default all rows of the run's own.
        std: Add the standard deviations of q(z|x).

    Raises:
        InputError: If the data cannot be used; when the pieces are taken, if the model gives numbers that are not
            finite.
    """
    rows = run.all_rows(data)
    return Embeddings((_table(run, start, piece, std) for start, piece in _in_memory(rows)), len(rows))


def _in_memory(rows: Dataset) -> Iterator[tuple[int, Dataset]]:
    """The rows as they are if they are in memory, else in pieces that are; before each, the number of its first row."""
    if rows.in_memory:
        yield 0, rows
        return
    size = rows.x.limit(SAMPLE_BYTES)
    for start in range(0, len(rows), size):
        yield start, rows.select(np.arange(start, min(start + size, len(rows))))


def _table(run: Run, start: int, rows: Dataset, std: bool) -> dict[str, np.ndarray]:
    remedy = f"nothing was written: {TRAIN_AGAIN}"
    numbers = range(start, start + len(rows))
    parts = (part.flatten(1).numpy() for part in run.model.embed(rows))
    mean, deviation = (finite_rows(part, "the latent coordinates", remedy, numbers) for part in parts)
    named = {f"z{i}": column for i, column in enumerate(mean.T)}
    return named | ({f"std{i}": column for i, column in enumerate(deviation.T)} if std else {})
