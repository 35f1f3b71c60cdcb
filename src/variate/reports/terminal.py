"""A report as text on a terminal.

Texts of a report may hold names of files and columns, so each is made `printable`: a line break is one of ours.
"""

import math
import sys
import textwrap
from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from variate.errors import Option, printable, spoken
from variate.reports.report import (
    NATS,
    Findings,
    Picture,
    Quantities,
    Quantity,
    Remarks,
    Report,
    Section,
    Table,
)

WIDTH = 110
"""Width of wrapped text."""
INDENT = 15
"""Width of what stands before wrapped text."""
WIDEST = 10_000
"""Width of the widest table."""

Speak = Callable[[Option], str]
"""How options are named."""


def show(report: Report, speak: Speak = lambda option: option.in_python, console: Console | None = None) -> None:
    """Prints a report.

    Args:
        report: The report.
        speak: How options are named; by default as in Python.
        console: Where to print; by default on standard output.
    """
    console = console or Console(file=sys.stdout)  # whose encoding rich asks for only if it is named
    _line(console, report.title)
    for section in report.sections:
        if not isinstance(section, Picture) and section.title:
            _line(console, "")
            _line(console, section.title)
        _show_section(console, section, speak)


def _line(console: Console, text: str) -> None:
    """Prints a line as it is."""
    console.print(printable(text), markup=False, highlight=False, emoji=False, soft_wrap=True)


def _table(console: Console, grid: Grid) -> None:
    """Prints a table whole; on a narrow terminal its lines are longer than those of the terminal."""
    grid.width = Measurement.get(console, console.options.update(width=WIDEST), grid).maximum
    console.print(grid, crop=False)


def _show_section(console: Console, section: Section, speak: Speak) -> None:
    line = partial(_line, console)
    match section:
        case Quantities(lines, _, ""):
            for quantity in lines:
                line(_in_a_list(quantity))
        case Quantities():
            _table(console, _grid_of_quantities(section))
        case Findings(findings, _, first):
            for number, finding in enumerate(findings, first):
                price = f": {finding.cost.value:,.2f} nats per row" if finding.cost else ""
                line(f"{number:3}. {spoken(finding.title, speak)}{price}")
                for label, text in (("because", finding.evidence), ("change", finding.advice)):
                    for labelled in _labelled(label, spoken(text, speak)):
                        line(labelled)
        case Table():
            _table(console, _grid(section))
        case Picture(path, title):
            line(f"{title or 'picture'}: {path}")
        case Remarks(sentences):
            for sentence in sentences:
                line(spoken(sentence, speak))


def _in_a_list(quantity: Quantity) -> str:
    """The value before the name, so that values stand below one another."""
    value, stderr = quantity.estimate
    form = ",.2f" if quantity.unit == NATS else ",.3f"
    error = "" if math.isnan(stderr) else f"± {stderr:{form}}"
    return f"  {value:10{form}}  {error:9} {quantity.name}"


def _grid_of_quantities(section: Quantities) -> Grid:
    grid = Grid()
    for heading in ("", "nats per row", section.per_dim, ""):
        grid.add_column(heading, justify="right" if heading else "left")
    for quantity in section.lines:
        own = quantity.estimate.plus_minus(*(() if quantity.unit == NATS else (",.4g", ".2g")))
        per_dim = quantity.per_dim.plus_minus(".4f", ".4f") if quantity.per_dim else ""
        grid.add_row(*map(_cell, (quantity.name, own, per_dim, quantity.kind)))
    return grid


def _grid(table: Table) -> Grid:
    grid = Grid()
    for heading in table.headings:
        grid.add_column(_cell(heading))
    for row in table.rows:
        grid.add_row(*(_cell(cell if isinstance(cell, str) else f"{cell:,.4g}") for cell in row))
    return grid


def _cell(text: str) -> Text:
    """A text as it is, without rich's markup."""
    return Text(printable(text), no_wrap=True)


def _labelled(label: str, text: str) -> list[str]:
    """The lines of a text, with a label before the first of them."""
    first, *rest = textwrap.wrap(printable(text), WIDTH - INDENT) or [""]
    return [f"     {label:9} {first}", *(f"{'':{INDENT}}{line}" for line in rest)]
