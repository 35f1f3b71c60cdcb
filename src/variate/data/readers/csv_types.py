"""Types of the columns of a text that is parsed block by block, as pyarrow tells them from all cells at once.

pyarrow takes the first of these types that all cells of a column can be read as:

    null, int64, bool, date32, time32, timestamp[s], timestamp[ns], float64, string

Of a column that is read in blocks, this is found in turns. The first block is parsed without types, later ones with the
types that have been found so far, which is fast; where a cell does not fit, the block tells another type, and the two
are joined. Some joins leave the values that were read before as they are: numbers that become decimals, and cells that
were all empty. After any other, what was read before has to be read again: `2024` of a column that turns out to be text
is no longer the number 2024. Types only move towards text, so that ends after few turns, mostly one.

The same holds of codes such as 02134 (`variate.data.readers.leading_zeros`), which are text if all cells are digits.
"""

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
from pyarrow import compute

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.csv_parsing import UNREADABLE, parsed_rows
from variate.data.readers.csv_text import CsvText
from variate.data.readers.decoding import decoding
from variate.data.readers.leading_zeros import are_codes, begins_with_zero, example, has_leading_zero, may_be_codes
from variate.data.schema.values import is_textual

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Text is parsed to places in a dictionary: that takes little time and memory where it repeats."""
DATES = (pa.date32(), pa.timestamp("s"), pa.timestamp("ns"))
"""Each can be read as those that follow."""


def text_types(
    names: Sequence[str], options: DataOptions, schema: Schema | None, doubtful: Collection[int]
) -> dict[int, pa.DataType]:
    """The types of columns that are read as text, whatever their cells look like.

    Args:
        names: The names of the columns.
        options: `formats` is used.
        schema: Of a model, which knows its columns.
        doubtful: Numbers of the columns that may be other numbers than they look like.
    """
    if schema is not None:
        textual = {column.name for column in (*schema.columns, *schema.conditions) if is_textual(column)}
    else:
        textual = {*dict(options.formats), *(names[number] for number in doubtful if number < len(names))}
    return {number: pa.string() for number, name in enumerate(names) if name in textual}


def numbers_asked(names: Sequence[str], options: DataOptions, schema: Schema | None) -> list[int]:
    """Columns that are numbers even where they begin with zeros, because the user, or a model, says so."""
    kinds = dict(options.columns)
    return [
        number
        for number, name in enumerate(names)
        if schema is not None or kinds.get(name, "categorical") != "categorical"
    ]


def joined_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The first type, of those that pyarrow tells, that cells of both types may be read as."""
    if pa.types.is_null(one) or one == other:
        return other
    if pa.types.is_null(other):
        return one
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if {one, other} == {pa.int64(), pa.bool_()}:
        return pa.bool_()  # if the numbers are 0 and 1
    if one in DATES and other in DATES:
        return max(one, other, key=DATES.index)
    return TEXT


class BlockParser:
    """Parses blocks of a text, and knows the types of its columns so far.

    Args:
        width: Number of cells of a row.
        only: The columns to parse.
        types: Types that are not to be told from the cells.
        asked: Columns that are numbers even where they begin with zeros.

    Attributes:
        types: The type of each column so far.
        has_changed: Whether what was read before has to be read again.
        zeros: The first cell with a leading zero, of columns that may be codes.
    """

    def __init__(
        self, width: int, only: Collection[int], types: Mapping[int, pa.DataType], asked: Collection[int]
    ) -> None:
        self.width, self.only = width, sorted(only)
        self.types = {number: TEXT for number in types if number in set(only)}
        self.has_changed = False
        self.zeros: dict[int, str] = {}
        self._no_codes, self._beyond_int64 = {*asked, *types}, set[int]()
        self._is_first = True

    @property
    def codes(self) -> dict[int, str]:
        """The first cell with a leading zero, of the columns that are read as text because of it."""
        return {number: self.zeros[number] for number in self.only if self._is_code(number)}

    def turn(self) -> bool:
        """Begins another turn, if one is needed. Returns whether it is."""
        for number in self._beyond_int64 & set(self.zeros) - self._no_codes:
            self._set(number, TEXT)
        is_needed, self.has_changed = self.has_changed, False
        return is_needed

    def parse(self, text: CsvText, start: int) -> pa.Table:
        """The rows of a block as a table, its columns called by their numbers.

        Args:
            text: The block.
            start: Where its first row begins.

        Raises:
            InputError: If a row has another number of cells, or a quote never closes.
        """
        if self._is_first:
            found = self._told(text, start)
            if not found.num_rows:
                return found
            self._loosen(found)
            self._is_first = False
        table = self._fitting(text, start)
        if table.num_rows and self._look_for_codes(text, start, table):
            table = self._fitting(text, start)
        return table

    def _fitting(self, text: CsvText, start: int) -> pa.Table:
        """A block in the types so far, which are changed until it fits."""
        while True:
            try:
                return self._parsed(text, start, self.types)
            except pa.ArrowInvalid:
                found = self._told(text, start)
                if not self._loosen(found):
                    self._give_up(text, start, found)

    def _parsed(self, text: CsvText, start: int, types: Mapping[int, pa.DataType]) -> pa.Table:
        return parsed_rows(text, start, self.width, types, self.only)

    def _told(self, text: CsvText, start: int) -> pa.Table:
        """A block in the types that its own cells tell, but for columns that are known to be text."""
        texts = {number: kind for number, kind in self.types.items() if kind == TEXT}
        with decoding(text.name, *UNREADABLE):
            return self._parsed(text, start, texts)

    def _loosen(self, found: pa.Table) -> bool:
        """Joins the types of a block to those so far. Returns whether any has changed."""
        before = dict(self.types)
        for number, kind in zip(self.only, found.schema.types, strict=True):
            kind = TEXT if pa.types.is_string(kind) or pa.types.is_binary(kind) else kind
            self._set(number, joined_type(self.types.get(number, kind), kind))
        return self.types != before

    def _give_up(self, text: CsvText, start: int, found: pa.Table) -> None:
        """Makes text of the columns of a block whose cells do not fit, though their types are joined already."""
        for number, kind in zip(self.only, found.schema.types, strict=True):
            if self.types[number] not in (kind, TEXT):
                try:
                    parsed_rows(text, start, self.width, {number: self.types[number]}, [number])
                except pa.ArrowInvalid:
                    self._set(number, TEXT)

    def _set(self, number: int, kind: pa.DataType) -> None:
        """Changes the type of a column."""
        before = self.types.get(number, kind)
        self.types[number] = kind
        is_harmless = before == kind or (pa.types.is_null(before) and kind != TEXT) or kind == pa.float64()
        self.has_changed |= not (is_harmless or self._is_first)

    def _look_for_codes(self, text: CsvText, start: int, table: pa.Table) -> bool:
        """Looks for numbers with leading zeros, and whether codes still are digits. Returns whether types changed."""
        before = dict(self.types)
        for number in self.codes:
            if not _are_digits(table[str(number)]):
                self._no_codes.add(number)
                kind = parsed_rows(text, start, self.width, {}, [number]).schema.types[0]
                if not pa.types.is_string(kind):
                    self.types[number], self.has_changed = kind, True
        numbers = [n for n in self.only if _is_number(self.types[n])]
        self._beyond_int64 |= {n for n in numbers if self.types[n] != pa.int64() and may_be_codes(table[str(n)])}
        suspects = [n for n in numbers if n not in self._no_codes | set(self.zeros)]
        if suspects and has_leading_zero(text, start):
            again = parsed_rows(text, start, self.width, dict.fromkeys(suspects, pa.string()), suspects)
            for number, column in zip(suspects, again.columns, strict=True):
                self._note_zeros(number, column)
        return self.types != before

    def _note_zeros(self, number: int, column: pa.ChunkedArray) -> None:
        """Remembers that a column of numbers has leading zeros, and takes it for codes as long as all are digits."""
        if not compute.any(begins_with_zero(column)).as_py():
            return
        self.zeros[number] = example(column)
        if not are_codes(column):
            self._no_codes.add(number)
        elif self.types[number] == pa.int64():
            self._set(number, TEXT)

    def _is_code(self, number: int) -> bool:
        return number in self.zeros and number not in self._no_codes and self.types[number] == TEXT


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _are_digits(column: pa.ChunkedArray) -> bool:
    """Whether the texts of a column are digits alone."""
    words = pa.chunked_array([chunk.dictionary for chunk in column.chunks], pa.string())
    return compute.all(compute.match_substring_regex(words, r"^[0-9]+$")).as_py() is not False
