"""Image files of a folder with its sub-folders, or of a .zip: their names, and how to open them."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from variate.data.readers.folders import look_below
from variate.data.readers.zips import Unpacked, open_member, opened_zip
from variate.data.wording import list_names, plural
from variate.errors import InputError
from variate.runtime import memory

IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .tga .avif .jp2".split()  # noqa: SIM905
)
"""Endings of the files that are read as images."""
LARGEST_MEMBER = 2**26
"""Bytes to which a member of a .zip may unpack to be read as an image, since all of them may have to be kept."""

ImageStream = io.BufferedReader | io.BytesIO | Unpacked


class ImageEntry(NamedTuple):
    """One image file."""

    name: str
    open: Callable[[], ImageStream]


class ImageListing(NamedTuple):
    """The files of a source, sorted by path.

    Attributes:
        entries: Image files.
        others: Names of the other files.
        unread: Names of what cannot be opened or is not opened, with the reason.
    """

    entries: tuple[ImageEntry, ...]
    others: tuple[str, ...]
    unread: tuple[str, ...] = ()


def images_in_folder(folder: Path) -> ImageListing:
    """The image files of a folder and its sub-folders, without hidden ones.

    Raises:
        OSError: If the folder cannot be read.
    """
    found = look_below(folder)
    images = [name for name in found.files if _is_image(name)]
    return ImageListing(
        tuple(ImageEntry(name, partial(_open_file, folder / name)) for name in images),
        tuple(name for name in found.files if not _is_image(name)),
        tuple(found.unread),
    )


def _open_file(path: Path) -> ImageStream:
    return path.open("rb")


@contextmanager
def images_in_zip(path: Path) -> Iterator[ImageListing]:
    """The image files of a .zip; they are read in place and never extracted.

    Raises:
        InputError: If it is not a complete .zip, or would unpack to more than this machine's memory.
    """
    with opened_zip(path, "a complete .zip archive", "make it again") as archive:
        members = sorted((info for info in archive.infolist() if _is_shown(info)), key=lambda info: info.filename)
        images = [info for info in members if _is_image(info.filename)]
        memory.require(sum(info.file_size for info in images), str(path))
        yield ImageListing(
            tuple(ImageEntry(info.filename, partial(_open_member, archive, info)) for info in images),
            tuple(info.filename for info in members if not _is_image(info.filename)),
        )


def _is_shown(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file that is neither hidden nor one of macOS's resource forks."""
    parts = PurePosixPath(info.filename).parts
    return not info.filename.endswith("/") and not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ImageStream:
    """One member, which is unpacked as far as it is read.

    Raises:
        OSError: If it is encrypted, empty or too large.
        Exception: Anything, if the archive is damaged.
    """
    if not info.file_size:
        raise OSError("empty")
    if info.file_size > LARGEST_MEMBER:
        raise OSError(f"more than {LARGEST_MEMBER // 2**20} MiB, too large for a .zip; unpack it into a folder")
    return Unpacked(open_member(archive, info), info.file_size)


def _is_image(name: str) -> bool:
    """Whether the ending is one of an image."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def require_images(found: ImageListing, name: str) -> None:
    """Refuses a source without images."""
    if not found.entries:
        got = f"{file_types(found.others)} and no image" if found.others else "no files"
        if found.unread:
            got += f", and what cannot be opened: {list_names(found.unread)}"
        expected = f"a folder or .zip of images ({', '.join(sorted(IMAGE_SUFFIXES))})"
        raise InputError(name, expected, got, "give a source that holds images")


def file_types(names: Sequence[str]) -> str:
    """`12 files (.csv, .txt)`."""
    endings = sorted({PurePosixPath(name).suffix.lower() or "no ending" for name in names})
    return f"{plural(len(names), 'file')} ({list_names(endings)})"
