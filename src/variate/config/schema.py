"""What one row of the data is: the kind of its numbers, its shape, and the columns of a table."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from variate.errors import InputError
from variate.limits import Checked

Kind = Literal["binary", "pixels", "real", "counts", "table"]
ColumnKind = Literal["real", "binary", "counts", "categorical"]
AsideKind = Literal["empty", "constant", "counter", "identifier", "text"]

Side = Annotated[int, Interval(ge=1, le=2**31 - 1)]
"""Length of one axis of a row."""
MOST_ELEMENTS = 2**31 - 1
"""Largest number of elements of a row."""
LARGEST = 1e37
"""Largest number in a column: networks compute in float32, which ends at 3.4e38, and draws may lie beyond the data."""


@dataclass(frozen=True)
class Column(Checked):
    """One column of a table.

    Attributes:
        name: Its name.
        kind: The kind of its values.
        categories: Its categories, in the order of their codes.
        format: How its numbers are written where they are no plain numbers: the name of one of
            `variate.data.schema.formats`.
        gaps: Whether cells were missing in the data that the column was told from.
        pooled: Whether the last category stands for all that are rare.
        step: Spacing of the grid that its numbers lie on, such as 0.01 for prices; 0 without one.
        low: Its smallest number; None where that is not known.
        high: Its largest number.
        atoms: Without a grid, numbers at which many cells lie, such as 0 for an amount that is mostly none.
        ordered: Of categories that the data list themselves, as a data frame's categorical column does, whether they
            have an order; None for all other columns.
        written: How bits and times are written in a table of text, as `variate.data.schema.written` tells it.
        blank: Whether the first category is an empty cell, as in a column of ticks: the other one is its only value.
    """

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    format: str = ""
    gaps: bool = False
    pooled: bool = False
    step: Annotated[float, Interval(ge=0, le=LARGEST)] = 0.0
    low: Annotated[float, Interval(ge=-LARGEST, le=LARGEST)] | None = None
    high: Annotated[float, Interval(ge=-LARGEST, le=LARGEST)] | None = None
    atoms: tuple[float, ...] = ()
    ordered: bool | None = None
    written: str = ""
    blank: bool = False

    def __post_init__(self) -> None:
        """Checks the fields, and that the range is one.

        Raises:
            InputError: If they cannot be used.
        """
        super().__post_init__()
        if (self.low is None) != (self.high is None) or (self.low or 0) > (self.high or 0):
            raise InputError("low", "a range from low to high, or neither", f"{self.low} and {self.high}")


@dataclass(frozen=True)
class Aside(Checked):
    """A column of a table that no model needs: it is left out when rows are read, and comes back in samples.

    Attributes:
        name: Its name.
        kind: Why it is left out: it is empty, never changes, numbers the rows, or is text that hardly repeats.
        place: Its place among all columns of the table, from 0.
        value: Of a constant, its value: the text, or the number as text.
        format: The format of its numbers, as in `Column`; None for text.
    """

    name: str
    kind: AsideKind
    place: Annotated[int, Interval(ge=0, le=2**31 - 1)]
    value: str = ""
    format: str | None = None


@dataclass(frozen=True)
class Schema(Checked):
    """What one row of the data is.

    Attributes:
        kind: The kind of its numbers.
        shape: Event shape: (channels, height, width) for images, (columns,) for tables.
        levels: For pixels, and for bits drawn from pixels, the number of values that a pixel can have (256 for 8 bits);
            else 0.
        columns: For tables, the columns in order.
        aside: For tables, the columns that are left out, in order.
    """

    kind: Kind
    shape: tuple[Side, ...]
    levels: Annotated[int, Interval(ge=0, le=2**16)] = 0
    columns: tuple[Column, ...] = ()
    aside: tuple[Aside, ...] = ()

    def __post_init__(self) -> None:
        """Checks the fields, and that they fit one another.

        Raises:
            InputError: If they do not.
        """
        super().__post_init__()
        if not self.shape:
            raise InputError("shape", "at least one side", "none")
        if self.size > MOST_ELEMENTS:
            raise InputError("shape", f"at most {MOST_ELEMENTS:,} elements per row", self.shape)
        if self.columns and self.shape != (len(self.columns),):
            raise InputError("shape", f"({len(self.columns)},), one element per column", self.shape)
        names = [*(column.name for column in self.columns), *(column.name for column in self.aside)]
        if len(set(names)) < len(names):
            got = f"{len(set(names)):,} names of {len(names):,} columns"
            raise InputError("columns", "columns of different names", got)
        try:
            texts = (text for column in self.columns for text in (column.name, *column.categories))
            "".join([*texts, *(text for own in self.aside for text in (own.name, own.value))]).encode()
        except UnicodeEncodeError as error:
            raise InputError("columns", "names in Unicode", f"half a character ({error.reason})") from None

    @property
    def size(self) -> int:
        """Number of elements of a row, D."""
        size = 1
        for side in self.shape:
            size *= side
        return size

    @property
    def is_image(self) -> bool:
        """Whether a row is an image, (channels, height, width)."""
        return len(self.shape) == 3
