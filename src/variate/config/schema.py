"""What one row of the data is: the kind of its numbers, its shape, and the columns of a table."""

from dataclasses import dataclass, replace
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
MOST_PAIRS = 1_000
"""Largest number of pairs of values that say how one column follows from another."""

Place = Annotated[int, Interval(ge=0, le=2**31 - 1)]
"""Place of a column, from 0."""
Number = Annotated[float, Interval(ge=-LARGEST, le=LARGEST)]
"""A number in a column, or one to compute with."""


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
    low: Number | None = None
    high: Number | None = None
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
    place: Place
    value: str = ""
    format: str | None = None


@dataclass(frozen=True)
class Relation(Checked):
    """A column x of a table that follows from others in every row, either by value or as a sum.

        by value    x = values[i], where the only source has the value keys[i]
        a sum       x = constant + sum_j factors[j] sources[j]

    Attributes:
        place: Place of the column among the schema's columns.
        sources: Places of the columns that it follows from.
        keys: By value: values of the source, categories as codes; None is a gap.
        values: By value: the value for each key; None is a gap.
        factors: Of a sum: the factor for each source.
        constant: Of a sum: its constant.
        shares_gaps: Of a sum: whether its cell is missing in exactly those rows where the cell of a source is.
    """

    place: Place
    sources: tuple[Place, ...]
    keys: tuple[Number | None, ...] = ()
    values: tuple[Number | None, ...] = ()
    factors: tuple[Number, ...] = ()
    constant: Number = 0.0
    shares_gaps: bool = False

    def __post_init__(self) -> None:
        """Checks the fields, and that they fit one another.

        Raises:
            InputError: If they do not.
        """
        super().__post_init__()
        if not self.sources or len({self.place, *self.sources}) <= len(self.sources):
            raise InputError("sources", f"different columns other than column {self.place}", self.sources)
        if bool(self.keys) == bool(self.factors):
            got = f"{len(self.keys)} keys and {len(self.factors)} factors"
            raise InputError("factors", "either keys or factors", got)
        if self.factors and (self.values or len(self.factors) != len(self.sources)):
            got = f"{len(self.factors)} factors of {len(self.sources)} sources, and {len(self.values)} values"
            raise InputError("factors", "one per source, and no values", got)
        if self.keys and (len(self.sources) != 1 or len(self.values) != len(self.keys)):
            got = f"{len(self.keys)} keys of {len(self.sources)} sources, and {len(self.values)} values"
            raise InputError("values", "one per key of a single source", got)
        if len(set(self.keys)) < len(self.keys) or len(self.keys) > MOST_PAIRS:
            expected = f"at most {MOST_PAIRS:,} different keys"
            raise InputError("keys", expected, f"{len(set(self.keys)):,} different keys of {len(self.keys):,}")

    @property
    def inverse(self) -> "Relation | None":
        """The same relation with the source computed from the column; None where the column does not decide it."""
        if len(self.sources) > 1:
            return None
        turned = replace(self, place=self.sources[0], sources=(self.place,))
        if not self.factors:
            is_one_to_one = len(set(self.values)) == len(self.values)
            return replace(turned, keys=self.values, values=self.keys) if is_one_to_one else None
        factor = self.factors[0]
        is_finite = abs(factor) * LARGEST >= max(1.0, abs(self.constant))
        return replace(turned, factors=(1 / factor,), constant=-self.constant / factor) if is_finite else None


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
        relations: For tables, the columns that follow from others, in an order in which they can be computed.
        conditions: What the model is conditional on, one column per element of the context.
    """

    kind: Kind
    shape: tuple[Side, ...]
    levels: Annotated[int, Interval(ge=0, le=2**16)] = 0
    columns: tuple[Column, ...] = ()
    aside: tuple[Aside, ...] = ()
    relations: tuple[Relation, ...] = ()
    conditions: tuple[Column, ...] = ()

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
        columns = (*self.columns, *self.conditions)
        names = [*(column.name for column in columns), *(column.name for column in self.aside)]
        if len(set(names)) < len(names):
            got = f"{len(set(names)):,} names of {len(names):,} columns"
            raise InputError("columns", "columns of different names", got)
        try:
            texts = (text for column in columns for text in (column.name, *column.categories))
            "".join([*texts, *(text for own in self.aside for text in (own.name, own.value))]).encode()
        except UnicodeEncodeError as error:
            raise InputError("columns", "names in Unicode", f"half a character ({error.reason})") from None
        self._require_computable()

    def _require_computable(self) -> None:
        """Refuses relations that cannot be computed one after the other, and values that a column cannot hold."""
        waiting = {relation.place for relation in self.relations}
        if len(waiting) < len(self.relations):
            raise InputError("relations", "one relation at most for each column", "a column with two")
        for relation in self.relations:
            called, places = f"column {relation.place}", (relation.place, *relation.sources)
            if max(places) >= len(self.columns):
                raise InputError("relations", f"places of {len(self.columns):,} columns", f"place {max(places):,}")
            if not waiting.isdisjoint(relation.sources):
                got = f"{called}, which follows from a column that is computed later"
                raise InputError("relations", "columns that follow from earlier ones, in no circle", got)
            waiting.remove(relation.place)
            own, source = self.columns[relation.place], self.columns[relation.sources[0]]
            pairs = zip(relation.keys, relation.values, strict=True)
            if not all(_holds(source, key) and _holds(own, value) for key, value in pairs):
                raise InputError("relations", "values that the columns can hold", f"others for {called}")
            if relation.factors and any(self.columns[place].kind not in ("real", "counts") for place in places):
                raise InputError("relations", "sums of columns of numbers", f"others for {called}")

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


def _holds(column: Column, value: float | None) -> bool:
    """Whether a column can hold a value; None is a gap."""
    if value is None or column.kind == "real":
        return True
    limits = {"categorical": len(column.categories) - 1, "binary": 1}
    return value.is_integer() and 0 <= value <= limits.get(column.kind, LARGEST)
