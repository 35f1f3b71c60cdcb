"""Images in a grid, as a PNG file."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from variate.runtime import files

LEAST_SIDE = 64
"""Smaller images are enlarged, without smoothing, until their longer side is about this many pixels."""
GAP = 2
"""Space between images, in pixels."""
CHECKER = (255, 224)
"""The two greys behind transparent pixels."""
SQUARE = 8
"""Side of a square of the checkerboard, in pixels."""


def to_uint8(images: np.ndarray, levels: int) -> np.ndarray:
    """Images as 8-bit: levels 0 .. levels - 1, or real values from their lowest to their highest, onto 0 .. 255."""
    images = np.asarray(images, dtype=np.float64)
    low, high = (0.0, float(levels - 1)) if levels else (images.min(), images.max())
    return np.clip(np.rint((images - low) * (255 / max(high - low, 1e-12))), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int | None = None) -> Image.Image:
    """Images side by side, row by row.

    Args:
        images: 8-bit, (N, C, H, W); C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA, shown on a checkerboard).
        columns: Images per row; by default about a square.
    """
    number, _, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(number))
    factor = max(1, round(LEAST_SIDE / max(height, width)))
    cell_height, cell_width = height * factor + GAP, width * factor + GAP
    rows = math.ceil(number / columns)
    sheet = Image.new("RGB", (columns * cell_width + GAP, rows * cell_height + GAP), "white")
    for index, image in enumerate(images):
        top, left = divmod(index, columns)
        cell = Image.fromarray(opaque(image)).resize((width * factor, height * factor), Image.Resampling.NEAREST)
        sheet.paste(cell, (left * cell_width + GAP, top * cell_height + GAP))
    return sheet


def opaque(image: np.ndarray) -> np.ndarray:
    """One image as (H, W, 3): greys as colours, transparency over a checkerboard.

    Args:
        image: 8-bit, (C, H, W).
    """
    channels, height, width = image.shape
    pixels = np.moveaxis(image, 0, -1)
    if channels in (1, 3):
        return np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3)))
    if channels not in (2, 4):
        return np.ascontiguousarray(np.repeat(pixels[..., :1], 3, axis=-1))
    alpha = pixels[..., -1:] / 255
    board = (np.indices((height, width)) // SQUARE).sum(0)[..., None] % 2
    mixed = alpha * pixels[..., :-1] + (1 - alpha) * np.where(board, *CHECKER)
    return np.broadcast_to(np.rint(mixed), (height, width, 3)).astype(np.uint8)


def paired_grid(originals: np.ndarray, reconstructions: np.ndarray, columns: int = 12) -> Image.Image:
    """A grid that shows each original above its reconstruction.

    Args:
        originals: 8-bit, (N, C, H, W).
        reconstructions: The same shape.
        columns: Images per row.
    """
    columns = min(columns, len(originals))
    blank = np.full((-len(originals) % columns, *originals.shape[1:]), 255, dtype=np.uint8)
    above, below = (np.concatenate([part, blank]) for part in (originals, reconstructions))
    stretches = [slice(start, start + columns) for start in range(0, len(above), columns)]
    return grid(np.concatenate([part[stretch] for stretch in stretches for part in (above, below)]), columns)


def save(image: Image.Image, path: Path) -> None:
    """Writes a PNG, whole or not at all."""
    with files.replacing(path) as part:
        image.save(part, format="PNG")
