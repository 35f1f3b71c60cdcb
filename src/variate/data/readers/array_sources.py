"""Arrays as sources: what an array that was read is taken for, and whether it suits a model."""

from collections.abc import Sequence

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Kind, Schema
from variate.data.dataset import Dataset
from variate.data.gaps import Gaps, gap_notes, gaps_of, has_nan, nan_gaps, require_observed
from variate.data.schema import kinds
from variate.data.schema.layouts import laid_out
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.storage.mapped import MappedArrays, MappedGaps
from variate.data.storage.stacked import Numbers, Stacked
from variate.data.transforms import DrawBits, binarized
from variate.data.wording import sides
from variate.errors import InputError, Option, Sentence


def array_source(
    values: np.ndarray,
    options: DataOptions = DataOptions(),  # noqa: B008  frozen
    schema: Schema | None = None,
    *,
    name: str = "the array",
    test: np.ndarray | None = None,
    levels: int = 256,
) -> Source:
    """A source of an array in memory.

    Args:
        values: In one of the layouts of `variate.data.schema.layouts`; NaN is not observed.
        options: `kind` overrides what the numbers look like.
        schema: Of a model: the array is read as this, and refused if it does not fit.
        name: What to call the data.
        test: The official test set, laid out in the same way.
        levels: How many values a pixel may have.

    Raises:
        InputError: If layout or values cannot be used.
    """
    full, gaps, mask = _complete(laid_out(values, name), name)
    kind = kind_to_read(full, options, schema)
    notes = _notes(full, kind, gaps, options, schema)
    rows = kinds.cast_to(full, kind, name)
    found = Schema(kind, rows.shape[1:], levels=levels if kind == "pixels" else 0)
    observed = None if mask is None else _stored(mask)
    data = Dataset(_stored(rows, mask), found, observed, name=name, notes=notes)
    held_out = None if test is None else _official_test(test, data)
    source = Source(data, held_out)
    return source if schema is None else conform(source, schema, options.split_seed)


def _complete(values: np.ndarray, name: str) -> tuple[np.ndarray, Gaps | None, np.ndarray | None]:
    """An array whose gaps are filled with observed values, what is missing, and the mask; None twice without gaps.

    Raises:
        InputError: If nothing is observed, or something is infinite.
    """
    if not has_nan(values):
        return kinds.as_numbers(values, name), None, None
    mask = ~np.isnan(values)
    gaps = gaps_of(values, mask)
    require_observed(gaps, name)
    return kinds.as_numbers(np.where(mask, values, gaps.values), name), gaps, mask


def _stored(rows: np.ndarray, mask: np.ndarray | None = None) -> InMemory:
    """Rows in memory, with 0 where nothing is observed."""
    return InMemory(np.ascontiguousarray(rows if mask is None else np.where(mask, rows, rows.dtype.type(0))))


def _notes(
    values: Numbers, kind: Kind, gaps: Gaps | None, options: DataOptions, schema: Schema | None
) -> tuple[str, ...]:
    """What the user should know about the choice of kind, and about gaps."""
    asked = schema is not None or options.kind is not None
    if gaps is None:
        return kinds.kind_notes(values, kind, asked=asked)
    return (*kinds.kind_notes(values, kind, asked=asked, known=gaps.known), *gap_notes(gaps))


def mapped_source(
    parts: Sequence[np.ndarray], options: DataOptions, schema: Schema | None, name: str, sizes: tuple[int, ...]
) -> Source:
    """A source of memory-mapped arrays, which are checked without reading more than a chunk of them at a time.

    Args:
        parts: Arrays of one type and one shape of rows, in one of the layouts of `variate.data.schema.layouts`; NaN is
            not observed.
        options: As for `array_source`.
        schema: As for `array_source`.
        name: What to call the data.
        sizes: Bytes of their files.

    Raises:
        InputError: If layout or values cannot be used.
    """
    whole = Stacked([laid_out(part, name) for part in parts])
    gaps = nan_gaps(whole) if has_nan(whole) else None
    if gaps is not None:
        require_observed(gaps, name)
    values = kinds.as_numbers(whole if gaps is None else whole.filled(gaps.values), name)
    kind = kind_to_read(values, options, schema)
    notes = _notes(values, kind, gaps, options, schema)
    cast = kinds.cast_for(values, kind, name)
    found = Schema(kind, values.shape[1:], levels=256 if kind == "pixels" else 0)
    if schema is not None:
        require_shape(found.shape, schema.shape, name)
        if kind == "pixels":
            require_levels(int(cast(np.atleast_1d(values.max()))[0]), schema.levels, name)
    transforms = (DrawBits(schema.levels),) if schema is not None and schema.kind != kind else ()
    rows = MappedArrays(whole if gaps is None else whole.filled(np.zeros_like(gaps.values)), cast)
    mask = None if gaps is None else MappedGaps(whole)
    return Source(Dataset(rows, schema or found, mask, transforms=transforms, name=name, notes=notes), sizes=sizes)


def _official_test(test: np.ndarray, data: Dataset) -> Dataset:
    """An official test set, read as the rows were."""
    name = f"the test set of {data.name}"
    full, _, mask = _complete(laid_out(test, name), name)
    values = kinds.cast_to(full, data.schema.kind, name)
    if values.shape[1:] != data.shape:
        expected = f"rows of {sides(data.shape)}, as the other rows are"
        raise InputError(name, expected, f"rows of {sides(values.shape[1:])}", _reshape(data.shape))
    values = values.astype(np.promote_types(values.dtype, data.x.dtype), copy=False)
    return Dataset(_stored(values, mask), data.schema, None if mask is None else _stored(mask), name=data.name)


def kind_to_read(values: Numbers, options: DataOptions, schema: Schema | None) -> Kind:
    """The kind to read as: a model's, else the one that the user gave, else what the values look like."""
    if schema is None:
        return options.kind or kinds.tell_kind(values, image=values.ndim == 4)
    if schema.kind == "binary" and schema.levels:  # a model of bits drawn from grey levels takes both
        return "binary" if kinds.is_bits(values) else "pixels"
    return schema.kind


def conform(source: Source, schema: Schema, seed: int) -> Source:
    """The rows with a model's schema; bits are drawn if the model is of bits and the rows are grey levels.

    Raises:
        InputError: If shape or levels differ.
    """
    require_shape(source.schema.shape, schema.shape, source.name)
    if source.schema.kind == "pixels":
        parts = [source.x] if source.test is None else [source.x, source.test.x]
        require_levels(max(int(part.all().max()) for part in parts), schema.levels, source.name)
    if source.schema.kind == "pixels" and schema.kind == "binary":
        note = f"The model is of bits: they were drawn once from the {schema.levels} grey levels."
        grey = Schema("pixels", schema.shape, schema.levels)
        return binarized(source.replace(schema=grey, notes=(*source.notes, note)), seed)
    return source.replace(schema=schema)


def require_shape(found: tuple[int, ...], expected: tuple[int, ...], name: str) -> None:
    """Refuses rows of another shape than the model's."""
    if found != expected:
        wanted = f"rows of {sides(expected)}, which the model takes"
        raise InputError(name, wanted, f"rows of {sides(found)}", _reshape(expected))


def require_levels(largest: int, levels: int, name: str) -> None:
    """Refuses grey levels to which the model gives no probability."""
    if largest >= levels:
        expected = f"grey levels 0 to {levels - 1}, which the model knows"
        raise InputError(name, expected, f"a pixel of {largest}", "scale the pixels")


def _reshape(shape: tuple[int, ...]) -> str:
    """What to do about rows that should have had a shape."""
    if len(shape) == 3:
        return Sentence("resize image files with ", Option("size", shape[1:]))
    return "give rows of that length"
