"""Tables in memory, as Arrow tables: of pandas, polars, DuckDB, and all that speak Arrow's PyCapsule interface or the
dataframe protocol.

What comes out is read as an Arrow file would be. Types are kept: whole numbers with gaps stay whole, and categorical
columns keep their categories, their order, and the categories that no row has. Only pandas needs a word:

names that are no text     as text
several levels of names    refused
an index                   left out; kept in a table that is written again
several types in a column  the text of each cell, as a text file would have it
periods                    the time at which they begin

pandas is looked for among the modules that are loaded and never imported.
"""

import datetime
import numbers
import sys
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import interchange

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.conversion import ArrowStream, Frame
from variate.data.readers.decoding import decoding
from variate.data.readers.originals import Original, original_of
from variate.data.readers.tables import require_columns, require_names, require_table, table_source
from variate.data.schema.arrow_columns import listed_categories
from variate.data.schema.columns import refuse_together
from variate.data.schema.naming import SHOWN, column_called, drop, name_called
from variate.data.source import Source
from variate.data.wording import list_names, told
from variate.errors import InputError, Sentence, printable

NAME = "the table"
"""What errors call a table in memory."""
SEVERAL_TYPES = ("mixed", "mixed-integer")
"""How pandas calls columns of values of several types."""
CELLS = (str, numbers.Real, Decimal, datetime.date, datetime.time)
"""Types of values whose text says what they are."""


class Arrow(NamedTuple):
    """A table in memory as an Arrow table.

    Attributes:
        table: The table.
        of_pandas: Whether it was a data frame of pandas, all of whose dictionaries list categories.
        notes: What was assumed, one sentence each.
    """

    table: pa.Table
    of_pandas: bool
    notes: tuple[str, ...] = ()


def read_frame(frame: Frame, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a table in memory."""
    require_table(NAME, options, schema)
    return source_of_arrow(as_arrow(frame, options.drop), options, schema)


def source_of_arrow(found: Arrow, options: DataOptions, schema: Schema | None) -> Source:
    """Reads what `as_arrow` gave."""
    listed = listed_categories(found.table, options.missing, found.of_pandas)
    return table_source(found.table, NAME, options, schema, found.notes, listed)


def original_frame(frame: Frame, options: DataOptions, schema: Schema) -> Original:
    """The same as it came; an index of pandas comes back with `to_pandas`."""
    require_table(NAME, options, schema)
    found = as_arrow(frame, keep_index=True)
    return original_of(found.table, NAME, options, schema, found.notes)


def repeatable(frame: Frame) -> Frame:
    """A table that can be read several times, unlike a stream of one."""
    return frame if _is_pandas(frame) else as_arrow(frame).table


def as_arrow(frame: Frame, dropped: Collection[str] = (), keep_index: bool = False) -> Arrow:
    """A table in memory as an Arrow table.

    Args:
        frame: The table. What gives its rows only once is used up.
        dropped: Names of columns that are not used, and may hold anything.
        keep_index: Whether an index of pandas is kept, as columns of their own if it does not only number the rows.

    Raises:
        InputError: If it hands on no table, or a column cannot be one of Arrow's.
    """
    if _is_pandas(frame):
        return _of_pandas(frame, dropped, keep_index)
    with decoding(NAME, "a table with named columns", "give a data frame", told(frame)):
        if isinstance(frame, pa.Table):
            table = frame
        elif isinstance(frame, ArrowStream):
            table = pa.RecordBatchReader.from_stream(frame).read_all()
        else:
            table = interchange.from_dataframe(frame)
        return Arrow(_without_views(table), of_pandas=False)


def _without_views(table: pa.Table) -> pa.Table:
    """The table with text in types that Arrow can compute with, which polars's own views are not."""
    for place, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        if pa.types.is_string_view(field.type):
            table = table.set_column(place, field.with_type(pa.large_string()), column.cast(pa.large_string()))
        elif pa.types.is_dictionary(field.type) and pa.types.is_string_view(field.type.value_type):
            kind = pa.dictionary(field.type.index_type, pa.large_string(), field.type.ordered)
            texts = [chunk.dictionary.cast(pa.large_string()) for chunk in column.chunks]
            chunks = [
                pa.DictionaryArray.from_arrays(chunk.indices, text, ordered=kind.ordered)
                for chunk, text in zip(column.chunks, texts, strict=True)
            ]
            table = table.set_column(place, field.with_type(kind), pa.chunked_array(chunks, kind))
    return table


def _is_pandas(frame: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(frame, pandas.DataFrame)


def _of_pandas(frame: Any, dropped: Collection[str], keep_index: bool) -> Arrow:  # noqa: ANN401  pandas has no types here
    """A data frame of pandas."""
    if frame.columns.nlevels > 1:
        got = f"names of {frame.columns.nlevels} levels"
        remedy = "join them, as in frame.columns = ['_'.join(map(str, names)) for names in frame.columns]"
        raise InputError(NAME, "one name per column", got, remedy)
    names = [str(name) for name in frame.columns]
    require_columns(len(names), NAME)
    require_names(names, NAME)
    odd = [name for name, own in zip(names, frame.columns, strict=True) if not isinstance(own, str)]
    notes = [f"Names of columns that are no text were taken as text: {list_names(odd)}."] if odd else []
    own = [name_called(str(name)) for name in frame.index.names if name is not None]
    if not keep_index and (own or type(frame.index).__name__ != "RangeIndex"):
        notes.append(f"Left out: the index{f' {list_names(own)}' if own else ''}; reset_index() makes it a column.")
    frame, texts = _convertible(frame, names, dropped)
    if texts:
        told_names = list_names([name_called(name) for name in texts])
        notes.append(f"Values of several types in one column, read as the texts of their cells: {told_names}.")
    table = pa.Table.from_pandas(frame, preserve_index=None if keep_index else False)
    return Arrow(table, True, tuple(notes))


def _convertible(frame: Any, names: list[str], dropped: Collection[str]) -> tuple[Any, list[str]]:  # noqa: ANN401
    """The frame with columns that Arrow has types for, and the names of those that became text.

    Raises:
        InputError: About all columns for which that is not possible.
    """
    frame = frame.copy(deep=False)
    texts, errors = list[str](), dict[str, InputError]()
    for place, name in enumerate(names):
        cells = frame.iloc[:, place]
        found: Any = None
        if name in dropped:
            found = [None] * len(cells)
        elif cells.dtype.name.startswith("period"):
            found = cells.dt.to_timestamp()
        elif cells.dtype == object and _is_mixed(cells):
            found = _texts(cells)
            texts.append(name)
        elif not _is_plain(cells.dtype) and (reason := _refused(cells)):
            errors[name] = _no_type(name, cells.dtype, reason)
        if found is not None:
            frame.isetitem(place, found)
    refuse_together(errors, NAME)
    return frame, texts


def _is_plain(dtype: Any) -> bool:  # noqa: ANN401
    """Whether Arrow has a type for all values of a type of pandas."""
    return getattr(dtype, "kind", "O") in "biufmM" and not hasattr(dtype, "fill_value")  # which sparse columns have


def _is_mixed(cells: Any) -> bool:  # noqa: ANN401
    """Whether a column of objects holds texts, numbers and dates together, or numbers too large for Arrow."""
    kind = sys.modules["pandas"].api.types.infer_dtype(cells, skipna=True)
    if kind == "date":  # of which Arrow would leave out the time of the day
        return any(isinstance(value, datetime.datetime) for value in cells.dropna())
    if kind == "integer":
        return _refused(cells) != ""
    return kind in SEVERAL_TYPES and all(isinstance(value, CELLS) for value in cells.dropna())


def _texts(cells: Any) -> list[str | None]:  # noqa: ANN401
    """The text of each cell; None for gaps."""
    return [None if missing else str(value) for value, missing in zip(cells, cells.isna(), strict=True)]


def _refused(cells: Any) -> str:  # noqa: ANN401
    """Why Arrow has no type for a column; empty if it has one."""
    try:
        pa.Table.from_pandas(cells.to_frame("x"), preserve_index=False)
    except Exception as error:  # of columns of any library's types
        return str(error.args[0] if error.args else error)
    return ""


def _no_type(name: str, dtype: object, reason: str) -> InputError:
    got = f"values of type {dtype}, which Arrow does not take ({printable(reason, SHOWN)})"
    remedy = Sentence("convert them to numbers, dates or text, or leave the column out with ", drop(name))
    return InputError(f"{column_called(name)} of {NAME}", "numbers, dates or text", got, remedy)
