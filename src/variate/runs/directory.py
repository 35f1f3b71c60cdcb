"""Where a new run goes, which run to resume, and where its records are written."""

import dataclasses
import os
from pathlib import Path

from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.run_files import CHECKPOINT
from variate.errors import InputError, Option, Sentence
from variate.runtime import distributed

ALL_RUNS = Path("runs")
"""The directory of runs that were given no other."""


def new_directory(source: str, out: str | None) -> Path:
    """A directory that holds no run yet.

    Args:
        source: Name or path of the data.
        out: The directory that was asked for; by default the next free one of runs/DATA, runs/DATA-2, ...

    Raises:
        InputError: If the directory that was asked for is in use.
    """
    if out is not None:
        run = Path(out)
        if run.exists() and (not run.is_dir() or any(run.iterdir())):
            raise InputError(
                "out",
                "a directory that is empty or does not exist yet",
                f"{out!r}, which is not empty",
                Sentence("choose another, or resume the run in it by ", Option("resume", True)),
            )
        return run
    first = ALL_RUNS / run_name(source)
    number = 2
    run = first
    while run.exists():
        run = first.with_name(f"{first.name}-{number}")
        number += 1
    return run


def run_name(source: str) -> str:
    """The name of a run on these data."""
    return Path(source.partition(":")[0] or source).resolve().stem.removesuffix(".npy") or "data"


def resumed_directory(source: str, out: str | None) -> Path:
    """The directory of the run to resume: the one that was asked for, or the latest on these data.

    Raises:
        InputError: If there is none.
    """
    if out is not None:
        return Path(out)
    runs = [run for run in ALL_RUNS.glob(f"{run_name(source)}*") if (run / CHECKPOINT.parent).is_dir()]
    if not runs:
        raise InputError(
            "resume",
            f"a run on {source!r} with a checkpoint in {str(ALL_RUNS)!r}",
            "none",
            Sentence("name its directory by ", Option("out")),
        )
    return max(runs, key=lambda run: (run / CHECKPOINT.parent).stat().st_mtime)


def resumed_recipe(run: Path, source: str, data: DataOptions, model: ModelOptions, training: TrainingOptions) -> Recipe:
    """The recipe of a run to resume. Options that were given must agree with it, except for threads.

    Args:
        run: The run directory.
        source: Name or path of the data.
        data: Options as given, like the following two; those at their default are not compared.
        model: The same.
        training: The same. Its number of threads is that of this machine, and replaces the saved one.

    Raises:
        InputError: If there is no checkpoint, or the data or an option differ.
    """
    from variate.training import saved_recipe

    recipe = saved_recipe(run)
    if recipe.source != absolute(source):
        raise InputError("data", f"{recipe.source!r}, which {str(run)!r} is a run on", repr(source))
    for given, saved in ((data, recipe.data), (model, recipe.model), (training, recipe.training)):
        for option in dataclasses.fields(given):
            value, kept = getattr(given, option.name), getattr(saved, option.name)
            if option.name != "threads" and value not in (option.default, kept):
                raise InputError(
                    option.name, f"{kept!r} as in {str(run)!r}", repr(value), "leave it out, or start a new run"
                )
    if training.threads or distributed.launched() > 1:  # the saved number was for another number of processes
        recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, threads=training.threads))
    return recipe


def absolute(source: str) -> str:
    """A source such that it can be read from any directory: paths become absolute, names stay."""
    path, colon, key = source.partition(":")
    if Path(source).exists():
        return str(Path(source).resolve())
    return f"{Path(path).resolve()}{colon}{key}" if Path(path).exists() else source


def record_path(default: Path, out: str | None) -> Path:
    """The file of a record, checked before any work is done.

    Args:
        default: Where it goes if nothing was asked for.
        out: The file that was asked for.

    Raises:
        InputError: If its name does not end in .json, or its directory cannot be written to.
    """
    path = Path(out) if out is not None else default
    if path.suffix.lower() != ".json":
        raise InputError("out", "a name that ends in .json", repr(out))
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError("out", "a directory to write to", repr(str(path.parent)), "name another place")
    return path
