"""Data in a folder of files with the same ending, in the order of their names: x-000.npy, x-001.npy, ...

Other files of the folder, and its sub-folders, are left out and mentioned in a note; what is hidden, or begins with _,
is ignored. A folder with images anywhere below it is a folder of images.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from variate.data.readers.folders import look_into
from variate.data.readers.image_listing import file_types, images_in_folder
from variate.data.wording import list_names
from variate.errors import InputError

NPY_SUFFIXES = (".npy",)
PARQUET_SUFFIXES = (".parquet", ".pq")


def shards(path: Path, suffixes: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files of a folder with one of these endings, by name, and notes on all else in it; or the one file.

    Raises:
        OSError: If the folder cannot be read.
    """
    if not path.is_dir():
        return [path], []
    files, folders, unread = (sorted(name for name in names if not name.startswith("_")) for names in look_into(path))
    chosen = [name for name in files if PurePosixPath(name).suffix.lower() in suffixes]
    others = sorted(set(files) - set(chosen))
    notes = [f"Left out: {file_types(others)} that are not shards."] if others else []
    if folders:
        notes.append(f"Left out, because shards lie in one folder: {list_names(folders)}, with what is in them.")
    if unread:
        notes.append(f"Left out, because they cannot be opened: {list_names(unread)}.")
    return [path / name for name in chosen], notes


def shard_suffixes(folder: Path) -> Sequence[str] | None:
    """The endings of the shards in a folder; None where it holds none, or images.

    Raises:
        InputError: If it holds both arrays and tables.
        OSError: If it cannot be read.
    """
    found = [suffixes for suffixes in (NPY_SUFFIXES, PARQUET_SUFFIXES) if shards(folder, suffixes)[0]]
    if not found or images_in_folder(folder).entries:
        return None
    if len(found) > 1:
        raise InputError(str(folder), "a folder of .npy or of .parquet files", "both", "give a folder of one of them")
    return found[0]


def is_file_or_shards(path: Path, suffixes: Sequence[str]) -> bool:
    """Whether a path is a file with one of these endings, or a folder of such files."""
    return shard_suffixes(path) == suffixes if path.is_dir() else path.suffix.lower() in suffixes
