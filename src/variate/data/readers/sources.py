"""From what a person names to rows: which reader a source is for.

Pillow and pyarrow are loaded only for the sources that need them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from variate.config.recipe import DataOptions, Schema
from variate.data.readers import idx
from variate.data.readers.builtin import BUILTIN
from variate.data.readers.npy import read_npy, read_npz
from variate.data.readers.shards import TABLES, kind_of
from variate.data.rows import Rows
from variate.data.storage.stream import Streamed
from variate.errors import InputError, did_you_mean

UNDERSTOOD = (
    f"a built-in data set ({', '.join(BUILTIN)}), a folder or .zip of images, an array (.npy, .npz), "
    "MNIST's format (idx, plain or .gz), a table (.csv, .tsv, .parquet), or a folder of .npy or .parquet files"
)
IMAGE_OPTIONS = ("size", "mode")
TABLE_OPTIONS = ("columns", "drop")


class Reader(NamedTuple):
    """A function that reads, and the options that it has no use for."""

    read: Callable[[Path, DataOptions, Schema | None], Rows | Streamed]
    unused: tuple[str, ...] = (*IMAGE_OPTIONS, *TABLE_OPTIONS)
    streams: bool = False


READERS = {
    ".npy": Reader(read_npy, streams=True),
    ".zip": Reader(lambda *given: read_image_zip(*given), TABLE_OPTIONS),
    **dict.fromkeys((".csv", ".tsv"), Reader(lambda *given: read_csv_file(*given), IMAGE_OPTIONS)),
    **dict.fromkeys(TABLES, Reader(lambda *given: read_parquet_files(*given), IMAGE_OPTIONS, streams=True)),
}
"""By a file's ending, or that of the files of a folder."""


def read(
    source: str,
    options: DataOptions = DataOptions(),  # noqa: B008  frozen
    schema: Schema | None = None,
) -> Rows | Streamed:
    """Reads data, or looks through them where they are to stay on disk (`options.stream`).

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
            refuse_unused(source, options, reader)
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
        return folder_reader(path)
    if not path.exists():
        hint = did_you_mean(source, BUILTIN)
        raise InputError(f"the source {source!r} is no file, no folder and no built-in data set{hint}")
    if path.suffix.lower() == ".npz":
        return Reader(lambda path, options, schema: read_npz(path, key, options, schema))
    reader = READERS.get(path.suffix.lower())
    if reader is None and idx.is_idx(path):
        return Reader(idx.read_idx)
    if reader is None:
        raise InputError(f"{source} is of no type that is understood; give {UNDERSTOOD}")
    return reader


def folder_reader(path: Path) -> Reader:
    """The reader for a folder: of idx files, of shards, or of images."""
    if idx.images_in(path, idx.TRAIN):
        return Reader(idx.read_folder)
    endings = kind_of(path)
    return READERS[endings[0]] if endings else Reader(read_image_folder, TABLE_OPTIONS)


def read_image_folder(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a folder of images."""
    from variate.data.readers import images, listing

    return images.read_images(listing.in_folder(path), path.resolve().name, options, schema)


def read_image_zip(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a .zip of images."""
    from variate.data.readers import images, listing

    with listing.in_zip(path) as found:
        return images.read_images(found, path.name, options, schema)


def read_csv_file(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a table of text."""
    from variate.data.readers import tables

    return tables.read_table(path, options, schema)


def read_parquet_files(path: Path, options: DataOptions, schema: Schema | None) -> Rows | Streamed:
    """Reads a table in Parquet."""
    from variate.data.readers import table_stream

    return table_stream.read_parquet(path, options, schema)


def refuse_unused(source: str, options: DataOptions, reader: Reader) -> None:
    """An option that a source has no use for is refused rather than ignored."""
    for name in reader.unused:
        if getattr(options, name) != getattr(DataOptions(), name):
            what = "image files" if name in IMAGE_OPTIONS else "tables"
            raise InputError(f"--{name} is for {what}, and {source} is none; leave it out")
    if options.stream == "on" and not reader.streams:
        raise InputError(
            f"--stream on is for .npy and .parquet files and folders of them, and {source} is none; leave it out, or "
            "save the data as one of these"
        )
