"""What moves in latent space do, in words and as a report."""

from collections.abc import Iterator, Sequence

import numpy as np

from variate.config.schema import Column, Schema
from variate.data import Dataset
from variate.data.schema.naming import name_called
from variate.data.schema.written import as_written
from variate.evaluation.latent_space.effects import ColumnMove
from variate.reports.report import Remarks, Report, Section, Table
from variate.tasks.neighbours import NearestRows
from variate.tasks.traverse import Traversed

SHOWN_COLUMNS, SHOWN_CELLS = 4, 8
"""Most columns that are named for a latent, and most cells of a row that are shown."""
LEAST_SHARE = 0.02
"""Share of a column's range below which a move is not mentioned."""
LONGEST_CELL = 24
"""Characters of a cell in a table."""


def cell_said(value: float, column: Column) -> str:
    """A value of a column as people read it."""
    cell = as_written(np.array([value]), column)[0]
    if np.ma.is_masked(cell):
        return "empty"
    if isinstance(cell, float | np.floating):
        return f"{cell:.10g}" if column.step else f"{cell:.4g}"
    text = str(cell)
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


def move_said(move: ColumnMove, schema: Schema) -> str:
    """`age 23 -> 61`, `sex female -> male`, `member True 22% -> 81%`."""
    column = schema.columns[move.place]
    before, after = cell_said(move.before, column), cell_said(move.after, column)
    name = column.name or name_called(column.name)
    if move.probability is None:
        return f"{name} {before} -> {after}"
    low, high = move.probability
    return f"{name} {before} -> {after} ({low:.0%} -> {high:.0%})"


def moves_said(moves: Sequence[ColumnMove], schema: Schema, most: int = SHOWN_COLUMNS) -> str:
    """What moves most, in one line; a column whose median over several rows stays is left out."""
    changed = [move for move in moves if move.share >= LEAST_SHARE and move.before != move.after]
    shown = [move_said(move, schema) for move in changed[:most]]
    return ", ".join(shown) or "hardly anything"


def traversal_report(found: Traversed, schema: Schema, span: float) -> Report:
    """What each latent does.

    Args:
        found: The traversal.
        schema: What a row is.
        span: How far each latent was moved, in standard deviations.
    """
    own = found.found
    headings = ("latent", "nats per row", *(("what changes most",) if found.moves else ()))
    lines = []
    for place, (latent, nats) in enumerate(zip(own.latent.tolist(), own.nats.tolist(), strict=True)):
        said = (moves_said(found.moves[place], schema),) if found.moves else ()
        lines.append((f"z{latent}", f"{nats:.2f}", *said))
    sections: list[Section] = [Table(headings, tuple(lines))]
    if found.moves:
        sections.append(Remarks(tuple(_how_to_read())))
    title = f"each latent from -{span:g} to {span:g} standard deviations, by what it says about {found.part}"
    return Report(title, sections)


def _how_to_read() -> Iterator[str]:
    yield (
        "Columns are ranked by the share of rows whose number lies between both ends, or by how far probabilities "
        "change (total variation)."
    )
    yield "A category in brackets: its probability at both ends."


def neighbours_report(found: NearestRows, schema: Schema, row: int) -> Report:
    """A row and those nearest to it.

    Args:
        found: The rows.
        schema: What a row is.
        row: Number of the row.
    """
    columns = schema.columns[:SHOWN_CELLS]
    numbers = [row, *found.numbers.tolist()]
    cells = [*_cells(found.row, columns), *_cells(found.rows, columns)]
    distances = ["", *(f"{distance:.3f}" for distance in found.distances)]
    lines = [(str(number), *own) for number, *own in zip(numbers, distances, strict=True)]
    lines = [(*line, *own) for line, own in zip(lines, cells, strict=True)]
    title = f"the {len(found.numbers):,} of {found.total:,} rows that are nearest to row {row:,}, counting from 0"
    return Report(title, [Table(("row", "distance", *(column.name for column in columns)), tuple(lines))])


def _cells(rows: Dataset, columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """Cells of the first columns of each row as texts; missing ones are empty."""
    x = rows.x.all()
    seen = np.ones(x.shape, bool) if rows.mask is None else rows.mask.all()
    return [
        tuple(cell_said(float(x[row, place]), own) if seen[row, place] else "" for place, own in enumerate(columns))
        for row in range(len(x))
    ]
