"""What the commands do, once their options are understood.

Data are read before torch is loaded, so what is wrong with them is said at once.
"""

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.choose import Choice, choose
from variate.data import Rows, Splits, describe, read, split
from variate.errors import InputError, VariateWarning
from variate.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions

if TYPE_CHECKING:
    from variate.evaluation import Evaluation
    from variate.training import History
    from variate.vae import VAE

SHOWN_ROWS = 48
"""Images in a picture of reconstructions."""
SAMPLES = 64
"""Images in a picture of samples."""


def say(text: str = "") -> None:
    """Prints a line at once, so that it stands before what a progress bar writes."""
    print(text, flush=True)  # noqa: T201


def train(
    source: str,
    out: str | None,
    resume: bool,
    data: DataOptions,
    model: ModelOptions,
    training: TrainingOptions,
) -> None:
    """Reads, chooses, trains, evaluates, and shows pictures."""
    run = resumed_directory(source, out) if resume else new_directory(source, out)
    old = checked_recipe(run, source, data, model, training) if resume else None
    parts = split_data(source, old.data if old else data)
    if old and old.fingerprint != parts.fingerprint:
        raise InputError(f"{source!r} is not the data that {str(run)!r} was trained on: they have changed since")
    if old:
        chosen = Choice(old, (f"likelihood {old.model.likelihood} and network {old.model.network} as in {run}",))
    else:
        chosen = choose(parts.schema, len(parts.train), absolute(source), parts.fingerprint, data, model, training)
    say(f"{describe(parts)}; {summary(*chosen)}")
    for note in parts.notes:
        say(f"  {note}")
    vae, history = trained(chosen.recipe, parts, run, resume)
    say(ending(history.stopped, history.best_step, run))
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    show(vae, parts, run)
    for sentence in history.warnings:
        print(f"variate: warning: {sentence}", file=sys.stderr)  # noqa: T201
    say(f"next: variate sample {run} | variate reconstruct {run} | variate embed {run} | variate evaluate {run}")


def trained(recipe: Recipe, parts: Splits, run: Path, resume: bool) -> tuple["VAE", "History"]:
    """Builds the model of a recipe and trains it."""
    import torch

    from variate.compose import from_recipe, prepare
    from variate.rng import seeded
    from variate.training import fit

    levels = parts.schema.levels if parts.redraw else 0
    with seeded(recipe.training.seed):
        vae = from_recipe(recipe)
        prepare(vae, torch.from_numpy(parts.train), levels)
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


def new_directory(source: str, out: str | None) -> Path:
    """A run directory that holds no run yet."""
    if out is not None:
        run = Path(out)
        if run.exists() and (not run.is_dir() or any(run.iterdir())):
            raise InputError(
                f"--out {out!r} exists and is not empty: choose another, or pass --resume to go on with it"
            )
        return run
    first = Path("runs", run_name(source))
    number = 2
    run = first
    while run.exists():
        run = first.with_name(f"{first.name}-{number}")
        number += 1
    return run


def run_name(source: str) -> str:
    """What a run on this data is called."""
    return Path(source.partition(":")[0] or source).resolve().stem.removesuffix(".npy") or "data"


def resumed_directory(source: str, out: str | None) -> Path:
    """The run directory to go on with."""
    if out is not None:
        return Path(out)
    runs = [p for p in Path("runs").glob(f"{run_name(source)}*") if (p / "checkpoint").is_dir()]
    if not runs:
        raise InputError(f"--resume: no run of {source!r} with a checkpoint in 'runs'; name its directory with --out")
    return max(runs, key=lambda p: (p / "checkpoint").stat().st_mtime)


def checked_recipe(run: Path, source: str, data: DataOptions, model: ModelOptions, training: TrainingOptions) -> Recipe:
    """The recipe of the run to go on with; options given anew must be the same.

    Raises:
        InputError: If there is no checkpoint, or an option differs from the run's.
    """
    from variate.training import saved_recipe

    recipe = saved_recipe(run)
    if recipe.source != absolute(source):
        raise InputError(f"{str(run)!r} is a run on {recipe.source!r}, not on {source!r}")
    for given, saved in ((data, recipe.data), (model, recipe.model), (training, recipe.training)):
        for option in dataclasses.fields(given):
            value = getattr(given, option.name)
            if value not in (option.default, getattr(saved, option.name)):
                raise InputError(
                    f"--resume: {option.name} is {getattr(saved, option.name)!r} in {str(run)!r}, not {value!r}; leave "
                    "it out, or start a new run"
                )
    return recipe


def absolute(source: str) -> str:
    """The source as it will still be understood from another directory."""
    path, colon, key = source.partition(":")
    if Path(source).exists():
        return str(Path(source).resolve())
    return f"{Path(path).resolve()}{colon}{key}" if Path(path).exists() else source


def split_data(source: str, options: DataOptions) -> Splits:
    """The data, read and parted."""
    return split(read(source, options), options)


def summary(recipe: Recipe, reasons: tuple[str, ...]) -> str:
    """What the model is, and why."""
    model = recipe.model
    units = "units" if model.network == "mlp" else "channels"
    size = f"{model.depth} x {model.width} {units}, {model.latent} latents, {model.posterior} posterior"
    return f"{'; '.join(reasons)}; {size}"


def report(result: "Evaluation", part: str, beta: float = 1.0, free_bits: float = 0.0) -> None:
    """Prints an evaluation as a table."""
    from rich.console import Console
    from rich.table import Table

    from variate.estimates import bits_per_dim

    table = Table(title=f"{part}: {result.num_rows:,} rows, {result.num_samples} draw(s) a row", title_justify="left")
    units = ["nats a row", "bits/dim"] if result.is_mass else ["nats a row", "nats/dim"]
    for heading in ("", *units):
        table.add_column(heading, justify="left" if not heading else "right")
    meanings = {"elbo": "ELBO, at most log p(x)", "distortion": "distortion, -log p(x|z)", "rate": "rate, KL(q || p)"}
    for name, meaning in meanings.items():
        estimate = getattr(result, name)
        sign = -1 if name == "elbo" else 1
        if result.is_mass:
            per, err = (
                bits_per_dim(sign * estimate.value, result.dimensions),
                bits_per_dim(estimate.stderr, result.dimensions),
            )
        else:
            per, err = estimate.value / result.dimensions, estimate.stderr / result.dimensions
        table.add_row(meaning, f"{estimate.value:,.2f} ± {estimate.stderr:.2f}", f"{per:.4f} ± {err:.4f}")
    Console().print(table)
    if not result.is_mass:
        say("the likelihood is a density, so nats may have either sign and depend on the units of the data")
    if beta != 1 or free_bits:
        say(f"trained with beta={beta} and free_bits={free_bits}: the ELBO above is a bound all the same, at beta = 1")


class Opened(NamedTuple):
    """A model and the recipe in its file."""

    vae: "VAE"
    recipe: Recipe


def open_model(path: str) -> Opened:
    """Loads a model file that holds its recipe."""
    from variate.compose import load

    vae = load(path)
    if vae.recipe is None:
        raise InputError(f"{path!r} holds no recipe")
    return Opened(vae, vae.recipe)


def rows_for(recipe: Recipe, source: str | None) -> tuple[np.ndarray, str]:
    """Held-out rows for a model, and what they are: all of the data given, or the test part of its own."""
    if source is not None and absolute(source) != recipe.source:
        return all_rows(read(source, recipe.data, schema=recipe.schema)), source
    parts = own_splits(recipe)
    return parts.test, f"test part of {parts.name}"


def own_splits(recipe: Recipe) -> Splits:
    """The data that a model was trained on, parted as they were then."""
    parts = split(read(recipe.source, recipe.data, schema=recipe.schema), recipe.data)
    if parts.fingerprint != recipe.fingerprint:
        raise InputError(
            f"{recipe.source!r} is no longer the data that the model was trained on, so its test part is not held out; "
            "give the rows to use as DATA"
        )
    return parts


def all_rows(rows: Rows) -> np.ndarray:
    """Every row, an official test set last."""
    return rows.values if rows.test is None else np.concatenate([rows.values, rows.test])


def evaluate(model: str, data: str | None, samples: int, seed: int) -> None:
    """Prints the ELBO and its parts."""
    from variate.evaluation import evaluate as measure

    vae, recipe = open_model(model)
    rows, part = rows_for(recipe, data)
    report(measure(vae, rows, samples, seed), part, recipe.training.beta, recipe.training.free_bits)


def sample(
    model: str, number: int, out: str | None, temperature: float, noise: bool, seed: int, overwrite: bool
) -> None:
    """Writes new rows."""
    vae, recipe = open_model(model)
    path = output_path(out, "samples", recipe, overwrite)
    mean = recipe.schema.is_image and not noise
    rows = vae.sample(number, temperature=temperature, mean=mean, seed=seed).numpy()
    write_rows(path, rows, recipe)
    say(f"wrote {number} samples to {path}{' (means of p(x|z); --noise draws pixels)' if mean else ''}")


def reconstruct(model: str, data: str | None, number: int | None, out: str | None, overwrite: bool) -> None:
    """Writes rows, encoded and decoded again."""
    vae, recipe = open_model(model)
    path = output_path(out, "reconstructions", recipe, overwrite)
    rows, part = rows_for(recipe, data)
    picture = path.suffix.lower() == ".png"
    if number is not None and number < 1:
        raise InputError(f"-n must be at least 1, got {number}")
    rows = rows[: number if number is not None else SHOWN_ROWS if picture else None]
    decoded = vae.reconstruct(rows).numpy()
    if picture:
        write_pairs(path, rows, decoded, recipe)
    else:
        write_rows(path, decoded, recipe)
    say(f"wrote {len(rows)} reconstructions of {part} to {path}")


def embed(model: str, data: str | None, out: str, std: bool, overwrite: bool) -> None:
    """Writes the posterior means, and on request standard deviations, of every row."""
    from variate import outputs

    path = outputs.new_path(out, outputs.TABLES, overwrite)
    vae, recipe = open_model(model)
    rows = all_rows(read(data if data is not None else recipe.source, recipe.data, schema=recipe.schema))
    found = vae.embed(rows)
    table = {f"z{i}": column for i, column in enumerate(found.mean.numpy().T)}
    if std:
        table |= {f"std{i}": column for i, column in enumerate(found.std.numpy().T)}
    outputs.write_table(path, table)
    say(f"wrote {len(rows):,} rows of {vae.latent} latents to {path}, in the order of the data")


def output_path(out: str | None, name: str, recipe: Recipe, overwrite: bool) -> Path:
    """Where to write rows of this kind."""
    from variate import outputs

    endings = (".png", *outputs.TABLES) if recipe.schema.is_image else outputs.TABLES
    return outputs.new_path(out or f"{name}{endings[0] if recipe.schema.is_image else '.csv'}", endings, overwrite)


def levels(recipe: Recipe) -> int:
    """Grey levels of an image, for showing it; 0 where its range is its own."""
    if recipe.schema.kind == "binary":
        return 2
    return recipe.schema.levels


def write_rows(path: Path, rows: np.ndarray, recipe: Recipe) -> None:
    """Writes rows as a picture, an array or a table, by the file's ending."""
    from variate import outputs, pictures

    if path.suffix.lower() == ".png":
        pictures.save(pictures.grid(pictures.to_uint8(rows, levels(recipe))), path)
    elif path.suffix.lower() == ".npy" and not recipe.schema.columns:
        outputs.write_array(path, rows)
    else:
        outputs.write_table(path, outputs.columns(rows, recipe.schema))


def write_pairs(path: Path, rows: np.ndarray, decoded: np.ndarray, recipe: Recipe) -> None:
    """Writes a picture of each image above its reconstruction."""
    from variate import pictures

    above, below = (pictures.to_uint8(part, levels(recipe)) for part in (rows, decoded))
    pictures.save(pictures.side_by_side(above, below), path)


def show(vae: "VAE", parts: Splits, run: Path) -> None:
    """Evaluates on the test part, and writes samples and, of images, reconstructions into the run directory."""
    from variate.evaluation import evaluate as measure

    if vae.recipe is None:
        raise AssertionError("a model that was built from a recipe has one")
    recipe = vae.recipe
    report(measure(vae, parts.test), f"test part of {parts.name}", recipe.training.beta, recipe.training.free_bits)
    written = [run / "model.safetensors", run / "metrics.jsonl"]
    if recipe.schema.is_image:
        rows = parts.test[:SHOWN_ROWS]
        written.append(run / "reconstructions.png")
        write_pairs(written[-1], rows, vae.reconstruct(rows).numpy(), recipe)
    drawn = vae.sample(SAMPLES, mean=recipe.schema.is_image, seed=recipe.training.seed).numpy()
    written.append(run / ("samples.png" if recipe.schema.is_image else "samples.csv"))
    write_rows(written[-1], drawn, recipe)
    say(f"wrote {', '.join(str(path) for path in written)}")
