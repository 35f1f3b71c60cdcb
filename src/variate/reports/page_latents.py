"""Chapters of a page about latents, and about the calibration of p(x|z)."""

import math
from collections.abc import Iterator

from variate.config.schema import Schema
from variate.evaluation.diagnostics.calibration import Calibration
from variate.reports.exhibits import BarChart, Bars, Chapter, Exhibit, Gallery, PointMap, Shown
from variate.reports.moves import moves_said
from variate.reports.pictures import to_uint8
from variate.reports.report import COST, NATS, OTHER, Quantities, Quantity, Section, Table
from variate.reports.rows import grey_levels
from variate.statistics import Estimate
from variate.tasks.latent_map import LatentMap
from variate.tasks.overview import Overview
from variate.tasks.traverse import Traversed

MOST_RATES = 64
"""Latents whose rate has a bar."""


def latent_chapters(found: Overview) -> Iterator[Chapter]:
    """The map, the latents and the calibration, as far as they were measured."""
    schema = found.run.recipe.schema
    if found.map is not None:
        yield map_chapter(found.map)
    if found.rates is not None or found.latents is not None:
        yield rates_chapter(found.rates or (), found.latents, schema)
    if found.calibration is not None:
        yield calibration_chapter(found.calibration)


def map_chapter(found: LatentMap) -> Chapter:
    """Rows on the plane of the first two principal components of their latents."""
    across, along = found.shares
    number = len(found.places)
    some = f"{number:,} rows" if number == found.of_rows else f"{number:,} of the {found.of_rows:,} rows, spread evenly"
    shown = PointMap(
        found.places,
        found.colors,
        f"{some}, each at the mean of q(z|x)",
        f"first principal component ({across:.0%})",
        f"second principal component ({along:.0%})",
        "In brackets: its share of the variance. Rows that lie close have similar latents, as far as a plane can show "
        "it. Drag to zoom, double-click to go back, click a name of the legend to hide its rows. Numbers are coloured "
        "by rank.",
    )
    return Chapter("map", "A map of latent space", (shown,))


def rates_chapter(rates: tuple[float, ...], found: Traversed | None, schema: Schema) -> Chapter:
    """How much each latent says about a row, and what it does."""
    parts: list[Section | Exhibit] = []
    if rates:
        order = sorted(range(len(rates)), key=lambda i: -rates[i])[:MOST_RATES]
        more = f" The {MOST_RATES} largest of {len(rates)}." if len(rates) > MOST_RATES else ""
        note = f"A latent near 0 is collapsed: it says nothing, and costs nothing.{more}"
        bars = (Bars("rate", tuple(rates[i] for i in order), "real"),)
        labels = tuple(f"z{i}" for i in order)
        parts.append(BarChart(labels, bars, "Rate by latent", "nats per row", note=note))
    if found is not None:
        parts.append(_traversal(found, schema) if schema.is_image else _moves(found, schema))
    return Chapter("latents", "What each latent says and does", parts)


def _traversal(found: Traversed, schema: Schema) -> Gallery:
    stops = found.rows.shape[1]
    images = to_uint8(found.rows.reshape(-1, *schema.shape), grey_levels(schema))
    named = zip(found.found.latent.tolist(), found.found.nats.tolist(), strict=True)
    labels = tuple(f"z{latent}: {nats:.1f} nats" for latent, nats in named)
    alt = "One latent per row of the picture, moved from left to right while the others stay"
    note = "Each latent from -3 to 3 standard deviations, the others at the mean of the rows."
    return Gallery(tuple(map(Shown, images)), "What the most informative latents do", alt, note, stops, labels)


def _moves(found: Traversed, schema: Schema) -> Table:
    lines = []
    for place, (latent, nats) in enumerate(zip(found.found.latent.tolist(), found.found.nats.tolist(), strict=True)):
        said = moves_said(found.moves[place], schema) if found.moves else _ends(found, place)
        lines.append((f"z{latent}", f"{nats:.2f}", said))
    title = "What the most informative latents do, from -3 to 3 standard deviations"
    return Table(("latent", "nats per row", "what changes most"), tuple(lines), title)


def _ends(found: Traversed, place: int) -> str:
    """Of rows without columns: the element that changes most."""
    low, high = found.rows[place, 0].ravel(), found.rows[place, -1].ravel()
    most = int(abs(high - low).argmax())
    return f"x{most} {low[most]:.4g} -> {high[most]:.4g}"


def calibration_chapter(found: Calibration) -> Chapter:
    """Whether p(x|z) is as wide as the data."""
    counts = found.pit.double()
    shares, bins = (counts / counts.sum()).tolist(), len(counts)
    labels = tuple(f"{i / bins:.2f}" for i in range(bins))
    chart = BarChart(
        labels,
        (Bars("share of the elements", tuple(shares), "real"),),
        "Where the data lie in p(x|z)",
        "share",
        is_of_numbers=True,
        level=(1 / bins, "calibrated"),
        note="Flat is calibrated. Higher at both ends: the data are wider than p(x|z); higher in the middle: narrower.",
        is_share=True,
    )
    covered = tuple((f"{level:.0%}", own.plus_minus(".1%", ".1%")) for level, own in found.mean_coverage.items())
    cost = Quantity("what recalibrating p(x|z) would gain", Estimate(found.cost, math.nan), NATS, COST)
    spread = Quantity("factor that the scale of p(x|z) should have", Estimate(found.spread, math.nan), "", OTHER)
    table = Table(
        ("central interval", "data in it"), covered, f"Coverage, on {len(found.which):,} rows of the test part"
    )
    return Chapter("calibration", "Calibration", (chart, table, Quantities((cost, spread), "What it costs")))
