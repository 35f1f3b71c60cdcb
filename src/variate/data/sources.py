"""From what a person names to rows: which reader a source is for.

Pillow and pyarrow are loaded only for the sources that need them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from variate.data import idx
from variate.data.builtin import BUILTIN
from variate.data.npy import read_npy, read_npz
from variate.data.rows import Rows
from variate.errors import InputError, did_you_mean
from variate.recipe import DataOptions, Schema

UNDERSTOOD = (
    f"a built-in data set ({', '.join(BUILTIN)}), a folder or .zip of images, an array (.npy, .npz), "
    "MNIST's format (idx, plain or .gz), or a table (.csv, .tsv, .parquet)"
)
IMAGE_OPTIONS = ("size", "mode")
TABLE_OPTIONS = ("columns", "drop")


class Reader(NamedTuple):
    """A function that reads, and the options that it has no use for."""

    read: Callable[[Path, DataOptions, Schema | None], Rows]
    unused: tuple[str, ...] = (*IMAGE_OPTIONS, *TABLE_OPTIONS)


def read(source: str, options: DataOptions = DataOptions(), schema: Schema | None = None) -> Rows:  # noqa: B008  frozen
    """Reads data.

    Args:
        source: A built-in data set's name, or a path. `FILE.npz:NAME` picks one array of an archive.
        options: How they are read.
        schema: Of a model. Then the data are read as what it takes: columns by name, categories by its codes, bits
            drawn where it is a model of bits; kinds are its own, whatever `options` say.

    Raises:
        InputError: If the source is not understood, or its content cannot be read as asked.
    """
    try:
        path, key = located(source)
        reader = reader_of(source, path, key)
        if schema is None:
            refuse_unused(source, options, reader.unused)
        return reader.read(path, options, schema)
    except OSError as error:
        raise InputError(f"{source} cannot be read ({error.strerror or error})") from None


def located(source: str) -> tuple[Path, str | None]:
    """The path, and the array in it if the source names one."""
    if not source:
        raise InputError(f"the source is empty; give {UNDERSTOOD}")
    path = Path(source).expanduser()
    archive, colon, key = source.rpartition(":")
    if colon and archive.lower().endswith(".npz") and not path.exists():
        return Path(archive).expanduser(), key
    return path, None


def reader_of(source: str, path: Path, key: str | None) -> Reader:
    """The reader for a source.

    Raises:
        InputError: If there is none.
    """
    if source in BUILTIN:
        return Reader(lambda _, options, schema: BUILTIN[source](options, schema))
    if path.is_dir():
        return Reader(idx.read_folder) if idx.images_in(path, idx.TRAIN) else Reader(read_image_folder, TABLE_OPTIONS)
    if not path.exists():
        hint = did_you_mean(source, BUILTIN)
        raise InputError(f"the source {source!r} is no file, no folder and no built-in data set{hint}")
    readers = {
        ".npy": Reader(read_npy),
        ".npz": Reader(lambda path, options, schema: read_npz(path, key, options, schema)),
        ".zip": Reader(read_image_zip, TABLE_OPTIONS),
        **dict.fromkeys((".csv", ".tsv", ".parquet", ".pq"), Reader(read_table_file, IMAGE_OPTIONS)),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None and idx.is_idx(path):
        return Reader(idx.read_idx)
    if reader is None:
        raise InputError(f"{source} is of no type that is understood; give {UNDERSTOOD}")
    return reader


def read_image_folder(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a folder of images."""
    from variate.data import images, listing

    return images.read_images(listing.in_folder(path), path.resolve().name, options, schema)


def read_image_zip(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a .zip of images."""
    from variate.data import images, listing

    with listing.in_zip(path) as found:
        return images.read_images(found, path.name, options, schema)


def read_table_file(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a table."""
    from variate.data import tables

    return tables.read_table(path, options, schema)


def refuse_unused(source: str, options: DataOptions, unused: tuple[str, ...]) -> None:
    """An option that a source has no use for is refused rather than ignored."""
    for name in unused:
        if getattr(options, name) != getattr(DataOptions(), name):
            what = "image files" if name in IMAGE_OPTIONS else "tables"
            raise InputError(f"--{name} is for {what}, and {source} is none; leave it out")
