"""Columns of an Arrow table as numbers, NaN where a cell is missing; or a message about what cannot be one.

text                       positions among its different values
whole numbers beyond 2^53  not exact in float64, and said to be so: they are identifiers
dictionary, extension      as its values, as its storage
booleans, numbers          float64
dates                      days since 1970
dates with a time          seconds since 1970
times of the day           seconds since midnight
durations                  seconds
lists, ...                 refused
infinity                   refused
"""

import datetime
import math
from collections.abc import Callable, Collection

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.data.schema.columns import MOST_CATEGORIES, Listed, refuse_together
from variate.data.schema.formats import BOOL, DAY, EPOCH, INEXACT
from variate.data.schema.naming import SHOWN, column_called, drop, name_called
from variate.data.schema.number_formats import number_text
from variate.data.schema.profiles import RawColumn
from variate.data.wording import plural
from variate.errors import InputError, Option, Sentence, printable

ALWAYS_MISSING = ("?", "\\N")
"""Texts that nobody writes in a cell but to say that its value is not known."""
MOST_EXACT = 2**53
"""Whole numbers up to this are exact in float64."""


def raw_columns(table: pa.Table, source: str, missing: Collection[str] = ()) -> list[RawColumn]:
    """All columns as numbers.

    Args:
        table: The table.
        source: What errors call it.
        missing: Texts and numbers that say that a value is missing.

    Raises:
        InputError: If there is no likelihood for a type.
    """
    raws: list[RawColumn] = []
    each_column(table, source, lambda _, raw: raws.append(raw), missing)
    return raws


def each_column(
    table: pa.Table,
    source: str,
    use: Callable[[int, RawColumn], object],
    missing: Collection[str] = (),
    first_row: int = 0,
) -> None:
    """Uses the columns one after the other, each as numbers, so that only one of them is in memory as such.

    Args:
        table: The table.
        source: What errors call it.
        use: A function of a column's number and values, which may raise `InputError`.
        missing: As for `raw_columns`.
        first_row: The number of the first row.

    Raises:
        InputError: About all columns that cannot be used.
    """
    errors: dict[str, InputError] = {}
    for number, name in enumerate(table.column_names):
        try:
            use(number, raw_column(name, table[number], source, missing, first_row))
        except InputError as error:
            errors[name] = error
    refuse_together(errors, source)


def refuse_one_text(table: pa.Table, source: str) -> None:
    """Refuses a table whose only column is text."""
    if table.num_columns == 1 and _is_text(_held(table[0].type)):
        raise InputError(
            source,
            "a column of numbers, or at least two columns",
            f"one column, {name_called(table.column_names[0])}, of text",
            "give a table with more columns",
        )


def raw_column(
    name: str, column: pa.ChunkedArray, source: str, missing: Collection[str] = (), first_row: int = 0
) -> RawColumn:
    """One column as numbers.

    Args:
        name: Its name.
        column: Its cells.
        source: What errors call the table.
        missing: As for `raw_columns`.
        first_row: The number of its first row.

    Raises:
        InputError: If there is no likelihood for its type, or a number is infinite.
    """
    column = _plain(column)
    kind = column.type
    if pa.types.is_null(kind):
        return RawColumn(name, np.full(len(column), np.nan))
    if _is_text(_held(kind)):
        return _text_column(name, column, {*ALWAYS_MISSING, *missing})
    native, numbers = "", None
    if pa.types.is_boolean(kind) or _is_numeric(kind):
        native = BOOL if pa.types.is_boolean(kind) else INEXACT if _is_beyond_float64(column) else ""
        numbers = _as_float64(name, column, source, first_row, missing)
    elif pa.types.is_date(kind):
        native, numbers = "date", _floats(column.cast(pa.date32()).cast(pa.int32()))
    elif pa.types.is_timestamp(kind):
        native, numbers = "timestamp", _floats(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())) / 1e6
    elif pa.types.is_time(kind):
        native, numbers = "time", _floats(column.cast(pa.time64("us"), safe=False).cast(pa.int64())) / 1e6
    elif pa.types.is_duration(kind):
        native, numbers = "duration", _floats(column.cast(pa.duration("us"), safe=False).cast(pa.int64())) / 1e6
    if numbers is not None:
        return RawColumn(name, _without(numbers, missing, native), native=native)
    got = f"values of type {printable(str(kind), SHOWN)}"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        got = "bytes that are not UTF-8 text"
    raise InputError(
        f"{column_called(name)} of {source}",
        "numbers, dates or text",
        f"{got}, for which there is no likelihood",
        Sentence("convert them to numbers, or leave the column out with ", drop(name)),
    )


def listed_categories(
    table: pa.Table, missing: Collection[str] = (), every_dictionary: bool = False
) -> dict[str, Listed]:
    """The categories that columns list themselves, by the names of the columns; those that list too many are left out.

    An ordered dictionary lists categories. Another one may be no more than a way to store text.

    Args:
        table: The table.
        missing: As for `raw_columns`.
        every_dictionary: Whether dictionaries without an order list categories, too.
    """
    found = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type) and (every_dictionary or column.type.ordered):
            own = _listed(column, {*ALWAYS_MISSING, *missing})
            if own is not None:
                found[name] = own
    return found


def _listed(column: pa.ChunkedArray, missing: Collection[str]) -> Listed | None:
    """The categories of a column with a dictionary of text or numbers; None if there are none, or too many."""
    chunks = column.unify_dictionaries().chunks
    held = chunks[0].dictionary if chunks else pa.array([])
    of_text = _is_text(held.type)
    if len(held) > MOST_CATEGORIES or not (
        of_text or pa.types.is_integer(held.type) or pa.types.is_floating(held.type)
    ):
        return None
    if of_text:
        names = [text for text in held.to_pylist() if text is not None and text.strip() not in missing]
    else:
        numbers = _without(_floats(pa.chunked_array([held])), missing)
        names = [number_text(number) for number in numbers.tolist() if math.isfinite(number)]
    return Listed(tuple(names), column.type.ordered, of_text) if names else None


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without extension types, and without dictionaries of anything but text."""
    while isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type) and not _is_text(_held(column.type)):
        return column.cast(column.type.value_type)
    return column


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _held(kind: pa.DataType) -> pa.DataType:
    """The type of a column's values, or of those of its dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _is_beyond_float64(column: pa.ChunkedArray) -> bool:
    """Whether there are whole numbers that float64 does not hold exactly."""
    if not pa.types.is_integer(column.type) or column.type.bit_width < 64:
        return False
    ends = compute.min_max(column).as_py()
    return any(end is not None and abs(end) > MOST_EXACT for end in ends.values())


def _text_column(name: str, column: pa.ChunkedArray, missing: Collection[str]) -> RawColumn:
    """Text as positions among its different values.

    A dictionary is used as it is: its texts may be large, and its cells many.
    """
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    words: dict[str, int] = {}
    numbers = [np.empty(0)]
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(column.type) else chunk.dictionary_encode()
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False).astype(np.intp)
        used = np.flatnonzero(np.bincount(codes, minlength=len(encoded.dictionary) + 1)[: len(encoded.dictionary)])
        places = np.full(len(encoded.dictionary) + 1, np.nan)
        for place, text in zip(used, encoded.dictionary.take(pa.array(used)).to_pylist(), strict=True):
            if text is not None and text.strip() not in missing:
                places[place] = words.setdefault(text, len(words))
        numbers.append(places[codes])
    return RawColumn(name, np.concatenate(numbers), tuple(words))


def _as_float64(
    name: str, column: pa.ChunkedArray, source: str, first_row: int, missing: Collection[str]
) -> np.ndarray:
    """A column of numbers as float64, if they are finite, or infinity is missing."""
    numbers = _without(_floats(column), missing)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        where = f"first in row {first_row + infinite[0]} (counting from 0)"
        got = f"infinity in {plural(len(infinite), 'row')}, {where}"
        marks = [repr(number) for number in sorted({float(number) for number in numbers[infinite]})]
        remedy = Sentence("correct those cells, or take them for missing with ", Option("missing", marks))
        raise InputError(f"{column_called(name)} of {source}", "finite numbers", got, remedy)
    return numbers


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers as float64, NaN for null."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())  # from which a number comes out as from a text file, to the last digit
    found = column.cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(found, dtype=np.float64)


def _without(numbers: np.ndarray, missing: Collection[str], native: str = "") -> np.ndarray:
    """Numbers with NaN in place of those that say that a value is missing.

    Args:
        numbers: The numbers; of dates, days or seconds.
        missing: Texts, those that say numbers or dates among them.
        native: As in `RawColumn`.
    """
    marks = [number for mark in missing if (number := _said(mark, native)) is not None]
    return np.where(np.isin(numbers, marks), np.nan, numbers) if marks else numbers


def _said(mark: str, native: str) -> float | None:
    """The number that a text says; of a column of dates, that of an ISO date, with or without a time."""
    try:
        if native not in ("date", "timestamp"):
            return float(mark)
        seconds = (datetime.datetime.fromisoformat(mark).replace(tzinfo=None) - EPOCH).total_seconds()
        return seconds / DAY if native == "date" else seconds
    except ValueError:
        return None
