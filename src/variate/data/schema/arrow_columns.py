"""Columns of an Arrow table as numbers, or a message about what cannot be one.

text                       positions among its different values
dictionary                 as its values
booleans, numbers          float64; whole numbers only where they are exact, up to 2^53
dates, times, lists, ...   refused
missing cells, infinity    refused
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.data.schema.profiles import RawColumn
from variate.data.wording import list_names, plural
from variate.errors import InputError, Option, Sentence
from variate.runtime import memory


def raw_columns(table: pa.Table, source: str) -> list[RawColumn]:
    """All columns as numbers.

    Raises:
        InputError: If cells are missing, or there is no likelihood for a type.
    """
    memory.require(8 * table.num_rows * table.num_columns, source)
    refuse_missing(table, source)
    return [raw_column(name, table[name], source) for name in table.column_names]


def refuse_one_text(raws: Sequence[RawColumn], source: str) -> None:
    """Refuses a table whose only column is text."""
    if len(raws) == 1 and raws[0].words is not None:
        raise InputError(
            source,
            "a column of numbers, or at least two columns",
            f"one column, {raws[0].name!r}, of text",
            "give a table with more columns",
        )


def refuse_missing(table: pa.Table, source: str) -> None:
    """Refuses missing cells, and names all columns that have some."""
    counts = {name: _num_missing(table[name]) for name in table.column_names}
    gaps = {name: number for name, number in counts.items() if number}
    if gaps:
        told = list_names([f"{name} ({number:,})" for name, number in gaps.items()], 10)
        drop = Option("drop", list(gaps) if len(gaps) < 4 else None)
        raise InputError(
            source,
            "a value in every cell",
            f"missing cells in {plural(len(gaps), 'column')} of its {table.num_rows:,} rows: {told}",
            Sentence("fill them, leave out those rows, or leave out those columns with ", drop),
        )


def _num_missing(column: pa.ChunkedArray) -> int:
    """Number of cells that are null or NaN."""
    gaps = compute.sum(compute.is_null(column, nan_is_null=pa.types.is_floating(column.type))).as_py()
    return int(gaps or 0)


def raw_column(name: str, column: pa.ChunkedArray, source: str) -> RawColumn:
    """One column as numbers."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if _is_text(kind):
        return _text_column(name, column)
    if pa.types.is_boolean(kind) or _is_numeric(kind):
        return RawColumn(name, _as_float64(name, column, source))
    got = "dates or times" if pa.types.is_temporal(kind) else f"values of type {kind}"
    if pa.types.is_binary(kind):
        got = "bytes that are not UTF-8 text"
    raise InputError(
        f"column {name!r} of {source}",
        "numbers or text",
        f"{got}, for which there is no likelihood",
        Sentence("convert them to numbers, or leave the column out with ", Option("drop", [name])),
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _text_column(name: str, column: pa.ChunkedArray) -> RawColumn:
    """Text as positions among its different values."""
    encoded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
    return RawColumn(name, encoded.indices.to_numpy().astype(np.float64), tuple(encoded.dictionary.to_pylist()))


def _as_float64(name: str, column: pa.ChunkedArray, source: str) -> np.ndarray:
    """A column of numbers as float64, if that is exact and they are finite."""
    argument = f"column {name!r} of {source}"
    try:
        numbers = column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        raise InputError(
            argument,
            "whole numbers up to 2^53",
            "numbers beyond 2^53, more likely an identifier than a quantity",
            Sentence("leave it out with ", Option("drop", [name])),
        ) from None
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise InputError(argument, "finite numbers", f"infinity in {plural(infinite, 'row')}", "correct those cells")
    return np.array(numbers)
