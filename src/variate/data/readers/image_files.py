"""One image file: its header, and its pixels as a row. The only module that decodes images.

    grey of 16 bits          rounded to 8 bits
    pixels of 32 bits        refused: the header does not say their range
    EXIF orientation         turned upright
    colours under alpha 0    nobody sees them; set to 0
    alpha, if not wanted     laid over black
    an animation             its first frame

A file that cannot be read gives a `BrokenImage` and no exception, so that one of thousands does not end the reading. A
lack of memory is no fault of the file and ends it.

No file costs more than its content is worth (`variate.data.readers.image_costs`), and only the formats of `FORMATS` are
tried.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageFile, UnidentifiedImageError

from variate.data.readers.decoding import reason
from variate.data.readers.image_costs import memory_needed, require_affordable, require_file_size
from variate.data.readers.image_listing import ImageEntry, ImageStream
from variate.data.readers.image_resizing import OPAQUE, Size, channels_first, resized, resized_where_seen
from variate.data.readers.zips import Unpacked

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
"""What Pillow tries. Its other formats run programs, or cost far more than their pixels."""
UNMARKED_FORMATS = {".tga": ("TGA",)}
"""Formats that do not say what they are, and could be anything: tried only by the file's ending."""
LARGE_IMAGE = 128 * 128
"""Pixels per image from which threads are faster: decoding releases the interpreter's lock, the Python around it does
not."""
Colors = Literal["L", "RGB", "RGBA"]

MODE_CHANNELS: dict[Colors, int] = {"L": 1, "RGB": 3, "RGBA": 4}
GREY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
DEEP_MODES = ("I", "F")
"""Modes of 32 bits."""
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


class ImageHeader(NamedTuple):
    """What is known of an image before its pixels are decoded.

    Attributes:
        size: Height and width once it is turned upright.
        colors: The narrowest mode that its pixel format needs.
        orientation: EXIF's orientation, 1 to 8.
        deep: Whether it is 16-bit grey.
        animated: Whether it has several frames.
        memory: Bytes that decoding it takes at most.
    """

    size: Size
    colors: Colors
    orientation: int
    deep: bool
    animated: bool
    memory: int


class PixelFacts(NamedTuple):
    """What the decoded pixels of an image show.

    Attributes:
        color: Whether some pixel has a colour.
        alpha: Whether some pixel of a row with alpha is not opaque.
        hidden: Whether there were colours where alpha is 0.
        partly: Whether some pixel is partly transparent, where it was asked which ones are fully so.
    """

    color: bool
    alpha: bool
    hidden: bool
    partly: bool = False


class Decoded(NamedTuple):
    """The pixels of a file, turned upright.

    Attributes:
        pixels: The image in the mode that was asked for.
        opacity: Alpha of each pixel, (h, w), 0 to 255; None if all are opaque, or if it was not asked for.
    """

    pixels: Image.Image
    opacity: UInt8[np.ndarray, "h w"] | None = None


class BrokenImage(NamedTuple):
    """A file that cannot be read as an image, and why."""

    name: str
    reason: str


class ReadableImage(NamedTuple):
    """A file whose header could be read."""

    entry: ImageEntry
    header: ImageHeader


Item = TypeVar("Item")
Result = TypeVar("Result")


def map_images(function: Callable[[Item], Result], items: Sequence[Item], threads: int) -> list[Result]:
    """The function of each item, in order."""
    if threads == 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def _open_image(stream: ImageStream, name: str) -> ImageFile.ImageFile:
    """The image in a stream; its pixels are not decoded.

    Raises:
        Exception: Anything, if the stream holds no image, or one with too many pixels.
    """
    formats = FORMATS + UNMARKED_FORMATS.get(PurePosixPath(name).suffix.lower(), ())
    image = Image.open(stream, formats=formats)  # type: ignore[arg-type]  # it needs no more than read, seek, tell
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError  # Pillow itself only warns up to twice that many
    return image


def read_image_header(entry: ImageEntry) -> ReadableImage | BrokenImage:
    """Reads the header of one file."""
    try:
        with entry.open() as stream:
            length = stream.seek(0, os.SEEK_END)
            require_file_size(length)
            with _open_image(stream, entry.name) as image:
                header = _header_of(image)
                require_affordable(image, stream, length)
        return ReadableImage(entry, header)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly anything on a broken file
        return BrokenImage(entry.name, _reason(error))


def _header_of(image: ImageFile.ImageFile) -> ImageHeader:
    """The header of an open image.

    Raises:
        ValueError: If the pixels are 32-bit.
    """
    if image.mode in DEEP_MODES:
        raise ValueError("32-bit pixels; save 8 bits per channel")
    turn = _orientation(image)
    width, height = image.size
    colors: Colors = "RGBA" if image.has_transparency_data else "L" if image.mode in GREY_MODES else "RGB"
    size = (width, height) if turn in SIDEWAYS else (height, width)
    deep, animated = image.mode.startswith("I;16"), getattr(image, "is_animated", False)
    return ImageHeader(size, colors, turn, deep, animated, memory_needed(image))


def _orientation(image: ImageFile.ImageFile) -> int:
    """How the stored picture has to be turned, as EXIF's orientation.

    Pillow turns a TIFF itself. Of a PNG the tag is read only if it precedes the pixels, because Pillow would decode
    them to look further.
    """
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    return int(image.getexif().get(ORIENTATION, 1))


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow's limit"
    words = reason(error)
    return "truncated" if "truncated" in words.lower() else words


class PixelGaps(NamedTuple):
    """How pixels can be missing, and where it is said which ones are.

    Attributes:
        observed: Which pixels of the row are observed, (H, W); it is filled in.
        mask: Which pixels of the file are, by its mask picture, (h, w); None without one.
        hides: Whether fully transparent pixels are missing.
    """

    observed: Bool[np.ndarray, "height width"]
    mask: Bool[np.ndarray, "h w"] | None
    hides: bool


def decode_into(
    row: np.ndarray, file: ReadableImage, mode: Colors, gaps: PixelGaps | None = None
) -> PixelFacts | BrokenImage:
    """Decodes one file into its row, (C, H, W), resized to it.

    Args:
        row: The row.
        file: The file.
        mode: The mode of the row.
        gaps: How pixels can be missing; None if none can.
    """
    found = decoded(file, mode, with_opacity=gaps is not None and gaps.hides)
    if isinstance(found, BrokenImage):
        return found
    size, opacity = (row.shape[1], row.shape[2]), found.opacity
    if gaps is None:
        row[...] = channels_first(resized(found.pixels, size))
        return _clean(row, file.header)
    seen = np.ones(file.header.size, bool) if gaps.mask is None else gaps.mask
    seen = seen if opacity is None else seen & (opacity > 0)
    row[...], gaps.observed[...] = resized_where_seen(channels_first(found.pixels), seen, size)
    partly = opacity is not None and bool(((opacity > 0) & (opacity < OPAQUE)).any())
    return _clean(row, file.header)._replace(partly=partly)


def decoded(file: ReadableImage, mode: Colors, with_opacity: bool = False) -> Decoded | BrokenImage:
    """The image of a file in a mode, turned upright.

    Args:
        file: The file.
        mode: The mode.
        with_opacity: Whether alpha is given, too.
    """
    try:
        return _decoded(file, mode, with_opacity)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly anything on a broken file
        return BrokenImage(file.entry.name, _reason(error))


def _decoded(file: ReadableImage, mode: Colors, with_opacity: bool) -> Decoded:
    """As `decoded`; the decoder and what it holds end with this function.

    Raises:
        Exception: Anything, if the file is broken.
    """
    with file.entry.open() as stream, _open_image(stream, file.entry.name) as image:
        image.load()
        if isinstance(stream, Unpacked):
            stream.check()
        pixels, opacity = _upright(_in_mode(_eight_bit(image), file.header, mode), file.header), None
        if with_opacity and file.header.colors == "RGBA":
            opacity = np.asarray(_upright(_eight_bit(image).convert("RGBA").getchannel("A"), file.header))
    if pixels.size != file.header.size[::-1]:
        raise ValueError("not of the size that its header says")
    return Decoded(pixels, opacity)


def _upright(image: Image.Image, header: ImageHeader) -> Image.Image:
    """The image turned upright."""
    return image.transpose(TURNS[header.orientation]) if header.orientation in TURNS else image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Rounds 16-bit grey to 8 bits."""
    if not image.mode.startswith("I;16"):
        return image
    deep = np.asarray(image).astype(np.uint32)
    deep *= 255
    deep += 32767
    deep //= 65535
    return Image.fromarray(deep.astype(np.uint8))


def _in_mode(image: Image.Image, header: ImageHeader, mode: Colors) -> Image.Image:
    """The image in a mode; without alpha it is laid over black, since colours under alpha 0 become black too."""
    if header.colors != "RGBA" or mode == "RGBA":
        return image.convert(mode)
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image.convert("RGBA")).convert("RGB").convert(mode)


def _clean(row: np.ndarray, header: ImageHeader) -> PixelFacts:
    """Sets colours under alpha 0 to 0, and says what the row shows."""
    alpha = hidden = False
    if len(row) == 4 and header.colors == "RGBA":
        shown = row[3] > 0
        hidden = bool((row[:3] * ~shown).any())
        row[:3] *= shown
        alpha = bool(row[3].min() < 255)
    color = len(row) > 1 and header.colors != "L" and bool((row[:2] != row[1:3]).any())
    return PixelFacts(color, alpha, hidden)
