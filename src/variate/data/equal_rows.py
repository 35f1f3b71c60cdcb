"""Test rows that equal a training row: what is worth saying about them.

Data that hold the same record twice may have it in two parts, and a model that has seen a row gives it more than it
would give a new one. So test rows that equal a training row are counted. So are those that would if numbers were
rounded to a thousandth of their spread (the range of the middle half of the training rows): rows whose difference is
smaller may still be on two sides of a border of that rounding, so their number is a lower bound. Rows are compared by
64 bits of a hash. Of data on disk nothing is counted: their training rows are not in memory.

Rows can also be equal by nature, as in a table of few categories. Two measures tell whether that is likely, and then
nothing is said:

    chance      If the columns were independent, a row x would equal one of n others with a probability of at most
                n p_1(x_1) ... p_D(x_D). Here p_j is a share among the training rows that differ, each taken once and
                without x itself, so that copies do not explain copies. Equal rows are by nature if the sum of that
                over them (of at most 1 each) is `EXPECTED` of their number or more.
    categories  Columns that depend on each other (country, city, currency) repeat together. So the numbers of a table
                must tell its rows apart: of the different rows, `TELL_APART` or more must differ in the numbers alone.

What is said is conditional all the same: whether equal rows are copies, only the user knows.
"""

import numpy as np
from jaxtyping import Float64, UInt64

from variate.data.dataset import Dataset
from variate.data.wording import plural
from variate.errors import Option, Sentence, warn_caller

SPREAD_PARTS = 1000
"""Numbers are rounded to their spread divided by this."""
EXPECTED = 0.1
"""Share of the equal rows that chance may explain before nothing is said."""
TELL_APART = 0.5
"""Share of the different rows that numbers must tell apart."""
MANY, MANY_ROWS = 0.01, 10
"""Share and number of the test rows from which on equal ones are warned of; fewer are noted."""
SPREAD_ROWS = 4096
"""Training rows from which the spread is computed, spread evenly."""
CHUNK = 2**22
"""Bytes of rows that are hashed at a time, about."""
ODD = np.uint64(0x9E3779B97F4A7C15)
"""An odd number by which hashes are multiplied: 2^64 divided by the golden ratio."""


def equal_rows_notes(seen: Dataset, new: Dataset) -> list[str]:
    """A note on test rows that equal a training row, if they are few; if they are many, there is a warning.

    Args:
        seen: The training rows, in memory.
        new: The test rows, in memory. Rows of bits are not looked at: there are few different ones.
    """
    if seen.schema.kind == "binary":
        return []
    exact, near = _number_equal(Elements(seen), Elements(new)), 0
    steps = _steps(seen)
    if steps.any():
        near = max(0, _number_equal(Elements(seen, steps), Elements(new, steps)) - exact)
    if not exact + near:
        return []
    said = _sentence(exact, near, len(new), seen.schema.kind == "table")
    if exact + near >= max(MANY_ROWS, MANY * len(new)):
        warn_caller(said)
        return []
    return [said]


def _sentence(exact: int, near: int, rows: int, is_table: bool) -> Sentence:
    """What is said."""
    verb = "is" if exact == 1 else "are"
    said = f"{exact:,} of {plural(rows, 'test row')} {verb} equal to a training row"
    if near:
        said += f", and {near:,} more but for differences below a thousandth of the spread of the numbers"
    keep = (", or keep them in one part with ", Option("split_by")) if is_table else ()
    text = f"{said}. If these are copies of one record, held-out nats look better than they are: remove copies"
    return Sentence(text, *keep, ".")


class Elements:
    """The elements of rows in memory, as they are or rounded.

    Args:
        rows: The rows.
        steps: What each element is rounded to; 0 leaves it as it is.
    """

    def __init__(self, rows: Dataset, steps: Float64[np.ndarray, " D"] | None = None) -> None:
        self.schema, self.steps = rows.schema, steps
        self.values = rows.x.all().reshape(len(rows), -1)
        self.mask = None if rows.mask is None else rows.mask.all().reshape(len(rows), -1)
        others = [own for part, own in rows.storages().items() if part in ("context", "context_mask")]
        self.others = [storage.all().reshape(len(rows), -1) for storage in others]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        """Number of elements per row, D."""
        return self.values.shape[1]

    def element(self, number: int, rows: np.ndarray | slice = slice(None)) -> Float64[np.ndarray, " B"]:
        """One element of some of the rows, infinite where it is not observed."""
        found = self._some(rows, slice(number, number + 1))[:, 0].astype(np.float64)
        return found if self.mask is None else np.where(self.mask[rows, number], found, np.inf)

    def hashes(self, columns: np.ndarray | slice = slice(None)) -> UInt64[np.ndarray, " N"]:
        """A hash of each row, or of some elements of it.

        Args:
            columns: Numbers of the elements; the context counts if all are taken.
        """
        is_whole = isinstance(columns, slice)
        step = max(1, CHUNK // max(1, self.values[:1].nbytes))
        found = np.zeros(len(self), np.uint64)
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            parts = [self._some(rows, columns)]
            parts += [] if self.mask is None else [self.mask[rows, columns]]
            parts += [other[rows] for other in self.others] if is_whole else []
            for part in parts:
                for word in _words(part).T:
                    mixed = (found[rows] ^ word) * ODD
                    found[rows] = mixed ^ (mixed >> np.uint64(29))
        return found

    def _some(self, rows: np.ndarray | slice, columns: np.ndarray | slice) -> np.ndarray:
        """Some elements of some rows, rounded."""
        found = self.values[rows, columns]
        if self.steps is None:
            return found
        steps = self.steps[columns]
        return np.where(steps > 0, np.rint(found / np.where(steps > 0, steps, 1)), found)


def _words(values: np.ndarray) -> UInt64[np.ndarray, "N words"]:
    """The bytes of each row as whole numbers of 64 bits."""
    if values.dtype.kind == "f":
        values = values + values.dtype.type(0)  # so that -0 is 0
    room = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    return np.pad(room, ((0, 0), (0, -room.shape[1] % 8))).view(np.uint64)


def _steps(rows: Dataset) -> Float64[np.ndarray, " D"]:
    """What real numbers are rounded to; 0 for all others, and where half of the rows have one value."""
    schema, some = rows.schema, rows.sample(SPREAD_ROWS)
    values = some.x.all().reshape(len(some), -1).astype(np.float64)
    if schema.kind not in ("table", "real"):
        return np.zeros(values.shape[1])
    if some.mask is not None:
        values[~some.mask.all().reshape(len(some), -1)] = np.nan
    known = ~np.isnan(values).all(axis=0)
    steps = np.zeros(values.shape[1])
    low, high = np.nanpercentile(values[:, known], (25, 75), axis=0)
    steps[known] = (high - low) / SPREAD_PARTS
    is_real = [column.kind == "real" for column in schema.columns] or np.ones(len(steps), bool)
    return np.where(is_real, steps, 0)


def _number_equal(seen: Elements, new: Elements) -> int:
    """Number of new rows that equal one that was seen; 0 if they are so by nature."""
    first = seen.hashes()
    equal = np.flatnonzero(np.isin(new.hashes(), first))
    if not len(equal) or not _tells_apart(seen, first) or _is_likely(seen, new, equal, first):
        return 0
    return len(equal)


def _tells_apart(seen: Elements, hashes: UInt64[np.ndarray, " N"]) -> bool:
    """Whether the numbers of a table tell its rows apart; those of other data always do."""
    if seen.schema.kind != "table":
        return True
    numbers = np.flatnonzero([column.kind in ("real", "counts") for column in seen.schema.columns])
    return len(np.unique(seen.hashes(numbers))) >= TELL_APART * len(np.unique(hashes))


def _is_likely(seen: Elements, new: Elements, equal: np.ndarray, hashes: UInt64[np.ndarray, " N"]) -> bool:
    """Whether chance may explain that some new rows equal one that was seen, if the elements were independent."""
    _, different = np.unique(hashes, return_index=True)
    if len(different) == 1:  # there is nothing that a model could tell apart
        return True
    expected = np.full(len(equal), float(len(seen)))
    for number in range(seen.width):
        values, counts = np.unique(seen.element(number, different), return_counts=True)
        others = counts[np.searchsorted(values, new.element(number, equal))] - 1
        expected *= others / (len(different) - 1)
        if np.minimum(1, expected).sum() < EXPECTED * len(equal):
            return False
    return True
