"""A page about runs, as data: chapters of what a `Report` holds, and of what only a page can show.

Colours are named by what they stand for (`real`, `drawn`, `accent`, ...); a style decides what they look like in light
and in dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from variate.errors import Sentence
from variate.reports.report import Section
from variate.tasks.map_colors import Colors


class Shown(NamedTuple):
    """An image of a gallery.

    Attributes:
        pixels: 8-bit, (C, H, W).
        caption: What stands below it; "" for nothing.
    """

    pixels: np.ndarray
    caption: str = ""


@dataclass(frozen=True)
class Gallery:
    """Images side by side.

    Attributes:
        images: The images.
        title: A heading.
        alt: What they show, for those who do not see them.
        note: A sentence on how to look at them.
        columns: Images per row, where their order in rows says something; 0: as many as there is room for.
        labels: What each row of such a gallery is.
    """

    images: tuple[Shown, ...]
    title: str
    alt: str
    note: str = ""
    columns: int = 0
    labels: tuple[str, ...] = ()


class Line(NamedTuple):
    """A line of a chart.

    Attributes:
        name: What it is.
        x: Places along the axis, rising.
        y: Values.
        color: What it stands for, or a number for one of several runs.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    color: str


@dataclass(frozen=True)
class LineChart:
    """Lines over one axis.

    Attributes:
        lines: The lines.
        title: A heading.
        x_label: What the axis is.
        y_label: What the values are.
        marked: A place along the axis; None without one.
        note: A sentence on how to read it.
    """

    lines: tuple[Line, ...]
    title: str
    x_label: str
    y_label: str
    marked: float | None = None
    note: str = ""


class Bars(NamedTuple):
    """Bars of one kind in a chart.

    Attributes:
        name: What they are.
        values: Their heights.
        color: What they stand for.
    """

    name: str
    values: tuple[float, ...]
    color: str


@dataclass(frozen=True)
class BarChart:
    """Bars for each label.

    Attributes:
        labels: What stands below the bars.
        bars: One kind of bars or several, over the same labels.
        title: A heading.
        y_label: What the heights are.
        is_of_numbers: Whether the labels are numbers in order: bars then touch, and those after the first kind are
            lines.
        level: A height with its name; None without one.
        note: A sentence on how to read it.
        is_share: Whether heights are shares.
    """

    labels: tuple[str, ...]
    bars: tuple[Bars, ...]
    title: str
    y_label: str
    is_of_numbers: bool = False
    level: tuple[float, str] | None = None
    note: str = ""
    is_share: bool = False


@dataclass(frozen=True)
class ChartGrid:
    """Charts side by side, as many as there is room for.

    Attributes:
        charts: The charts; their titles are headings below that of the grid.
        title: A heading.
        note: A sentence on how to read them.
        key: What the colours mean, as names of the lines or bars of each chart with what they stand for; empty where
            each chart says it itself.
    """

    charts: tuple[LineChart | BarChart, ...]
    title: str
    note: str = ""
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PointMap:
    """Rows on a plane, with a choice of what they are coloured by.

    Attributes:
        places: (N, 2).
        colors: What they can be coloured by.
        title: A heading.
        x_label: What the one axis is.
        y_label: What the other one is.
        note: A sentence on how to read it.
    """

    places: np.ndarray
    colors: tuple[Colors, ...]
    title: str
    x_label: str
    y_label: str
    note: str = ""


class Command(NamedTuple):
    """Something to type.

    Attributes:
        purpose: What it does.
        typed: The command.
    """

    purpose: str
    typed: Sentence


@dataclass(frozen=True)
class Commands:
    """What to type, in the order in which it is read."""

    commands: tuple[Command, ...]
    title: str = ""


Exhibit = Gallery | LineChart | BarChart | ChartGrid | PointMap | Commands


class Tile(NamedTuple):
    """A number that is seen first.

    Attributes:
        name: What it is.
        value: The number as text.
        note: What it means, in a few words.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Chapter:
    """A part of a page.

    Attributes:
        anchor: Its name in links, of small letters and hyphens.
        title: A heading.
        lead: Sentences that stand first.
        parts: What follows.
    """

    anchor: str
    title: str
    parts: "Sequence[Section | Exhibit]"
    lead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page about one run or several.

    Attributes:
        title: What it is about.
        lead: Sentences below the title.
        tiles: Numbers that are seen first.
        chapters: The parts, in the order in which they are read.
        version: The version of variate.
    """

    title: str
    lead: tuple[str, ...]
    tiles: tuple[Tile, ...]
    chapters: tuple[Chapter, ...]
    version: str
