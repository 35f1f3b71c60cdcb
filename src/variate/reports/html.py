"""A page as one HTML file that needs nothing else: styles, scripts, pictures and data are inside.

Jinja2 fills the template and escapes whatever it is given; JSON has no `<` in it. A Content-Security-Policy in the file
itself lets run only the two scripts that were put there, told by their SHA-256, and lets the page ask nothing of any
other place: a cell of a table that looks like a script is text three times over.
"""

import base64
import hashlib
import io
import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
from jinja2 import DictLoader, Environment, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from PIL import Image

from variate.errors import Option, printable, spoken
from variate.reports import charts
from variate.reports.exhibits import BarChart, ChartGrid, Commands, Gallery, LineChart, Page, PointMap
from variate.reports.json import plain
from variate.reports.pictures import opaque
from variate.reports.report import NATS, Findings, Quantities, Quantity, Remarks, Table
from variate.runtime import files

MOST_SIDE, MOST_LOSSLESS = 128, 48
"""Longest side of an image on a page, in pixels, and up to which it is a PNG and not a JPEG."""
QUALITY = 85
"""Of JPEG."""
BRIEF = 24
"""Characters of a cell up to which it stands in one line."""
LONGEST_TEXT = 2_000
"""Characters of a text on a page."""
KINDS = {
    Gallery: "gallery",
    LineChart: "lines",
    BarChart: "bars",
    ChartGrid: "grid",
    PointMap: "map",
    Commands: "commands",
    Table: "table",
    Quantities: "quantities",
    Findings: "findings",
    Remarks: "remarks",
}
"""What the template calls the parts of a chapter."""
POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SOURCE = "'sha256-{}'"
"""What the page may do: run the scripts with these digests, and show what is in it."""

Speak = Callable[[Option], str]
"""How options are named."""


def to_html(page: Page, speak: Speak = lambda option: option.in_python) -> str:
    """The page as HTML.

    Args:
        page: The page.
        speak: How options are named; by default as in Python.
    """
    scripts = [Markup(script) for script in (_asset_of_charts(), _asset("report.js"))]  # ours
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    policy = f"{POLICY}; script-src {' '.join(map(SOURCE.format, digests))}"
    environment = Environment(
        loader=DictLoader({"page": _asset("page.html.jinja")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "say": lambda text: printable(spoken(text, speak), LONGEST_TEXT),
        "kind": lambda part: KINDS[type(part)],
        "picture": data_uri,
        "json": lambda value: htmlsafe_json_dumps(plain(value)),
        "value": value_said,
        "per_dim": lambda line: line.per_dim.plus_minus(".4f", ".4f") if line.per_dim else "",
        "brief": lambda text: Markup(' class="brief"') if len(text) <= BRIEF else "",
        "number": lambda cell: cell if isinstance(cell, str) else f"{cell:,.4g}",
    }
    functions = {
        name: getattr(charts, name)
        for name in ("line_figure", "bar_figure", "map_figure", "table_of_lines", "table_of_bars")
    }
    style = Markup(_asset("report.css"))
    return environment.get_template("page").render(page=page, policy=policy, scripts=scripts, style=style, **functions)


def save_html(page: Page, path: Path, speak: Speak = lambda option: option.in_python) -> None:
    """Writes the page, whole or not at all; arguments as for `to_html`."""
    files.write_text(path, to_html(page, speak))


def value_said(line: Quantity) -> str:
    """A quantity with its standard error and its unit."""
    if math.isinf(line.estimate.value):
        return "more than can be told"
    own = line.estimate.plus_minus(*(() if line.unit == NATS else (",.4g", ".2g")))
    return f"{own} {line.unit}".rstrip()


def data_uri(pixels: np.ndarray) -> str:
    """An image as a data URI: a PNG if it is small, else a JPEG of at most `MOST_SIDE` pixels.

    Args:
        pixels: 8-bit, (C, H, W).
    """
    image = Image.fromarray(opaque(pixels))
    if pixels.shape[0] == 1:
        image = image.convert("L")
    content, kind = io.BytesIO(), "png"
    if max(image.size) <= MOST_LOSSLESS:
        image.save(content, "PNG", optimize=True)
    else:
        image.thumbnail((MOST_SIDE, 2 * MOST_SIDE))
        image.save(content, "JPEG", quality=QUALITY)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


@cache
def _asset(name: str) -> str:
    """A file that is part of the package."""
    return (resources("variate.reports") / "assets" / name).read_text(encoding="utf-8")


def _asset_of_charts() -> str:
    """The library for charts, with its licence."""
    return f"/*\n{_asset('plotly-basic.LICENSE')}*/\n{_asset('plotly-basic.min.js')}"
