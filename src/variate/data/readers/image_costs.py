"""What an image file may cost: decided from its header, before anything is decoded.

A few bytes can claim any number of pixels. Decoding may take `FREE_MEMORY` bytes, or `MEMORY_RATIO` times the bytes of
the file if that is more. What some encodings cost beyond memory is bounded too: codecs written in Python, scans of a
JPEG that each go over all pixels, comments that are taken out one by one.
"""

import math

from PIL import ImageFile

from variate.data.readers.image_listing import ImageStream

LARGEST_FILE = 2**28
"""Bytes of an image file, since some decoders read all of it: as many as Pillow's limit of pixels takes in RGB."""
FREE_MEMORY, MEMORY_RATIO = 3 * 2**26, 1024
MEMORY_PER_PIXEL = {"JPEG": 10, "MPO": 10, "WEBP": 18, "AVIF": 12, "JPEG2000": 25}
"""Bytes that Pillow's decoders take with the image, as measured; those of other formats take up to twice the image."""
SMALL_MODES = ("1", "L", "P")
"""Modes of which Pillow keeps one byte per pixel, and not four."""
SLOW_CODECS, MOST_SLOW = ("bmp_rle", "ppm", "ppm_plain"), 2**21
"""Codecs written in Python, which take microseconds per value, and the most values that they are given."""
MOST_WAVELETS = 2**25
"""Bytes of a JPEG 2000 plus a quarter of its pixels: each takes a tenth of a microsecond or more."""
MEMORY_OF_THREADS = 2**31
"""Bytes that images may take that are decoded at the same time."""
START_OF_SCAN, MOST_SCANNED = b"\xff\xda", 2**32
"""JPEG's mark where a scan begins, and the most pixels times scans of a progressive one: a scan can have few bytes."""
MOST_COMMENTS = 1000
"""Comments in a plain PPM, each of which Pillow takes out of a block of a megabyte."""


def require_file_size(length: int) -> None:
    """Refuses files that are larger than any image.

    Raises:
        ValueError: If it is.
    """
    if length > LARGEST_FILE:
        raise ValueError(f"more than {LARGEST_FILE // 2**20} MiB")


def memory_needed(image: ImageFile.ImageFile) -> int:
    """Bytes that decoding an open image takes at most."""
    per_pixel = MEMORY_PER_PIXEL.get(image.format or "", 2 if image.mode in SMALL_MODES else 8)
    return math.prod(image.size) * per_pixel


def require_affordable(image: ImageFile.ImageFile, stream: ImageStream, length: int) -> None:
    """Refuses an image that would cost more than its content is worth.

    Args:
        image: The image, open and not decoded.
        stream: Its file.
        length: Bytes of the file.

    Raises:
        ValueError: If it would.
    """
    pixels = math.prod(image.size)
    if memory_needed(image) > max(FREE_MEMORY, MEMORY_RATIO * length):
        raise ValueError(f"{pixels:,} pixels in {length:,} bytes, too few bytes for that many")
    codec = image.tile[0][0] if image.tile else ""
    slow = codec in SLOW_CODECS and max(pixels * len(image.getbands()), length // 4) > MOST_SLOW
    if slow or (codec == "jpeg2k" and length + pixels // 4 > MOST_WAVELETS):
        raise ValueError(f"{pixels:,} pixels in an encoding that is slow to decode; save it as PNG")
    if codec == "ppm_plain" and _count(stream, b"#") > MOST_COMMENTS:
        raise ValueError(f"more than {MOST_COMMENTS:,} comments")
    if "progressive" in image.info and _count(stream, START_OF_SCAN) * pixels > MOST_SCANNED:
        raise ValueError(f"too many scans for a progressive JPEG of {pixels:,} pixels; save it as PNG")


def _count(stream: ImageStream, mark: bytes) -> int:
    """How often a mark is in a file."""
    stream.seek(0)
    return stream.read().count(mark)
