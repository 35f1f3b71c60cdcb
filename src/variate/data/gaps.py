"""What of the rows of arrays is not observed: NaN in real numbers, and what a mask says.

The kind of an array is told, and its values are converted, as if there were no gaps: each is filled with an observed
value of the same element first, and set to 0 afterwards.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped

from variate.data.storage.stacked import Numbers, chunks
from variate.data.wording import plural
from variate.errors import InputError


class Gaps(NamedTuple):
    """What of some rows is not observed.

    Attributes:
        missing: Number of elements of the rows that are not observed.
        rows: Number of rows.
        empty: Number of rows of which nothing is observed.
        known: Whether an element of a row is observed in any row, (*event).
        values: An observed value of each element, (*event), which is finite; 0 where there is none.
    """

    missing: int
    rows: int
    empty: int
    known: Bool[np.ndarray, "*event"]
    values: Shaped[np.ndarray, "*event"]


def has_nan(values: Numbers) -> bool:
    """Whether there is a NaN; it takes no memory that grows with the rows."""
    if values.dtype.kind != "f" or 0 in values.shape:
        return False
    with np.errstate(invalid="ignore"):
        return bool(np.isnan(values.min()))


def gaps_of(values: np.ndarray, mask: Bool[np.ndarray, "N *event"]) -> Gaps:
    """The gaps of rows in memory.

    Args:
        values: The rows, (N, *event).
        mask: True where an element is observed.
    """
    return _surveyed([(values, mask)])


def nan_gaps(values: Numbers) -> Gaps:
    """The gaps of rows in which NaN is what is not observed; they are read a chunk at a time."""
    return _surveyed((chunk, ~np.isnan(chunk)) for chunk in chunks(values))


def _surveyed(pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> Gaps:
    """The gaps of some rows, piece by piece, each with its mask."""
    missing = rows = empty = 0
    known = found = np.zeros((), bool)
    values = np.zeros(())
    for piece, mask in pieces:
        if not rows:
            known = found = np.zeros(piece.shape[1:], bool)
            values = np.zeros(piece.shape[1:], piece.dtype)
        missing += mask.size - int(np.count_nonzero(mask))
        rows += len(piece)
        empty += int(np.count_nonzero(~mask.reshape(len(mask), -1).any(axis=1)))
        known = known | mask.any(axis=0)
        if not found.all():
            usable = mask & np.isfinite(piece)
            seen = np.asarray(usable.any(axis=0))
            first = np.take_along_axis(piece, usable.argmax(axis=0)[None], axis=0)[0]
            values, found = np.where(seen & ~found, first, values), found | seen
    return Gaps(missing, rows, empty, known, values)


def require_observed(gaps: Gaps, name: str) -> None:
    """Refuses rows of which nothing is observed.

    Raises:
        InputError: If nothing is.
    """
    if not gaps.known.any():
        raise InputError(name, "at least one observed value", "none", "give some values that are not missing")


def gap_notes(gaps: Gaps, how: str = "NaN, or masked") -> Iterator[str]:
    """How much is not observed, what of it never is, and rows of which nothing is.

    Args:
        gaps: The gaps.
        how: How they are marked in the data.
    """
    if not gaps.missing:
        return
    yield f"{gaps.missing:,} of {plural(gaps.rows * gaps.known.size, 'value')} are missing ({how})."
    never = np.flatnonzero(~gaps.known)
    if len(never):
        yield (
            f"{len(never):,} of {plural(gaps.known.size, 'value')} per row are observed in no row (the first is number "
            f"{never[0]}, counting from 0), so nothing can be learned about them."
        )
    yield from empty_note(gaps.empty, gaps.rows)


def empty_note(empty: int, rows: int) -> Iterator[str]:
    """A sentence on the rows of which nothing is observed, if there are such."""
    if empty:
        yield f"{empty:,} of {plural(rows, 'row')} {'has' if empty == 1 else 'have'} no observed value."
