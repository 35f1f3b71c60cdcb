"""Charts of a page: what Plotly draws, as JSON values, and the same numbers as a table for those who see no drawing.

Whatever is a text here may be a column's name or a cell. Plotly reads a few tags of HTML in texts, so each is escaped
for it. Colours are tokens, `@real`, which the page's script replaces by those of its light or dark style.
"""

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from variate.errors import printable
from variate.reports.exhibits import BarChart, Bars, LineChart, PointMap
from variate.reports.report import Table
from variate.tasks.map_colors import Colors

LONGEST = 60
"""Characters of a text in a chart."""
LONGEST_LABEL = 22
"""Characters of a label beside a bar."""
MOST_LINES = 20
"""Points of a line that its table lists, spread evenly."""
MOST_LABELS = 16
"""Labels that are written below bars."""
UPRIGHT = 4
"""Characters of labels up to which bars stand upright."""
NAMED = 10
"""Categories with a colour of their own on a map."""
FIRST_SHARE = 0.1
"""Share of the first points of a line that need not be in view: they lie far off."""


def drawn_text(text: str, longest: int = LONGEST) -> str:
    """A text as Plotly draws it, letter by letter.

    Args:
        text: Any text.
        longest: Number of characters that are left.
    """
    said = printable(text, 1_000)
    said = said if len(said) <= longest else f"{said[: longest - 1]}…"
    return html.escape(said, quote=False)


def line_figure(chart: LineChart) -> dict[str, Any]:
    """Lines over one axis. What lies far off at the beginning is out of view until the reader zooms out."""
    traces = [
        {
            "type": "scatter", "mode": "lines" if len(line.x) > 1 else "markers", "name": drawn_text(line.name),
            "x": rounded(line.x), "y": rounded(line.y), "line": {"color": f"@{line.color}", "width": 2},
            "marker": {"color": f"@{line.color}"},
            "hovertemplate": "%{y:,.5~g}<extra>%{fullData.name}</extra>",
        }
        for line in chart.lines
    ]  # fmt: skip
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": drawn_text(chart.x_label)}},
        "yaxis": {"title": {"text": drawn_text(chart.y_label)}},
        "hovermode": "x unified",
    }
    seen = [y for line in chart.lines for y in line.y[int(len(line.y) * FIRST_SHARE) :]]
    if seen and max(seen) > min(seen):
        room = (max(seen) - min(seen)) * 0.06
        layout["yaxis"]["range"] = rounded([min(seen) - room, max(seen) + room])
    if chart.marked is not None and math.isfinite(chart.marked):
        layout["shapes"] = [{"type": "line", "x0": chart.marked, "x1": chart.marked, "yref": "paper", "y0": 0, "y1": 1,
                             "line": {"color": "@muted", "width": 1, "dash": "dot"}}]  # fmt: skip
    return {"data": traces, "layout": layout}


def bar_figure(chart: BarChart) -> dict[str, Any]:
    """Bars for each label; places are numbers, so that no label is taken for a date, and equal ones stay apart."""
    is_upright = chart.is_of_numbers or max(map(len, chart.labels), default=0) <= UPRIGHT
    traces = [
        _bars(chart, bars, chart.is_of_numbers and number > 0, is_upright) for number, bars in enumerate(chart.bars)
    ]
    labels = {**_ticks(chart.labels, chart.is_of_numbers), "showgrid": False, "zeroline": False}
    heights = {"rangemode": "tozero", "tickformat": ".0%" if chart.is_share else "", "nticks": 5}
    layout: dict[str, Any] = {"bargap": 0 if chart.is_of_numbers else 0.25, "showlegend": len(chart.bars) > 1}
    layout["xaxis"] = labels if is_upright else heights
    layout["yaxis"] = heights if is_upright else {**labels, "autorange": "reversed"}
    if chart.level is not None:
        level, name = chart.level
        layout["shapes"] = [{"type": "line", "y0": level, "y1": level, "xref": "paper", "x0": 0, "x1": 1,
                             "line": {"color": "@ink", "width": 1.5, "dash": "dash"}}]  # fmt: skip
        layout["annotations"] = [{"y": level, "xref": "paper", "x": 1, "text": drawn_text(name), "showarrow": False,
                                  "xanchor": "right", "yanchor": "bottom", "font": {"color": "@ink"}}]  # fmt: skip
    return {"data": traces, "layout": layout}


def _bars(chart: BarChart, bars: Bars, is_outline: bool, is_upright: bool) -> dict[str, Any]:
    """Bars of one kind, or the outline of theirs."""
    values, said = rounded(bars.values), [drawn_text(label) for label in chart.labels]
    form, value = ".1%" if chart.is_share else ",.4~g", "y" if is_upright else "x"
    trace: dict[str, Any] = {
        "name": drawn_text(bars.name),
        "customdata": said,
        "hovertemplate": f"%{{customdata}}: %{{{value}:{form}}}<extra>%{{fullData.name}}</extra>",
    }
    if is_outline:
        edges = [place - 0.5 for place in range(len(values) + 1)]
        shape = {"color": f"@{bars.color}", "width": 2, "shape": "hv"}
        outline = {"type": "scatter", "mode": "lines", "x": edges, "y": [*values, *values[-1:]], "line": shape}
        return {**trace, **outline, "customdata": [*said, *said[-1:]]}
    places = list(range(len(values)))
    across = {"x": places, "y": values} if is_upright else {"x": values, "y": places, "orientation": "h"}
    return {**trace, **across, "type": "bar", "marker": {"color": f"@{bars.color}"}}


def _ticks(labels: Sequence[str], is_of_numbers: bool) -> dict[str, Any]:
    """Labels at their places; of numbers the first, the middle and the last one, of many others some."""
    last = len(labels) - 1
    step = -(-len(labels) // MOST_LABELS)
    places = sorted({0, last // 2, last}) if is_of_numbers else list(range(0, len(labels), step or 1))
    return {"tickvals": places, "ticktext": [drawn_text(labels[place], LONGEST_LABEL) for place in places]}


def map_figure(chart: PointMap) -> dict[str, Any]:
    """Places, and for each choice of colours what the page's script makes traces of."""
    x, y = (rounded(part) for part in chart.places.T.tolist())
    return {
        "x": x,
        "y": y,
        "labels": [drawn_text(chart.x_label), drawn_text(chart.y_label)],
        "colors": [_colors(own) for own in chart.colors],
    }


def _colors(colors: Colors) -> dict[str, Any]:
    """Groups of rows by category, the most frequent ones with a colour; or numbers by their rank."""
    seen = ~np.isnan(colors.values)
    called = colors.name or "(no name)"
    named = {"label": printable(called, LONGEST), "name": drawn_text(called)}
    if not colors.categories:
        different, ranks = np.unique(colors.values[seen], return_inverse=True)
        shade = np.full(len(seen), np.nan)
        shade[seen] = ranks / max(1, len(different) - 1)
        return {**named, "shade": rounded(shade.tolist()), "values": rounded(colors.values.tolist()),
                "ends": [drawn_text(end, LONGEST_LABEL) for end in colors.ends]}  # fmt: skip
    codes, counts = np.unique(colors.values[seen].astype(int), return_counts=True)
    shown = sorted(codes[np.argsort(-counts, kind="stable")][:NAMED].tolist())
    groups = np.full(len(seen), len(shown))
    for group, code in enumerate(shown):
        groups[colors.values == code] = group
    names = [drawn_text(colors.categories[code], LONGEST_LABEL) for code in shown]
    rest = "other or missing" if len(codes) > len(shown) else "missing"
    return {
        **named,
        "groups": groups.tolist(),
        "names": [*names, *([rest] if (groups == len(shown)).any() else [])],
    }


def rounded(numbers: Sequence[float]) -> list[float | None]:
    """Numbers with five digits, and None where one is not finite."""
    return [float(f"{number:.5g}") if math.isfinite(number) else None for number in numbers]


def table_of_lines(chart: LineChart) -> Table:
    """The numbers of a chart of lines; of long lines, some, spread evenly."""
    places = sorted({x for line in chart.lines for x in line.x})
    step = -(-len(places) // MOST_LINES) or 1
    values = [dict(zip(line.x, line.y, strict=True)) for line in chart.lines]
    lines = tuple(
        (f"{place:,.4g}", *(f"{own[place]:,.4f}" if place in own else "" for own in values)) for place in places[::step]
    )
    return Table((chart.x_label, *(line.name for line in chart.lines)), lines, chart.title)


def table_of_bars(chart: BarChart) -> Table:
    """The numbers of a chart of bars."""
    form = ".1%" if chart.is_share else ",.4g"
    heights = [[format(value, form) for value in bars.values] for bars in chart.bars]
    label = "from" if chart.is_of_numbers else ""
    return Table(
        (label, *(bars.name for bars in chart.bars)), tuple(zip(chart.labels, *heights, strict=True)), chart.title
    )
