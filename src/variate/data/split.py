"""Rows parted into training, validation and test by one seeded permutation."""

import hashlib
from dataclasses import replace

import numpy as np

from variate.config.recipe import DataOptions
from variate.data.rows import Rows, Splits
from variate.data.storage.stream import HELD_OUT_BYTES, SAMPLE_BYTES, Rest, Streamed, spread
from variate.data.transforms import ROWS, TEST, binarized, draw, refuse_unless_pixels
from variate.errors import InputError


def split(rows: Rows | Streamed, options: DataOptions = DataOptions()) -> Splits:  # noqa: B008  frozen
    """Parts the rows; an official test set stays the test part, and only validation is split off.

    Of a stream, validation and test are read into memory, and are therefore at most 65,536 rows and a GiB each; train
    stays on disk.

    Each part keeps the order of the source. With `options.binarize`, validation and test are bits drawn once, and so is
    train unless it is to be redrawn.

    Args:
        rows: What `read` gave.
        options: `validation`, `test`, `split_seed` and `binarize` are used.

    Raises:
        InputError: If a part would be empty, a fraction is no fraction, or the rows cannot be binarized.
    """
    if isinstance(rows, Streamed):
        return split_stream(rows, options)
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


def split_stream(data: Streamed, options: DataOptions) -> Splits:
    """Parts a stream, in memory that does not grow with it beyond some 50 MB, which the choice of rows may take."""
    grey = data.grey or refuse_fixed_bits(data, options)
    most = data.rows.limit(HELD_OUT_BYTES)
    sizes = [min(most, size) for size in sizes_of(len(data.rows), True, options, data.name)]
    generator = np.random.default_rng(options.split_seed)
    chosen = generator.choice(len(data.rows), sum(sizes), replace=False)
    held_out = [data.rows.take(np.sort(part)) for part in np.split(chosen, sizes[:1])]
    if grey:
        levels, streams = data.schema.levels, (ROWS, TEST)
        generators = [np.random.default_rng([options.split_seed, stream]) for stream in streams]
        held_out = [draw(part, levels, own) for part, own in zip(held_out, generators, strict=True)]
    return Splits(
        train=Rest(data.rows, np.sort(chosen)),
        validation=held_out[0],
        test=held_out[1],
        schema=replace(data.schema, kind="binary") if grey else data.schema,
        notes=data.notes,
        name=data.name,
        fingerprint=stream_fingerprint(data),
        redraw=grey,
    )


def refuse_fixed_bits(data: Streamed, options: DataOptions) -> bool:
    """Whether bits are to be drawn from grey levels, which for a stream must be anew at each access."""
    if options.binarize == "off":
        return False
    refuse_unless_pixels(data.schema, data.name)
    if options.binarize == "fixed":
        raise InputError(
            f"--binarize fixed draws all bits once, which for {data.name} would take too much memory; use --binarize "
            "dynamic, or --stream off"
        )
    return True


def indices(rows: Rows, options: DataOptions) -> tuple[np.ndarray, ...]:
    """Which rows are train, validation and test (empty where the source has a test set of its own)."""
    count = len(rows.values)
    validation, test = sizes_of(count, rows.test is None, options, rows.name)
    train = count - validation - test
    order = np.random.default_rng(options.split_seed).permutation(count)
    cuts = np.split(order, [train, train + validation])
    return tuple(np.sort(cut) for cut in cuts)


def sizes_of(count: int, parts_test: bool, options: DataOptions, name: str) -> tuple[int, int]:
    """How many rows are held out for validation and for test.

    Raises:
        InputError: If that leaves none to train on.
    """
    validation = part(count, options.validation, "validation")
    test = part(count, options.test, "test") if parts_test else 0
    if count - validation - test < 1:
        raise InputError(
            f"{name} has {count:,} rows, of which {validation:,} would be for validation and {test:,} for test, "
            "which leaves none to train on; give more rows, or lower --validation and --test"
        )
    return validation, test


def part(count: int, fraction: float, name: str) -> int:
    """How many of the rows a fraction is: rounded, and at least one."""
    if not 0 < fraction < 1:
        raise InputError(f"{name} is the part of the rows held out, more than 0 and less than 1, not {fraction}")
    return max(1, round(count * fraction))


def fingerprint(rows: Rows | Streamed) -> str:
    """The first 12 hexadecimal digits of the SHA-256 over type, shape and bytes of all rows."""
    if isinstance(rows, Streamed):
        return stream_fingerprint(rows)
    digest = hashlib.sha256()
    for values in (rows.values, rows.test):
        if values is not None:
            digest.update(f"{values.dtype.str}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:12]


FINGERPRINT_ROWS = 1024


def stream_fingerprint(data: Streamed) -> str:
    """The same for a stream: over type and shape, the sizes of the files, and 1,024 rows spread evenly.

    It is cheap, and does not notice a change of other rows that keeps the sizes.
    """
    rows = data.rows
    digest = hashlib.sha256(f"stream {rows.dtype.str}{(len(rows), *rows.shape)}{data.sizes}".encode())
    index = spread(len(rows), FINGERPRINT_ROWS)
    for some in np.array_split(index, -(-len(index) // rows.limit(SAMPLE_BYTES))):
        digest.update(np.ascontiguousarray(rows.take(some)).data)
    return digest.hexdigest()[:12]
