"""Training: data to a run directory with a model, its numbers and its pictures."""

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from variate.cli.evaluate import show_table
from variate.cli.speech import say
from variate.cli.use import SHOWN_ROWS
from variate.cli.writing import write_pairs, write_rows
from variate.config.defaults import Choice, choose
from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.data import Splits, Stream, describe, in_memory, read, split
from variate.errors import InputError, VariateWarning
from variate.runs.directory import absolute, checked_recipe, new_directory, resumed_directory
from variate.runs.opening import run_in
from variate.runtime import distributed as ranks

if TYPE_CHECKING:
    from variate.models.vae import VAE
    from variate.training import History

SAMPLES = 64
"""Images in a picture of samples."""


def train(
    source: str,
    out: str | None,
    resume: bool,
    data: DataOptions,
    model: ModelOptions,
    training: TrainingOptions,
) -> None:
    """Reads, chooses, trains, evaluates, and shows pictures, the last two on the first of several ranks only."""
    ranks.join()
    run = ranks.first(lambda: resumed_directory(source, out) if resume else new_directory(source, out))
    old = ranks.first(lambda: checked_recipe(run, source, data, model, training)) if resume else None
    parts = ranks.together(lambda: split_data(source, old.data if old else data))
    if len(set(ranks.gathered(parts.fingerprint))) > 1:
        raise InputError(f"{source!r} is not the same data for all processes: give every machine the same files")
    if old and old.fingerprint != parts.fingerprint:
        raise InputError(f"{source!r} is not the data that {str(run)!r} was trained on: they have changed since")
    if old:
        chosen = Choice(old, (f"likelihood {old.model.likelihood} and network {old.model.network} as in {run}",))
    else:
        data = dataclasses.replace(data, stream="on" if isinstance(parts.train, Stream) else "off")
        name = ranks.first(lambda: absolute(source))
        chosen = choose(parts.schema, len(parts.train), name, parts.fingerprint, data, model, training)
    say(f"{describe(parts)}; {summary(*chosen)}")
    for note in parts.notes:
        say(f"  {note}")
    vae, history = trained(chosen.recipe, parts, run, resume)
    say(ending(history.stopped, history.best_step, run))
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    if not ranks.leads():
        return
    show(vae, parts, run)
    for sentence in history.warnings:
        print(f"variate: warning: {sentence}", file=sys.stderr)  # noqa: T201
    say(f"next: variate sample {run} | variate embed {run} | variate evaluate {run} | variate doctor {run}")


def trained(recipe: Recipe, parts: Splits, run: Path, resume: bool) -> tuple["VAE", "History"]:
    """Builds the model of a recipe and trains it."""
    import torch

    from variate.models.build import from_recipe, prepare
    from variate.runtime.random import seeded
    from variate.training import fit

    levels = parts.schema.levels if parts.redraw else 0
    with seeded(recipe.training.seed):
        vae = from_recipe(recipe)
        prepare(vae, torch.from_numpy(in_memory(parts.train)), levels)
    options = recipe.training
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VariateWarning)  # they are part of the history, and shown at the end
        history = fit(vae, parts.train, parts.validation, options, run=run, resume=resume, levels=levels, progress=True)
    return vae, history


def ending(stopped: str, best_step: int, run: Path) -> str:
    """One sentence on how training ended."""
    kept = f"kept the weights of step {best_step:,}"
    if stopped == "interrupted":
        return f"interrupted: {kept}; go on with --resume --out {run}"
    return f"{'stopped early' if stopped == 'early' else 'finished'}: {kept}, the best on the validation part"


def split_data(source: str, options: DataOptions) -> Splits:
    """The data, read and parted."""
    return split(read(source, options), options)


def summary(recipe: Recipe, reasons: tuple[str, ...]) -> str:
    """What the model is, and why."""
    model = recipe.model
    units = "channels" if model.network == "conv" else "units"
    size = f"{model.depth} x {model.width} {units}, {model.latent} latents, {model.posterior} posterior"
    return f"{'; '.join(reasons)}; {size}"


def show(vae: "VAE", parts: Splits, run: Path) -> None:
    """Evaluates on the test part, and writes samples and, of images, reconstructions into the run directory."""
    from variate.evaluation.evaluate import evaluate as measure

    if vae.recipe is None:
        raise AssertionError("a model that was built from a recipe has one")
    recipe = vae.recipe
    precision = run_in(vae, "auto")
    show_table(measure(vae, parts.test), f"test part of {parts.name}", recipe.training, precision)
    written = [run / "model.safetensors", run / "metrics.jsonl"]
    if recipe.schema.is_image:
        rows = parts.test[:SHOWN_ROWS]
        written.append(run / "reconstructions.png")
        write_pairs(written[-1], rows, vae.reconstruct(rows).numpy(), recipe)
    drawn = vae.sample(SAMPLES, mean=recipe.schema.is_image, seed=recipe.training.seed).numpy()
    written.append(run / ("samples.png" if recipe.schema.is_image else "samples.csv"))
    write_rows(written[-1], drawn, recipe)
    say(f"wrote {', '.join(str(path) for path in written)}")
