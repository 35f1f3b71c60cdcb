"""Image files one at a time: what a header says, and pixels in their place; the one file that knows Pillow.

A file that cannot be read gives a `Broken` rather than an exception, so that one of thousands does not end the reading.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from variate.data.readers.listing import Entry

LARGE = 128 * 128
"""Pixels from which threads pay: decoding lets go of the interpreter's lock, the Python around it fights for it."""
Colors = Literal["L", "RGB", "RGBA"]
Size = tuple[int, int]
"""Height, width."""

CHANNELS: dict[Colors, int] = {"L": 1, "RGB": 3, "RGBA": 4}
GREY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
DEEP_MODES = ("I", "F")
"""32-bit modes, whose range no header tells."""
ORIENTATION = 0x0112
"""EXIF's tag for how the camera was held."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)


class Header(NamedTuple):
    """What a file says before its pixels are decoded; `size` is after it was turned upright."""

    size: Size
    colors: Colors
    orientation: int
    deep: bool
    animated: bool


class Seen(NamedTuple):
    """What decoding showed: pixels with colour, pixels not opaque, colours where alpha is 0."""

    color: bool
    alpha: bool
    hidden: bool


class Broken(NamedTuple):
    """A file that could not be read as an image, and why."""

    name: str
    reason: str


class Good(NamedTuple):
    """A file whose header could be read."""

    entry: Entry
    header: Header


T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def quiet() -> Iterator[None]:
    """Decoders' warnings are not for people; that about too many pixels is a reason to leave the file out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def mapped(function: Callable[[T], R], items: Sequence[T], threads: bool) -> list[R]:
    """Maps in order; over threads where the images are `LARGE`."""
    if not threads:
        return list(map(function, items))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def read_header(entry: Entry) -> Good | Broken:
    """Reads one header."""
    try:
        with entry.open() as stream, Image.open(stream) as image:
            return Good(entry, header_of(image))
    except Exception as error:  # a broken file raises nearly anything from its decoder
        return Broken(entry.name, reason(error))


def header_of(image: ImageFile.ImageFile) -> Header:
    """What the header says.

    Raises:
        ValueError: If the pixels are 32-bit.
    """
    if image.mode in DEEP_MODES:
        raise ValueError("32-bit pixels; save 8 bits a channel")
    turn = orientation(image)
    width, height = image.size
    colors: Colors = "RGBA" if image.has_transparency_data else "L" if image.mode in GREY_MODES else "RGB"
    size = (width, height) if turn in SIDEWAYS else (height, width)
    return Header(size, colors, turn, image.mode.startswith("I;16"), getattr(image, "is_animated", False))


def orientation(image: ImageFile.ImageFile) -> int:
    """EXIF's orientation; of a PNG only where it precedes the pixels, since Pillow decodes them to look further."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    return int(image.getexif().get(ORIENTATION, 1))


def reason(error: Exception) -> str:
    """Why a file could not be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return "more pixels than Pillow's limit"
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "truncated" if "truncated" in words.lower() else words


def place(row: np.ndarray, file: Good, mode: Colors) -> Seen | Broken:
    """Decodes one file into its row, (C, H, W)."""
    try:
        with file.entry.open() as stream, Image.open(stream) as image:
            pixels = upright(image, file.header, mode)
        height, width = row.shape[1:]
        if pixels.size != (width, height):
            pixels = pixels.resize((width, height), Image.Resampling.LANCZOS)
        array = np.atleast_3d(np.asarray(pixels))
    except Exception as error:  # a broken file raises nearly anything from its decoder
        return Broken(file.entry.name, reason(error))
    row[...] = array.transpose(2, 0, 1)
    return look(row, file.header)


def upright(image: Image.Image, header: Header, mode: Colors) -> Image.Image:
    """The picture in a mode, turned upright."""
    pixels = colored(eight_bit(image), header, mode)
    return pixels.transpose(TURNS[header.orientation]) if header.orientation in TURNS else pixels


def eight_bit(image: Image.Image) -> Image.Image:
    """Rounds 16-bit grey to 8 bits."""
    if not image.mode.startswith("I;16"):
        return image
    deep = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))


def colored(image: Image.Image, header: Header, mode: Colors) -> Image.Image:
    """The picture in a mode; where that has no alpha, over black, as colours under alpha 0 are set to black too."""
    if header.colors != "RGBA" or mode == "RGBA":
        return image.convert(mode)
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image.convert("RGBA")).convert("RGB").convert(mode)


def look(row: np.ndarray, header: Header) -> Seen:
    """What a decoded row shows; colours under alpha 0, which nobody sees, are set to 0."""
    alpha = hidden = False
    if len(row) == 4 and header.colors == "RGBA":
        shown = row[3] > 0
        hidden = bool((row[:3] * ~shown).any())
        row[:3] *= shown
        alpha = bool(row[3].min() < 255)
    color = len(row) > 1 and header.colors != "L" and bool((row[:2] != row[1:3]).any())
    return Seen(color, alpha, hidden)
