"""Rows of a model written to a file: a picture, an array or a table, by the ending of its name."""

from pathlib import Path

import numpy as np

from variate.config.schema import Schema
from variate.data import writers
from variate.data.schema.origin import as_they_came, named_columns
from variate.data.schema.written import as_written
from variate.reports import pictures


def rows_path(out: str | None, name: str, schema: Schema, overwrite: bool) -> Path:
    """The file to write rows to, checked before any work is done.

    Args:
        out: The file that was asked for.
        name: Its name without the ending if none was asked for.
        schema: What a row is.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: If rows of this schema cannot be written to such a file, or it exists.
    """
    endings = (".png", *writers.TABLE_ENDINGS) if schema.is_image else writers.TABLE_ENDINGS
    return writers.new_path(out or f"{name}{'.png' if schema.is_image else '.csv'}", endings, overwrite)


def is_picture(path: Path) -> bool:
    """Whether the file is a picture."""
    return path.suffix.lower() == ".png"


def write_rows(path: Path, rows: np.ndarray, schema: Schema) -> None:
    """Writes rows, (N, *event)."""
    if is_picture(path):
        pictures.save(pictures.grid(pictures.to_uint8(rows, grey_levels(schema))), path)
    elif path.suffix.lower() == ".npy" and not schema.columns:
        writers.write_array(path, rows)
    else:
        writers.write_table(
            path, named_columns(rows, schema, as_written if path.suffix.lower() == ".csv" else as_they_came)
        )


def write_reconstructions(path: Path, originals: np.ndarray, decoded: np.ndarray, schema: Schema) -> None:
    """Writes reconstructions, (N, *event): to a picture each below its original, else alone."""
    if not is_picture(path):
        write_rows(path, decoded, schema)
        return
    above, below = (pictures.to_uint8(part, grey_levels(schema)) for part in (originals, decoded))
    pictures.save(pictures.paired_grid(above, below), path)


def grey_levels(schema: Schema) -> int:
    """The number of grey levels to show an image with; 0 where they range from its lowest to its highest value."""
    return 2 if schema.kind == "binary" else schema.levels
