"""Data in a folder of equal files: x-000.npy, x-001.npy, .., or part-0.parquet, part-1.parquet, .., by name."""

from collections.abc import Sequence
from pathlib import Path

from variate.data.readers.listing import endings, in_folder
from variate.errors import InputError

ARRAYS = (".npy",)
TABLES = (".parquet", ".pq")


def shards(path: Path, suffixes: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files with one of these endings in a folder, by name, and what to say of the others; or the one file."""
    if not path.is_dir():
        return [path], []
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
    chosen = [file for file in files if file.suffix.lower() in suffixes]
    others = [file.name for file in files if file not in set(chosen)]
    return chosen, [f"Left out: {endings(others)} that are no shards."] if others else []


def kind_of(folder: Path) -> Sequence[str] | None:
    """The endings of the shards that a folder holds; None where it holds none, or pictures.

    Raises:
        InputError: If it holds arrays and tables.
    """
    found = [suffixes for suffixes in (ARRAYS, TABLES) if shards(folder, suffixes)[0]]
    if not found or in_folder(folder).entries:
        return None
    if len(found) > 1:
        raise InputError(f"{folder} holds .npy and .parquet files; give a folder of one of them")
    return found[0]
