"""What the numbers of an array are, told from their type and values, and the array in the type that suits them.

In this order: only 0 and 1 are bits; uint8 are pixels; other whole-number types are counts where none is negative, real
where one is; floats are real. In images, whole numbers 0 to 255 of any type and floats that are all k/255 are pixels
too, since that is how toolboxes hand pixels on. What a person says overrides this, if the values allow it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from variate.config.recipe import Kind
from variate.data.storage.stacked import Numbers, Stacked, chunks, native
from variate.data.wording import MEANINGS, plural
from variate.errors import InputError

WHITE = 255
EXACT_FLOAT32 = 2**24
"""Whole numbers up to here are exact in float32."""
PIXEL_TOLERANCE = {2: 0.2, 4: 1e-3, 8: 1e-3}
"""How far 255 v may be from a whole number, by bytes a float: several roundings of v, far below 1/2."""


N = TypeVar("N", np.ndarray, Stacked)


def as_numbers(values: N, source: str) -> N:
    """The values in a native number type that everything else here knows.

    Raises:
        InputError: If they are not all finite.
    """
    if isinstance(values, np.ndarray):
        values = values.astype(native(values.dtype), copy=False)
    if values.dtype.kind == "f":
        refuse_not_finite(values, source)
    return values


def refuse_no_numbers(values: np.ndarray, source: str) -> None:
    """Text, dates, complex numbers and records have no likelihood here."""
    if values.dtype.kind not in "buif":
        raise InputError(f"{source} holds values of type {values.dtype}; save an array of real numbers instead")


def refuse_not_finite(values: Numbers, source: str) -> None:
    """Rows with NaN or infinity have no likelihood."""
    with np.errstate(invalid="ignore"):
        if np.isfinite(values.min()) and np.isfinite(values.max()):
            return
    number, first, start = 0, -1, 0
    for chunk in chunks(values):
        bad = np.flatnonzero(~np.isfinite(chunk).all(axis=tuple(range(1, chunk.ndim))))
        first = start + int(bad[0]) if len(bad) and first < 0 else first
        number, start = number + len(bad), start + len(chunk)
    raise InputError(
        f"{source} has NaN or infinity in {number:,} of {plural(len(values), 'row')}, first in row {first} "
        "(counting from 0); fill or remove them"
    )


def tell(values: Numbers, image: bool) -> Kind:
    """What the numbers are, by the rule above.

    Args:
        values: From `as_numbers`.
        image: Whether a row is a picture.
    """
    if is_bits(values):
        return "binary"
    if values.dtype == np.uint8:
        return "pixels"
    if image and (is_levels(values) or is_scaled(values)):
        return "pixels"
    return "counts" if values.dtype.kind in "ui" and is_count(values) else "real"


class Cast(NamedTuple):
    """How values become what a kind is kept as.

    Attributes:
        dtype: The type.
        scaled: Whether they are k/255 and to be multiplied by 255.
    """

    dtype: np.dtype
    scaled: bool = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Some or all of the values, cast."""
        if self.scaled:
            values = np.rint(values * values.dtype.type(WHITE))
        return values.astype(self.dtype, copy=False)


def cast(values: np.ndarray, kind: Kind, source: str) -> np.ndarray:
    """The values in the type that `kind` is kept in.

    Raises:
        InputError: If the values cannot be of that kind.
    """
    return cast_for(values, kind, source)(values)


def cast_for(values: Numbers, kind: Kind, source: str) -> Cast:
    """How to cast the values, or any rows of them, to the type that `kind` is kept in.

    Raises:
        InputError: If the values cannot be of that kind.
    """
    if kind == "table":
        raise InputError(f"{source} is an array, whose columns have no names; a table is given as CSV or Parquet")
    result = CASTS[kind](values)
    if result is None:
        raise InputError(
            f"{source} was to be read as {MEANINGS[kind]}, but holds {values.dtype} values from {values.min():g} "
            f"to {values.max():g}; convert them or choose another kind"
        )
    return result


def to_bits(values: Numbers) -> Cast | None:
    """uint8 0 and 1."""
    return Cast(np.dtype(np.uint8)) if is_bits(values) else None


def to_pixels(values: Numbers) -> Cast | None:
    """uint8 0 .. 255, from themselves or from k/255."""
    if is_levels(values):
        return Cast(np.dtype(np.uint8))
    return Cast(np.dtype(np.uint8), scaled=True) if is_scaled(values) else None


def to_counts(values: Numbers) -> Cast | None:
    """int32, or int64 where that is too small."""
    if not is_count(values) or values.max() > np.iinfo(np.int64).max:
        return None
    return Cast(np.dtype(np.int32 if values.max() <= np.iinfo(np.int32).max else np.int64))


def to_real(values: Numbers) -> Cast:
    """float32 or float64 as they came; others float32 where it is exact."""
    if values.dtype.kind == "f":
        return Cast(np.promote_types(values.dtype, np.float32))
    largest = max(abs(int(values.min())), abs(int(values.max())))
    return Cast(np.dtype(np.float32 if largest <= EXACT_FLOAT32 else np.float64))


CASTS: dict[Kind, Callable[[Numbers], Cast | None]] = {
    "binary": to_bits,
    "pixels": to_pixels,
    "counts": to_counts,
    "real": to_real,
}


def every(values: Numbers, condition: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether all values meet a condition; stops at the first piece that does not."""
    return all(bool(condition(chunk).all()) for chunk in chunks(values))


def is_bits(values: Numbers) -> bool:
    """Whether there are only 0 and 1."""
    return values.dtype == np.bool_ or every(values, lambda v: (v == 0) | (v == 1))


def is_whole(values: Numbers) -> bool:
    """Whether there are only whole numbers."""
    return values.dtype.kind in "bui" or every(values, lambda v: v == np.rint(v))


def is_count(values: Numbers) -> bool:
    """Whether there are only whole numbers from 0."""
    return bool(values.min() >= 0) and is_whole(values)


def is_levels(values: Numbers) -> bool:
    """Whether there are only whole numbers 0 .. 255."""
    return values.dtype == np.uint8 or (bool(values.max() <= WHITE) and is_count(values))


def is_scaled(values: Numbers) -> bool:
    """Whether there are only k/255, as pixels become when divided by 255."""
    if values.dtype.kind != "f" or values.min() < 0 or values.max() > 1:
        return False
    return every(values, lambda v: abs(WHITE * v - np.rint(WHITE * v)) < PIXEL_TOLERANCE[values.itemsize])


def notes(values: Numbers, kind: Kind, asked: bool) -> tuple[str, ...]:
    """What a person should know about the choice of kind.

    Args:
        values: From `as_numbers`, before `cast`.
        kind: What they are taken for.
        asked: Whether that was asked for; then only what the kind itself entails is said.
    """
    told = [] if asked else list(about_choice(values, kind))
    if kind == "real":
        told += about_constants(values)
    return tuple(told)


def about_choice(values: Numbers, kind: Kind) -> Iterator[str]:
    """Where another kind would be as likely."""
    if kind == "pixels" and values.dtype.kind == "f" and not is_whole(values):
        yield "Every value is k/255, so they were multiplied by 255 and taken as 8-bit pixels; --kind real keeps them."
    elif kind == "pixels" and values.dtype != np.uint8:
        yield f"The {values.dtype} values are all 0 to 255, so they were taken as 8-bit pixels; --kind says otherwise."
    elif kind == "real" and values.dtype.kind == "f" and is_whole(values):
        yield (
            f"Every value is a whole number of type {values.dtype} and was taken as real; "
            "if they are counts or grey levels, say --kind counts or --kind pixels."
        )
    elif kind == "real" and values.dtype.kind == "f" and is_scaled(values):
        yield "Every value is k/255 and was taken as real; if they are pixels, say --kind pixels."


def about_constants(values: Numbers) -> Iterator[str]:
    """Dimensions with one value, whose density has no bound."""
    same = np.ravel(values.min(axis=0) == values.max(axis=0))
    constant = np.flatnonzero(same)
    if len(constant) and len(values) > 1:
        yield (
            f"{len(constant):,} of {plural(same.size, 'value')} in a row never change (the first is number "
            f"{constant[0]}, counting from 0); their density has no upper bound, so leave them out."
        )
