"""Chapters of a page that come from records: the data, the training, held-out nats, the doctor's findings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from variate.config.defaults import choose_model
from variate.config.recipe import ModelOptions, Recipe
from variate.config.schema import Column, Schema
from variate.data import Splits
from variate.doctor import Finding
from variate.errors import Sentence
from variate.reports.exhibits import Chapter, ChartGrid, Command, Commands, Exhibit, Line, LineChart
from variate.reports.report import (
    BITS_PER_DIM,
    BOUND,
    NATS,
    NATS_PER_DIM,
    PART,
    Findings,
    Quantities,
    Quantity,
    Remarks,
    Section,
    Table,
)
from variate.statistics import Estimate, bits_per_dim

MOST_POINTS = 500
"""Validations that a learning curve has a point for."""
TERMS = (
    ("elbo", "ELBO", "nats per row"),
    ("rate", "rate", "nats per row"),
    ("distortion", "distortion", "nats per row"),
)
"""What is drawn over the epochs, in the words of metrics.jsonl and of the page."""

Record = Mapping[str, Any]


def data_chapter(splits: Splits | None, recipe: Recipe) -> Chapter:
    """What the model was trained on, and what was decided about the data and why."""
    parts: list[Section | Exhibit] = []
    lead = () if splits else ("The data are no longer there, or cannot be read; the last chapter says why.",)
    if splits is not None:
        parts.append(Remarks((*splits.notes, *reasons(recipe, len(splits.train))), "What was decided, and why"))
    if recipe.schema.columns:
        parts.append(Table(("column", "taken for"), tuple(map(_column, recipe.schema.columns)), "The columns"))
    if recipe.schema.conditions:
        parts.append(
            Table(("condition", "taken for"), tuple(map(_column, recipe.schema.conditions)), "Given beside a row")
        )
    if recipe.schema.aside:
        aside = tuple((own.name, ASIDE[own.kind]) for own in recipe.schema.aside)
        parts.append(Table(("column", "why"), aside, "Columns that were set aside"))
    return Chapter("data", "The data", parts, lead)


ASIDE = {
    "empty": "it has no value",
    "constant": "it never changes",
    "counter": "it only numbers the rows",
    "identifier": "it only names the rows",
    "text": "it is text that hardly repeats",
}
"""Why a column is set aside."""


def reasons(recipe: Recipe, num_rows: int) -> Iterator[str]:
    """Why the likelihood and the network are what they are."""
    usual, why = choose_model(recipe.schema, num_rows, ModelOptions())
    for name, reason in zip(("likelihood", "network"), why, strict=True):
        own = getattr(recipe.model, name)
        yield reason if own == getattr(usual, name) else f"{name} {own}: as asked"


def _column(column: Column) -> tuple[str, str]:
    kinds = {"real": column.format if column.format not in ("", "number") else "real numbers", "binary": "bits",
             "counts": "counts", "categorical": f"{len(column.categories):,} categories"}  # fmt: skip
    step = f" in steps of {column.step:g}" if column.kind == "real" and column.step and not column.format else ""
    return column.name, f"{kinds[column.kind]}{step}{', with gaps' if column.gaps else ''}"


def training_chapter(history: Sequence[Record], recipe: Recipe) -> Chapter:
    """What was trained, and its learning curves."""
    options = Table(("", ""), tuple(_settings(recipe)), "What was trained")
    if not history:
        return Chapter("training", "Training", (options,), ("The run directory holds no metrics.jsonl.",))
    chosen = history[:: -(-len(history) // MOST_POINTS)]
    best = max(history, key=lambda record: _number(record, "validation_elbo"))
    charts = tuple(_curve(chosen, best, *term) for term in TERMS)
    key = (("training", "real"), ("validation", "drawn"))
    curves = ChartGrid(charts, "Learning curves", "The dotted line is where the weights are from that were kept.", key)
    lead = (
        "Training lines are means over the steps since the validation before. Validation lines judge the moving "
        "average of the weights, of which the best one was kept. ELBO = - distortion - rate.",
    )
    return Chapter("training", "Training", (curves, options), lead)


def _curve(history: Sequence[Record], best: Record, key: str, name: str, unit: str) -> LineChart:
    parts = (("training", "train", "real"), ("validation", "validation", "drawn"))
    lines = tuple(Line(said, *curve_points(history, f"{part}_{key}"), color) for said, part, color in parts)
    return LineChart(lines, name, "epoch", unit, _number(best, "epoch"))


def curve_points(history: Sequence[Record], key: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Epochs and values of what training measured, where both are numbers.

    Args:
        history: The records of metrics.jsonl.
        key: What was measured.
    """
    points = [(_number(record, "epoch"), _number(record, key)) for record in history]
    points = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    return tuple(x for x, _ in points), tuple(y for _, y in points)


def _number(record: Record, key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) else -math.inf


def _settings(recipe: Recipe) -> Iterator[tuple[str, str]]:
    model, training = recipe.model, recipe.training
    yield "likelihood p(x|z)", str(model.likelihood)
    yield "networks", f"{model.network}, {model.depth} x {model.width}"
    yield "latents", f"{model.latent}, {model.posterior} posterior, {model.prior} prior"
    yield "objective", training.bound if training.beta == 1 else f"{training.bound} with beta {training.beta:g}"
    yield "epochs asked for", f"{training.epochs:,}" if training.epochs else "as needed"
    yield "rows per step", f"{training.batch_size:,}" if training.batch_size else "as needed"
    yield "learning rate", f"{training.lr:g}" if training.lr else "as needed"
    yield "seed", str(training.seed)
    yield "recipe", recipe.digest
    yield "fingerprint of the data", recipe.fingerprint


def nats_chapter(record: Record | None, schema: Schema, name: str) -> Chapter:
    """How good the model is on rows that it has not seen."""
    title = "How good it is on rows that it has not seen"
    if record is None:
        return Chapter("held-out", title, (), ("There is no evaluation; the last chapter says why.",))
    lines = quantities_of(record)
    unit = BITS_PER_DIM if record.get("is_mass") else NATS_PER_DIM
    parts: list[Section | Exhibit] = [Quantities(lines, _rows_said(record), unit)]
    tables = [
        Table(tuple(own["headings"]), tuple(map(tuple, own["rows"])), own["title"]) for own in record.get("tables", ())
    ]
    if not any(line.name.startswith("IW-") for line in lines):
        tighter = Sentence("variate evaluate ", name)
        parts.append(
            Commands(
                (Command("The ELBO is the loosest of the bounds. Tighter ones, by importance weighting:", tighter),)
            )
        )
    return Chapter("held-out", title, (*parts, *tables), tuple(meaning(record, schema)))


def quantities_of(record: Record) -> tuple[Quantity, ...]:
    """The numbers of a record of an evaluation."""
    return tuple(map(_quantity(record), record.get("quantities", ())))


def _quantity(record: Record) -> Any:  # noqa: ANN401
    dimensions, is_mass = int(record.get("dimensions") or 1), bool(record.get("is_mass"))

    def read(line: Record) -> Quantity:
        value, stderr = (math.nan if line.get(key) is None else float(line[key]) for key in ("value", "stderr"))
        per_dim = None
        if line["unit"] == NATS and line["kind"] in (BOUND, PART):
            sign = -1 if is_mass and line["kind"] == BOUND else 1
            per_dim = Estimate(sign * value / dimensions, stderr / dimensions)
            if is_mass:
                per_dim = Estimate(bits_per_dim(sign * value, dimensions), bits_per_dim(stderr, dimensions))
        return Quantity(str(line["name"]), Estimate(value, stderr), str(line["unit"]), str(line["kind"]), per_dim)

    return read


def _rows_said(record: Record) -> str:
    data, rows, of_rows = record.get("data", {}), record.get("rows"), record.get("of_rows")
    some = f"{rows:,} rows" if rows == of_rows else f"{rows:,} of {of_rows:,} rows, drawn by the seed"
    return f"On the {data.get('part', 'held-out rows')}: {some}"


def best_bound(record: Record) -> Quantity | None:
    """The tightest bound on log p(x) that is over all of the rows."""
    bounds = [line for line in quantities_of(record) if line.kind == BOUND and not line.name.startswith("AIS")]
    return bounds[-1] if bounds else None


def meaning(record: Record, schema: Schema) -> Iterator[str]:
    """What the nats mean, a sentence each."""
    bound = best_bound(record)
    if bound is None:
        return
    nats, dimensions = bound.estimate, int(record["dimensions"])
    row = "image" if schema.is_image else "row"
    if record.get("is_mass"):
        bits = -nats.value / math.log(2)
        number = "number" if not schema.is_image else "pixel" if schema.shape[0] == 1 else "number of a pixel"
        each = f"{bits_per_dim(-nats.value, dimensions):.3f} bits per {'cell' if schema.columns else number}"
        plain = (
            f"; written down plainly, with {schema.levels} levels, it takes {math.log2(schema.levels):.2f}"
            if schema.levels
            else ""
        )
        yield (
            f"To write down exactly one {row} that the model has not seen, a code built on it needs at most "
            f"{bits:,.1f} bits on average ({bound.name}: {nats.plus_minus()} nats), which is {each}{plain}."
        )
    else:
        yield (
            f"{bound.name} is {nats.plus_minus()} nats per {row}: a lower bound on the mean log-density of rows that "
            "the model has not seen. A density has the units of the data and may have either sign, so the number says "
            "which of two models of the same data is better (the higher one), and nothing by itself."
        )
    yield (
        "± is the standard error: if other rows had been held out, the mean would typically differ by that much. Two "
        "runs are told apart much more finely on the same rows, by a report of both."
    )


def doctor_chapter(record: Record | None, recipe: Recipe, name: str) -> Chapter:
    """The doctor's findings with their prices."""
    title, command = "Why it is not better", Command("What each part of the model costs, in nats, and what to change:",
                                                     Sentence("variate doctor ", name))  # fmt: skip
    if record is None or record.get("recipe") != recipe.digest:
        lead = "The doctor has not examined this model. It takes a minute or so; then make the report again."
        return Chapter("doctor", title, (Commands((command,)),), (lead,))
    found = tuple(map(_finding, record.get("findings", ())))
    alarms, smaller = ([own for own in found if own.alarm is kind] for kind in (True, False))
    parts: list[Section | Exhibit] = []
    if alarms:
        parts.append(Findings(tuple(alarms), "Alarms"))
    if smaller:
        parts.append(Findings(tuple(smaller), "Smaller findings", len(alarms) + 1))
    costs = tuple(map(_quantity(record), record.get("quantities", ())))
    parts.append(Quantities(costs, "What was measured, in nats per row"))
    lead = (
        "Options are named as in Python: kl_warmup=10 is the flag kl-warmup with the value 10."
        if found
        else "No finding."
    )
    return Chapter("doctor", title, parts, (lead,))


def _finding(found: Record) -> Finding:
    cost = found.get("cost")
    price = None
    if cost is not None:
        price = Estimate(*(math.nan if cost[key] is None else float(cost[key]) for key in ("value", "stderr")))
    return Finding(found["name"], found["title"], price, found["evidence"], found["advice"], found["alarm"])
