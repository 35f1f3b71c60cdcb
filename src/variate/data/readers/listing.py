"""Where image files lie: a folder with its sub-folders, or a .zip, both as a list of names and ways to open them."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from variate.data.wording import listing, plural
from variate.errors import InputError
from variate.runtime import memory

SUFFIXES = frozenset(
    ".png .jpg .jpeg .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .tga .avif .jp2".split()  # noqa: SIM905
)
"""Endings of the files that are tried as images."""
ENCRYPTED = 0x1
"""The bit of a zip member's flags that says so."""


Stream = io.BufferedReader | io.BytesIO


class Entry(NamedTuple):
    """One image file."""

    name: str
    open: Callable[[], Stream]


class Listing(NamedTuple):
    """The image files of a source, sorted by path, and how many files of other types it has."""

    entries: tuple[Entry, ...]
    others: tuple[str, ...]


def in_folder(folder: Path) -> Listing:
    """The image files of a folder and its sub-folders; hidden ones are left out."""
    names = sorted(names_below(folder))
    images = [name for name in names if is_image(name)]
    return Listing(
        tuple(Entry(name, partial(opened, folder / name)) for name in images),
        tuple(name for name in names if not is_image(name)),
    )


def opened(path: Path) -> Stream:
    """A file's bytes."""
    return path.open("rb")


def names_below(folder: Path) -> Iterator[str]:
    """Every file below a folder that is not hidden, as a path relative to it with / between the parts."""
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        where = Path(base).relative_to(folder)
        yield from ((where / name).as_posix() for name in files if not name.startswith("."))


@contextmanager
def in_zip(path: Path) -> Iterator[Listing]:
    """The image files of a .zip, which are read from where they are and never extracted.

    Raises:
        InputError: If it is no whole .zip, or would unpack to more than this machine holds.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} is no whole .zip archive ({error}); make it again") from None
    with archive:
        members = sorted((info for info in archive.infolist() if is_shown(info)), key=lambda info: info.filename)
        images = [info for info in members if is_image(info.filename)]
        memory.require(sum(info.file_size for info in images), str(path))
        yield Listing(
            tuple(Entry(info.filename, partial(unpacked, archive, info)) for info in images),
            tuple(info.filename for info in members if not is_image(info.filename)),
        )


def is_shown(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file that is neither hidden nor one of macOS's shadows."""
    parts = PurePosixPath(info.filename).parts
    return not info.is_dir() and not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Stream:
    """One member's bytes; zipfile gives no more of them than the size that `in_zip` counted."""
    if info.flag_bits & ENCRYPTED:
        raise OSError("encrypted")
    return io.BytesIO(archive.read(info))


def is_image(name: str) -> bool:
    """Whether the ending is one of an image."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def refuse_none(found: Listing, name: str) -> None:
    """A source without images cannot be read as images."""
    if not found.entries:
        held = f"but {endings(found.others)}" if found.others else "and no other files"
        raise InputError(f"{name} holds no images ({', '.join(sorted(SUFFIXES))}), {held}; give a folder of images")


def endings(names: Sequence[str]) -> str:
    """`12 files (.csv, .txt)`."""
    kinds = sorted({PurePosixPath(name).suffix.lower() or "no ending" for name in names})
    return f"{plural(len(names), 'file')} ({listing(kinds)})"
