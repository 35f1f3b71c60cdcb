"""A picture of the columns that differ most: their values in both tables, one over the other.

Pillow draws it. It is a dependency already and brings a font, and a few bars need no library for plots.
"""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from variate.comparison.compare import Comparison
from variate.comparison.histograms import Histogram
from variate.comparison.marginals import ColumnComparison
from variate.reports.comparison import worst_first
from variate.reports.lettering import draw_text, font_of

SHOWN = 5
"""Columns in the picture; the sixth place holds the legend."""
WIDTH, HEIGHT = 600, 270
"""Size of a panel, in pixels."""
MARGIN = 28.0
HEAD, FOOT = 58, 26
"""Space above the bars for the name, and below them for the axis."""
LABELS, SHARES = 150.0, 80.0
"""Width of the names of categories, and of their shares."""
INK, PALE, PAPER = "#222222", "#777777", "#ffffff"
REAL, SYNTHETIC = "#a9bccd", "#c8371f"
"""Bars of the real table, and lines and bars of the synthetic one."""
LARGE, SMALL = 19, 14
"""Sizes of letters, in pixels."""


class Box(NamedTuple):
    """A rectangle of the picture, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def marginals_picture(found: Comparison) -> Image.Image:
    """The columns that differ most, two panels side by side."""
    columns = worst_first(found.columns)[:SHOWN]
    places = len(columns) + 1
    sheet = Image.new("RGB", (2 * WIDTH, -(-places // 2) * HEIGHT), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number in range(places):
        left, top = float(number % 2 * WIDTH), float(number // 2 * HEIGHT)
        panel = Box(left + MARGIN, top + MARGIN, left + WIDTH - MARGIN, top + HEIGHT)
        if number < len(columns):
            _column(draw, panel, columns[number])
        else:
            _legend(draw, panel, found.names)
    return sheet


def _column(draw: ImageDraw.ImageDraw, panel: Box, column: ColumnComparison) -> None:
    distance = column.distance
    draw_text(draw, panel.left, panel.top, column.name, LARGE, INK, panel.right - panel.left)
    told = f"distance {distance.value:.3f}, two halves of the real table {distance.halves:.3f}"
    draw_text(draw, panel.left, panel.top + LARGE + 6, told, SMALL, PALE, panel.right - panel.left)
    inside = panel._replace(top=panel.top + HEAD, bottom=panel.bottom - FOOT)
    (_numbers if column.histogram.is_of_numbers else _categories)(draw, inside, column.histogram)


def _numbers(draw: ImageDraw.ImageDraw, box: Box, shown: Histogram) -> None:
    """Real values as filled bars, synthetic ones as a line around theirs."""
    tallest = max(*shown.real, *shown.synthetic) or 1.0
    width = (box.right - box.left) / len(shown.real)
    edges = [round(box.left + number * width) for number in range(len(shown.labels) + 1)]
    heights = [round(share / tallest * (box.bottom - box.top)) for share in shown.real]
    for left, right, height in zip(edges, edges[1:], heights, strict=False):
        if height:
            draw.rectangle((left, box.bottom - height, right - 1, box.bottom), fill=REAL)
    line = [(float(edges[0]), box.bottom)]
    for left, right, share in zip(edges, edges[1:], shown.synthetic, strict=False):
        top = box.bottom - share / tallest * (box.bottom - box.top)
        line += [(left, top), (right, top)]
    draw.line([*line, (edges[-1], box.bottom)], fill=SYNTHETIC, width=2)
    draw.line((box.left, box.bottom, box.right, box.bottom), fill=INK)
    last = len(shown.labels) - 1
    for number, x, anchor in ((0, box.left, "la"), (last // 2, box.left + last // 2 * width, "ma"),
                              (last, box.right, "ra")):  # fmt: skip
        draw_text(draw, x, box.bottom + 6, shown.labels[number], SMALL, PALE, (box.right - box.left) / 3, anchor)


def _categories(draw: ImageDraw.ImageDraw, box: Box, shown: Histogram) -> None:
    """Two bars below one another for each category, with their shares."""
    tallest = max(*shown.real, *shown.synthetic, 1e-9)
    step = min(32.0, (box.bottom + FOOT / 2 - box.top) / len(shown.labels))
    room = box.right - box.left - LABELS - SHARES
    for number, name in enumerate(shown.labels):
        top = box.top + number * step
        draw_text(draw, box.left + LABELS - 8, top + step / 2, name, SMALL, INK, LABELS - 8, "rm")
        for share, color, above in ((shown.real[number], REAL, 0.08), (shown.synthetic[number], SYNTHETIC, 0.5)):
            start, end = box.left + LABELS, box.left + LABELS + share / tallest * room
            draw.rectangle((start, top + above * step, end, top + (above + 0.38) * step), fill=color)
        both = f"{shown.synthetic[number]:.0%} ({shown.real[number]:.0%})"
        longest = max(shown.real[number], shown.synthetic[number]) / tallest * room
        draw_text(draw, box.left + LABELS + longest + 6, top + step / 2, both, SMALL - 2, PALE, SHARES, "lm")


def _legend(draw: ImageDraw.ImageDraw, panel: Box, names: tuple[str, str]) -> None:
    real, synthetic = names
    width = panel.right - panel.left
    draw_text(draw, panel.left, panel.top, "the columns that differ most", LARGE, INK, width)
    for number, (color, said) in enumerate(((REAL, f"real: {real}"), (SYNTHETIC, f"synthetic: {synthetic}"))):
        top = panel.top + HEAD + number * 30
        draw.rectangle((panel.left, top, panel.left + 22, top + 14), fill=color)
        draw_text(draw, panel.left + 34, top + 7, said, SMALL, INK, width - 34, "lm")
    said = "shares of the cells that have a value; the first and the last bar also count what lies beyond"
    for number, line in enumerate(_wrapped(said, width)):
        draw_text(draw, panel.left, panel.top + HEAD + 80 + number * (SMALL + 5), line, SMALL, PALE, width)


def _wrapped(text: str, width: float) -> Sequence[str]:
    """A text in lines that are not longer than a number of pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font_of(SMALL).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
