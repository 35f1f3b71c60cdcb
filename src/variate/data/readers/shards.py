"""Data in a folder of files with the same ending, in the order of their names: x-000.npy, x-001.npy, ...

Other files of the folder are left out and mentioned in a note; hidden files, and files that begin with _, are ignored.
A folder with images anywhere below it is a folder of images.
"""

from collections.abc import Sequence
from pathlib import Path

from variate.data.readers.image_listing import file_types, images_in_folder
from variate.errors import InputError

NPY_SUFFIXES = (".npy",)
PARQUET_SUFFIXES = (".parquet", ".pq")


def shards(path: Path, suffixes: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files of a folder with one of these endings, by name, and notes on the others; or the one file."""
    if not path.is_dir():
        return [path], []
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
    chosen = [file for file in files if file.suffix.lower() in suffixes]
    others = [file.name for file in files if file not in set(chosen)]
    return chosen, [f"Left out: {file_types(others)} that are not shards."] if others else []


def shard_suffixes(folder: Path) -> Sequence[str] | None:
    """The endings of the shards in a folder; None where it holds none, or images.

    Raises:
        InputError: If it holds both arrays and tables.
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
