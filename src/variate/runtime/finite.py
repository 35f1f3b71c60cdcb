"""Numbers that are not finite: how rows with them are named, and results, which must not hold any.

A model may overflow, and NaN in a file or a table must not look like a result.
"""

from collections.abc import Sequence

import numpy as np

from variate.errors import InputError

TRAIN_AGAIN = "leave out those rows of the data, or train the model again"
"""What to do where a model gives numbers that are not finite."""


def finite_rows(
    rows: np.ndarray, what: str, remedy: str = TRAIN_AGAIN, numbers: Sequence[int] | np.ndarray | None = None
) -> np.ndarray:
    """Rows of a result, (N, *shape), if they are finite.

    Args:
        rows: The rows.
        what: What errors call them.
        remedy: What to do if they are not finite.
        numbers: Their numbers in the data; by default 0, 1, ...

    Raises:
        InputError: If an element is NaN or infinite.
    """
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=tuple(range(1, rows.ndim))))
    if len(bad):
        first = bad[0] if numbers is None else numbers[bad[0]]
        got = f"NaN or infinity in {rows_said(len(bad), len(rows), int(first))}"
        raise InputError(what, "finite numbers", got, remedy)
    return rows


def rows_said(number: int, total: int, first: int) -> str:
    """`2 of 10 rows, first in row 7 (counting from 0)`."""
    return f"{number:,} of {total:,} rows, first in row {first} (counting from 0)"
