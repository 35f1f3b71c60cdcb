"""From numbers back to cells as they came: categories, whole numbers, dates, and the columns that were set aside."""

from collections.abc import Callable

import numpy as np

from variate.config.schema import Aside, Column, Schema
from variate.data.schema.formats import BOOL, format_called
from variate.data.schema.number_formats import NUMBER

DATES = {
    "date": ("datetime64[D]", 1),
    "timestamp": ("datetime64[us]", 10**6),
    "duration": ("timedelta64[us]", 10**6),
}
"""NumPy's types of dates and durations, and how many of their units are one of ours."""

Back = Callable[[np.ndarray, Column], np.ndarray]
"""Turns the numbers of a column into its cells."""


def as_they_came(values: np.ndarray, column: Column) -> np.ndarray:
    """Values of a column, (N,), in the type and format of the data that it was told from; NaN becomes masked."""
    missing = np.isnan(values) | (values >= len(column.categories) if column.kind == "categorical" else False)
    if missing.any():
        return np.ma.masked_array(as_they_came(np.where(missing, 0, values), column), missing)
    if column.blank:
        return _ticks(values.astype(np.int64), column)
    if column.kind == "categorical":
        return np.array(column.categories, dtype=object)[values.astype(np.int64)]
    if column.kind in ("binary", "counts"):
        values = np.rint(values)
    if column.format == BOOL:
        return values > 0.5
    if column.format in DATES:
        dtype, units = DATES[column.format]
        return np.rint(values * units).astype(np.int64).astype(dtype)
    if column.format == "time":
        return _written(np.mod(values, 86_400), "%H:%M:%S")
    if column.format != NUMBER.name and format_called(column.format) is not None:
        return _written(values, column.format)
    return values.astype(np.int64) if column.kind in ("binary", "counts") else values


def named_columns(rows: np.ndarray, schema: Schema, back: Back = as_they_came) -> dict[str, np.ndarray]:
    """Rows as named columns, as they came: those of a table with its categories and dates, and with the columns that
    were set aside in their places; x0, x1, ... for other data.

    Args:
        rows: The rows, (N, *event).
        schema: What they are.
        back: What turns the numbers of a column into its cells; for a table of text that is
            `variate.data.schema.written.as_written`, which writes bits and times as they were written.
    """
    flat = rows.reshape(len(rows), -1)
    if not schema.columns:
        return {f"x{i}": flat[:, i] for i in range(flat.shape[1])}
    named = [(own.name, back(values, own)) for own, values in zip(schema.columns, flat.T, strict=True)]
    for own in schema.aside:
        named.insert(own.place, (own.name, filler(own, len(rows))))
    return dict(named)


def _ticks(codes: np.ndarray, column: Column) -> np.ndarray:
    """The values of a column of ticks, masked where its cell is empty, which is code 0."""
    if not column.format:
        return np.ma.masked_array(np.array(column.categories, dtype=object)[codes], codes == 0)
    numbers = np.array([0.0, *map(float, column.categories[1:])])[codes]
    return np.ma.masked_array(as_they_came(numbers, Column(column.name, "real", format=column.format)), codes == 0)


def _written(values: np.ndarray, form: str) -> np.ndarray:
    own = format_called(form)
    assert own is not None
    return np.array([own.write(number) for number in values.tolist()], dtype=object)


def filler(own: Aside, rows: int) -> np.ndarray:
    """A column that was set aside, (rows,): constants as they were, the rows numbered from 1, others empty."""
    if own.kind == "constant" and own.format is not None:
        return as_they_came(np.full(rows, float(own.value)), Column(own.name, "real", format=own.format))
    if own.kind == "constant":
        return np.full(rows, own.value, dtype=object)
    if own.kind in ("counter", "identifier"):
        numbers = np.arange(1, rows + 1)
        return numbers.astype(str).astype(object) if own.format is None else numbers
    return np.full(rows, None, dtype=object)
