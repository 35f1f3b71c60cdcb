"""Which numbers a column can hold."""

import numpy as np
from jaxtyping import Float64

from variate.config.schema import Column, ColumnKind


def misfits(values: Float64[np.ndarray, " N"], column: Column) -> np.ndarray:
    """Positions of the numbers that a column cannot hold; categories are codes 0 .. K-1."""
    if column.kind != "categorical":
        return np.flatnonzero(~fits(values, column.kind))
    return np.flatnonzero(~(fits(values, "counts") & (values < len(column.categories))))


def fits(values: Float64[np.ndarray, " N"], kind: ColumnKind) -> np.ndarray:
    """Which numbers can be of a kind."""
    if kind == "binary":
        return (values == 0) | (values == 1)
    return (values >= 0) & (values == np.rint(values)) if kind == "counts" else np.isfinite(values)
