"""Runs that differ in their training seed alone: what they measure, and by how much it varies.

The first run is in a directory as usual, and each other one is a whole run in a directory inside of it:

    runs/digits/             the run of seed 0: model, metrics, checkpoint, pictures
    runs/digits/seed-1/      the run of seed 1
    runs/digits/seed-2/      the run of seed 2
    runs/digits/seeds.json   what they measure, with mean and spread

The rows are split alike, for the seed of the split is another one, and the number of latents, if it was searched for,
is the same.
"""

import dataclasses
from pathlib import Path

from variate.config.recipe import Recipe
from variate.config.run_files import CHECKPOINT, MODEL_FILE
from variate.errors import InputError
from variate.runs.directory import refuse_used
from variate.runs.run import Run
from variate.runs.training import Plan
from variate.runtime.claims import Claim

PREFIX = "seed-"
"""What the names of the directories of other seeds begin with, before the seed."""


def other_seeds(planned: Plan, number: int) -> list[Plan]:
    """The plans of the runs with the seeds that follow, each in a directory of its own inside the first one's.

    Those of a run that is resumed are resumed as far as they got.

    Args:
        planned: The plan of the first run, with nothing left open, whose directory is claimed.
        number: Number of runs in all.

    Raises:
        InputError: If a directory is in use.
    """
    return [_other_seed(planned, planned.recipe.training.seed + i) for i in range(1, number)]


def _other_seed(planned: Plan, seed: int) -> Plan:
    training = dataclasses.replace(planned.recipe.training, seed=seed)
    path = planned.path / f"{PREFIX}{seed}"
    resume = planned.resume and (path / CHECKPOINT).is_file()
    claim = Claim(path, "resume" if resume else "out", check=None if resume else refuse_used)
    claim.look()
    return planned._replace(
        claim=claim, recipe=dataclasses.replace(planned.recipe, training=training), reasons=(), resume=resume
    )


def runs_of_seeds(run: Run) -> tuple[Run, ...]:
    """A run and those of other seeds inside its directory, by seed; only itself if a model file was named.

    Raises:
        InputError: If a run inside the directory differs from the first one in more than its seed.
    """
    if Path(run.name) == run.model_file:
        return (run,)
    found = [Run(path.parent) for path in run.path.glob(f"{PREFIX}*/{MODEL_FILE}")]
    for other in found:
        if _but_for_the_seed(other.recipe) != _but_for_the_seed(run.recipe):
            expected, got = f"a run that differs from {run.name!r} in its seed alone", "one with another recipe"
            raise InputError(other.name, expected, got, "move it out of that directory")
    return (run, *sorted(found, key=lambda other: other.recipe.training.seed))


def _but_for_the_seed(recipe: Recipe) -> Recipe:
    """A recipe without what does not matter: the seed, and what depends on the machine."""
    training = dataclasses.replace(recipe.training, seed=0, threads=None)
    return dataclasses.replace(recipe, training=training)
