"""Images brought to another size, also those with missing pixels."""

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

Size = tuple[int, int]
"""Height and width."""
RESAMPLING = Image.Resampling.LANCZOS
OPAQUE = 255
LEAST_SEEN = 0.5
"""Part of a pixel of a resized image that is observed at least, if the pixel is."""


def resized(image: Image.Image, size: Size) -> Image.Image:
    """An image of another size."""
    return image if image.size == size[::-1] else image.resize(size[::-1], RESAMPLING)


def channels_first(image: Image.Image) -> np.ndarray:
    """Its pixels, (C, H, W)."""
    return np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)


def resized_where_seen(
    image: UInt8[np.ndarray, "channels h w"], seen: Bool[np.ndarray, "h w"], size: Size
) -> tuple[UInt8[np.ndarray, "channels height width"], Bool[np.ndarray, "height width"]]:
    """An image with missing pixels, resized: each pixel is a mean over observed ones alone.

    With m the mask, a pixel becomes resize(m x) / resize(m). It is observed if resize(m) is at least 1/2, and 0 if not.

    Args:
        image: The image.
        seen: Which pixels are observed, m.
        size: Height and width of the result.

    Returns:
        The image, and which of its pixels are observed.
    """
    if seen.all() or seen.shape == size:
        rows = [np.asarray(resized(Image.fromarray(channel), size)) for channel in image]
        known = seen if seen.shape == size else np.ones(size, bool)
        return np.where(known, np.stack(rows), np.uint8(0)), known
    weight, *sums = (
        np.asarray(resized(Image.fromarray(own.astype(np.float32)), size)) for own in (seen, *(image * seen))
    )
    known = weight >= LEAST_SEEN
    means = np.stack(sums) / np.where(known, weight, 1)
    return np.where(known, np.rint(means).clip(0, OPAQUE), 0).astype(np.uint8), known
