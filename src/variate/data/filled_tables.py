"""Columns of Arrow with their gaps filled; the other cells, the other columns and all types stay as they were."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyarrow import compute

from variate.config.schema import Column
from variate.data.fillings import FilledColumn, Fillings, added_names
from variate.data.readers.originals import Piece
from variate.data.schema.formats import DAY, NATIVE_DATES
from variate.data.schema.number_formats import number_text
from variate.data.schema.origin import as_they_came


def filled_tables(piece: Piece, fillings: Fillings) -> Iterator[pa.Table]:
    """The rows of a piece with their gaps filled, one table per copy."""
    columns, missing = piece.rows.schema.columns, fillings.missing
    names = [columns[place].name for place in fillings.places]
    with_std = names if fillings.std is not None else []
    std_names, draw = added_names(piece.table.column_names, with_std, bool(fillings.copies))
    for number, values in enumerate(fillings.values):
        table = piece.table
        for place, name in zip(fillings.places, names, strict=True):
            own = FilledColumn(columns[place], values[:, place], missing[:, place])
            at = table.column_names.index(name)
            filled = arrow_column(own, table.column(at))
            table = table.set_column(at, table.field(at).with_type(filled.type), filled)
        if fillings.std is not None:
            for place, name in zip(fillings.places, std_names, strict=True):
                std = pa.array(fillings.std[:, place], mask=~missing[:, place])
                table = table.append_column(name, std)
        if fillings.copies:
            table = table.add_column(0, draw, pa.array(np.full(table.num_rows, fillings.copies[number], np.int64)))
        yield table


def arrow_column(own: FilledColumn, cells: pa.ChunkedArray) -> pa.Array:
    """A column whose gaps are filled, of the type that it has.

    Args:
        own: The column, and what it is filled with.
        cells: Its cells as they came.
    """
    came, cells, found = cells, _plain(cells), own.filled()
    if pa.types.is_null(cells.type):  # there is no cell with a value
        cells = pa.chunked_array([pa.nulls(len(cells), pa.array(found[:1]).type)])
    try:
        new = _of_type(found, own, cells.type)
    except (pa.ArrowInvalid, ValueError):  # the model knows texts where this file has numbers
        cells, new = cells.cast(pa.string()), pa.array(list(map(plain_text, found.tolist())), pa.string())
    filled = _replaced(cells.combine_chunks(), own.missing, new)
    return _with_dictionary(filled, came) if pa.types.is_dictionary(came.type) else filled


def _replaced(cells: pa.Array, missing: np.ndarray, new: pa.Array) -> pa.Array:
    """The cells with others, in order, where they are missing; Arrow has no such function for durations."""
    if pa.types.is_duration(cells.type):
        return _replaced(cells.view(pa.int64()), missing, new.view(pa.int64())).view(cells.type)
    return compute.replace_with_mask(cells, pa.array(missing), new)


def _with_dictionary(filled: pa.Array, came: pa.ChunkedArray) -> pa.DictionaryArray:
    """Filled cells with the dictionary of the cells as they came, and what it lacks after that."""
    chunks = came.unify_dictionaries().chunks
    values = (chunks[0].dictionary if chunks else pa.array([], came.type.value_type)).cast(filled.type)
    more = compute.unique(filled.filter(compute.invert(compute.is_in(filled, values))))
    values = pa.concat_arrays([values, more])
    places = compute.index_in(filled, values)
    kind = came.type.index_type if len(values) < 2 ** (came.type.index_type.bit_width - 1) else pa.int32()
    return pa.DictionaryArray.from_arrays(places.cast(kind), values, ordered=came.type.ordered)


def plain_text(value: object) -> str:
    """A value as text, whole numbers without decimals."""
    return number_text(value) if isinstance(value, float) else str(value)


def _plain(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """The cells without dictionaries and extension types."""
    while isinstance(cells.type, pa.BaseExtensionType):
        cells = pa.chunked_array([chunk.storage for chunk in cells.chunks], cells.type.storage_type)
    return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells


def _of_type(found: np.ndarray, own: FilledColumn, kind: pa.DataType) -> pa.Array:
    """Filled values as a type of Arrow.

    Raises:
        ValueError: If a text is to be a number.
        pyarrow.ArrowInvalid: If a value does not fit the type.
    """
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(list(map(plain_text, found.tolist())), kind)
    numbers, form = own.numbers(), own.column.format
    if own.column.kind == "categorical":  # whose names are numbers
        numbers = found.astype(np.float64)
        found = as_they_came(numbers, Column(own.column.name, "real", format=form)) if form in NATIVE_DATES else numbers
    if pa.types.is_boolean(kind):
        return pa.array(numbers > 0.5)
    if pa.types.is_time(kind):
        return (
            pa.array(np.rint(np.mod(numbers, DAY) * 1e6).astype(np.int64)).cast(pa.time64("us")).cast(kind, safe=False)
        )
    if pa.types.is_temporal(kind):
        return pa.array(found).cast(kind, safe=False)
    numbers = found.astype(np.float64)
    if pa.types.is_decimal(kind):
        return pa.array([f"{number:.{kind.scale}f}" for number in numbers.tolist()]).cast(kind)
    return pa.array(np.rint(numbers).astype(np.int64) if pa.types.is_integer(kind) else numbers).cast(kind)
