"""Pages: one about a run, and one about several on the same held-out rows."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from variate.config.recipe import Recipe
from variate.data import describe
from variate.errors import Option, Sentence
from variate.reports.evaluation import evaluation_report
from variate.reports.exhibits import Chapter, Command, Commands, Page, Tile
from variate.reports.json import to_json
from variate.reports.page_latents import latent_chapters
from variate.reports.page_numbers import (
    Record,
    best_bound,
    data_chapter,
    doctor_chapter,
    nats_chapter,
    quantities_of,
    training_chapter,
)
from variate.reports.page_rows import rows_chapters
from variate.reports.report import Remarks
from variate.runs import HeldOut, Run
from variate.tasks.overview import LeftOut, Overview


def run_page(found: Overview) -> Page:
    """The page about a run.

    Args:
        found: What is known of it.
    """
    run, splits = found.run, found.splits
    recipe, record = run.recipe, _record(found)
    found = found._replace(record=record)
    name, title = shlex.quote(run.name), run.path.resolve().name
    chapters = [
        data_chapter(splits, recipe),
        training_chapter(run.history, recipe),
        nats_chapter(record, recipe.schema, name),
        *rows_chapters(found),
        *latent_chapters(found),
        doctor_chapter(run.diagnosis, recipe, name),
        use_chapter(run),
    ]
    if found.left_out:
        chapters.append(_left_out(found.left_out, recipe.source))
    lead = (
        ("A variational autoencoder and what is known of it.",) if splits is None else (f"{describe(run.splits())}.",)
    )
    return Page(title, lead, tuple(_tiles(record, recipe)), tuple(chapters), version("variate"))


def _record(found: Overview) -> Record | None:
    """The evaluation as JSON values: what is on record, or what was just measured."""
    if found.record is not None or found.evaluation is None or found.splits is None:
        return found.record
    own, recipe = found.splits, found.run.recipe
    held_out = HeldOut(own.test, f"test part of {own.name}", recipe.source, own.fingerprint)
    report = evaluation_report(found.evaluation, found.run, held_out, seed=0, precision=found.precision)
    return to_json(report)


def _tiles(record: Mapping[str, Any] | None, recipe: Recipe) -> Iterator[Tile]:
    """The numbers that are seen first."""
    bound = None if record is None else best_bound(record)
    if record is not None and bound is not None:
        yield Tile(bound.name, bound.estimate.plus_minus(), "nats per held-out row; higher is better")
        if bound.per_dim is not None:
            unit = "bits per dimension; lower is better" if record.get("is_mass") else "nats per dimension"
            yield Tile(f"{bound.name} per dimension", bound.per_dim.plus_minus(".3f", ".3f"), unit)
        for line in quantities_of(record):
            if line.name.startswith("active units"):
                yield Tile("active latents", f"{line.estimate.value:.0f} of {recipe.model.latent}", "vary with the row")
            if line.name.startswith("accuracy of p(c|x)"):
                yield Tile("Bayes' accuracy", line.estimate.plus_minus(".1%", ".1%"), "of p(c|x)")


def use_chapter(run: Run) -> Chapter:
    """How to use the model of a run: the commands, filled in."""
    recipe = run.recipe
    drawn = "vae.sample(16, context=contexts)" if recipe.schema.conditions else "vae.sample(16)"
    code = (
        Command("Open it; no code from the file is run.", Sentence(f"vae = variate.load({str(run.model_file)!r})")),
        Command("New rows.", Sentence(f"rows = {drawn}")),
        Command("How odd rows of yours are, in nats.", Sentence("variate.score(vae, rows).score")),
    )
    parts = (
        Commands(tuple(_commands(shlex.quote(run.name), recipe)), "On the command line"),
        Commands(code, "In Python, after import variate"),
    )
    return Chapter("use", "How to use it", parts)


def _commands(name: str, recipe: Recipe) -> Iterator[Command]:
    schema = recipe.schema

    def command(purpose: str, *words: str | Option) -> Command:
        return Command(purpose, Sentence("variate ", *words))

    new, file = ("new.png", "NEW-IMAGES") if schema.is_image else ("new.csv", "NEW-ROWS")
    yield command("Draw new rows.", f"sample {name} -n 100 -o {new}")
    if schema.conditions:
        own = schema.conditions[0]
        value = own.categories[0] if own.categories else "1"
        yield command(
            "Draw rows of one condition.", f"sample {name} -n 100 -o {new} ", Option("given", [f"{own.name}={value}"])
        )
        yield command("Tell the condition of rows.", f"classify {name} {file}")
    yield command("Find odd rows, and say why they are.", f"score {name} {file}")
    yield command("Place rows in latent space.", f"embed {name} {file} -o embeddings.parquet")
    if schema.is_image:
        yield command("Encode images and decode them again.", f"reconstruct {name} {file} -o pairs.png")
        yield command("Walk from image to image.", f"interpolate {name}")
    if schema.columns:
        yield command("Fill what is missing.", f"impute {name} {file} -o filled.csv")
    yield command("Measure it again, with tighter bounds.", f"evaluate {name}")
    yield command("Find out why it is not better.", f"doctor {name}")
    yield command("Make this page again, with what was measured since.", f"report {name}")
    yield command("Compare with another run on the same rows.", f"report {name} OTHER-RUN -o comparison.html")


def _left_out(left_out: Sequence[LeftOut], source: str) -> Chapter:
    """What is not on the page, and why; a page may be sent, so it does not say in which folder the data are."""

    def without_folder(part: str | Option) -> str | Option:
        return part if isinstance(part, Option) or not source else part.replace(source, PurePath(source).name)

    sentences = tuple(Sentence(f"{own.what}: ", *map(without_folder, own.why.parts)) for own in left_out)
    return Chapter("left-out", "What is not here, and why", (Remarks(sentences),))
