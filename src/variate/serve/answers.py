"""Results as bytes: JSON, npy or Arrow."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from variate.config.schema import Schema
from variate.data.arrow_rows import to_arrow
from variate.data.readers.contents import array_bytes, table_bytes
from variate.serve.formats import ANSWERS, Format, not_acceptable

ROWS = "rows"
"""What JSON calls the rows of an answer."""


class Answer(NamedTuple):
    """A result.

    Attributes:
        arrays: Arrays with one item per row, by the names that JSON has for them; the first is the rows.
        table: A table; None if there are arrays.
        beside: What JSON says beside it.
        by_columns: Whether JSON gives a table by columns, and not row by row.
    """

    arrays: Mapping[str, np.ndarray] = {}
    table: pa.Table | None = None
    beside: Mapping[str, Any] = {}
    by_columns: bool = False


class Encoded(NamedTuple):
    """An answer as it is sent.

    Attributes:
        content: The bytes.
        name: What HTTP calls their format.
    """

    content: bytes
    name: str


def encoded(answer: Answer, asked: Format | None, given: Format, schema: Schema) -> Encoded:
    """An answer in the format that was asked for, else in that of the request's body if it can be, else as JSON.

    Args:
        answer: The answer.
        asked: The format that was asked for; None for none.
        given: The format of the request's body.
        schema: What rows of the model are.

    Raises:
        RefusedError: If a table was asked for as npy, which has no names of columns.
    """
    form = asked or (given if given in ANSWERS else "json")
    if form == "npy" and answer.table is not None:
        if asked:
            names = [ANSWERS["json"], ANSWERS["arrow"]]
            raise not_acceptable(names, ANSWERS["npy"], "ask for one of these, whose columns have names")
        form = "json"
    if form == "npy":
        return Encoded(array_bytes(_joined(answer.arrays)), ANSWERS["npy"])
    if form == "arrow":
        return Encoded(table_bytes(_as_table(answer, schema)), ANSWERS["arrow"])
    return Encoded(json.dumps(_as_json(answer), allow_nan=False).encode(), ANSWERS["json"])


def _joined(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The only array, or several side by side."""
    parts = list(arrays.values())
    return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)


def _as_table(answer: Answer, schema: Schema) -> pa.Table:
    """The answer as a table: latents are called z0, z1, ..., their standard deviations std0, ..., elements x0, ..."""
    if answer.table is not None:
        return answer.table
    if ROWS in answer.arrays:
        rows = answer.arrays[ROWS]
        plain = Schema("real", schema.shape)
        return to_arrow(rows.reshape(-1, *schema.shape), plain)
    letters = {"mean": "z", "std": "std"}
    columns = {f"{letters[name]}{i}": own for name, array in answer.arrays.items() for i, own in enumerate(array.T)}
    return pa.table({name: pa.array(np.ascontiguousarray(own)) for name, own in columns.items()})


def _as_json(answer: Answer) -> dict[str, Any]:
    """The answer as an object of JSON, with null for what is missing or not finite."""
    if answer.table is None:
        return {name: _numbers(own) for name, own in answer.arrays.items()} | dict(answer.beside)
    found = {"columns": _columns(answer.table)} if answer.by_columns else {ROWS: records(answer.table)}
    return found | dict(answer.beside)


def records(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table as objects of JSON."""
    columns = _columns(table)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(table: pa.Table) -> dict[str, list[Any]]:
    """The columns of a table as lists of JSON."""
    return {name: _cells(own) for name, own in zip(table.column_names, table.columns, strict=True)}


def _numbers(values: np.ndarray) -> list[Any]:
    """Numbers as nested lists."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        values, is_finite = values.astype(object), np.isfinite(values)
        values[~is_finite] = None
    return values.tolist()


def _cells(column: pa.ChunkedArray) -> list[Any]:
    """The cells of a column: numbers, texts, dates as ISO 8601 has them, durations in seconds."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _cells(column.cast(kind.value_type))
    if pa.types.is_duration(kind):
        column = pa.chunked_array([column.cast(pa.duration("us"), safe=False).cast(pa.int64()).combine_chunks()])
        return [None if cell is None else cell / 1e6 for cell in column.to_pylist()]
    if pa.types.is_temporal(kind):
        return [None if cell is None else _iso(cell) for cell in column.cast(pa.string()).to_pylist()]
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(column.cast(pa.float64()).to_numpy())
    return column.to_pylist()


def _iso(text: str) -> str:
    """A date or a time of Arrow, which may lie in years that Python does not have, as ISO 8601 has it."""
    return text.replace(" ", "T").removesuffix("." + "0" * 9).removesuffix("." + "0" * 6).removesuffix("." + "0" * 3)
