"""A column's cells as numbers: in which format they are, on which grid, and at which numbers many of them lie."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from variate.data.schema.formats import NATIVE_DATES, format_called
from variate.data.schema.number_formats import variant
from variate.data.schema.profiles import NumberProfile, Profile

MOST_ODD_CELLS = 0.05
"""Share of the cells of a column of numbers that may be texts which no one expects there."""
LEAST_CELLS = 20
"""From this many numbers on, a common divisor of all of them is no chance."""
ATOM_SHARE, ATOM_CELLS = 0.02, 3
"""Share and number of the cells of a column without a grid that an atom has at least."""
ZEROS_FIRST = re.compile(r"\s*[+-]?0\d+\s*")


class Numbers(NamedTuple):
    """A column's cells as numbers.

    Attributes:
        format: The name of their format; "" for plain numbers.
        profile: Of the numbers.
        taken: Texts that were taken for gaps, with the number of their cells.
    """

    format: str
    profile: NumberProfile
    taken: Mapping[str, int]


def numbers_told(found: Profile) -> Numbers | None:
    """The cells of a column as numbers; None where it is text that no format reads enough of.

    Of the formats of text, the one that reads most cells is taken, and the first of equal ones.
    """
    if found.texts is None:
        assert found.numbers is not None
        return Numbers(found.native, found.numbers, {})
    best = max(found.texts.readings.items(), key=lambda item: item[1].numbers.cells, default=None)
    if best is None or not best[1].numbers.cells:
        return None
    name, (numbers, odd, markers, marks) = best
    cells = sum(odd.values())
    if cells > MOST_ODD_CELLS * (cells + numbers.cells) or any(map(ZEROS_FIRST.fullmatch, odd)):
        return None
    return Numbers(variant(name, marks), numbers, {**markers, **odd})


def is_date(form: str) -> bool:
    """Whether a format is one of dates or times."""
    own = format_called(form)
    return form in NATIVE_DATES or (own is not None and own.is_date)


def step_of(numbers: NumberProfile) -> float:
    """The spacing of the grid of a column's numbers; 0 where they lie on none.

    Few numbers may all be multiples of something by chance, so that of them only the decimals count.
    """
    grid = numbers.grid
    if grid is None or not grid.spacing:
        return 0.0
    return grid.step if numbers.cells >= LEAST_CELLS else 10.0**-grid.decimals


def atoms_of(numbers: NumberProfile) -> tuple[float, ...]:
    """The numbers at which many cells lie, in a column without a grid."""
    if numbers.is_constant:
        return (numbers.low[0],)
    least = max(ATOM_CELLS, ATOM_SHARE * numbers.cells)
    return tuple(sorted(value for value, count in numbers.frequent.items() if count >= least))
