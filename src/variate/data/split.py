"""Rows split into training, validation and test parts: by one seeded permutation, by whole groups, or by time.

Of rows in memory, every row is in one of the parts. Of rows on disk, validation and test are read into memory, so they
are at most 65,536 rows and a GiB each, and train stays on disk. Each part keeps the order of the source.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from variate.config.recipe import DataOptions
from variate.data.conversion import is_frame
from variate.data.dataset import MASKS, Dataset, Splits
from variate.data.equal_rows import equal_rows_notes
from variate.data.source import Source
from variate.data.storage.base import HELD_OUT_BYTES, SAMPLE_BYTES, Storage, evenly_spaced
from variate.data.transforms import ROWS_STREAM, TEST_STREAM, DrawBits, binarized, bits_schema, with_bits
from variate.data.whole_groups import HeldOutRows, by_group, by_time, held_out_notes
from variate.data.wording import list_names, plural, told
from variate.errors import InputError, Option, Sentence
from variate.limits import checked_arguments

FINGERPRINT_ROWS = 1024
"""Number of rows on disk that are hashed."""
FEW_ROWS = 10
"""Training rows below this are pointed out."""


@checked_arguments
def split(data: Source | Dataset, options: DataOptions = DataOptions()) -> Splits:  # noqa: B008  frozen
    """Splits the rows; an official test set stays the test part, and only validation is split off.

    With `options.binarize`, validation and test are bits, drawn once. So is train if that is "fixed"; if it is
    "dynamic", train holds grey levels and has the transform `DrawBits`. Other transforms stay with train.

    Args:
        data: What `read` gave, or a dataset.
        options: `validation`, `test`, `split_seed`, `split_by`, `split_time` and `binarize` are used.

    Returns:
        The parts, each with the masks, contexts and weights of its rows.

    Raises:
        InputError: If a part would be empty, the rows cannot be binarized, or they were not read with the same
            `split_by` or `split_time`.
    """
    if not isinstance(data, Source | Dataset):
        remedy = "`read` it first" if is_frame(data) else "use `from_arrays` for arrays"
        raise InputError("data", "what `read` or `from_arrays` gave", told(data), remedy)
    source = rows_with_conditions(data if isinstance(data, Source) else Source(data))
    _require_key(source, options)
    transforms = tuple(step for step in source.dataset.transforms if not isinstance(step, DrawBits))
    if transforms != source.dataset.transforms:  # grey levels whose bits are still to be drawn
        grey = replace(source.schema, kind="pixels")
        source, options = source.replace(schema=grey, transforms=transforms), replace(options, binarize="dynamic")
    return _split_in_memory(source, options) if source.in_memory else _split_on_disk(source, options)


def rows_with_conditions(source: Source) -> Source:
    """The rows without those that lack a condition of the model, of which p(x|c) says nothing; a note counts them.

    Raises:
        InputError: If no row has all of them.
    """
    if source.dataset.context_mask is None or not source.schema.conditions:
        return source
    complete = _complete(source.dataset)
    number = len(source.dataset) - len(complete)
    test = None if source.test is None else _complete(source.test)
    if source.test is not None and test is not None:
        number += len(source.test) - len(test)
    key = source.key
    if key is not None:
        key = key._replace(values=np.ascontiguousarray(key.values[source.dataset.has_context()]))
    names = tuple(name for name, has in zip(source.names, source.dataset.has_context(), strict=False) if has)
    named = list_names([repr(column.name) for column in source.schema.conditions])
    note = f"Left out: {plural(number, 'row')} of {len(source):,} without a value of {named}."
    found = replace(source, dataset=complete, test=test, key=key, names=names)
    return found.replace(notes=(*source.notes, note))


def _complete(rows: Dataset) -> Dataset:
    """The rows that have all conditions.

    Raises:
        InputError: If none has.
    """
    if rows.context_mask is None:
        return rows
    lacking = np.flatnonzero(~rows.has_context())
    if len(lacking) == len(rows):
        named = list_names([repr(column.name) for column in rows.schema.conditions])
        raise InputError("condition", f"rows with a value of {named}", "none", "condition on another column")
    return rows.without(lacking).replace(context_mask=None)


def _require_key(source: Source, options: DataOptions) -> None:
    """Refuses options that name another column to split by than the rows were read with."""
    for option, is_time in (("split_by", False), ("split_time", True)):
        asked = getattr(options, option)
        found = source.key.name if source.key is not None and source.key.is_time == is_time else None
        if asked != found:
            expected = f"{found!r}, as the data were read" if found is not None else "nothing, as the data were read"
            remedy = "give the same options to `read` and to `split`"
            raise InputError(option, expected, "nothing" if asked is None else repr(asked), remedy)


def _split_in_memory(source: Source, options: DataOptions) -> Splits:
    fixed = _binarized_if_asked(source, options)
    redraw = options.binarize == "dynamic" and source.schema.kind == "pixels"
    train, validation, test = _indices(source, options)
    held_out = fixed.dataset.select(test) if fixed.test is None else fixed.test
    rows = _redrawn(source.dataset) if redraw else fixed.dataset
    parts = rows.select(train), fixed.dataset.select(validation), held_out
    notes = held_out_notes(source.key, HeldOutRows(validation, test)) + equal_rows_notes(parts[0], parts[2])
    return _parts(*parts, fingerprint(fixed), notes)


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
    validation_size, test_size = (min(most, size) for size in _sizes(source, options))
    found = _held_out(source, (validation_size, test_size), options)
    kept = HeldOutRows(*(rows[evenly_spaced(len(rows), most)] for rows in found))
    both = data.select(every := np.sort(np.concatenate(kept)))  # so that each place of the disk is read once
    validation, test = (both.select(np.searchsorted(every, rows)) for rows in kept)
    test = test if source.test is None else source.test
    if redraw:
        validation = with_bits(validation, data.schema, options.split_seed, ROWS_STREAM)
        test = with_bits(test, data.schema, options.split_seed, TEST_STREAM)
    notes = held_out_notes(source.key, found, unused=sum(map(len, found)) - sum(map(len, kept)))
    train = data.without(np.sort(np.concatenate(found)))
    return _parts(train, validation, test, fingerprint(source), notes)


def _parts(train: Dataset, validation: Dataset, test: Dataset, digest: str, notes: Sequence[str]) -> Splits:
    """The parts; only training rows are transformed."""
    if len(train) < FEW_ROWS:
        notes = [*notes, f"Only {plural(len(train), 'row')} to train on: such a model says little about other rows."]
    train, validation, test = (part.replace(notes=(*part.notes, *notes)) for part in (train, validation, test))
    return Splits(train, validation.replace(transforms=()), test.replace(transforms=()), digest)


def _indices(source: Source, options: DataOptions) -> tuple[np.ndarray, ...]:
    """Which rows are train, validation and test (none where the source has a test set of its own)."""
    found = _held_out(source, _sizes(source, options), options)
    is_train = np.ones(len(source.dataset), bool)
    is_train[np.concatenate(found)] = False
    return np.flatnonzero(is_train), *found


def _held_out(source: Source, sizes: tuple[int, int], options: DataOptions) -> HeldOutRows:
    """The rows of validation and test, of about these sizes."""
    key, count = source.key, len(source.dataset)
    if key is not None and key.is_time:
        return by_time(key.values, sizes, key.name)
    if key is not None:
        return by_group(key.values, sizes, options.split_seed, key.name)
    generator = np.random.default_rng(options.split_seed)
    if source.in_memory:
        train = count - sum(sizes)
        _, *parts = np.split(generator.permutation(count), [train, train + sizes[0]])
    else:
        parts = np.split(generator.choice(count, sum(sizes), replace=False), [sizes[0]])
    return HeldOutRows(*map(np.sort, parts))


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
            plural(count, "row"),
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
    keeps the sizes. Of bits drawn once, it is over the bits. The column to split by is part of it, labels are not.
    """
    digest = hashlib.sha256()
    if source.key is not None:  # by which the parts are decided
        digest.update(source.key.values.data)
    for dataset in (source.dataset, *(() if source.test is None else (source.test,))):
        for name, storage in dataset.storages().items():
            pieces = [storage.all()] if storage.in_memory else list(_some_rows(storage))
            if name == "labels":
                continue  # which decide nothing
            if name in MASKS and all(piece.all() for piece in pieces):
                continue  # of rows on disk that are read for a model, gaps are looked for when they are used
            digest.update(b"" if name == "x" else name.encode())
            shape = f"{storage.dtype.str}{(len(storage), *storage.shape)}"
            digest.update((shape if storage.in_memory else f"stream {shape}{source.sizes}").encode())
            for values in pieces:
                digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:12]


def _some_rows(storage: Storage) -> Iterator[np.ndarray]:
    """The rows that are hashed, in pieces of bounded size."""
    index = evenly_spaced(len(storage), FINGERPRINT_ROWS)
    for piece in np.array_split(index, -(-len(index) // storage.limit(SAMPLE_BYTES))):
        yield storage.take(piece)
