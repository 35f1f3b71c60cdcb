"""A picture of a map: a point per row, coloured by what the rows are where that is wanted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from variate.reports.lettering import draw_text
from variate.tasks.map_colors import Colors

SIDE, MARGIN, LEGEND = 800, 40, 190
"""Side of the map, space around it, and width of the legend, in pixels."""
DOT = 4
"""Side of a point, in pixels."""
PLAIN, MISSING = (38, 70, 110), (190, 190, 190)
"""Colours of points without a category, and of those whose cell is missing or whose category is rare."""
PALETTE = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189),
    (140, 86, 75), (227, 119, 194), (188, 189, 34), (23, 190, 207), (60, 60, 60),
)  # fmt: skip
"""Colours of the most frequent categories."""
LOW, HIGH = np.array((38, 70, 160)), np.array((240, 170, 20))
"""Colours of the least and of the largest number; those between are by rank."""
LETTERS, LINE = 14, 24


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


class Entry(NamedTuple):
    """A line of the legend."""

    color: tuple[int, ...]
    text: str


class Painted(NamedTuple):
    """Colours of rows, (N, 3), and what they mean."""

    pixels: np.ndarray
    legend: tuple[Entry, ...]


def map_picture(points: Points, colors: Colors | None = None) -> Image.Image:
    """The picture of a map, with the same scale along both axes.

    Args:
        points: The places.
        colors: What the rows are coloured by.
    """
    places = np.concatenate(points.parts)
    low, high = places.min(0), places.max(0)
    span = max(float((high - low).max()), 1e-12)
    corners = np.rint((places - (low + high) / 2) / span * (SIDE - DOT) + (SIDE - DOT) / 2).astype(int)
    painted = Painted(np.tile(np.array(PLAIN, np.uint8), (len(places), 1)), ()) if colors is None else _painted(colors)
    order = np.random.default_rng(0).permutation(len(places))  # so that no category hides the others
    sheet = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for across in range(DOT):
        for down in range(DOT):
            sheet[SIDE - DOT - corners[order, 1] + down, corners[order, 0] + across] = painted.pixels[order]
    width = SIDE + 2 * MARGIN + (LEGEND if colors else 0)
    picture = Image.new("RGB", (width, SIDE + 2 * MARGIN), "white")
    picture.paste(Image.fromarray(sheet), (MARGIN, MARGIN))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((MARGIN - 1, MARGIN - 1, MARGIN + SIDE, MARGIN + SIDE), outline="#bbbbbb")
    for axis, name in enumerate(("x", "y")):
        middle = (low[axis] + high[axis]) / 2
        said = f"{name}: {middle - span / 2:.3g} to {middle + span / 2:.3g}"
        draw_text(draw, MARGIN + axis * SIDE / 2, SIDE + MARGIN + 8.0, said, LETTERS, "#777777", SIDE / 2)
    if colors is not None:
        _legend(draw, colors.name, painted.legend)
    return picture


def _painted(colors: Colors) -> Painted:
    """The colour of each row: the most frequent categories have one each, numbers one by their rank."""
    seen = ~np.isnan(colors.values)
    pixels = np.tile(np.array(MISSING, np.uint8), (len(seen), 1))
    legend = []
    if colors.categories:
        codes, counts = np.unique(colors.values[seen], return_counts=True)
        shown = codes[np.argsort(-counts, kind="stable")][: len(PALETTE)]
        for code, color in zip(sorted(shown.astype(int)), PALETTE, strict=False):
            pixels[colors.values == code] = color
            legend.append(Entry(color, colors.categories[code]))
        if len(codes) > len(shown) or not seen.all():
            legend.append(Entry(MISSING, "other or missing" if len(codes) > len(shown) else "missing"))
        return Painted(pixels, tuple(legend))
    different, ranks = np.unique(colors.values[seen], return_inverse=True)
    if len(different):
        part = (ranks / max(1, len(different) - 1))[:, None]
        pixels[seen] = np.rint((1 - part) * LOW + part * HIGH).astype(np.uint8)
        legend = [Entry(tuple(end), said) for end, said in zip((LOW, HIGH), colors.ends, strict=True)]
    return Painted(pixels, (*legend, *(() if seen.all() else (Entry(MISSING, "missing"),))))


def _legend(draw: ImageDraw.ImageDraw, name: str, entries: tuple[Entry, ...]) -> None:
    left, width = SIDE + MARGIN + 16.0, LEGEND + MARGIN - 24.0
    draw_text(draw, left, float(MARGIN), name, LETTERS + 2, "#222222", width)
    for line, (color, text) in enumerate(entries, 1):
        top = MARGIN + 4.0 + line * LINE
        draw.rectangle((left, top, left + 12, top + 12), fill=tuple(map(int, color)))
        draw_text(draw, left + 20, top + 6, text, LETTERS, "#222222", width - 20, "lm")
