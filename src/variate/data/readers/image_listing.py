"""Image files of a folder with its sub-folders, or of a .zip: their names, and how to open them."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from variate.data.wording import list_names, plural
from variate.errors import InputError
from variate.runtime import memory

IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .tga .avif .jp2".split()  # noqa: SIM905
)
"""Endings of the files that are read as images."""
ENCRYPTED = 0x1
"""The bit in a zip member's flags that marks it as encrypted."""


ImageStream = io.BufferedReader | io.BytesIO


class ImageEntry(NamedTuple):
    """One image file."""

    name: str
    open: Callable[[], ImageStream]


class ImageListing(NamedTuple):
    """The image files of a source, sorted by path, and the names of its other files."""

    entries: tuple[ImageEntry, ...]
    others: tuple[str, ...]


def images_in_folder(folder: Path) -> ImageListing:
    """The image files of a folder and its sub-folders, without hidden ones."""
    names = sorted(_names_below(folder))
    images = [name for name in names if _is_image(name)]
    return ImageListing(
        tuple(ImageEntry(name, partial(_open_file, folder / name)) for name in images),
        tuple(name for name in names if not _is_image(name)),
    )


def _open_file(path: Path) -> ImageStream:
    return path.open("rb")


def _names_below(folder: Path) -> Iterator[str]:
    """Every file below a folder that is not hidden, as a path relative to it with / between the parts."""
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        where = Path(base).relative_to(folder)
        yield from ((where / name).as_posix() for name in files if not name.startswith("."))


@contextmanager
def images_in_zip(path: Path) -> Iterator[ImageListing]:
    """The image files of a .zip; they are read in place and never extracted.

    Raises:
        InputError: If it is not a complete .zip, or would unpack to more than this machine's memory.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InputError(str(path), "a complete .zip archive", f"a damaged one ({error})", "make it again") from None
    with archive:
        members = sorted((info for info in archive.infolist() if _is_shown(info)), key=lambda info: info.filename)
        images = [info for info in members if _is_image(info.filename)]
        memory.require(sum(info.file_size for info in images), str(path))
        yield ImageListing(
            tuple(ImageEntry(info.filename, partial(_unpack, archive, info)) for info in images),
            tuple(info.filename for info in members if not _is_image(info.filename)),
        )


def _is_shown(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file that is neither hidden nor one of macOS's resource forks."""
    parts = PurePosixPath(info.filename).parts
    return not info.is_dir() and not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ImageStream:
    """The bytes of one member; zipfile gives no more of them than the size that `images_in_zip` counted."""
    if info.flag_bits & ENCRYPTED:
        raise OSError("encrypted")
    return io.BytesIO(archive.read(info))


def _is_image(name: str) -> bool:
    """Whether the ending is one of an image."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def require_images(found: ImageListing, name: str) -> None:
    """Refuses a source without images."""
    if not found.entries:
        got = f"{file_types(found.others)} and no image" if found.others else "no files"
        expected = f"a folder or .zip of images ({', '.join(sorted(IMAGE_SUFFIXES))})"
        raise InputError(name, expected, got, "give a source that holds images")


def file_types(names: Sequence[str]) -> str:
    """`12 files (.csv, .txt)`."""
    endings = sorted({PurePosixPath(name).suffix.lower() or "no ending" for name in names})
    return f"{plural(len(names), 'file')} ({list_names(endings)})"
