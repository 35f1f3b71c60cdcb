"""Arrays in memory as a dataset: layout and kind are told from the observed values."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.conversion import Passed, as_array
from variate.data.dataset import Dataset
from variate.data.gaps import gap_notes, gaps_of, require_observed
from variate.data.readers.offered import with_offered
from variate.data.schema import kinds
from variate.data.schema.fits import misfits
from variate.data.schema.layouts import laid_out, require_values
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.wording import sides
from variate.errors import InputError
from variate.limits import checked_arguments

PIXEL_LEVELS = 256
WEIGHT = "weight"
"""What errors call the weights of rows."""


@checked_arguments
def from_arrays(
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    context: ArrayLike | None = None,
    context_mask: ArrayLike | None = None,
    condition: Mapping[str, ArrayLike] | None = None,
    weight: ArrayLike | None = None,
    schema: Schema | None = None,
    name: str = "data",
) -> Dataset:
    """A dataset of arrays in memory.

    Args:
        x: Rows, in one of the layouts of `variate.data.schema.layouts`; images become (N, channels, height, width).
        mask: True where an element of x is observed, in the shape of x; None: all are. What x holds elsewhere is
            ignored and replaced by 0. What is NaN, or masked in a masked array x, is not observed either.
        context: What a model of one's own is conditioned on, (N, *c).
        context_mask: True where an element of the context is observed, in its shape; what is NaN in the context, or
            masked in a masked array, is not observed either.
        condition: What a model that `build` makes is conditioned on: names, and for each of these a number or a text
            per row, (N,). It becomes the context.
        weight: Weight of each row in training, (N,), at least 0.
        schema: What a row is; None tells it from the observed values.
        name: What to call the data.

    Raises:
        InputError: If layout, values or shapes cannot be used.
    """
    rows = _with_mask(as_array(x, name), mask, "mask")
    observed = None if rows.mask is None else laid_out(rows.mask, "mask")
    values, found, notes = _typed(laid_out(rows.values, name), observed, schema, name)
    data = Dataset(InMemory(np.ascontiguousarray(values)), found, _stored(observed), name=name, notes=notes)
    if condition is not None or weight is not None:
        if condition is not None and context is not None:
            raise InputError("condition", "either condition or context", "both", "leave one out")
        data = _with_beside(data, condition or {}, weight)
    if context is None:
        if context_mask is not None:
            raise InputError("context", "an array, since context_mask is one", "None", "give the context too")
        return data
    given = _with_mask(as_array(context, "context"), context_mask, "context_mask")
    return data.replace(context=_stored(_checked_context(given)), context_mask=_stored(given.mask))


def _with_beside(data: Dataset, condition: Mapping[str, ArrayLike], weight: ArrayLike | None) -> Dataset:
    """Rows with their conditions and weights."""
    columns = {own: np.asarray(values) for own, values in condition.items()}
    options = DataOptions(condition=tuple(columns), weight=None if weight is None else WEIGHT)
    if weight is not None:
        columns[WEIGHT] = np.asarray(weight)
    offered = {own: partial(lambda values: [values], values) for own, values in columns.items()}
    return with_offered(Source(data), options, None, offered).dataset


def _with_mask(given: Passed, mask: ArrayLike | None, argument: str) -> Passed:
    """An array with the mask that was given beside it; an element is observed if that and its own mask say so.

    Raises:
        InputError: If the mask is not bool, or of another shape than the array.
    """
    if mask is None:
        return given
    found, own = as_array(mask, argument)
    if own is not None:
        raise InputError(argument, "True or False everywhere", "a masked array", "fill it")
    if found.dtype != bool:
        raise InputError(argument, "bool, True where observed", str(found.dtype), "convert it with .astype(bool)")
    if found.shape != given.values.shape:
        raise InputError(argument, f"the shape of what it masks, {given.values.shape}", found.shape)
    return given._replace(mask=found if given.mask is None else found & given.mask)


def _stored(array: np.ndarray | None) -> InMemory | None:
    return None if array is None else InMemory(np.ascontiguousarray(array))


def _typed(
    values: np.ndarray, mask: np.ndarray | None, schema: Schema | None, name: str
) -> tuple[np.ndarray, Schema, tuple[str, ...]]:
    """The rows in the type that suits their kind, their schema, and notes on it.

    Raises:
        InputError: If the observed values are not what the schema says.
    """
    gaps = None if mask is None else gaps_of(values, mask)
    if gaps is not None:
        require_observed(gaps, name)
    full = kinds.as_numbers(values if gaps is None or mask is None else np.where(mask, values, gaps.values), name)
    if schema is not None and values.shape[1:] != schema.shape:
        raise InputError(name, f"rows of {sides(schema.shape)}", f"rows of {sides(values.shape[1:])}")
    if schema is not None and schema.kind == "table":
        cast, found = _coded_rows(full, schema, name), schema
        notes: tuple[str, ...] = ()
    else:
        kind = kinds.tell_kind(full, image=full.ndim == 4) if schema is None else schema.kind
        notes = kinds.kind_notes(full, kind, asked=schema is not None, known=None if gaps is None else gaps.known)
        cast = kinds.cast_to(full, kind, name)
        found = schema or Schema(kind, full.shape[1:], levels=PIXEL_LEVELS if kind == "pixels" else 0)
        if found.kind == "pixels" and cast.max() >= found.levels:
            raise InputError(name, f"levels 0 to {found.levels - 1}", f"a pixel of {cast.max()}", "scale the pixels")
    if gaps is None or mask is None:
        return cast, found, notes
    return np.where(mask, cast, cast.dtype.type(0)), found, (*notes, *gap_notes(gaps))


def _checked_context(context: Passed) -> np.ndarray:
    """A context of finite numbers, 0 where it is not observed.

    Raises:
        InputError: If it holds anything but finite numbers, or nothing is observed.
    """
    values = context.values
    require_values(values, "context")
    if context.mask is not None:
        require_observed(gaps_of(values, context.mask), "context")
        values = np.where(context.mask, values, values.dtype.type(0))
    return kinds.as_numbers(values, "context")


def _coded_rows(values: np.ndarray, schema: Schema, name: str) -> np.ndarray:
    """The rows of a table as float64, if its columns can hold them.

    Raises:
        InputError: If a column cannot hold a value.
    """
    values = values.astype(np.float64, copy=False)
    for column, numbers in zip(schema.columns, values.T, strict=True):
        bad = misfits(numbers, column)
        if len(bad):
            expected = f"codes 0 to {len(column.categories) - 1}" if column.categories else column.kind
            got = f"{numbers[bad[0]]:g} in row {bad[0]} (counting from 0)"
            raise InputError(f"column {column.name!r} of {name}", expected, got)
    return values
