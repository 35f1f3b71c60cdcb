"""Rows of a model as an Arrow table, from which every data frame is made: of pandas, polars, DuckDB and others."""

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from variate.config.schema import Column, Schema
from variate.data.conversion import as_array
from variate.data.schema.fits import misfits
from variate.data.schema.formats import DAY, NATIVE_DATES
from variate.data.schema.kinds import is_whole
from variate.data.schema.origin import named_columns
from variate.data.schema.values import is_textual
from variate.data.wording import sides
from variate.errors import InputError


def to_arrow(rows: ArrayLike, schema: Schema) -> pa.Table:
    """Rows as a table, as the data came: with the names of the columns, categories, dates, and what was set aside.

        to_arrow(vae.sample(1000), data.schema).to_pandas()
        polars.from_arrow(to_arrow(vae.sample(1000), data.schema))

    Categorical columns of a data frame become such again, and whole numbers are whole. Rows of other data than tables
    have columns x0, x1, ...

    Args:
        rows: Rows as the model has them, (N, *event): what `sample`, `reconstruct` or `impute` gives. NaN, or what a
            masked array masks, is a missing cell.
        schema: What a row is: that of the data, or of the model's recipe.

    Returns:
        The table. Means of counts and bits are rounded to what the column can hold.

    Raises:
        InputError: If the rows are not of the schema's shape, or a category has no such code.
    """
    values, mask = as_array(rows, "rows")
    if values.shape[1:] != schema.shape:
        raise InputError(
            "rows", f"rows of {sides(schema.shape)}, as in the schema", f"rows of {sides(values.shape[1:])}"
        )
    if schema.columns:
        values = values.astype(np.float64)
    if mask is not None:
        values = np.where(mask, values, np.nan)
    _require_codes(values, schema)
    columns = {own.name: (number, own) for number, own in enumerate(schema.columns)}
    arrays = {}
    for name, cells in named_columns(values, schema).items():
        number, own = columns.get(name, (-1, None))
        arrays[name] = arrow_cells(cells) if own is None else _column(cells, values[:, number], own)
    return pa.table(arrays)


def arrow_cells(values: np.ndarray) -> pa.Array:
    """Cells as they came as an array of Arrow; those that are masked are null."""
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    return pa.array(np.asarray(values), pa.string() if values.dtype == object else None, mask=mask)


def _require_codes(values: np.ndarray, schema: Schema) -> None:
    """Refuses codes that no category has."""
    for number, own in enumerate(schema.columns):
        if own.kind == "categorical":
            codes = values[:, number]
            bad = misfits(codes[~np.isnan(codes)], own)
            if len(bad):
                got = f"{codes[~np.isnan(codes)][bad[0]]:g}"
                raise InputError(f"column {own.name!r} of rows", f"codes 0 to {len(own.categories) - 1}", got)


def _column(cells: np.ndarray, values: np.ndarray, own: Column) -> pa.Array:
    """One column.

    Args:
        cells: Its cells as they came.
        values: Its values as the model has them.
        own: What it is.
    """
    if own.kind == "categorical" and not own.blank:
        return _categories(values, own)
    if own.format == "time":
        micros = np.rint(np.mod(np.nan_to_num(values), DAY) * 1e6).astype(np.int64)
        return pa.array(micros, mask=np.isnan(values)).cast(pa.time64("us"))
    found, on_grid = arrow_cells(cells), own.format == "" and own.step >= 1 and own.step.is_integer()
    return found.cast(pa.int64()) if on_grid and is_whole(values[~np.isnan(values)]) else found


def _categories(values: np.ndarray, own: Column) -> pa.Array:
    """A column of categories: with a dictionary where the data list them, else as text or as numbers."""
    missing = np.isnan(values)
    names: pa.Array = pa.array(own.categories, pa.string())
    if own.categories and not is_textual(own) and own.format not in NATIVE_DATES:
        numbers = [float(name) for name in own.categories]
        names = pa.array([int(x) for x in numbers] if all(x.is_integer() for x in numbers) else numbers)
    codes = pa.array(np.where(missing, 0, values).astype(np.int32), mask=missing)
    found = pa.DictionaryArray.from_arrays(codes, names, ordered=bool(own.ordered))
    return found if own.ordered is not None else found.dictionary_decode()
