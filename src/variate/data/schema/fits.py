"""Which numbers a column can hold."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64

from variate.config.schema import Column, ColumnKind, Schema


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


def outside(values: Float64[np.ndarray, "N D"], columns: Sequence[Column]) -> Bool[np.ndarray, "N D"]:
    """Which finite numbers are none that a bit or a count can be."""
    found = np.zeros(values.shape, bool)
    for number, column in enumerate(columns):
        if column.kind in ("binary", "counts"):
            found[:, number] = np.isfinite(values[:, number]) & ~fits(values[:, number], column.kind)
    return found


def open_numbers(schema: Schema) -> Schema:
    """A schema in which bits and counts may be any numbers."""
    return replace(schema, columns=tuple(open_number(own) for own in schema.columns))


def open_number(column: Column) -> Column:
    """A column of bits or counts as one of any numbers; another as it is."""
    if column.kind not in ("binary", "counts"):
        return column
    return Column(column.name, "real", format=column.format, gaps=column.gaps)
