"""What the gaps of a table are filled with, in the types and formats that the table came in.

What is filled looks like what is there: whole numbers and numbers of cents stay such, dates have their format.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from variate.config.schema import Column
from variate.data.schema.grids import decimals_of
from variate.data.schema.origin import as_they_came


class Fillings(NamedTuple):
    """What the gaps of some rows are filled with, as the model has the values.

    Attributes:
        values: The rows without gaps, once per completed copy, (copies, N, columns).
        missing: Which cells were filled, (N, columns).
        places: Which columns have gaps, in these or in other rows of the table.
        std: Standard deviations of the filled cells, (N, columns); None without.
        copies: The numbers of the copies, for a column that names them; empty for one copy without such a column.
    """

    values: Float64[np.ndarray, "copies N columns"]
    missing: Bool[np.ndarray, "N columns"]
    places: tuple[int, ...]
    std: Float64[np.ndarray, "N columns"] | None = None
    copies: tuple[int, ...] = ()


class FilledColumn(NamedTuple):
    """A column with its gaps filled.

    Attributes:
        column: What the column is.
        values: Its values as the model has them, (N,).
        missing: Which of them were filled, (N,).
    """

    column: Column
    values: Float64[np.ndarray, " N"]
    missing: Bool[np.ndarray, " N"]

    def numbers(self) -> np.ndarray:
        """The filled values as the model has them, with no more decimals than the others have."""
        own = self.values[self.missing]
        decimals = decimals_of(self.values[~self.missing])
        return own if decimals is None else np.round(own, decimals) + 0.0  # without a negative zero

    def filled(self) -> np.ndarray:
        """The same in the type and format of the data."""
        return as_they_came(self.numbers(), self.column)


def added_names(names: Collection[str], columns: Collection[str], has_draw: bool) -> tuple[list[str], str]:
    """The names of the columns that are added to a table, none of which it has already.

    Args:
        names: The names that it has.
        columns: The names of the columns whose standard deviations are added.
        has_draw: Whether there is a column of the number of the copy.

    Returns:
        The names of the standard deviations, and that of the number of the copy, empty if there is none.
    """
    taken = set(names)
    std = []
    for column in columns:
        std.append(_free(f"{column}_std", taken))
        taken.add(std[-1])
    return std, _free("draw", taken) if has_draw else ""


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or the first of name_2, name_3, ... that is not taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
