"""Arrays in memory as a dataset: layout and kind are told from the observed values."""

import numpy as np
from numpy.typing import ArrayLike

from variate.config.recipe import Schema
from variate.data.dataset import Dataset
from variate.data.schema import kinds
from variate.data.schema.columns import misfits
from variate.data.schema.layouts import laid_out
from variate.data.storage.in_memory import InMemory
from variate.data.wording import sides
from variate.errors import InputError
from variate.limits import checked_arguments

PIXEL_LEVELS = 256


@checked_arguments
def from_arrays(
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    context: ArrayLike | None = None,
    context_mask: ArrayLike | None = None,
    schema: Schema | None = None,
    name: str = "data",
) -> Dataset:
    """A dataset of arrays in memory.

    Args:
        x: Rows, in one of the layouts of `variate.data.schema.layouts`; images become (N, channels, height, width).
        mask: True where an element of x is observed, in the shape of x; None: all are. What x holds elsewhere is
            ignored (it may be NaN) and replaced by 0.
        context: What a model is conditioned on, (N, *c).
        context_mask: True where an element of the context is observed, in its shape.
        schema: What a row is; None tells it from the observed values.
        name: What to call the data.

    Raises:
        InputError: If layout, values or shapes cannot be used.
    """
    observed = None if mask is None else laid_out(_checked_mask(mask, np.shape(x), "mask"), "mask")
    values, found, notes = _typed(laid_out(np.asarray(x), name), observed, schema, name)
    data = Dataset(InMemory(np.ascontiguousarray(values)), found, _stored(observed), name=name, notes=notes)
    if context is None:
        if context_mask is not None:
            raise InputError("context", "an array, since context_mask is one", "None", "give the context too")
        return data
    gaps = None if context_mask is None else _checked_mask(context_mask, np.shape(context), "context_mask")
    return data.replace(context=_stored(_checked_context(np.asarray(context), gaps)), context_mask=_stored(gaps))


def _stored(array: np.ndarray | None) -> InMemory | None:
    return None if array is None else InMemory(np.ascontiguousarray(array))


def _typed(
    values: np.ndarray, mask: np.ndarray | None, schema: Schema | None, name: str
) -> tuple[np.ndarray, Schema, tuple[str, ...]]:
    """The rows in the type that suits their kind, their schema, and notes on it.

    Raises:
        InputError: If the observed values are not what the schema says.
    """
    full = kinds.as_numbers(values if mask is None else _filled(values, mask), name)
    if schema is not None and values.shape[1:] != schema.shape:
        raise InputError(name, f"rows of {sides(schema.shape)}", f"rows of {sides(values.shape[1:])}")
    if schema is not None and schema.kind == "table":
        cast, found = _coded_rows(full, schema, name), schema
        notes: tuple[str, ...] = ()
    else:
        kind = kinds.tell_kind(full, image=full.ndim == 4) if schema is None else schema.kind
        notes = kinds.kind_notes(full, kind, asked=schema is not None)
        cast = kinds.cast_to(full, kind, name)
        found = schema or Schema(kind, full.shape[1:], levels=PIXEL_LEVELS if kind == "pixels" else 0)
        if found.kind == "pixels" and cast.max() >= found.levels:
            raise InputError(name, f"levels 0 to {found.levels - 1}", f"a pixel of {cast.max()}", "scale the pixels")
    return cast if mask is None else np.where(mask, cast, cast.dtype.type(0)), found, notes


def _filled(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The values, with an observed value of the same element, or else 0, in place of those that are not observed."""
    first = np.take_along_axis(values, mask.argmax(axis=0)[None], axis=0)[0]
    return np.where(mask, values, np.where(mask.any(axis=0), first, values.dtype.type(0)))


def _checked_mask(mask: ArrayLike, shape: tuple[int, ...], argument: str) -> np.ndarray:
    """A mask that fits what it masks.

    Raises:
        InputError: If it is not bool, or of another shape.
    """
    array = np.asarray(mask)
    if array.dtype != bool:
        raise InputError(argument, "bool, True where observed", str(array.dtype), "convert it with .astype(bool)")
    if array.shape != shape:
        raise InputError(argument, f"the shape of what it masks, {shape}", array.shape)
    return array


def _checked_context(context: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """A context of finite numbers, 0 where it is not observed.

    Raises:
        InputError: If it holds anything but finite numbers.
    """
    kinds.require_numbers(context, "context")
    if mask is not None:
        context = np.where(mask, context, context.dtype.type(0))
    return kinds.as_numbers(context, "context")


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
