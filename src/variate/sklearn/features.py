"""X of scikit-learn as the rows of a model, and rows of a model in the form of X.

Whatever X is, the features become columns of an Arrow table under the names that they had in `fit`: x0, x1, ... for
arrays. So an array and a data frame of the same numbers are the same data, and a model that was fitted on one takes the
other.
"""

import importlib
import numbers
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from variate.config.schema import Schema
from variate.data.arrow_rows import to_arrow
from variate.data.conversion import as_array
from variate.data.relations import obey
from variate.errors import InputError


class Features(NamedTuple):
    """How the features of `fit` were given.

    Attributes:
        names: What the columns are called in the model.
        library: What X was: "numpy" for all arrays, "pandas", "polars", or "pyarrow" for all other tables.
    """

    names: tuple[str, ...]
    library: str


def library_of(frame: object) -> str:
    """The library of a data frame; "pyarrow" for all but pandas and polars."""
    library = type(frame).__module__.partition(".")[0]
    return library if library in ("pandas", "polars") else "pyarrow"


def table_of(values: np.ndarray, names: tuple[str, ...]) -> pa.Table:
    """An array (N, features) as a table; NaN is a gap."""
    columns = values.astype(np.float64, copy=False).T
    return pa.table({name: pa.array(cells, from_pandas=True) for name, cells in zip(names, columns, strict=True)})


def array_of(table: pa.Table) -> np.ndarray:
    """A table of numbers as an array, (N, features) float64; a gap is NaN."""
    columns = [column.to_numpy().astype(np.float64) for column in table.columns]
    return np.stack(columns, axis=1)


def frame_of(table: pa.Table, library: str) -> Any:  # noqa: ANN401  a data frame of any library
    """A table as a data frame of a library, or as an array if that is "numpy"."""
    if library == "numpy":
        return array_of(table)
    if library == "pandas":
        return table.to_pandas()
    return importlib.import_module("polars").from_arrow(table) if library == "polars" else table


def as_given(rows: ArrayLike, schema: Schema, features: Features, gaps: bool) -> Any:  # noqa: ANN401
    """Rows as the model has them in the form of the X of `fit`, with the columns that the model set aside.

    Args:
        rows: Drawn rows, (N, *event), or means.
        schema: What a row is.
        features: How X was given.
        gaps: Whether rows may have gaps, in a model of gaps.
    """
    values = obey(rows, schema, gaps=gaps) if schema.columns else rows
    return frame_of(to_arrow(values, schema).rename_columns(list(features.names)), features.library)


def row_weights(sample_weight: object, num_rows: int) -> np.ndarray | None:
    """Weights of rows, (N,), as scikit-learn passes them; None if all rows count the same.

    Args:
        sample_weight: One number per row, one number for all, or None.
        num_rows: Number of rows, N.

    Raises:
        InputError: If they are not one finite number per row, one is negative, or all are zero.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Real):
        sample_weight = np.full(num_rows, float(sample_weight))
    weights, mask = as_array(sample_weight, "sample_weight")
    if weights.shape != (num_rows,):
        raise InputError("sample_weight", f"shape ({num_rows},), one weight per row of X", f"shape {weights.shape}")
    weights = weights.astype(np.float64)
    if mask is not None or not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError("sample_weight", "finite numbers that are not negative", "others", "correct them")
    if not weights.any():
        raise InputError("sample_weight", "at least one weight that is not zero", "zero for all rows")
    return weights
