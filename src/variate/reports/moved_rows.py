"""Rows that were found by moves in latent space, written to files: pictures, tables or arrays."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from variate.config.schema import Schema
from variate.data import writers
from variate.data.schema.origin import as_they_came, named_columns
from variate.data.schema.written import as_written
from variate.reports.moving import strips
from variate.reports.pictures import save
from variate.reports.rows import is_picture, write_reconstructions
from variate.tasks.interpolate import Paths
from variate.tasks.neighbours import NearestRows
from variate.tasks.shift import ShiftedRows
from variate.tasks.traverse import Traversed

PICTURED = 48
"""Pairs in a picture of shifted rows."""


def write_paths(path: Path, found: Paths, steps: int, schema: Schema) -> None:
    """Writes paths: a strip per pair of rows and curve, or a line per point with the columns curve and t.

    Args:
        path: The file.
        found: The paths.
        steps: Steps from each row to the next.
        schema: What a row is.
    """
    if is_picture(path):
        lines, labels = [], []
        for leg, pair in enumerate(zip(found.numbers, found.numbers[1:], strict=False)):
            for curve, rows in zip(found.found, found.rows, strict=True):
                lines.append(rows[leg * steps : (leg + 1) * steps + 1])
                labels.append(curve if len(found.found) > 1 else "{} to {}".format(*pair))
        save(strips(np.stack(lines), labels, schema), path)
        return
    own = {
        "curve": np.repeat(np.array(list(found.found), dtype=object), found.rows.shape[1]),
        "t": np.concatenate([each.t.numpy() for each in found.found.values()]),
    }
    first = own if len(found.found) > 1 else {"t": own["t"]}
    _write_numbers(path, first, found.rows.reshape(-1, *found.rows.shape[2:]), schema)


def write_traversal(path: Path, found: Traversed, schema: Schema) -> None:
    """Writes what latents do: a strip per latent, or a line per place with the columns latent, nats and s."""
    own = found.found
    pairs = list(zip(own.latent.tolist(), own.nats.tolist(), strict=True))
    if is_picture(path):
        save(strips(found.rows, [f"z{latent}  {nats:.2f} nats" for latent, nats in pairs], schema), path)
        return
    stops = len(own.s)
    first = {
        "latent": np.repeat(own.latent.numpy(), stops),
        "nats": np.repeat(own.nats.numpy(), stops),
        "s": np.tile(own.s.numpy(), len(pairs)),
    }
    _write_numbers(path, first, found.rows.reshape(-1, *found.rows.shape[2:]), schema)


def write_shifted(path: Path, found: ShiftedRows, schema: Schema) -> int:
    """Writes moved rows: pictures below their reconstructions, or a line per row with its number and log p(z).

    Returns:
        How many were written.
    """
    if is_picture(path):
        write_reconstructions(path, found.before[:PICTURED], found.rows[:PICTURED], schema)
        return min(PICTURED, len(found.rows))
    first = {"row": found.numbers, "log_prior": found.found.log_prior.numpy()}
    _write_numbers(path, first, found.rows, schema)
    return len(found.rows)


def write_neighbours(path: Path, found: NearestRows, row: int, schema: Schema) -> None:
    """Writes a row and those nearest to it: a strip, or a line per row with its number and its distance."""
    rows = np.concatenate([each.x.all() for each in (found.row, found.rows)])
    if is_picture(path):
        save(strips(rows[None], [f"row {row}"], schema), path)
        return
    masks = [each.mask for each in (found.row, found.rows)]
    if any(mask is not None for mask in masks):
        seen = np.concatenate([np.ones(rows[:1].shape, bool) if mask is None else mask.all() for mask in masks])
        rows = np.where(seen, rows.astype(np.float64), np.nan)
    first = {"row": np.array([row, *found.numbers]), "distance": np.array([0.0, *found.distances])}
    _write_numbers(path, first, rows, schema)


def _write_numbers(path: Path, first: Mapping[str, np.ndarray], rows: np.ndarray, schema: Schema) -> None:
    """Writes rows with columns before them; of anything but tables, an .npy file holds the rows alone.

    Columns that were set aside say nothing of a row that was decoded, so that only constants are written.
    """
    if path.suffix.lower() == ".npy" and not schema.columns:
        writers.write_array(path, rows)
        return
    known = replace(schema, aside=tuple(own for own in schema.aside if own.kind == "constant"))
    named = named_columns(rows, known, as_written if path.suffix.lower() == ".csv" else as_they_came)
    own = {}
    for name, values in first.items():
        while name in named:  # a column of the rows keeps its name
            name = f"{name}_"
        own[name] = values
    writers.write_table(path, {**own, **named})
