"""Rows that obey the relations between columns: copies, codes of one another, sums.

A model learns only nearly that a total is the sum of its parts, since the elements of a row are drawn independently
given the latents. What was found exact in the data (`Schema.relations`) is made exact in drawn rows: such a column is
computed from the others.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike

from variate.config.schema import LARGEST, Column, Relation, Schema
from variate.data.conversion import as_array
from variate.data.schema.fits import fits
from variate.data.schema.grids import decimals_of
from variate.data.wording import sides
from variate.errors import InputError


def obey(rows: ArrayLike, schema: Schema, *, gaps: bool = False) -> np.ndarray:
    """Rows in which the columns that follow from others are computed from these, as `variate sample` writes them.

        to_arrow(obey(vae.sample(1000), data.schema), data.schema)

    `Model.sample` itself gives exact draws from p(x), which obey such relations only nearly. A cell stays as it was
    drawn where the others have a value that the data do not have, or where the sum is not possible in its column, such
    as a negative count.

    Args:
        rows: Drawn rows as the model has them, (N, columns); NaN is a gap.
        schema: What a row is: that of the data, or of the model's recipe.
        gaps: Whether a cell may become a gap where that follows from others; for rows of a model of gaps.

    Returns:
        The rows, (N, columns), as real numbers.

    Raises:
        InputError: If the rows are not of the schema's shape.
    """
    values, mask = as_array(rows, "rows")
    if values.shape[1:] != schema.shape:
        got = f"rows of {sides(values.shape[1:])}"
        raise InputError("rows", f"rows of {sides(schema.shape)}, as in the schema", got)
    values = values.astype(np.result_type(values.dtype, np.float32))
    if mask is not None:
        values[~mask] = np.nan
    return computed(values, schema.relations, schema.columns, gaps)


class Usable(NamedTuple):
    """What can be computed where some columns keep their values.

    Attributes:
        relations: The relations that can be used, in an order of computation.
        left_out: Places of the columns whose relation cannot be used.
    """

    relations: tuple[Relation, ...]
    left_out: tuple[int, ...]


def usable_relations(relations: Sequence[Relation], given: Collection[int]) -> Usable:
    """The relations by which columns are computed where some keep their values.

    A relation that would compute one of these is used in the other direction if it can be, and left out otherwise.

    Args:
        relations: The relations, in an order of computation.
        given: Places of the columns that keep their values.
    """
    kept, turned, left_out, fixed = list[Relation](), list[Relation](), list[int](), set(given)
    for relation in reversed(relations):
        inverse = relation.inverse
        if relation.place not in fixed:
            kept.append(relation)
        elif inverse is not None and inverse.place not in fixed:
            turned.append(inverse)
            fixed.add(inverse.place)
        else:
            left_out.append(relation.place)
    return Usable((*turned, *reversed(kept)), tuple(sorted(left_out)))


def computed(
    rows: Float[np.ndarray, "N *event"], relations: Sequence[Relation], columns: Sequence[Column], gaps: bool
) -> Float[np.ndarray, "N *event"]:
    """Rows whose columns are computed by relations, one after the other.

    Args:
        rows: The rows.
        relations: The relations, in an order of computation.
        columns: What the columns are.
        gaps: Whether a cell may become a gap.
    """
    rows = rows.copy() if relations else rows
    for relation in relations:
        own = rows[:, relation.place]
        found = _sums(rows, relation, columns[relation.place]) if relation.factors else _decided(rows, relation)
        rows[:, relation.place] = found if gaps else np.where(np.isnan(found), own, found)
    return rows


def _decided(rows: Float[np.ndarray, "N D"], relation: Relation) -> Float[np.ndarray, " N"]:
    """The values that follow from those of the only source; a gap is a value of its own, -inf."""
    keys = np.array([-np.inf if key is None else key for key in relation.keys], rows.dtype)
    values = np.array([np.nan if value is None else value for value in relation.values], rows.dtype)
    order = np.argsort(keys)
    source = rows[:, relation.sources[0]]
    source = np.where(np.isnan(source), -np.inf, source)
    near = order[np.searchsorted(keys, source, sorter=order).clip(max=len(keys) - 1)]
    return np.where(keys[near] == source, values[near], rows[:, relation.place])


def _sums(rows: Float[np.ndarray, "N D"], relation: Relation, column: Column) -> Float64[np.ndarray, " N"]:
    """The sums of the sources, with as many decimals as the column has."""
    total = np.full(len(rows), relation.constant)
    for factor, place in zip(relation.factors, relation.sources, strict=True):
        total += factor * rows[:, place].astype(np.float64)
    grid = np.array([column.low or 0.0, column.step])
    decimals = 0 if column.kind == "counts" else decimals_of(grid) if column.step else None
    total = (total if decimals is None else np.round(total, decimals)) + 0.0  # no zero has a sign
    own = rows[:, relation.place].astype(np.float64)
    can_hold = fits(total, column.kind) & (np.abs(total) <= LARGEST)
    if relation.shares_gaps:
        return np.where(can_hold | np.isnan(total), total, own)
    return np.where(can_hold & ~np.isnan(own), total, own)
