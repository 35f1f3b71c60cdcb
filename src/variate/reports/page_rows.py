"""Chapters of a page that show rows: images, columns of a table, odd rows, and rows of each condition."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from variate.comparison.marginals import ColumnComparison
from variate.comparison.pairs import PairComparison
from variate.config.schema import Column, Schema
from variate.data.wording import plural
from variate.reports.comparison import worst_first
from variate.reports.exhibits import BarChart, Bars, Chapter, ChartGrid, Exhibit, Gallery, Shown
from variate.reports.moves import cell_said
from variate.reports.page_numbers import Record, quantities_of
from variate.reports.pictures import to_uint8
from variate.reports.report import Section, Table
from variate.reports.rows import grey_levels
from variate.tasks.class_samples import ClassSamples
from variate.tasks.drawn_columns import DrawnColumns
from variate.tasks.extremes import Extremes
from variate.tasks.overview import Overview
from variate.tasks.reconstruct import Reconstructions

CHARTED, LISTED, PAIRED = 24, 100, 10
"""Columns that have a chart, and columns and pairs that are listed, of which the worst come first."""
CELLS, ODD_CELLS, ODD = 8, 3, 0.05
"""Cells of a row that are shown, odd ones that are named, and the p-value up to which a cell is odd."""

REAL_AND_DRAWN = (("real", "real"), ("drawn", "drawn"))
"""Colours of real and of drawn rows."""


def rows_chapters(found: Overview) -> Iterator[Chapter]:
    """The chapters that suit the kind of the rows."""
    schema = found.run.recipe.schema
    if schema.is_image:
        yield images_chapter(found, schema)
    elif found.drawn is not None:
        yield columns_chapter(found.drawn, schema)
    if found.extremes is not None and not schema.is_image:
        yield Chapter(
            "odd", "The oddest and the likeliest rows", odd_tables(found.extremes, schema), (_looked(found.extremes),)
        )
    if found.classes is not None:
        yield conditions_chapter(found.classes, schema, found.record)


def images_chapter(found: Overview, schema: Schema) -> Chapter:
    """Samples, reconstructions, and the images of both ends."""
    parts: list[Gallery] = []
    if found.samples is not None:
        images = tuple(map(Shown, _pixels(found.samples.rows, schema)))
        note = "Each is the mean of p(x|z) for a z from the prior." if found.samples.are_means else ""
        parts.append(Gallery(images, "New images", "Images drawn from the model", note))
    if found.pairs is not None:
        parts.append(_pairs(found.pairs, schema))
    if found.extremes is not None:
        parts += _ends(found.extremes, schema)
    return Chapter("images", "What it draws and what it sees", parts)


def _pixels(rows: np.ndarray, schema: Schema) -> np.ndarray:
    return to_uint8(rows, grey_levels(schema))


def _pairs(found: Reconstructions, schema: Schema) -> Gallery:
    """Each image above its reconstruction."""
    above, below = (_pixels(part, schema) for part in (found.originals, found.decoded))
    line = np.full((*above.shape[1:2], max(1, above.shape[2] // 16), above.shape[3]), 255, np.uint8)
    pairs = tuple(Shown(np.concatenate([one, line, other], 1)) for one, other in zip(above, below, strict=True))
    alt = f"{plural(len(pairs), 'image')} of the {found.part}, each above its reconstruction"
    return Gallery(pairs, "Reconstructions", alt, "Each image above what the model makes of its latents.")


def _ends(found: Extremes, schema: Schema) -> Iterator[Gallery]:
    images = _pixels(found.rows.x.all(), schema)
    for title, places in (("The oddest images", found.oddest), ("The likeliest images", found.likeliest)):
        shown = tuple(
            Shown(images[i], f"row {found.numbers[i]:,}: {found.bound[i]:,.1f} nats") for i in places.tolist()
        )
        yield Gallery(shown, title, f"{title} of the test part, with their ELBO", _looked(found))


def _looked(found: Extremes) -> str:
    rows, of_rows = len(found.bound), found.of_rows
    among = f"all {rows:,} rows" if rows == of_rows else f"{rows:,} of the {of_rows:,} rows"
    ranked = f" They are ranked among {found.num_ranked:,} rows of the validation part." if found.num_ranked else ""
    return f"By the ELBO of {among} of the test part, counted from 0.{ranked}"


def columns_chapter(found: DrawnColumns, schema: Schema) -> Chapter:
    """Real and drawn marginals, the pairs that fit worst, and gaps."""
    columns = worst_first(found.columns)
    name = "column" if schema.columns else "element"
    worst = f", the {CHARTED} that fit worst" if len(columns) > CHARTED else ", the one that fits worst first"
    note = "Shares of the cells that have a value; the first and the last bar of numbers also count what lies beyond."
    charts = tuple(map(_marginal, columns[:CHARTED]))
    parts: list[Section | Exhibit] = [ChartGrid(charts, f"Each {name}{worst}", note, REAL_AND_DRAWN)]
    headings = (name, "distance", "two halves of the data", "missing, real", "missing, drawn")
    listed = tuple(map(_column_line, columns[:LISTED]))
    parts.append(Table(headings, listed, f"How far each {name} is from the data, and its gaps"))
    if found.pairs:
        parts.append(_pair_table(found.pairs[:PAIRED], name))
    lead = (
        f"{found.num_drawn:,} drawn rows beside {_of(found.num_real, found.of_real)} real ones. A distance goes from 0 "
        "(the same) to 1; beside it stands the distance between two halves of the real data: that is what chance does.",
    )
    return Chapter("columns", "What it draws, beside the data", parts, lead)


def _of(number: int, total: int) -> str:
    return f"{number:,}" if number == total else f"{number:,} of {total:,}"


def _marginal(column: ColumnComparison) -> BarChart:
    shown = column.histogram
    bars = (Bars("real", shown.real, "real"), Bars("drawn", shown.synthetic, "drawn"))
    note = f"distance {column.distance.value:.3f}, two halves of the data {column.distance.halves:.3f}"
    return BarChart(shown.labels, bars, column.name, "share", shown.is_of_numbers, None, note, is_share=True)


def _column_line(column: ColumnComparison) -> tuple[str, ...]:
    distance, missing = column.distance, column.missing
    shares = (f"{part.value:.1%}" if part.value else "none" for part in missing)
    return (column.name, f"{distance.value:.3f}", f"{distance.halves:.3f}", *shares)


def _pair_table(pairs: Sequence[PairComparison], name: str) -> Table:
    """Pairs of columns; of numbers with their rank correlations."""
    headings, lines = [name, name, "distance", "two halves of the data"], []
    has_numbers = any(pair.real is not None for pair in pairs)
    for pair in pairs:
        both = ["" if value is None else f"{value:.2f}" for value in (pair.real, pair.synthetic)]
        distance = (f"{pair.distance.value:.3f}", f"{pair.distance.halves:.3f}")
        lines.append((pair.first, pair.second, *distance, *(both if has_numbers else ())))
    headings += ["correlation, real", "correlation, drawn"] if has_numbers else []
    return Table(tuple(headings), tuple(lines), "The pairs that fit worst")


def odd_tables(found: Extremes, schema: Schema) -> list[Section | Exhibit]:
    """The rows of both ends, each with what made it odd and its first cells."""
    columns = schema.columns[:CELLS]
    cells = found.rows.x.all().reshape(len(found.rows), -1)
    seen = np.ones(cells.shape, bool) if found.rows.mask is None else found.rows.mask.all().reshape(cells.shape)

    def line(place: int) -> tuple[str, ...]:
        own = [_cell(cells[place, i], bool(seen[place, i]), column) for i, column in enumerate(columns)]
        odd = [] if found.cell_p_value is None else ["; ".join(_odd_cells(place)) or "none by itself"]
        p_value = [] if found.p_value is None else [f"{found.p_value[place]:.3f}"]
        return (f"{found.numbers[place]:,}", f"{found.bound[place]:,.1f}", *p_value, *odd, *own)

    def _odd_cells(place: int) -> Iterator[str]:
        assert found.cell_p_value is not None
        values = found.cell_p_value[place]
        for i in np.argsort(values, kind="stable")[:ODD_CELLS].tolist():
            if values[i] <= ODD:
                column = schema.columns[i] if schema.columns else Column(f"x{i}", "real")
                yield f"{column.name} = {_cell(cells[place, i], bool(seen[place, i]), column)} ({values[i]:.3f})"

    headings = ("row", "ELBO", *(() if found.p_value is None else ("p-value",)),
                *(() if found.cell_p_value is None else ("odd cells",)), *(own.name for own in columns))  # fmt: skip
    return [
        Table(headings, tuple(map(line, places.tolist())), title)
        for title, places in (("The oddest rows", found.oddest), ("The likeliest rows", found.likeliest))
    ]


def _cell(value: float, is_seen: bool, column: Column) -> str:
    if not is_seen:
        return "missing"
    if column.kind == "categorical" and value >= len(column.categories):
        return "another value"
    return cell_said(float(value), column)


def conditions_chapter(found: ClassSamples, schema: Schema, record: Record | None) -> Chapter:
    """New rows of each condition, and how well the model tells conditions from rows."""
    lines = () if record is None else quantities_of(record)
    accuracy = next((line.estimate for line in lines if line.name.startswith("accuracy of p(c|x)")), None)
    lead = []
    if accuracy is not None:
        lead.append(
            f"By Bayes' rule the model tells {accuracy.plus_minus('.1%', '.1%')} of the held-out rows right: that is "
            "how well p(x|c) tells conditions apart, without being trained to."
        )
    if found.of_contexts > len(found.names):
        lead.append(f"The {len(found.names)} most frequent of {found.of_contexts:,} conditions.")
    labels = tuple(f"{name} ({share:.0%})" for name, share in zip(found.names, found.shares, strict=True))
    if schema.is_image:
        images = _pixels(found.rows.reshape(-1, *schema.shape), schema)
        alt = f"New images of {plural(len(labels), 'condition')}, one per row of the picture"
        note = "In brackets: its share of the training rows. Those below one another have the same latents."
        shown: list[Section | Exhibit] = [
            Gallery(tuple(map(Shown, images)), "New images of each condition", alt, note, found.rows.shape[1], labels)
        ]
    else:
        shown = [_class_table(found, schema.columns[:CELLS], labels)]
    return Chapter("conditions", "What it makes of each condition", shown, tuple(lead))


def _class_table(found: ClassSamples, columns: Sequence[Column], labels: Sequence[str]) -> Table:
    lines = []
    for label, rows in zip(labels, found.rows, strict=True):
        for row in rows[:2]:
            cells = [_cell(row.flat[i], not math.isnan(row.flat[i]), own) for i, own in enumerate(columns)]
            lines.append((label, *cells))
    return Table(("condition", *(own.name for own in columns)), tuple(lines), "Two new rows of each condition")
