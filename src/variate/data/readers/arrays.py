"""What an array is taken for: its layout, its kind, and whether a model can eat it.

    (N, D)          N rows of D numbers
    (N, H, W)       N grey images, to (N, 1, H, W)
    (N, C, H, W)    N images of C = 1 .. 4 channels
    (N, H, W, C)    the same, to (N, C, H, W)

A shape that can be read two ways is refused, with the way to make it clear.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from variate.config.recipe import DataOptions, Kind, Schema
from variate.data.rows import Rows
from variate.data.schema import kinds
from variate.data.storage.stacked import Numbers, Stacked
from variate.data.storage.stream import ArrayStream, Streamed
from variate.data.transforms import binarized
from variate.data.wording import sides
from variate.errors import InputError

CHANNELS = range(1, 5)
"""How many channels a picture may have: grey, grey and alpha, RGB, RGBA."""


def from_array(
    values: np.ndarray,
    options: DataOptions = DataOptions(),  # noqa: B008  frozen
    schema: Schema | None = None,
    *,
    name: str = "the array",
    test: np.ndarray | None = None,
    levels: int = 256,
) -> Rows:
    """Takes an array for rows.

    Args:
        values: In one of the layouts above.
        options: `kind` overrides what the numbers look like.
        schema: Take them for this instead, and refuse what does not fit.
        name: What to call them.
        test: The official test set, laid out likewise.
        levels: How many values a pixel may have.

    Raises:
        InputError: If layout or values are not what they would have to be.
    """
    values = kinds.as_numbers(laid_out(values, name), name)
    kind = wanted(values, options, schema)
    told = kinds.notes(values, kind, asked=schema is not None or options.kind is not None)
    values = np.ascontiguousarray(kinds.cast(values, kind, name))
    if test is not None:
        test = held_out(test, values, kind, f"the test set of {name}")
    found = Schema(kind, values.shape[1:], levels=levels if kind == "pixels" else 0)
    rows = Rows(values, found, told, name, test)
    return rows if schema is None else conform(rows, schema, options.split_seed)


def streamed(
    parts: Sequence[np.ndarray], options: DataOptions, schema: Schema | None, name: str, sizes: tuple[int, ...]
) -> Streamed:
    """Takes memory-mapped arrays for the rows of one, without reading more than a piece of them at a time.

    Args:
        parts: Arrays of one type and one shape of rows, in one of the layouts above.
        options: As for `from_array`.
        schema: The same.
        name: What to call them.
        sizes: Bytes of their files.

    Raises:
        InputError: If layout or values are not what they would have to be.
    """
    values = kinds.as_numbers(Stacked([laid_out(part, name) for part in parts]), name)
    kind = wanted(values, options, schema)
    told = kinds.notes(values, kind, asked=schema is not None or options.kind is not None)
    cast = kinds.cast_for(values, kind, name)
    found = Schema(kind, values.shape[1:], levels=256 if kind == "pixels" else 0)
    if schema is not None:
        refuse_other_shape(found.shape, schema.shape, name, "the model takes")
        if kind == "pixels":
            refuse_other_levels(int(cast(np.atleast_1d(values.max()))[0]), schema.levels, name)
    grey = schema is not None and schema.kind != kind
    return Streamed(ArrayStream(values, cast), schema or found, told, name, sizes, grey)


def held_out(test: np.ndarray, values: np.ndarray, kind: Kind, name: str) -> np.ndarray:
    """An official test set as the rows are."""
    test = kinds.cast(kinds.as_numbers(laid_out(test, name), name), kind, name)
    refuse_other_shape(test.shape[1:], values.shape[1:], name, "the other rows are")
    return np.ascontiguousarray(test.astype(np.promote_types(test.dtype, values.dtype), copy=False))


def wanted(values: Numbers, options: DataOptions, schema: Schema | None) -> Kind:
    """The kind to read as: the schema's, else what was asked for, else what the values look like."""
    if schema is None:
        return options.kind or kinds.tell(values, image=values.ndim == 4)
    if schema.kind == "binary" and schema.levels:  # a model of bits drawn from grey levels eats either
        return "binary" if kinds.is_bits(values) else "pixels"
    return schema.kind


def laid_out(values: np.ndarray, name: str) -> np.ndarray:
    """The array as (N, D) or (N, C, H, W).

    Raises:
        InputError: If it holds no rows or no numbers, or its shape has no meaning or two.
    """
    kinds.refuse_no_numbers(values, name)
    if 0 in values.shape:
        raise InputError(f"{name} is empty: its shape is {values.shape}")
    if values.ndim == 2:
        return values
    if values.ndim == 3:
        return grey_images(values, name)
    if values.ndim == 4:
        return channels_first(values, name)
    if values.ndim < 2:
        raise InputError(
            f"{name} has shape {values.shape}, one number a row, and looks like labels; give rows of several numbers"
        )
    raise InputError(f"{name} has {values.ndim} axes {values.shape}; give rows (N, D), (N, H, W) or (N, C, H, W)")


def grey_images(values: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W) to (N, 1, H, W), unless it looks like one picture in colour."""
    if values.shape[2] in (3, 4) and values.shape[1] not in CHANNELS:
        raise InputError(
            f"{name} has shape {values.shape}, which looks like one colour image; give (N, H, W, C) for colour images, "
            "(N, H, W, 1) for grey ones, or (N, D) for rows"
        )
    return values[:, None]


def channels_first(values: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W, C) to (N, C, H, W), told by which axis has 1 to 4."""
    first, last = values.shape[1] in CHANNELS, values.shape[3] in CHANNELS
    if first and last:
        raise InputError(
            f"{name} has shape {values.shape}, whose channels can be axis 1 or axis 3; "
            "transpose it so that only one of them is 4 or less, or flatten it to (N, D)"
        )
    if not first and not last:
        raise InputError(f"{name} has shape {values.shape}, but images have 1 to 4 channels; give (N, C, H, W)")
    return values if first else values.transpose(0, 3, 1, 2)


def conform(rows: Rows, schema: Schema, seed: int) -> Rows:
    """The rows as a model's schema has them; bits are drawn where the model is of bits and grey levels came.

    Raises:
        InputError: If shape or levels differ.
    """
    refuse_other_shape(rows.schema.shape, schema.shape, rows.name, "the model takes")
    if rows.schema.kind == "pixels":
        largest = max(int(part.max()) for part in (rows.values, rows.test) if part is not None)
        refuse_other_levels(largest, schema.levels, rows.name)
    if rows.schema.kind == "pixels" and schema.kind == "binary":
        note = f"The model is of bits: they were drawn once from the {schema.levels} grey levels."
        grey = replace(rows, schema=replace(schema, kind="pixels"), notes=(*rows.notes, note))
        return binarized(grey, seed)
    return replace(rows, schema=schema)


def refuse_other_shape(found: tuple[int, ...], expected: tuple[int, ...], name: str, who: str) -> None:
    """Rows of two shapes cannot be read as one."""
    if found != expected:
        resize = "resize image files with --size HEIGHT WIDTH" if len(expected) == 3 else "give rows of that length"
        raise InputError(f"a row of {name} is {sides(found)}, but {who} {sides(expected)}; {resize}")


def refuse_other_levels(largest: int, levels: int, name: str) -> None:
    """A model of 17 levels gives an 18th no probability."""
    if largest >= levels:
        raise InputError(
            f"{name} has a pixel of {largest}, but the model knows the levels 0 to {levels - 1}; scale the pixels"
        )
