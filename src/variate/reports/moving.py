"""Pictures of moves in latent space: strips of images with a label each, and animations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from variate.config.schema import Schema
from variate.data.writers import new_path
from variate.errors import InputError
from variate.reports.lettering import draw_text
from variate.reports.pictures import GAP, grid, to_uint8
from variate.reports.rows import grey_levels
from variate.runtime import files

MARGIN, LETTERS = 108, 14
"""Width of the labels, and size of their letters, in pixels."""
INK = "#222222"
FRAME_MILLISECONDS = 120
"""How long an animation shows a picture."""
MOST_FRAMES = 1_000
"""Pictures of an animation."""


def gif_path(out: str | None, schema: Schema, overwrite: bool) -> Path | None:
    """The file of an animation, checked before any work is done; None if none was asked for.

    Raises:
        InputError: If the rows are no images, or the file cannot be written.
    """
    if out is None:
        return None
    if not schema.is_image:
        raise InputError("gif", "a model of images to use it on", "one of other rows", "leave it out")
    return new_path(out, (".gif",), overwrite, "gif")


def strips(rows: np.ndarray, labels: Sequence[str], schema: Schema) -> Image.Image:
    """Images in lines, each with a label at its left.

    Args:
        rows: The images, (lines, images per line, C, H, W).
        labels: A text for each line.
        schema: What a row is.
    """
    images = to_uint8(rows, grey_levels(schema))
    sheet = grid(images.reshape(-1, *images.shape[2:]), images.shape[1])
    picture = Image.new("RGB", (sheet.width + MARGIN, sheet.height), "white")
    picture.paste(sheet, (MARGIN, 0))
    draw, height = ImageDraw.Draw(picture), (sheet.height - GAP) / len(rows)
    for line, label in enumerate(labels):
        middle = GAP + (line + 0.5) * height - GAP / 2
        draw_text(draw, MARGIN - 8.0, middle, label, LETTERS, INK, MARGIN - 12.0, "rm")
    return picture


def save_animation(rows: np.ndarray, path: Path, schema: Schema) -> None:
    """Writes images that change, there and back without end, as a GIF: whole or not at all.

    Args:
        rows: The images, (images side by side, moments, C, H, W).
        path: The file.
        schema: What a row is.

    Raises:
        InputError: If there are more than 1,000 moments, or the file cannot be written.
    """
    images = to_uint8(rows, grey_levels(schema))
    count = images.shape[1]
    if count > MOST_FRAMES:
        raise InputError("gif", f"at most {MOST_FRAMES:,} pictures", f"{count:,}", "take fewer steps")
    frames = [grid(images[:, moment]) for moment in range(count)]
    frames += frames[-2:0:-1]
    with files.replacing(path) as part:
        frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
