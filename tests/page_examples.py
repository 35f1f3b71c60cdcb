"""A page with every kind of exhibit, all of whose texts are one text."""

import numpy as np

from report_examples import finding
from variate.errors import Option, Sentence
from variate.reports.exhibits import (
    BarChart,
    Bars,
    Chapter,
    ChartGrid,
    Command,
    Commands,
    Gallery,
    Line,
    LineChart,
    Page,
    PointMap,
    Shown,
    Tile,
)
from variate.reports.report import NATS, Findings, Quantities, Quantity, Remarks, Table
from variate.statistics import Estimate
from variate.tasks.map_colors import Colors

HOSTILE = "<script>alert(1)</script>\"'&"


def page(text="plain", number=1.0):
    shown = (Shown(np.zeros((1, 8, 8), np.uint8), text), Shown(np.zeros((3, 8, 8), np.uint8)))
    bars = BarChart((text, "b"), (Bars(text, (number, 2.0), "real"),), text, text, note=text)
    line = LineChart((Line(text, (1.0, 2.0), (number, 2.0), "real"),), text, text, text, 1.0, text)
    colors = (
        Colors(text, np.array([0.0, 1.0]), (text, "b")),
        Colors("number", np.array([1.0, np.nan]), (), (text, text)),
    )
    parts = (
        Remarks((text,), text),
        Table((text, "b"), ((text, 1.5),), text),
        Quantities((Quantity(text, Estimate(number, 0.5), NATS, "bound", Estimate(1.0, 0.1)),), text, "bits/dim"),
        Findings((finding(text, Estimate(3.0, 0.5), alarm=True),), text),
        Commands((Command(text, Sentence("variate sample ", text, " ", Option("given", [text]))),), text),
        Gallery(shown, text, text, text, 2, (text,)),
        line,
        bars,
        ChartGrid((bars, line), text, text, ((text, "real"),)),
        PointMap(np.zeros((2, 2)), colors, text, text, text, text),
    )
    return Page(text, (text,), (Tile(text, text, text),), (Chapter("one", text, parts, (text,)),), "1.0")
