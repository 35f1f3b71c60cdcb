"""Columns of an Arrow table as numbers, or a message about what cannot be one.

text                       positions among its different values
dictionary, extension      as its values, as its storage
booleans, numbers          float64; whole numbers only where they are exact, up to 2^53
dates, times, lists, ...   refused
missing cells, infinity    refused
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.data.schema.columns import NAMELESS, SHOWN, column_called, drop, name_called, refuse_together
from variate.data.schema.profiles import RawColumn
from variate.data.wording import list_names, plural
from variate.errors import InputError, Sentence, printable


def raw_columns(table: pa.Table, source: str) -> list[RawColumn]:
    """All columns as numbers.

    Raises:
        InputError: If cells are missing, or there is no likelihood for a type.
    """
    raws: list[RawColumn] = []
    each_column(table, source, lambda _, raw: raws.append(raw))
    return raws


def each_column(table: pa.Table, source: str, use: Callable[[int, RawColumn], object]) -> None:
    """Uses the columns one after the other, each as numbers, so that only one of them is in memory as such.

    Args:
        table: The table.
        source: What errors call it.
        use: A function of a column's number and values, which may raise `InputError`.

    Raises:
        InputError: About missing cells, or else about all columns that cannot be used.
    """
    table = pa.table([_plain(column) for column in table.columns], names=table.column_names)
    refuse_missing(table, source)
    errors: dict[str, InputError] = {}
    for number, name in enumerate(table.column_names):
        try:
            use(number, raw_column(name, table[number], source))
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


def refuse_missing(table: pa.Table, source: str) -> None:
    """Refuses missing cells, and names all columns that have some."""
    counts = {name: _num_missing(table[name]) for name in table.column_names}
    gaps = {name: number for name, number in counts.items() if number}
    if gaps:
        told = list_names([f"{name or NAMELESS} ({number:,})" for name, number in gaps.items()], 10)
        raise InputError(
            source,
            "a value in every cell",
            f"missing cells in {plural(len(gaps), 'column')} of its {table.num_rows:,} rows: {told}",
            Sentence("fill them, leave out those rows, or leave out those columns with ", drop(*gaps)),
        )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without extension types, and without dictionaries of anything but text."""
    while isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type) and not _is_text(_held(column.type)):
        return column.cast(column.type.value_type)
    return column


def _num_missing(column: pa.ChunkedArray) -> int:
    """Number of cells that are null or NaN."""
    if pa.types.is_dictionary(column.type):
        return sum(_num_missing(_are_null(chunk)) for chunk in column.chunks)
    gaps = compute.sum(compute.is_null(column, nan_is_null=pa.types.is_floating(column.type))).as_py()
    return int(gaps or 0)


def _are_null(chunk: pa.DictionaryArray) -> pa.ChunkedArray:
    """Cells whose place in the dictionary is missing, or holds nothing, as nulls."""
    held = compute.if_else(compute.is_valid(chunk.dictionary), True, None)
    return pa.chunked_array([held.take(chunk.indices)])


def raw_column(name: str, column: pa.ChunkedArray, source: str) -> RawColumn:
    """One column without missing cells as numbers."""
    column = _plain(column)
    kind = column.type
    if _is_text(_held(kind)):
        return _text_column(name, column)
    if pa.types.is_boolean(kind) or _is_numeric(kind):
        return RawColumn(name, _as_float64(name, column, source))
    got = "dates or times" if pa.types.is_temporal(kind) else f"values of type {printable(str(kind), SHOWN)}"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        got = "bytes that are not UTF-8 text"
    raise InputError(
        f"{column_called(name)} of {source}",
        "numbers or text",
        f"{got}, for which there is no likelihood",
        Sentence("convert them to numbers, or leave the column out with ", drop(name)),
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _held(kind: pa.DataType) -> pa.DataType:
    """The type of a column's values, or of those of its dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _text_column(name: str, column: pa.ChunkedArray) -> RawColumn:
    """Text as positions among its different values.

    A dictionary is used as it is: its texts may be large, and its cells many.
    """
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    words: dict[str, int] = {}
    numbers = []
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(column.type) else chunk.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp, copy=False)
        used = np.flatnonzero(np.bincount(codes, minlength=len(encoded.dictionary)))
        texts = encoded.dictionary.take(pa.array(used)).to_pylist()
        places = np.zeros(len(encoded.dictionary))
        places[used] = [words.setdefault(text, len(words)) for text in texts]
        numbers.append(places[codes])
    return RawColumn(name, np.concatenate(numbers), tuple(words))


def _as_float64(name: str, column: pa.ChunkedArray, source: str) -> np.ndarray:
    """A column of numbers as float64, if that is exact and they are finite."""
    argument = f"{column_called(name)} of {source}"
    try:
        numbers = column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        raise InputError(
            argument,
            "whole numbers up to 2^53",
            "numbers beyond 2^53, more likely an identifier than a quantity",
            Sentence("leave it out with ", drop(name)),
        ) from None
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise InputError(argument, "finite numbers", f"infinity in {plural(infinite, 'row')}", "correct those cells")
    return numbers
