"""What is passed as rows to a function, as a NumPy array of real numbers.

arrays       of any type of real numbers, byte order and layout; what a masked array masks is not observed, nor is NaN
tensors      on any device: without their graph, dense, types that NumPy lacks as float32
lists        of numbers, of lists, of arrays or tensors of one shape
the rest     refused, with what to do: tables where none is taken, text, dates, complex numbers, records, loaders,
             pairs of arrays

torch is imported only if it has been already, for without it nothing is a tensor.
"""

import sys
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

import numpy as np

from variate.data.gaps import has_nan
from variate.data.schema.kinds import require_numbers
from variate.data.storage.stacked import native
from variate.data.wording import first_line, told
from variate.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

EXPECTED = "an array of real numbers"

WIDER: dict[np.dtype, np.dtype] = {
    np.dtype(np.bool_): np.dtype(np.uint8),
    np.dtype(np.uint16): np.dtype(np.int32),
    np.dtype(np.uint32): np.dtype(np.int64),
    np.dtype(np.uint64): np.dtype(np.int64),
    np.dtype(np.float16): np.dtype(np.float32),
}
"""Types that torch stores and hardly computes with, and those that hold the same numbers."""


@runtime_checkable
class ArrowStream(Protocol):
    """A table that speaks Arrow's PyCapsule interface: of polars, pandas, pyarrow, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule that holds the table, batch by batch."""


@runtime_checkable
class Exchanged(Protocol):
    """A table that speaks the older dataframe protocol."""

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> Any:  # noqa: ANN401
        """An object that gives its columns."""


Frame = ArrowStream | Exchanged
"""A table in memory."""


class Passed(NamedTuple):
    """What was passed.

    Attributes:
        values: The numbers, in a type and byte order of this machine; anything where they are not observed.
        mask: True where an element is observed; None: all are.
    """

    values: np.ndarray
    mask: np.ndarray | None = None


def is_frame(values: object) -> TypeGuard[Frame]:
    """Whether something is a table in memory; a single column of one, which has no columns, is an array."""
    if isinstance(values, type) or not isinstance(values, ArrowStream | Exchanged):
        return False
    return not hasattr(values, "__array__") or hasattr(values, "columns")


def as_array(values: object, name: str) -> Passed:
    """What was passed as an array.

    Args:
        values: An array, a tensor, or a list.
        name: What errors call it.

    Raises:
        InputError: If it is none of these, or holds anything but real numbers.
    """
    if isinstance(values, list | tuple):
        if any(hasattr(item, "__array__") for item in values):
            return _stacked(values, name)
    elif isinstance(values, type) or not hasattr(values, "__array__") or hasattr(values, "columns"):
        raise InputError(name, EXPECTED, told(values), _remedy(values))
    array = _of_tensor(values, name) if _is_tensor(values) else _of_others(values, name)
    require_numbers(array.dtype, name)
    mask = None
    if isinstance(array, np.ma.MaskedArray):
        array, mask = np.ma.getdata(array), ~np.ma.getmaskarray(array)
    plain = np.asarray(array)  # neither a matrix nor a memory map, which index and compute in ways of their own
    with np.errstate(over="ignore"):  # of a type wider than float64; infinity is refused later
        plain = plain.astype(native(plain.dtype), copy=False)
    if has_nan(plain):
        mask = ~np.isnan(plain) if mask is None else mask & ~np.isnan(plain)
    return Passed(plain, None if mask is None or mask.all() else mask)


def computable(values: np.ndarray, name: str) -> np.ndarray:
    """The same numbers in a type that torch computes with.

    Args:
        values: Real numbers.
        name: What errors call them.

    Raises:
        InputError: If there are whole numbers of 2^63 or more.
    """
    dtype = native(values.dtype)
    if dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise InputError(name, "whole numbers below 2^63", values.max(), "convert them with .astype(float)")
    return values.astype(WIDER.get(dtype, dtype), copy=False)


def _is_tensor(values: object) -> "TypeGuard[Tensor]":
    if "torch" not in sys.modules:
        return False
    import torch

    return isinstance(values, torch.Tensor)


def _of_tensor(tensor: "Tensor", name: str) -> np.ndarray:
    import torch

    if tensor.is_meta:
        raise InputError(name, EXPECTED, "a tensor on the meta device, which holds no values", "give one with values")
    try:
        dense = tensor.detach().cpu()
        dense = dense.dequantize() if dense.is_quantized else dense
        dense = dense if dense.layout == torch.strided else dense.to_dense()
        if dense.is_floating_point() and dense.dtype not in (torch.float64, torch.float32, torch.float16):
            dense = dense.float()
        return dense.resolve_conj().resolve_neg().numpy()
    except (RuntimeError, TypeError) as error:
        raise InputError(
            name, EXPECTED, f"a tensor that is not one ({first_line(error)[:100]})", "give a plain one"
        ) from None


def _of_others(values: object, name: str) -> np.ndarray:
    try:
        return np.asanyarray(values)
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(values, list | tuple):
            raise InputError(name, "rows of one length", "a list of rows of different lengths") from None
        raise InputError(name, EXPECTED, f"{told(values)} that is not one ({first_line(error)[:100]})") from None


def _stacked(values: Sequence[object], name: str) -> Passed:
    """A list of arrays of one shape as one array."""
    if isinstance(values, tuple):
        remedy = "give one array; validation rows and contexts are arguments of their own, labels are not used"
        raise InputError(name, EXPECTED, f"{told(values)} with {len(values)} parts", remedy)
    parts = [as_array(item, name) for item in values]
    shapes = sorted({part.values.shape for part in parts})
    if len(shapes) > 1:
        raise InputError(name, "rows of one shape", f"a list of arrays of shapes {shapes[0]} and {shapes[1]}")
    masks = [np.ones(shapes[0], bool) if part.mask is None else part.mask for part in parts]
    whole = all(part.mask is None for part in parts)
    return Passed(np.stack([part.values for part in parts]), None if whole else np.stack(masks))


def _remedy(values: object) -> str:
    """What to do about something that is no array."""
    if hasattr(values, "collect"):
        return "`read` its .collect()"
    if is_frame(values) or hasattr(values, "columns"):
        return "`read` it first, or give its numbers alone as an array"
    if isinstance(values, str | PathLike):
        return "`read` it first"
    if hasattr(values, "toarray"):
        return "give .toarray()"
    return "give one array of all rows"
