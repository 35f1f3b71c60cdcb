"""The kind of an array's numbers, told from type and values, and the array in the type that suits the kind.

The rules, in this order:

    only 0 and 1                                            binary
    uint8                                                   pixels
    images: whole numbers 0 to 255 of any type              pixels
    images: floats that are all k/255                       pixels, multiplied by 255
    other whole-number types, none negative                 counts
    everything else                                         real

Images of the third and fourth rule are pixels because toolboxes hand pixels on in these forms. A kind that the user
gives overrides the rules, if the values allow it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from variate.config.schema import Kind
from variate.data.storage.stacked import Numbers, Stacked, chunks, native
from variate.data.wording import MEANINGS, plural
from variate.errors import InputError, Option, Sentence
from variate.runtime.finite import rows_said

WHITE = 255
EXACT_FLOAT32 = 2**24
"""Whole numbers up to this are exact in float32."""
PIXEL_TOLERANCE = {2: 0.2, 4: 1e-3, 8: 1e-3}
"""How far 255 v may be from a whole number, by bytes per float: several roundings of v, far below 1/2."""


N = TypeVar("N", np.ndarray, Stacked)


def as_numbers(values: N, source: str) -> N:
    """The values in a number type of this machine.

    Raises:
        InputError: If they are not all finite.
    """
    if isinstance(values, np.ndarray):
        with np.errstate(over="ignore"):  # what a float64 cannot hold becomes infinite, and is refused
            values = values.astype(native(values.dtype), copy=False)
    if values.dtype.kind == "f":
        require_finite(values, source)
    return values


def require_numbers(dtype: np.dtype, source: str) -> None:
    """Refuses types of text, dates, complex numbers and records: there is no likelihood for them."""
    if dtype.kind not in "buif":
        raise InputError(source, "an array of real numbers", f"values of dtype {dtype}", "give real numbers")


def require_finite(values: Numbers, source: str) -> None:
    """Refuses infinity, and NaN where nothing may be missing, and says in which rows they are."""
    with np.errstate(invalid="ignore"):
        if np.isfinite(values.min()) and np.isfinite(values.max()):
            return
    number, first, start, has_nan = 0, -1, 0, False
    for chunk in chunks(values):
        has_nan = has_nan or bool(np.isnan(chunk).any())
        bad = np.flatnonzero(~np.isfinite(chunk).all(axis=tuple(range(1, chunk.ndim))))
        first = start + int(bad[0]) if len(bad) and first < 0 else first
        number, start = number + len(bad), start + len(chunk)
    got = f"{'NaN or infinity' if has_nan else 'infinity'} in {rows_said(number, len(values), first)}"
    raise InputError(source, "finite numbers", got, "fill or remove them")


def tell_kind(values: Numbers, image: bool) -> Kind:
    """The kind of the numbers, by the rules above.

    Args:
        values: From `as_numbers`.
        image: Whether a row is an image.
    """
    if is_bits(values):
        return "binary"
    if values.dtype == np.uint8:
        return "pixels"
    if image and (is_levels(values) or is_scaled(values)):
        return "pixels"
    return "counts" if values.dtype.kind in "ui" and is_natural(values) else "real"


class Cast(NamedTuple):
    """How values become the type in which a kind is kept.

    Attributes:
        dtype: The type.
        scaled: Whether they are k/255 and must be multiplied by 255.
    """

    dtype: np.dtype
    scaled: bool = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The values, or some rows of them, in that type."""
        if self.scaled:
            values = np.rint(values * values.dtype.type(WHITE))
        return values.astype(self.dtype, copy=False)


def cast_to(values: np.ndarray, kind: Kind, source: str) -> np.ndarray:
    """The values in the type in which `kind` is kept.

    Raises:
        InputError: If the values cannot be of that kind.
    """
    return cast_for(values, kind, source)(values)


def cast_for(values: Numbers, kind: Kind, source: str) -> Cast:
    """How to convert the values, or any rows of them, to the type in which `kind` is kept.

    Raises:
        InputError: If the values cannot be of that kind.
    """
    if kind == "table":
        remedy = "give a table as CSV or Parquet"
        raise InputError(source, MEANINGS[kind], "an array, whose columns have no names", remedy)
    result = CASTS[kind](values)
    if result is None:
        got = f"{values.dtype} values from {values.min():g} to {values.max():g}"
        remedy = Sentence("convert them, or set ", Option("kind"), " to another kind")
        raise InputError(source, MEANINGS[kind], got, remedy)
    return result


def _to_bits(values: Numbers) -> Cast | None:
    """uint8 0 and 1."""
    return Cast(np.dtype(np.uint8)) if is_bits(values) else None


def _to_pixels(values: Numbers) -> Cast | None:
    """uint8 0 .. 255, from whole numbers or from k/255."""
    if is_levels(values):
        return Cast(np.dtype(np.uint8))
    return Cast(np.dtype(np.uint8), scaled=True) if is_scaled(values) else None


def _to_counts(values: Numbers) -> Cast | None:
    """int32, or int64 where int32 is too small."""
    if not is_natural(values) or values.max() >= 2**63:  # which no int64 holds, though a float may be it
        return None
    return Cast(np.dtype(np.int32 if values.max() <= np.iinfo(np.int32).max else np.int64))


def _to_real(values: Numbers) -> Cast:
    """Floats in their own type, at least float32; whole numbers float32 where it is exact, else float64."""
    if values.dtype.kind == "f":
        return Cast(np.promote_types(values.dtype, np.float32))
    largest = max(abs(int(values.min())), abs(int(values.max())))
    return Cast(np.dtype(np.float32 if largest <= EXACT_FLOAT32 else np.float64))


CASTS: dict[Kind, Callable[[Numbers], Cast | None]] = {
    "binary": _to_bits,
    "pixels": _to_pixels,
    "counts": _to_counts,
    "real": _to_real,
}


def every(values: Numbers, condition: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether all values meet a condition; stops at the first chunk with one that does not."""
    return all(bool(condition(chunk).all()) for chunk in chunks(values))


def is_bits(values: Numbers) -> bool:
    """Whether there are only 0 and 1."""
    return values.dtype == np.bool_ or every(values, lambda v: (v == 0) | (v == 1))


def is_whole(values: Numbers) -> bool:
    """Whether there are only whole numbers."""
    return values.dtype.kind in "bui" or every(values, lambda v: v == np.rint(v))


def is_natural(values: Numbers) -> bool:
    """Whether there are only natural numbers 0, 1, 2, ..."""
    return bool(values.min() >= 0) and is_whole(values)


def is_levels(values: Numbers) -> bool:
    """Whether there are only whole numbers 0 .. 255."""
    return values.dtype == np.uint8 or (bool(values.max() <= WHITE) and is_natural(values))


def is_scaled(values: Numbers) -> bool:
    """Whether there are only floats k/255, which pixels become when they are divided by 255."""
    if values.dtype.kind != "f" or values.min() < 0 or values.max() > 1:
        return False
    return every(values, lambda v: abs(WHITE * v - np.rint(WHITE * v)) < PIXEL_TOLERANCE[values.itemsize])


def kind_notes(values: Numbers, kind: Kind, asked: bool, known: np.ndarray | None = None) -> tuple[str, ...]:
    """What the user should know about the choice of kind.

    Args:
        values: From `as_numbers`, before they are cast.
        kind: What they are taken for.
        asked: Whether the user asked for it: then other choices are not pointed out.
        known: Which elements of a row were observed in any; None: all were.
    """
    notes = [] if asked else list(_choice_notes(values, kind))
    if kind == "real":
        notes += _constant_notes(values, known)
    return tuple(notes)


def _choice_notes(values: Numbers, kind: Kind) -> Iterator[str]:
    """Values for which another kind would be as likely."""
    if kind == "pixels" and values.dtype.kind == "f" and not is_whole(values):
        text = "Every value is k/255, so the values were multiplied by 255 and taken as 8-bit pixels; "
        yield Sentence(text, Option("kind", "real"), " keeps them.")
    elif kind == "pixels" and values.dtype != np.uint8:
        text = f"The {values.dtype} values are all whole numbers 0 to 255, so they were taken as 8-bit pixels; set "
        yield Sentence(text, Option("kind"), " to choose another kind.")
    elif kind == "real" and values.dtype.kind == "f" and is_whole(values):
        text = f"Every value is a whole number of type {values.dtype} and was taken as real; "
        other = (Option("kind", "counts"), " or ", Option("kind", "pixels"))
        yield Sentence(text, "if they are counts or grey levels, use ", *other, ".")
    elif kind == "real" and values.dtype.kind == "f" and is_scaled(values):
        text = "Every value is k/255 and was taken as real; if they are pixels, use "
        yield Sentence(text, Option("kind", "pixels"), ".")


def _constant_notes(values: Numbers, known: np.ndarray | None) -> Iterator[str]:
    """Elements of a row with one value only, whose density has no upper bound."""
    same = np.ravel(values.min(axis=0) == values.max(axis=0))
    constant = np.flatnonzero(same if known is None else same & known.ravel())
    if len(constant) and len(values) > 1:
        yield (
            f"{len(constant):,} of {plural(same.size, 'value')} per row never change (the first is number "
            f"{constant[0]}, counting from 0); their density has no upper bound, so leave them out."
        )
