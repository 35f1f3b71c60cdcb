"""Rows split into training, validation and test parts by one seeded permutation.

Of rows in memory, every row is in one of the parts. Of rows on disk, validation and test are read into memory, so they
are at most 65,536 rows and a GiB each, and train stays on disk. Each part keeps the order of the source.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from variate.config.recipe import DataOptions
from variate.data.dataset import Dataset, Splits
from variate.data.source import Source
from variate.data.storage.base import HELD_OUT_BYTES, SAMPLE_BYTES, Storage, evenly_spaced
from variate.data.transforms import ROWS_STREAM, TEST_STREAM, DrawBits, binarized, bits_schema, with_bits
from variate.data.wording import told
from variate.errors import InputError, Option, Sentence
from variate.limits import checked_arguments

FINGERPRINT_ROWS = 1024
"""Number of rows on disk that are hashed."""


@checked_arguments
def split(data: Source | Dataset, options: DataOptions = DataOptions()) -> Splits:  # noqa: B008  frozen
    """Splits the rows; an official test set stays the test part, and only validation is split off.

    With `options.binarize`, validation and test are bits, drawn once. So is train if that is "fixed"; if it is
    "dynamic", train holds grey levels and has the transform `DrawBits`. Other transforms stay with train.

    Args:
        data: What `read` gave, or a dataset.
        options: `validation`, `test`, `split_seed` and `binarize` are used.

    Returns:
        The parts, each with the masks, contexts and weights of its rows.

    Raises:
        InputError: If a part would be empty or the rows cannot be binarized.
    """
    if not isinstance(data, Source | Dataset):
        raise InputError("data", "what `read` or `from_arrays` gave", told(data), "use `from_arrays` for arrays")
    source = data if isinstance(data, Source) else Source(data)
    transforms = tuple(step for step in source.dataset.transforms if not isinstance(step, DrawBits))
    if transforms != source.dataset.transforms:  # grey levels whose bits are still to be drawn
        grey = replace(source.schema, kind="pixels")
        source, options = source.replace(schema=grey, transforms=transforms), replace(options, binarize="dynamic")
    return _split_in_memory(source, options) if source.in_memory else _split_on_disk(source, options)


def _split_in_memory(source: Source, options: DataOptions) -> Splits:
    fixed = _binarized_if_asked(source, options)
    redraw = options.binarize == "dynamic" and source.schema.kind == "pixels"
    train, validation, test = _indices(source, options)
    held_out = fixed.dataset.select(test) if fixed.test is None else fixed.test
    rows = _redrawn(source.dataset) if redraw else fixed.dataset
    return _parts(rows.select(train), fixed.dataset.select(validation), held_out, fingerprint(fixed))


def _binarized_if_asked(source: Source, options: DataOptions) -> Source:
    """The rows as bits, if that is asked for and `read` has not drawn them already for a model of bits."""
    if options.binarize == "off":
        return source
    if source.schema.kind == "binary" and source.schema.levels:
        note = "The bits were drawn once, when the data were read for the model, so training does not redraw them."
        return source.replace(notes=(*source.notes, note)) if options.binarize == "dynamic" else source
    return binarized(source, options.split_seed)


def _redrawn(grey: Dataset) -> Dataset:
    """Grey levels whose bits are drawn anew in each batch."""
    transforms = (DrawBits(grey.schema.levels), *grey.transforms)
    return grey.replace(schema=bits_schema(grey.schema, grey.name), transforms=transforms)


def _split_on_disk(source: Source, options: DataOptions) -> Splits:
    """Splits rows on disk. The choice of rows takes some 50 MB at most, however many there are."""
    redraw = options.binarize != "off"
    data = _redrawn(source.dataset) if redraw else source.dataset
    if options.binarize == "fixed":
        raise InputError(
            "binarize",
            "'off' or 'dynamic' for rows that stay on disk",
            f"'fixed' for {source.name}: all of its bits, drawn once, would take too much memory",
            Sentence("use ", Option("binarize", "dynamic"), " or ", Option("stream", "off")),
        )
    most = data.x.limit(HELD_OUT_BYTES)
    sizes = [min(most, size) for size in _sizes(source, options)]
    generator = np.random.default_rng(options.split_seed)
    chosen = generator.choice(len(data), sum(sizes), replace=False)
    validation, test = (data.select(np.sort(part)) for part in np.split(chosen, sizes[:1]))
    test = test if source.test is None else source.test
    if redraw:
        validation = with_bits(validation, data.schema, options.split_seed, ROWS_STREAM)
        test = with_bits(test, data.schema, options.split_seed, TEST_STREAM)
    return _parts(data.without(np.sort(chosen)), validation, test, fingerprint(source))


def _parts(train: Dataset, validation: Dataset, test: Dataset, digest: str) -> Splits:
    """The parts; only training rows are transformed."""
    return Splits(train, validation.replace(transforms=()), test.replace(transforms=()), digest)


def _indices(source: Source, options: DataOptions) -> tuple[np.ndarray, ...]:
    """Which rows are train, validation and test (none where the source has a test set of its own)."""
    count = len(source.dataset)
    validation, test = _sizes(source, options)
    train = count - validation - test
    order = np.random.default_rng(options.split_seed).permutation(count)
    cuts = np.split(order, [train, train + validation])
    return tuple(np.sort(cut) for cut in cuts)


def _sizes(source: Source, options: DataOptions) -> tuple[int, int]:
    """How many rows are held out for validation and for test.

    Raises:
        InputError: If that leaves no rows to train on.
    """
    count = len(source.dataset)
    validation = _part_size(count, options.validation)
    test = _part_size(count, options.test) if source.test is None else 0
    if count - validation - test < 1:
        lower = (", or lower ", Option("validation"), " and ", Option("test")) if validation + test > 2 else ()
        raise InputError(
            source.name,
            f"more than {validation + test:,} rows: {validation:,} for validation, {test:,} for test, others to train",
            f"{count:,} rows",
            Sentence("give more rows", *lower),
        )
    return validation, test


def _part_size(count: int, fraction: float) -> int:
    """Number of rows of a fraction: rounded, and at least 1."""
    return max(1, round(count * fraction))


def held_out_rows(source: Source, seed: int) -> Dataset:
    """All rows as a held-out part, to evaluate a model on other data than its own.

    Rows in memory are all given, those of an official test set last. Rows on disk are read into memory, at most as many
    as `split` holds out, spread evenly; bits are drawn once where grey levels were read for a model of bits.

    Args:
        source: What `read` gave.
        seed: Seed of the bits.
    """
    if source.in_memory:
        return source.all_rows()
    rows = source.dataset.select(evenly_spaced(len(source.dataset), source.x.limit(HELD_OUT_BYTES)))
    return with_bits(rows, rows.schema, seed, ROWS_STREAM) if rows.transforms else rows


def fingerprint(source: Source) -> str:
    """The first 12 hexadecimal digits of a SHA-256 over the data.

    Of rows in memory, it is over type, shape and bytes of everything. Of rows on disk, it is over type and shape, the
    sizes of the files, and 1,024 rows spread evenly: that is cheap, and does not notice a change of other rows that
    keeps the sizes. Of bits drawn once, it is over the bits.
    """
    digest = hashlib.sha256()
    for dataset in (source.dataset, *(() if source.test is None else (source.test,))):
        for name, storage in dataset.storages().items():
            digest.update(b"" if name == "x" else name.encode())
            shape = f"{storage.dtype.str}{(len(storage), *storage.shape)}"
            digest.update((shape if storage.in_memory else f"stream {shape}{source.sizes}").encode())
            for values in [storage.all()] if storage.in_memory else _some_rows(storage):
                digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:12]


def _some_rows(storage: Storage) -> Iterator[np.ndarray]:
    """The rows that are hashed, in pieces of bounded size."""
    index = evenly_spaced(len(storage), FINGERPRINT_ROWS)
    for piece in np.array_split(index, -(-len(index) // storage.limit(SAMPLE_BYTES))):
        yield storage.take(piece)
