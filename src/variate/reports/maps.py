"""A picture of a map: how many rows lie at each place, the darker the more."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from PIL import Image, ImageDraw

from variate.reports.lettering import draw_text

SIDE, MARGIN = 800, 40
"""Side of the map and space around it, in pixels."""
DOT = 3
"""Side of a point, in pixels."""
INK, PAPER, FRAME = (38, 70, 110), (255, 255, 255), "#bbbbbb"
FAINTEST = 0.35
"""Ink of a single row, as a share of that of the densest place."""
LETTERS = 14


class Points:
    """Places on a map, gathered as a table passes by: 16 bytes per row.

    Attributes:
        parts: Places, (N, 2) each.
    """

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def passing(self, tables: Iterable[Mapping[str, np.ndarray]]) -> Iterator[Mapping[str, np.ndarray]]:
        """The tables, as they are written."""
        for table in tables:
            self.parts.append(np.stack([table["x"], table["y"]], 1))
            yield table


def map_picture(points: Points) -> Image.Image:
    """The picture of a map, with the same scale along both axes.

    Args:
        points: The places.
    """
    places = np.concatenate(points.parts)
    low, high = places.min(0), places.max(0)
    span = max(float((high - low).max()), 1e-12)
    pixels = np.rint((places - (low + high) / 2) / span * (SIDE - DOT) + SIDE / 2).astype(int)
    counts = np.zeros((SIDE + DOT, SIDE + DOT))
    for across in range(DOT):
        for down in range(DOT):
            np.add.at(counts, (SIDE - pixels[:, 1] + down, pixels[:, 0] + across), 1)
    depth = np.log1p(counts) / np.log1p(counts.max())
    ink = np.where(counts > 0, FAINTEST + (1 - FAINTEST) * depth, 0)[..., None]
    inside = np.rint((1 - ink) * PAPER + ink * INK).astype(np.uint8)
    whole = SIDE + DOT + 2 * MARGIN
    picture = Image.new("RGB", (whole, whole), PAPER)
    picture.paste(Image.fromarray(inside), (MARGIN, MARGIN))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((MARGIN - 1, MARGIN - 1, whole - MARGIN, whole - MARGIN), outline=FRAME)
    for axis, place in enumerate(("x", "y")):
        middle, half = (low[axis] + high[axis]) / 2, span / 2
        said = f"{place}: {middle - half:.3g} to {middle + half:.3g}"
        draw_text(draw, MARGIN + axis * whole / 2, whole - MARGIN + 8, said, LETTERS, "#777777", whole / 2)
    return picture
