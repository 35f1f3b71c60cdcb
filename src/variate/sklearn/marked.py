"""Gaps in tables of Arrow: which cells are missing, what marks them, and columns filled with one value."""

import math
import numbers

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.data.dataset import Dataset


def is_gap(marker: object) -> bool:
    """Whether a marker of missing values is what is missing anyway: None or NaN."""
    return marker is None or (isinstance(marker, numbers.Real) and math.isnan(marker))


def without_marked(table: pa.Table, marker: object) -> pa.Table:
    """The table with nulls in place of a marker, in the columns that can hold it.

    Args:
        table: The table.
        marker: A number or a text.
    """
    for place, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        cells = _plain(column)
        is_text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
        if isinstance(marker, str) if is_text else _is_number(cells.type) and isinstance(marker, numbers.Real):
            marked = compute.fill_null(compute.equal(cells, marker), False)
            empty = compute.if_else(marked, pa.scalar(None, cells.type), cells)
            table = table.set_column(place, field, empty.cast(field.type))
    return table


def missing_cells(table: pa.Table, rows: Dataset) -> np.ndarray:
    """Which cells of a table are missing, (N, columns).

    Args:
        table: The table.
        rows: The same rows as they were read: other texts than empty ones may stand for a gap, and an empty cell may be
            a value to the model, but not here.
    """
    found = [compute.is_null(_plain(column), nan_is_null=True).to_numpy() for column in table.columns]
    if rows.mask is not None:
        for own, observed in zip(rows.schema.columns, rows.mask.all().T, strict=True):
            found[table.column_names.index(own.name)] |= ~observed
    return np.stack(found, axis=1)


def filled_with(column: pa.ChunkedArray, missing: np.ndarray, value: object) -> pa.ChunkedArray:
    """A column with one value in place of all that are missing, in its own type if that holds the value."""
    cells = _plain(column)
    if pa.types.is_null(cells.type):
        return pa.chunked_array([pa.array([value] * len(cells))])
    filled = compute.if_else(pa.array(missing), pa.scalar(value).cast(cells.type), cells)
    return filled.cast(column.type) if pa.types.is_dictionary(column.type) else filled


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without a dictionary."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
