"""Reading data as `variate train` does before it loads torch, and what must hold of the rows."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import variate
from campaign.base import End, Fault
from campaign.judge import require_finite, require_helpful, require_printable
from variate.cli.output import line
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data import describe
from variate.errors import InputError

ARGUMENTS = tuple(field.name for field in dataclasses.fields(DataOptions))
"""A sentence about one of these need not name the file."""


class Read(NamedTuple):
    """What reading gave.

    Attributes:
        rows: All rows, those of an official test set left out.
        schema: What a row is.
        notes: What was said about them.
    """

    rows: np.ndarray
    schema: Schema
    notes: tuple[str, ...]


def read(path: Path | str, options: DataOptions, names: tuple[str, ...]) -> Read | None:
    """Reads, splits and describes data.

    Args:
        path: The data.
        options: How they are read.
        names: One of these must be in a sentence.

    Returns:
        What came, or None where it was refused by a sentence that helps.

    Raises:
        Fault: If the sentence does not help, or the rows are not as they should be.
    """
    try:
        source = variate.read(str(path), options)
        splits = variate.split(source, options)
        described = describe(splits)
        rows = source.dataset.x.all()
    except InputError as error:
        require_helpful(error, names, ARGUMENTS)
        return None
    for text in (described, *source.notes):
        require_printable(line(text), "a line of output")
    require_finite(rows, "what was read")
    parts = [len(part) for part in (splits.train, splits.validation, splits.test)]
    if sum(parts) != len(source) or min(parts) < 1:
        raise Fault(f"{len(source)} rows were split into {parts}")
    return Read(rows, source.schema, source.notes)


def read_both_ways(path: Path, options: dict[str, object], names: tuple[str, ...]) -> End:
    """Reads data into memory and as rows on disk; where both succeed, they must give the same.

    Raises:
        Fault: As `read`, and if they differ.
    """
    plain, streamed = (
        read(path, DataOptions(**{**options, "stream": how}), names)  # type: ignore[arg-type]
        for how in ("off", "on")
    )
    if plain is not None and streamed is not None:
        require_equal(plain, streamed)
    return "sentence" if plain is None and streamed is None else "result"


def read_good(path: Path, **options: Any) -> None:
    """Reads good data, which loads all modules; whatever it raises is a fault of the campaign or a very large one."""
    used = DataOptions(**options)
    variate.split(variate.read(str(path), used), used)


def require_equal(plain: Read, streamed: Read) -> None:
    """Refuses rows on disk that are not those in memory."""
    if plain.schema != streamed.schema:
        raise Fault(f"in memory {str(plain.schema)[:300]}, streamed {str(streamed.schema)[:300]}")
    if plain.rows.shape != streamed.rows.shape:
        raise Fault(f"in memory shape {plain.rows.shape}, streamed {streamed.rows.shape}")
    if not np.array_equal(plain.rows, streamed.rows):
        raise Fault(f"{int((plain.rows != streamed.rows).sum()):,} of {plain.rows.size:,} numbers differ if streamed")


def again(path: Path | str, options: dict[str, object]) -> str:
    """The line that reads data again."""
    told = ", ".join(f"{name}={value!r}" for name, value in options.items()).replace("'", '"')
    code = f"import variate as v; o = v.DataOptions({told}); v.split(v.read({json.dumps(str(path))}, o), o)"
    return f"python -c {shlex.quote(code)}"
