"""Tables as they came, beside the rows that a model takes of them: to write them again with their gaps filled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.readers.beside import Beside
from variate.data.readers.csv_cells import CsvCells
from variate.data.readers.tables import source_of, wanted_columns


class Piece(NamedTuple):
    """Some rows of a table.

    Attributes:
        table: All columns, with the names, types and cells of the file.
        rows: The same rows as the model takes them.
    """

    table: pa.Table
    rows: Dataset


class Original(NamedTuple):
    """A table as it came.

    Attributes:
        name: What to call it.
        schema: What the model takes of a row.
        num_rows: Number of rows.
        notes: What was assumed of the way in which it is written, one sentence each.
        pieces: Gives the rows in order, one piece after the other; each is in memory only while it is used.
        cells: Where the cells are in the text; None if it was no text.
    """

    name: str
    schema: Schema
    num_rows: int
    notes: tuple[str, ...]
    pieces: Callable[[], Iterator[Piece]]
    cells: CsvCells | None = None


def original_of(
    table: pa.Table,
    name: str,
    options: DataOptions,
    schema: Schema,
    notes: Sequence[str] = (),
    cells: CsvCells | None = None,
) -> Original:
    """A table in memory as it came.

    Args:
        table: All columns.
        name: What to call it.
        options: `drop`, `missing` and `condition` are used.
        schema: Of the model.
        notes: What was assumed when it was read.
        cells: Where the cells are in the text, if it was one.

    Raises:
        InputError: If it lacks what the model needs.
    """
    wanted, _ = wanted_columns(table.column_names, table.num_rows, options, schema, name)
    rows = rows_of_model(table, wanted, name, options, schema)
    return Original(name, schema, len(rows), tuple(notes), lambda: iter([Piece(table, rows)]), cells)


def rows_of_model(table: pa.Table, wanted: Sequence[str], name: str, options: DataOptions, schema: Schema) -> Dataset:
    """The rows of a table as a model takes them, with what it is conditional on.

    Args:
        table: All columns.
        wanted: The names of those that the model has.
        name: What to call it.
        options: As for `original_of`.
        schema: Of the model.

    Raises:
        InputError: If it lacks what the model needs.
    """
    needed = replace(options, split_by=None, split_time=None, weight=None, labels=None)
    beside = Beside(needed, table.column_names, schema, name)
    beside.add(table, name)
    return beside.attached(source_of(table.select(wanted), name, options, schema)).dataset
