"""The page about several runs on the same held-out rows: their differences, row by row."""

import dataclasses
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from variate.config.recipe import Recipe
from variate.reports.exhibits import Chapter, ChartGrid, Line, LineChart, Page, Tile
from variate.reports.page_numbers import MOST_POINTS, TERMS, Record, curve_points
from variate.reports.report import Table
from variate.statistics import Estimate, bits_per_dim
from variate.tasks.paired import Judged, Paired

SURE = 3.0
"""Standard errors from which on a difference is not chance."""
COLORS = 10
"""Colours of runs; more runs share them."""


def runs_page(found: Paired) -> Page:
    """The page about several runs.

    Args:
        found: The runs on the same rows.
    """
    names = names_of_runs(found)
    some = (
        f"{found.num_rows:,} rows"
        if found.num_rows == found.of_rows
        else f"{found.num_rows:,} of {found.of_rows:,} rows"
    )
    lead = [f"On the same rows, the {found.part}: {some}."]
    if len({bool(own.run.recipe.schema.conditions) for own in found.runs}) > 1:
        lead.append("Some of the models are given conditions: theirs are nats of a row given these.")
    chapters = (
        Chapter(
            "differences", "Which is better", (_differences(found, names), _each(found, names)), tuple(_reading(found))
        ),
        Chapter("training", "Training", (_curves(found.runs, names),)),
        Chapter("settings", "What differs", (_settings([own.run.recipe for own in found.runs], names),)),
    )
    best = max(range(len(names)), key=lambda place: found.runs[place].elbo.value)
    tiles = (Tile("best ELBO", found.runs[best].elbo.plus_minus(), names[best]),)
    return Page(
        " and ".join(names) if len(names) == 2 else f"{len(names)} runs",
        tuple(lead),
        tiles,
        chapters,
        version("variate"),
    )


def names_of_runs(found: Paired) -> list[str]:
    """The shortest ends of the paths of the runs that tell them apart."""
    parts = [Path(own.run.name).parts for own in found.runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number}: {own.run.name}" for number, own in enumerate(found.runs, 1)]


def _differences(found: Paired, names: Sequence[str]) -> Table:
    first = names[0]
    lines = []
    for name, own in zip(names[1:], found.runs[1:], strict=True):
        assert own.over_first is not None
        assert own.distortion_over_first is not None
        assert own.rate_over_first is not None
        parts = (own.over_first, own.distortion_over_first, own.rate_over_first)
        said = (part.plus_minus("+,.2f") for part in parts)
        lines.append((name, *said, f"± {own.unpaired:.2f}", f"{own.wins:.0%}", verdict(own.over_first, first)))
    headings = ("run", "ELBO", "distortion", "rate", "unpaired", "rows it finds likelier", "verdict")
    return Table(headings, tuple(lines), f"Differences from {first}, in nats per row")


def verdict(over: Estimate, first: str) -> str:
    """What a difference says.

    Args:
        over: By how much the ELBO exceeds that of the first run.
        first: What that is called.
    """
    if not abs(over.value) > SURE * over.stderr:
        return f"not told from {first}"
    return f"{'better' if over.value > 0 else 'worse'} than {first}"


def _each(found: Paired, names: Sequence[str]) -> Table:
    unit = "bits per dimension" if found.is_mass else "nats per dimension"
    lines = []
    for name, own in zip(names, found.runs, strict=True):
        value = own.elbo.value
        per_dim = bits_per_dim(-value, found.dimensions) if found.is_mass else value / found.dimensions
        parts = (own.elbo.plus_minus(), own.distortion.plus_minus(), own.rate.plus_minus())
        lines.append((name, *parts, f"{per_dim:.4f}"))
    return Table(("run", "ELBO", "distortion", "rate", unit), tuple(lines), "Each by itself, in nats per row")


def _reading(found: Paired) -> Iterator[str]:
    yield (
        "A difference is taken row by row, and ± is the standard error of its mean. It is much smaller than what the "
        "errors of both means would give (unpaired): rows differ far more than models do on one row."
    )
    yield (
        f"Better and worse are said from {SURE:g} standard errors on. That is about these rows and these trainings: it "
        "does not hold how much a number varies from one training seed to the next."
    )


def _curves(runs: Sequence[Judged], names: Sequence[str]) -> ChartGrid:
    """The validation lines of all runs."""
    key = tuple((name, f"group-{place % COLORS}") for place, name in enumerate(names))
    histories: list[Sequence[Record]] = [own.run.history for own in runs]
    histories = [own[:: -(-len(own) // MOST_POINTS) or 1] for own in histories]
    charts = []
    for term, title, unit in TERMS:
        lines = [
            Line(name, *curve_points(own, f"validation_{term}"), color)
            for (name, color), own in zip(key, histories, strict=True)
        ]
        charts.append(LineChart(tuple(lines), title, "epoch", unit))
    return ChartGrid(tuple(charts), "Learning curves, on the validation part", "", key)


def _settings(recipes: Sequence[Recipe], names: Sequence[str]) -> Table:
    """The options in which the recipes differ."""
    flat = [_flat(recipe) for recipe in recipes]
    keys = [key for key in flat[0] if len({own[key] for own in flat}) > 1]
    lines = tuple((key, *(own[key] for own in flat)) for key in keys) or (("nothing", *("" for _ in recipes)),)
    return Table(("option", *names), lines, "Options")


def _flat(recipe: Recipe) -> dict[str, str]:
    """The options of a recipe by name, as text."""
    groups = (recipe.data, recipe.model, recipe.training)
    return {field.name: _said(getattr(group, field.name)) for group in groups for field in dataclasses.fields(group)}


def _said(value: object) -> str:
    """The value of an option."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "default" if value is None else str(value)
