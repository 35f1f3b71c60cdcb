"""A map of latent space: some rows of every part on the plane along which they differ most, with what to colour by."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from variate.data import Dataset, Splits
from variate.data.storage.base import evenly_spaced
from variate.runs import Run
from variate.tasks.map_colors import Colors, column_colors

MOST_COLORS = 24
"""Columns that a map can be coloured by: the label and the conditions, and then the first columns of the table."""
PART = "part of the data"
"""What the colours are called that say in which part a row is."""


class LatentMap(NamedTuple):
    """Rows on a plane.

    Attributes:
        places: Where each row is, (N, 2).
        shares: The shares of the variance of the means along both axes.
        colors: What the rows can be coloured by; the last is the part of the data that they are in.
        of_rows: Number of rows that they were chosen from, evenly spread.
    """

    places: np.ndarray
    shares: tuple[float, float]
    colors: tuple[Colors, ...]
    of_rows: int


def latent_map(run: Run, splits: Splits, most: int) -> LatentMap:
    """The means of q(z|x) on their principal plane, as `embed` with a map has them.

    Training rows whose bits are drawn anew in each batch are left out.

    Args:
        run: The run.
        splits: Its data, with labels where there are some.
        most: Most rows, spread evenly over the parts.

    Raises:
        InputError: If the model gives numbers that are not finite.
    """
    import torch

    from variate.evaluation.latent_space.projection import Sums, principal_plane

    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    parts = {name: rows for name, rows in parts.items() if len(rows) and not rows.transforms}
    total = sum(map(len, parts.values()))
    shares = [max(1, most * len(rows) // total) for rows in parts.values()]
    chosen = [rows.select(evenly_spaced(len(rows), n)) for rows, n in zip(parts.values(), shares, strict=True)]
    means = torch.cat([run.model.embed(rows)[0].flatten(1).cpu() for rows in chosen])
    plane = principal_plane(Sums.start(means).add(means))
    across, along = plane.share.tolist()
    codes = np.repeat(np.arange(float(len(parts))), [len(rows) for rows in chosen])
    found = (*list(row_colors(chosen))[:MOST_COLORS], Colors(PART, codes, tuple(parts)))
    return LatentMap(plane.coordinates(means).numpy(), (across, along), found, total)


def row_colors(parts: Sequence[Dataset]) -> Iterator[Colors]:
    """What rows can be coloured by: their labels, the conditions, and the columns of a table.

    Args:
        parts: Rows in memory that belong to one data set.
    """
    first = parts[0]
    if first.label is not None and all(rows.labels is not None for rows in parts):
        yield column_colors(first.label, np.concatenate([_numbers(rows.labels) for rows in parts]))
    if all(rows.context is not None for rows in parts):
        context = np.concatenate([_numbers(rows.context) for rows in parts])
        for own, values in zip(first.schema.conditions, context.T, strict=True):
            if first.label is None or own.name != first.label.name:
                yield column_colors(own, values)
    if first.schema.columns:
        cells = np.concatenate([table_values(rows) for rows in parts])
        for own, values in zip(first.schema.columns, cells.T, strict=True):
            yield column_colors(own, values)


def table_values(rows: Dataset) -> np.ndarray:
    """Rows in memory as float64, (N, *event), with NaN where nothing is observed."""
    values = np.asarray(rows.x.all(), np.float64)
    return values if rows.mask is None else np.where(rows.mask.all(), values, np.nan)


def _numbers(storage: object) -> np.ndarray:
    return np.asarray(storage.all(), np.float64)  # type: ignore[attr-defined]
