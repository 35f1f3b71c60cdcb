"""Rows parted into training, validation and test by one seeded permutation."""

import hashlib
from dataclasses import replace

import numpy as np

from variate.data.binarize import binarized
from variate.data.rows import Rows, Splits
from variate.errors import InputError
from variate.recipe import DataOptions


def split(rows: Rows, options: DataOptions = DataOptions()) -> Splits:  # noqa: B008  frozen
    """Parts the rows; an official test set stays the test part, and only validation is split off.

    Each part keeps the order of the source. With `options.binarize`, validation and test are bits drawn once, and so is
    train unless it is to be redrawn.

    Args:
        rows: What `read` gave.
        options: `validation`, `test`, `split_seed` and `binarize` are used.

    Raises:
        InputError: If a part would be empty, a fraction is no fraction, or the rows cannot be binarized.
    """
    fixed = with_bits(rows, options)
    redraw = options.binarize == "dynamic" and rows.schema.kind == "pixels"
    train, validation, test = indices(rows, options)
    return Splits(
        train=(rows if redraw else fixed).values[train],
        validation=fixed.values[validation],
        test=fixed.values[test] if fixed.test is None else fixed.test,
        schema=fixed.schema,
        notes=fixed.notes,
        name=fixed.name,
        fingerprint=fingerprint(fixed),
        redraw=redraw,
    )


def with_bits(rows: Rows, options: DataOptions) -> Rows:
    """The rows as bits if that is asked for and `read` has not drawn them already for a model of bits."""
    if options.binarize == "off":
        return rows
    if rows.schema.kind == "binary" and rows.schema.levels:
        late = "The bits were drawn once, when the data were read as the model's, so training does not redraw them."
        return replace(rows, notes=(*rows.notes, late)) if options.binarize == "dynamic" else rows
    return binarized(rows, options.split_seed)


def indices(rows: Rows, options: DataOptions) -> tuple[np.ndarray, ...]:
    """Which rows are train, validation and test (empty where the source has a test set of its own)."""
    count = len(rows.values)
    validation = part(count, options.validation, "validation")
    test = 0 if rows.test is not None else part(count, options.test, "test")
    train = count - validation - test
    if train < 1:
        raise InputError(
            f"{rows.name} has {count:,} rows, of which {validation:,} would be for validation and {test:,} for test, "
            "which leaves none to train on; give more rows, or lower --validation and --test"
        )
    order = np.random.default_rng(options.split_seed).permutation(count)
    cuts = np.split(order, [train, train + validation])
    return tuple(np.sort(cut) for cut in cuts)


def part(count: int, fraction: float, name: str) -> int:
    """How many of the rows a fraction is: rounded, and at least one."""
    if not 0 < fraction < 1:
        raise InputError(f"{name} is the part of the rows held out, more than 0 and less than 1, not {fraction}")
    return max(1, round(count * fraction))


def fingerprint(rows: Rows) -> str:
    """The first 12 hexadecimal digits of the SHA-256 over type, shape and bytes of all rows."""
    digest = hashlib.sha256()
    for values in (rows.values, rows.test):
        if values is not None:
            digest.update(f"{values.dtype.str}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:12]
