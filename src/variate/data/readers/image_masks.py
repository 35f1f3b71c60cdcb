"""Which pixels of images are observed: not black in a mask picture, and not fully transparent.

A folder of mask pictures has one for each image, of the same path but for the ending (`sub/7.jpg` has `sub/7.png`) and
of the same size. Black is missing, anything else is observed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from variate.data.dataset import Dataset
from variate.data.gaps import gap_notes, gaps_of, require_observed
from variate.data.readers.folders import odd_kind
from variate.data.readers.image_files import (
    BrokenImage,
    ReadableImage,
    decoded,
    read_image_header,
)
from variate.data.readers.image_listing import ImageEntry, ImageListing, images_in_folder
from variate.data.storage.in_memory import InMemory
from variate.data.wording import list_names, plural, sides
from variate.errors import InputError


class Masks(NamedTuple):
    """Mask pictures.

    Attributes:
        entries: That of each image, by the name of the image.
        notes: On those that belong to no image, one sentence.
    """

    entries: Mapping[str, ImageEntry]
    notes: tuple[str, ...]


def masks_of(folder: str, images: ImageListing) -> Masks:
    """Finds the mask pictures of images.

    Args:
        folder: The folder of the mask pictures.
        images: The images.

    Raises:
        InputError: If there is no such folder, or an image has no mask picture or two.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        got = odd_kind(path.stat().st_mode) if path.exists() else f"{folder!r}, which does not exist"
        got = "a file" if path.is_file() else got
        raise InputError("mask_folder", "a folder of mask pictures", got, "name the folder that holds them")
    found: dict[str, list[ImageEntry]] = {}
    for entry in images_in_folder(path).entries:
        found.setdefault(_stem(entry.name), []).append(entry)
    _require_one_each(folder, images, found)
    own = {entry.name: found[_stem(entry.name)][0] for entry in images.entries}
    extra = [masks[0].name for stem, masks in found.items() if stem not in set(map(_stem, own))]
    notes = (f"Left out: {plural(len(extra), 'mask picture')} of no image: {list_names(extra)}.",) if extra else ()
    return Masks(own, notes)


def without_masks(folder: str | None, images: Path, found: ImageListing) -> ImageListing:
    """The images of a folder without those of a folder of mask pictures below it."""
    if folder is None:
        return found
    below = Path(folder).expanduser().resolve()
    if not below.is_relative_to(images.resolve()) or below == images.resolve():
        return found
    prefix = f"{below.relative_to(images.resolve()).as_posix()}/"
    return found._replace(
        entries=tuple(entry for entry in found.entries if not entry.name.startswith(prefix)),
        others=tuple(name for name in found.others if not name.startswith(prefix)),
    )


def _stem(name: str) -> str:
    """A path without its ending."""
    return str(PurePosixPath(name).with_suffix(""))


def _require_one_each(folder: str, images: ImageListing, found: Mapping[str, Sequence[ImageEntry]]) -> None:
    """Refuses images without a mask picture, or with several."""
    expected = "one mask picture for each image, of the same name but for the ending"
    none = [entry.name for entry in images.entries if _stem(entry.name) not in found]
    if none:
        got = f"none in {folder} for {plural(len(none), 'image')}: {list_names(none)}"
        raise InputError("mask_folder", expected, got, "add them; one that is all white says that nothing is missing")
    several = [entry.name for entry in images.entries if len(found[_stem(entry.name)]) > 1]
    if several:
        got = f"several in {folder} for {plural(len(several), 'image')}: {list_names(several)}"
        raise InputError("mask_folder", expected, got, "remove the others")


def mask_of(image: ReadableImage, masks: Masks) -> Bool[np.ndarray, "h w"]:
    """Which pixels of an image its mask picture says are observed.

    Args:
        image: The image, as it is stored.
        masks: The mask pictures.

    Raises:
        InputError: If its mask picture cannot be read, or is of another size than the image.
    """
    found = read_image_header(masks.entries[image.entry.name])
    if isinstance(found, ReadableImage) and found.header.size != image.header.size:
        expected = f"{sides(image.header.size)} pixels, as {image.entry.name} has"
        remedy = "give mask pictures of the size of their images"
        raise InputError(f"mask picture {found.entry.name}", expected, sides(found.header.size), remedy)
    picture = decoded(found, "RGB") if isinstance(found, ReadableImage) else found
    if isinstance(picture, BrokenImage):
        expected = "a mask picture that can be read"
        raise InputError(f"mask picture {picture.name}", expected, picture.reason, "save it again")
    return np.asarray(np.asarray(picture.pixels).any(axis=-1))  # a transparent pixel is black


def with_gaps(images: Dataset, observed: np.ndarray, notes: tuple[str, ...]) -> Dataset:
    """Images whose pixels are not all observed.

    Args:
        images: The images, in memory.
        observed: Which pixels are, (N, H, W).
        notes: What was assumed about it.

    Raises:
        InputError: If none is.
    """
    values = images.x.all()
    mask = np.ascontiguousarray(np.broadcast_to(observed[:, None], values.shape))
    gaps = gaps_of(values, mask)
    require_observed(gaps, images.name)
    if not gaps.missing:
        return images.replace(notes=(*images.notes, *notes))
    own = gap_notes(gaps, "black in a mask picture, or transparent")
    return images.replace(x=InMemory(values * mask), mask=InMemory(mask), notes=(*images.notes, *notes, *own))
