"""Numbers that a column cannot hold, such as a 2 among bits, a negative count, or half of one.

To score a row is to say how odd it is, so such a cell is no error here. It is what a name that was never seen is: for
the rest of its row it counts as missing, and by itself it has the probability that Laplace's rule of succession leaves
to all that the N training rows did not have, 1 / (N + 2); e^-20 in a table of nothing but bits.
"""

from typing import NamedTuple

import numpy as np

from variate.config.schema import Schema
from variate.data.conversion import is_frame
from variate.data.dataset import Dataset, Splits
from variate.data.readers.sources import read
from variate.data.schema.fits import open_numbers, outside
from variate.data.storage.in_memory import InMemory
from variate.models.base import Model
from variate.models.checked import Data, as_dataset, from_rows, table_reading


class ScorableRows(NamedTuple):
    """Rows that a model takes, and which of their cells it did not.

    Attributes:
        rows: The rows, checked against the model; cells that are impossible count as missing.
        impossible: Which cells are, (N, columns) bool; None if none is.
    """

    rows: Dataset
    impossible: np.ndarray | None = None


def scorable_rows(data: Data, model: Model, name: str = "x") -> ScorableRows:
    """Rows to be scored, with their impossible cells apart.

    Args:
        data: As for `score`.
        model: The model.
        name: What errors call the data.

    Raises:
        InputError: If the rows are not what the model takes.
    """
    schema = None if model.recipe is None else model.recipe.schema
    if schema is None or not schema.columns:
        return ScorableRows(as_dataset(data, model, name))
    found = _as_read(data, model, schema, name)
    values, mask = found.x.all(), None if found.mask is None else found.mask.all()
    impossible = outside(values, schema.columns)
    if mask is not None:
        impossible &= mask
    if not impossible.any():
        return ScorableRows(as_dataset(found, model, name))
    kept = ~impossible if mask is None else mask & ~impossible
    possible = found.replace(x=InMemory(np.where(impossible, 0, values)), mask=InMemory(kept))
    if not kept.any():
        return ScorableRows(possible, impossible)  # else refused for want of a known value
    return ScorableRows(as_dataset(possible, model, name), impossible)


def _as_read(data: Data, model: Model, schema: Schema, name: str) -> Dataset:
    """Rows of columns in memory, whatever their numbers."""
    if isinstance(data, Splits):
        data = data.test
    if isinstance(data, Dataset):
        return data.sample()
    if not is_frame(data):
        return from_rows(data, model, name)
    options, schema = table_reading(model, name)
    return read(data, options, open_numbers(schema)).dataset.replace(schema=schema)
