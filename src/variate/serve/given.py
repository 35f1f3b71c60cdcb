"""What a request gives, from its bytes: rows as an array, a table or images, what they are conditional on, options.

Bodies of JSON are objects:

    {"rows": [{"city": "Oslo", "age": 41}, ...]}      rows of a table, one object per row
    {"columns": {"city": ["Oslo"], "age": [41]}}      the same by columns
    {"rows": [[0.1, 0.2], ...]}                       rows of an array, images as channels of lines of pixels
    {"images": ["iVBORw0KGgo...", ...]}               image files in base64
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from variate.data.readers.contents import array_in, table_in
from variate.errors import InputError
from variate.runtime import strict_json
from variate.serve.formats import Format
from variate.serve.limits import RefusedError, ServeLimits, too_large

MOST_CELLS = 10_000_000
"""Cells of a table of JSON: rows times columns, whether a row has the column or not."""
HALVES = rb"\ud"
"""How JSON begins half of a pair of code units; one without the other is no character."""
ROWS = ("rows", "columns", "images")
"""Members of a body of JSON that say rows."""
NAME = "rows"
"""What errors call the rows of a request."""


class RequestRows(NamedTuple):
    """What a request gives.

    Attributes:
        array: Rows as an array, (N, *event); None if they came otherwise.
        table: Rows as a table.
        images: Rows as files of images.
        conditions: What the rows are conditional on, by name: a value per row, or one for all.
        members: The other members of a body of JSON.
        by_columns: Whether a table came by columns.
    """

    array: np.ndarray | None = None
    table: pa.Table | None = None
    images: tuple[bytes, ...] = ()
    conditions: Mapping[str, Any] = {}
    members: Mapping[str, Any] = {}
    by_columns: bool = False

    @property
    def num_rows(self) -> int:
        """Number of rows; 0 where a request has none."""
        if self.array is not None:
            return self.array.shape[0] if self.array.ndim else 0
        return len(self.images) if self.table is None else self.table.num_rows


def read_given(content: bytes, form: Format, limits: ServeLimits) -> RequestRows:
    """What a body gives.

    Args:
        content: The body.
        form: Its format.
        limits: What one request may cost.

    Raises:
        InputError: If it cannot be read.
        RefusedError: If it has too many rows.
    """
    if form == "json":
        found = _of_json(content, limits)
    elif form == "npy":
        found = RequestRows(array=array_in(content, NAME))
    elif form == "arrow":
        found = RequestRows(table=table_in(content, NAME, limits.max_rows, limits.bytes))
    else:
        found = RequestRows(images=(content,))
    if found.num_rows > limits.max_rows:
        raise too_large(NAME, limits.max_rows, "rows in a request", f"{found.num_rows:,}")
    return found


def _of_json(content: bytes, limits: ServeLimits) -> RequestRows:
    """What a body of JSON gives."""
    members = _object(content)
    found = [name for name in ROWS if name in members]
    if len(found) > 1:
        raise InputError("body", f"one of {', '.join(ROWS)}", " and ".join(found), "leave the others out")
    conditions = members.pop("condition", {})
    if not isinstance(conditions, dict):
        raise InputError("condition", 'an object, such as {"label": [7, 3]}', _called(conditions))
    rows = members.pop(found[0]) if found else None
    given = RequestRows(conditions=conditions, members=members)
    if not found:
        return given
    if found[0] == "images":
        return given._replace(images=_images(rows))
    if found[0] == "columns":
        return given._replace(table=_table(_columns(rows)), by_columns=True)
    if not isinstance(rows, list):
        raise InputError(NAME, "a list with one item per row", _called(rows))
    if len(rows) > limits.max_rows:
        raise too_large(NAME, limits.max_rows, "rows in a request", f"{len(rows):,}")
    if any(isinstance(row, dict) for row in rows):
        return given._replace(table=_table(_of_records(rows)))
    return given._replace(array=_array(rows))


def _object(content: bytes) -> dict[str, Any]:
    """The object that a body of JSON is.

    Raises:
        RefusedError: If it is none.
    """
    try:
        found = strict_json.parse(content.decode())
        if HALVES in content.lower():
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise RefusedError(400, InputError("body", "JSON in UTF-8", "other bytes", "encode it as UTF-8")) from None
    except UnicodeEncodeError:
        raise RefusedError(400, InputError("body", "text in Unicode", "half a character")) from None
    except ValueError as error:
        raise RefusedError(400, InputError("body", "JSON", f"something else: {error}")) from None
    if not isinstance(found, dict):
        raise RefusedError(400, InputError("body", 'an object, such as {"rows": [...]}', _called(found)))
    return found


def _called(value: object) -> str:
    """What a value of JSON is."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _images(rows: object) -> tuple[bytes, ...]:
    """Files of images in base64."""
    if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
        raise InputError("images", "a list of files in base64", _called(rows), "encode the bytes of each file")
    try:
        return tuple(base64.b64decode(row.partition("base64,")[2] or row, validate=True) for row in rows)
    except (binascii.Error, ValueError):
        raise InputError("images", "files in base64", "a text that is none", "encode the bytes of each file") from None


def _array(rows: list[Any]) -> np.ndarray:
    """Nested lists of numbers as an array; null is NaN."""
    found = np.array(rows, object)  # in which a text takes no more room than a number
    kinds = set(map(type, found.ravel().tolist()))
    if kinds & {list, dict}:
        raise InputError(NAME, "rows of one length", "lists of different lengths")
    if str in kinds:
        raise InputError(NAME, "numbers, or an object per row for a table", "text among them")
    try:
        return found.astype(bool if kinds == {bool} else np.int64 if kinds == {int} else np.float64)
    except OverflowError:
        raise InputError(NAME, "numbers below 2^63 in size", "larger ones", "write them as 1e20") from None


def _columns(rows: object) -> dict[str, list[Any]]:
    """The columns of a table, of one length."""
    if not isinstance(rows, dict) or not all(isinstance(cells, list) for cells in rows.values()):
        raise InputError("columns", 'an object of lists, such as {"age": [41, 35]}', _called(rows))
    if len({len(cells) for cells in rows.values()}) > 1:
        raise InputError("columns", "lists of one length", "lists of different lengths")
    return rows


def _of_records(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """The columns of a table whose rows are objects; what a row does not have is missing."""
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(NAME, "an object per row", "something else among them")
    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(names) * len(rows) > MOST_CELLS:
        raise too_large(NAME, MOST_CELLS, "cells", f"{len(rows):,} rows of {len(names):,} columns")
    return {name: [row.get(name) for row in rows] for name in names}


def _table(columns: Mapping[str, list[Any]]) -> pa.Table:
    """Columns of JSON as a table; those of values of several types hold the text of each cell.

    Raises:
        InputError: If a cell is a list or an object.
    """
    found = {}
    for name, cells in columns.items():
        if any(isinstance(cell, list | dict) for cell in cells):
            raise InputError(
                f"column {name!r}", "a text, a number, true, false or null per cell", "a list or an object"
            )
        try:
            found[name] = pa.array(cells)
        except (pa.ArrowException, OverflowError, ValueError):
            found[name] = pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    return pa.table(found)
