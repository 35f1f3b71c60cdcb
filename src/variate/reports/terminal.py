"""A report as text on a terminal."""

import math
import textwrap
from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.table import Table as Grid

from variate.errors import Option, spoken
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

Speak = Callable[[Option], str]
"""How options are named."""


def show(report: Report, speak: Speak = lambda option: option.in_python, console: Console | None = None) -> None:
    """Prints a report.

    Args:
        report: The report.
        speak: How options are named; by default as in Python.
        console: Where to print; by default on standard output.
    """
    console = console or Console()
    _line(console, report.title)
    for section in report.sections:
        if not isinstance(section, Picture) and section.title:
            _line(console, f"\n{section.title}")
        _show_section(console, section, speak)


def _line(console: Console, text: str) -> None:
    """Prints a text as it is."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _show_section(console: Console, section: Section, speak: Speak) -> None:
    line = partial(_line, console)
    match section:
        case Quantities(lines, _, ""):
            for quantity in lines:
                line(_in_a_list(quantity))
        case Quantities():
            console.print(_grid_of_quantities(section))
        case Findings(findings, _, first):
            for number, finding in enumerate(findings, first):
                price = f": {finding.cost.value:,.2f} nats per row" if finding.cost else ""
                line(f"{number:3}. {spoken(finding.title, speak)}{price}")
                line(_labelled("because", spoken(finding.evidence, speak)))
                line(_labelled("change", spoken(finding.advice, speak)))
        case Table():
            console.print(_grid(section))
        case Picture(path, title):
            line(f"{title or 'picture'}: {path}")
        case Remarks(sentences):
            for sentence in sentences:
                line(spoken(sentence, speak))


def _in_a_list(quantity: Quantity) -> str:
    """The value before the name, so that values stand below one another."""
    value, stderr = quantity.estimate
    error = "" if math.isnan(stderr) else f"± {stderr:.2f}"
    return f"  {value:10,.2f}  {error:9} {quantity.name}"


def _grid_of_quantities(section: Quantities) -> Grid:
    grid = Grid()
    for heading in ("", "nats per row", section.per_dim, ""):
        grid.add_column(heading, justify="right" if heading else "left")
    for quantity in section.lines:
        value, stderr = quantity.estimate
        own = f"{value:,.2f} ± {stderr:.2f}" if quantity.unit == NATS else f"{value:,.4g} ± {stderr:.2g}"
        per_dim = "{:.4f} ± {:.4f}".format(*quantity.per_dim) if quantity.per_dim else ""
        grid.add_row(quantity.name, own, per_dim, quantity.kind)
    return grid


def _grid(table: Table) -> Grid:
    grid = Grid()
    for heading in table.headings:
        grid.add_column(heading)
    for row in table.rows:
        grid.add_row(*(cell if isinstance(cell, str) else f"{cell:,.4g}" for cell in row))
    return grid


def _labelled(label: str, text: str) -> str:
    """A text with a label before its first line, wrapped."""
    first, *rest = textwrap.wrap(text, WIDTH - INDENT) or [""]
    return "\n".join([f"     {label:9} {first}", *(f"{'':{INDENT}}{line}" for line in rest)])
