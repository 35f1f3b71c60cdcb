"""Numbers written where a person asked for them: Parquet, CSV or npy, by the file's ending."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from variate import files
from variate.errors import InputError
from variate.recipe import Schema

TABLES = (".parquet", ".csv", ".npy")


def new_path(out: str, endings: tuple[str, ...], overwrite: bool) -> Path:
    """The path to write to, checked before any work is done.

    Raises:
        InputError: If the ending is not one of these, or the file is there and may not be overwritten.
    """
    path = Path(out)
    if path.suffix.lower() not in endings:
        raise InputError(f"--out must end in {' or '.join(endings)}, got {out!r}")
    if path.exists() and not overwrite:
        raise InputError(f"--out {out!r} exists already: choose another name, or pass --overwrite")
    return path


def columns(rows: np.ndarray, schema: Schema) -> dict[str, np.ndarray]:
    """Rows as named columns: a table's own, with its categories as text, or x0, x1, ... of anything else."""
    flat = rows.reshape(len(rows), -1)
    if not schema.columns:
        return {f"x{i}": flat[:, i] for i in range(flat.shape[1])}
    named = {}
    for column, values in zip(schema.columns, flat.T, strict=True):
        if column.kind == "categorical":
            values = np.array(column.categories)[values.astype(np.int64)]
        elif column.kind in ("binary", "counts"):
            values = np.rint(values).astype(np.int64)
        named[column.name] = values
    return named


def write_table(path: Path, table: Mapping[str, np.ndarray]) -> None:
    """Writes equally long columns, whole or not at all; an npy file holds them side by side as one array.

    Raises:
        InputError: If an npy file is to hold a column of text.
    """
    if path.suffix.lower() == ".npy":
        if any(values.dtype.kind in "US" for values in table.values()):
            raise InputError(f"--out {str(path)!r}: categories are text, which npy cannot hold: use .parquet or .csv")
        write_array(path, np.stack(list(table.values()), axis=1))
        return
    import pyarrow as pa
    from pyarrow import csv, parquet

    arrow = pa.table({name: pa.array(values) for name, values in table.items()})
    with files.replacing(path) as part:
        if path.suffix.lower() == ".parquet":
            parquet.write_table(arrow, part)
        else:
            csv.write_csv(arrow, part)


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes one array as npy, whole or not at all."""
    with files.replacing(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)
