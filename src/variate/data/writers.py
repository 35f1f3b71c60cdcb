"""Rows and arrays written to a file: Parquet, CSV or npy, by the file's ending.

A file is written completely or not at all.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from variate.config.schema import Schema
from variate.data.readers.unpacking import TEXT_SUFFIXES
from variate.data.schema.origin import as_they_came, filler
from variate.data.schema.written import as_written
from variate.errors import InputError, Option, Sentence
from variate.runtime import files

if TYPE_CHECKING:
    import pyarrow

    from variate.data.fillings import Fillings
    from variate.data.readers.csv_cells import CsvCells
    from variate.data.readers.originals import Piece

TABLE_ENDINGS = (".parquet", ".csv", ".npy")
FILLED_ENDINGS = (".parquet", *TEXT_SUFFIXES)
"""Those of a table with its gaps filled."""


def new_path(out: str, endings: tuple[str, ...], overwrite: bool, argument: str = "out") -> Path:
    """The path to write to, to be checked before any work is done.

    Args:
        out: The path.
        endings: The endings that it may have.
        overwrite: Whether a file that exists may be overwritten.
        argument: What errors call it.

    Raises:
        InputError: If it has another ending, is a directory, cannot be written to, or is a file that exists and may not
            be overwritten.
    """
    path = Path(out)
    if path.suffix.lower() not in endings:
        raise InputError(argument, f"a name that ends in {' or '.join(endings)}", repr(out))
    with files.writing(path):
        if path.is_dir():
            raise InputError(argument, "the name of a file", f"{out!r}, which is a directory")
        if path.exists() and not overwrite:
            remedy = Sentence("choose another name, or use ", Option("overwrite", True))
            raise InputError(argument, "the name of a new file", f"{out!r}, which exists", remedy)
        place = next(parent for parent in path.absolute().parents if parent.exists())
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            reason = errno.EACCES if place.is_dir() else errno.ENOTDIR
            raise OSError(reason, os.strerror(reason), str(place))
    return path


def named_columns(rows: np.ndarray, schema: Schema, as_text: bool = False) -> dict[str, np.ndarray]:
    """Rows as named columns, as they came: those of a table with its categories and dates, and with the columns that
    were set aside in their places; x0, x1, ... for other data.

    Args:
        rows: The rows, (N, *event).
        schema: What they are.
        as_text: Whether they are for a table of text, which has bits and times as they were written.
    """
    back = as_written if as_text else as_they_came
    flat = rows.reshape(len(rows), -1)
    if not schema.columns:
        return {f"x{i}": flat[:, i] for i in range(flat.shape[1])}
    named = [(own.name, back(values, own)) for own, values in zip(schema.columns, flat.T, strict=True)]
    for own in schema.aside:
        named.insert(own.place, (own.name, filler(own, len(rows))))
    return dict(named)


def write_table(path: Path, table: Mapping[str, np.ndarray]) -> None:
    """Writes columns of the same length; an npy file holds them side by side as one array.

    Raises:
        InputError: If an npy file would have to hold a column of text.
    """
    if path.suffix.lower() == ".npy" and any(values.dtype.kind in "USO" for values in table.values()):
        expected = "a file that can hold text, since categories are text"
        raise InputError("out", expected, repr(str(path)), "use .parquet or .csv")
    write_pieces(path, [table], len(next(iter(table.values()))))


def write_pieces(path: Path, pieces: Iterable[Mapping[str, np.ndarray]], rows: int) -> None:
    """Writes a table piece by piece.

    Args:
        path: The file.
        pieces: Rows of the table, all with the same columns; numbers for an npy file.
        rows: Number of rows of all pieces together.
    """
    with files.replacing(path) as part:
        if path.suffix.lower() == ".npy":
            stacked = (np.stack([_with_nan(values) for values in piece.values()], axis=1) for piece in pieces)
            _write_array_pieces(part, stacked, rows)
        else:
            _write_arrow_pieces(part, path.suffix.lower() == ".parquet", map(_arrow_table, pieces))


def write_filled(path: Path, cells: "CsvCells | None", pieces: "Iterable[tuple[Piece, Fillings]]") -> None:
    """Writes a table with its gaps filled and all else as it came.

    Args:
        path: The file. A text is copied from the text that the table was read from.
        cells: Where the cells are in that text; None if it was no text, or if Parquet is written.
        pieces: The rows, piece by piece, with what their gaps are filled with.

    Raises:
        InputError: If a column cannot be written to such a file.
    """
    from variate.data.filled_tables import filled_tables
    from variate.data.filled_text import FilledText

    as_parquet = path.suffix.lower() == ".parquet"
    with files.replacing(path) as part:
        if cells is None or as_parquet:
            tables = (table for piece, fillings in pieces for table in filled_tables(piece, fillings))
            _write_arrow_pieces(part, as_parquet, tables if as_parquet else map(_plain_columns, tables))
            return
        with part.open("wb") as file:
            for piece, fillings in pieces:
                for text in FilledText(cells, piece, fillings).pieces():
                    file.write(text)


def _plain_columns(table: "pyarrow.Table") -> "pyarrow.Table":
    """The table in types that CSV can hold.

    Raises:
        InputError: If a column is of another type.
    """
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
        elif pa.types.is_nested(field.type):
            got = f"{field.type} in column {field.name!r}"
            raise InputError("out", "columns of numbers, dates or text for a .csv file", got, "use .parquet")
    return table


def _write_arrow_pieces(part: Path, as_parquet: bool, tables: "Iterator[pyarrow.Table]") -> None:
    from pyarrow import csv, parquet

    first = next(tables)
    kind = parquet.ParquetWriter if as_parquet else csv.CSVWriter
    with part.open("wb") as file, kind(file, first.schema) as writer:  # Arrow itself opens no name that is not UTF-8
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _arrow_table(piece: Mapping[str, np.ndarray]) -> "pyarrow.Table":
    import pyarrow as pa

    def column(values: np.ndarray) -> pa.Array:
        mask = values.mask if isinstance(values, np.ma.MaskedArray) else None
        return pa.array(np.asarray(values), pa.string() if values.dtype == object else None, mask=mask)

    return pa.table({name: column(values) for name, values in piece.items()})


def _with_nan(values: np.ndarray) -> np.ndarray:
    """Numbers with NaN where they are masked."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    return np.where(np.ma.getmaskarray(values), np.nan, values.data.astype(np.float64))


def _write_array_pieces(part: Path, pieces: Iterable[np.ndarray], rows: int) -> None:
    with part.open("wb") as file:
        for number, piece in enumerate(pieces):
            if not number:
                header = {"descr": piece.dtype.str, "fortran_order": False, "shape": (rows, *piece.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(piece).data)


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes one array as npy."""
    with files.replacing(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)
