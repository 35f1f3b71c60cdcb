"""Run directories: where a new run goes, and which one to go on with."""

import dataclasses
from pathlib import Path

from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.errors import InputError
from variate.runtime import distributed as ranks


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
    """The recipe of the run to go on with; options given anew must be the same, but for threads.

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
            if option.name != "threads" and value not in (option.default, getattr(saved, option.name)):
                raise InputError(
                    f"--resume: {option.name} is {getattr(saved, option.name)!r} in {str(run)!r}, not {value!r}; leave "
                    "it out, or start a new run"
                )
    if training.threads or ranks.world() > 1:  # of this start, for the first may have had another number of processes
        recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, threads=training.threads))
    return recipe


def absolute(source: str) -> str:
    """The source as it will still be understood from another directory."""
    path, colon, key = source.partition(":")
    if Path(source).exists():
        return str(Path(source).resolve())
    return f"{Path(path).resolve()}{colon}{key}" if Path(path).exists() else source
