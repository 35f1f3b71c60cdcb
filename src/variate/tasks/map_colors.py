"""What the rows on a map are coloured by: a column of a table, or the folders of images."""

from typing import NamedTuple

import numpy as np

from variate.config.schema import Column
from variate.data.schema.written import as_written
from variate.data.wording import list_names
from variate.errors import InputError, did_you_mean
from variate.runs import Run

LISTED = 10
"""Columns that a message names."""
FOLDER = "folder"
"""What names the folders of images."""


class Colors(NamedTuple):
    """What rows are coloured by.

    Attributes:
        name: Of the column.
        values: Codes of categories or numbers, (N,); NaN where the cell is missing.
        categories: The names of the codes; empty for numbers.
        ends: The least and the largest number as they are written; empty for categories.
    """

    name: str
    values: np.ndarray
    categories: tuple[str, ...]
    ends: tuple[str, ...] = ()


def map_colors(run: Run, data: str | None, name: str) -> Colors:
    """The values of a column, or the folder of each image.

    Args:
        run: The run.
        data: Name or path of the data; by default the run's own.
        name: A column that the model knows, or "folder" for images in sub-folders.

    Raises:
        InputError: If the data have no such column or folders, or cannot be used.
    """
    rows, names = run.named_rows(data)
    if not run.recipe.schema.columns:
        folders = [path.rpartition("/")[0] for path in names]
        different = sorted(set(folders))
        if name != FOLDER or len(different) < 2:
            expected = "'folder', for images in sub-folders, or a column of a table"
            raise InputError("color", expected, repr(name), "leave it out")
        return Colors(name, np.searchsorted(different, folders).astype(np.float64), tuple(different))
    known = [own.name for own in run.recipe.schema.columns]
    if name not in known:
        expected = f"a column that the model knows: {list_names(known, LISTED)}"
        raise InputError("color", expected, repr(name), did_you_mean(name, known))
    place, found = known.index(name), []
    for index in rows.stretches():
        values = rows.x.take(index)[:, place].astype(np.float64)
        found.append(values if rows.mask is None else np.where(rows.mask.take(index)[:, place], values, np.nan))
    return column_colors(run.recipe.schema.columns[place], np.concatenate(found))


def column_colors(column: Column, values: np.ndarray) -> Colors:
    """The values of a column as colours.

    Args:
        column: What they are.
        values: Codes of categories or numbers, (N,) float64; NaN where the cell is missing.
    """
    if column.kind == "categorical":
        return Colors(column.name, np.where(values < len(column.categories), values, np.nan), column.categories)
    if column.kind == "binary":
        return Colors(column.name, values, tuple(map(str, as_written(np.arange(2.0), column))))
    seen = values[~np.isnan(values)]
    ends = np.array([seen.min(), seen.max()]) if len(seen) else seen
    return Colors(column.name, values, (), tuple(map(str, as_written(ends, column))))
