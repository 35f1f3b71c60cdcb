"""A run from its data to its trained model: planned without torch, so that what cannot work is refused at once."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from variate.config.defaults import Choice, choose
from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.data import Splits, read, split
from variate.errors import InputError
from variate.runs.directory import absolute, new_directory, resumed_directory, resumed_recipe
from variate.runs.run import Run
from variate.runs.start import Predecessor, data_options, first_model, goes_on, predecessor, require_dropped
from variate.runtime import distributed
from variate.runtime.claims import Claim

if TYPE_CHECKING:
    from variate.training import History
    from variate.training.latents import LatentSearch


class Plan(NamedTuple):
    """What a run is going to do.

    Attributes:
        claim: The run directory, which training claims.
        recipe: The data, the model and its training, with nothing left open.
        reasons: Why the recipe is what it is, one sentence each.
        splits: The data.
        resume: Whether the run is resumed.
        latent_is_open: Whether the number of latents, of which the recipe has the default, is to be searched for first.
    """

    claim: Claim
    recipe: Recipe
    reasons: tuple[str, ...]
    splits: Splits
    resume: bool
    latent_is_open: bool = False

    @property
    def path(self) -> Path:
        """The run directory. One that was not asked for is certain once training claims it: others may be faster."""
        return self.claim.path


class Trained(NamedTuple):
    """A run that was trained, and how its training went."""

    run: Run
    history: "History"


def plan(
    source: str,
    out: str | None = None,
    resume: bool = False,
    data: DataOptions | None = None,
    model: ModelOptions | None = None,
    training: TrainingOptions | None = None,
    start: str | None = None,
) -> Plan:
    """Reads and splits the data, and decides all that was left open. Of several processes, all must call it.

    Args:
        source: Name or path of the data.
        out: The run directory; by default the next free one of runs/DATA, runs/DATA-2, ...
        resume: Resume the run in `out`, or the latest on these data.
        data: How the data are read.
        model: What the model is.
        training: How it is trained.
        start: A run directory or a model file to go on from with the weights, scalings and options of its model.

    Raises:
        InputError: If the data, the directory or an option cannot be used.
    """
    data, model, training = data or DataOptions(), model or ModelOptions(), training or TrainingOptions()
    search, processes = model.latent == "auto", distributed.join()
    earlier = None
    if start is not None and not resume:
        earlier = processes.on_main(partial(predecessor, start, data, model))
        data = data_options(data, earlier.recipe.data)
    if search:
        model = dataclasses.replace(model, latent=None)
    if data.mask_folder is not None:
        data = dataclasses.replace(data, mask_folder=processes.on_main(partial(absolute, data.mask_folder)))
    claim = processes.on_main(lambda: resumed_directory(source, out) if resume else new_directory(source, out))
    path = claim.path
    old = processes.on_main(lambda: resumed_recipe(path, source, data, model, training, start)) if resume else None
    splits = processes.on_all(lambda: _split(source, data, old, earlier))
    if len(set(processes.gather(splits.fingerprint))) > 1:
        raise InputError("data", "the same files on every machine", f"different contents of {source!r}")
    if old and old.fingerprint != splits.fingerprint:
        changed = f"{source!r}, whose contents have changed since"
        raise InputError("data", f"the data that {str(path)!r} was trained on", changed)
    if old:
        chosen = Choice(old, (f"likelihood {old.model.likelihood} and network {old.model.network} as in {path}",))
    else:
        as_read = dataclasses.replace(data, stream="off" if splits.train.in_memory else "on")
        name = processes.on_main(lambda: absolute(source))
        if earlier:
            chosen = goes_on(earlier, splits, name, as_read, training)
        else:
            chosen = choose(splits.schema, len(splits.train), name, splits.fingerprint, as_read, model, training)
    return Plan(claim, chosen.recipe, chosen.reasons, splits, resume, search and not resume)


def _split(source: str, options: DataOptions, old: Recipe | None, earlier: Predecessor | None) -> Splits:
    """The data in parts: as a run that is resumed had them, with the schema of a model that training goes on from, or
    as they are.
    """
    if old:
        return split(read(source, old.data, old.schema if old.start else None), old.data)
    if earlier:
        found = read(source, options, earlier.recipe.schema, grow=True)
        require_dropped(options, earlier.recipe.data, found)
        return split(found, options)
    return split(read(source, options), options)


def with_latent(planned: Plan, found: "LatentSearch") -> Plan:
    """The plan with the number of latents that was found."""
    model = dataclasses.replace(planned.recipe.model, latent=found.latent)
    tried = tuple(trial.latent for trial in found.trials)
    recipe = dataclasses.replace(planned.recipe, model=model, compared_latents=tried)
    return planned._replace(recipe=recipe, reasons=(*planned.reasons, found.reason), latent_is_open=False)


def train(planned: Plan, show_progress: bool = False) -> Trained:
    """Builds the model and trains it, after a search for the number of latents if that is open. Of several processes,
    all must call it.

    Args:
        planned: What to do.
        show_progress: Show progress on standard error, on a terminal.

    Returns:
        The run, its model and its data in memory; the history holds any warnings.

    Raises:
        InputError: If the directory has become another run's since it was planned, or cannot be written to.
    """
    from variate.models.build import fit_scaling, from_recipe
    from variate.runtime.random import seeded
    from variate.training import run_training
    from variate.training.latent_trials import Trials

    if planned.latent_is_open:
        planned = with_latent(planned, Trials(planned.recipe, planned.splits).search(show_progress))
    recipe, splits = planned.recipe, planned.splits
    if recipe.start and not planned.resume:
        model = first_model(recipe, splits)
    else:
        with seeded(recipe.training.seed):
            model = from_recipe(recipe)
            fit_scaling(model, splits.train)
    history = run_training(
        model,
        splits,
        options=recipe.training,
        claim=planned.claim,
        resume=planned.resume,
        show_progress=show_progress,
    )
    return Trained(Run(planned.path, model=model, splits=splits), history)
