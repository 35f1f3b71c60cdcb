"""Trainings by which numbers of latents are compared, before a run.

Each number is tried by `TRAININGS` trainings with different seeds. They are shorter than the run (`PART`), with a whole
schedule each, so that a number takes as long as the run. Shorter trainings favour few latents: on digits, 4 latents win
after 300 steps, 8 after 1,000, and after 3,000 there is no difference between 8, 16 and 32.

The validation part judges the numbers, as it does the weights of a run. The test part is not looked at.
"""

import dataclasses
import math
import time
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from variate.config.defaults import choose, choose_training
from variate.config.recipe import ModelOptions, Recipe, TrainingOptions
from variate.data.dataset import Dataset, Splits
from variate.data.wording import told
from variate.errors import InputError, Option, Sentence
from variate.limits import checked_arguments
from variate.models.base import Model
from variate.models.build import fit_scaling, from_recipe
from variate.models.checked import drawn
from variate.models.network import evaluating
from variate.objectives import elbo, log_mean_exp
from variate.runtime import distributed
from variate.runtime.modes import own_modes
from variate.runtime.progress import progress
from variate.runtime.random import Key, generator, mix, seeded, some_rows
from variate.training.cost import multiplications
from variate.training.latents import Bounds, LatentSearch, half, search
from variate.training.trainer import run_training

TRAININGS = 2
"""Trainings for each number of latents, S."""
PART, LEAST_STEPS = 1 / 2, 1_000
"""Steps of each, as a part of the run's; least number of them, unless the run has fewer."""
DRAWS = 8
"""Posterior draws per row by which a number of latents is judged."""
TIMED_STEPS = 20
"""Steps by which the time of a step is measured."""


class SearchCost(NamedTuple):
    """What the search takes.

    Attributes:
        sizes: The numbers of latents that are tried in any case, largest first.
        num_steps: Steps of each training.
        part_of_run: Steps for each number of latents, as a part of those of the run.
        seconds: About how long each number of latents takes on this machine.
    """

    sizes: tuple[int, ...]
    num_steps: int
    part_of_run: float
    seconds: float

    @property
    def sentence(self) -> str:
        """It in a sentence, said before the search begins."""
        tried = " and ".join(map(str, self.sizes))
        return (
            f"latents: tries {tried}, then smaller or larger numbers while those win, {TRAININGS} x {self.num_steps:,} "
            f"steps each: {self.part_of_run:.0%} of the run's steps, about {lasting(self.seconds)}, for each number"
        )


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


@checked_arguments
@own_modes()
def choose_latent(
    data: Splits,
    model: ModelOptions | None = None,
    training: TrainingOptions | None = None,
    *,
    show_progress: bool = False,
) -> LatentSearch:
    """Finds the fewest latents that do not lose nats on the validation part. Of several processes, all must call it.

    Args:
        data: Splits, of which the training and the validation part are used.
        model: Options of the model; `latent` is where the search begins, None for the default.
        training: Options of the run that the number is for.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        All numbers that were tried; its `latent` is the one to take.

    Raises:
        InputError: If there are fewer than two validation rows, or the options do not fit the data.
        KeyboardInterrupt: If a training was interrupted.
    """
    if not isinstance(data, Splits):
        raise InputError("data", "splits", told(data), "`split` the data first")
    model = model or ModelOptions()
    if model.latent == "auto":
        model = dataclasses.replace(model, latent=None)
    return Trials(choose(data.schema, len(data.train), model=model, training=training).recipe, data).search(
        show_progress
    )


class Trials:
    """Short trainings of models that differ in their number of latents alone.

    Args:
        recipe: The recipe of the run, with the number of latents to begin with; its number of epochs may be open.
        data: The data of the run.

    Attributes:
        start: The number of latents to begin with.
        num_steps: Steps of each training.
        run_steps: Steps of the run.

    Raises:
        InputError: If there are fewer than two validation rows.
    """

    def __init__(self, recipe: Recipe, data: Splits) -> None:
        if len(data.validation) < 2:
            remedy = Sentence("hold out more by ", Option("validation"))
            raise InputError("data", "at least two validation rows", len(data.validation), remedy)
        if not isinstance(recipe.model.latent, int):
            raise AssertionError("`choose` gives a number")
        self.recipe, self.validation, self.start = recipe, data.validation, recipe.model.latent
        train = data.train.sample()
        with seeded(recipe.training.seed):
            cost = multiplications(self._model(train, recipe), drawn(train.select(np.arange(1)), 0))
        options = choose_training(len(data.train), recipe.training, recipe.schema.kind, cost)
        batch_size, epochs = options.batch_size or 1, options.epochs or 1
        self.run_steps = max(1, round(epochs * len(data.train) / batch_size))
        wanted = min(self.run_steps, max(LEAST_STEPS, math.ceil(PART * self.run_steps)))
        self.train = train.select(some_rows(len(train), wanted * batch_size, options.seed).numpy())
        trial_epochs = max(1, round(wanted * batch_size / len(self.train)))
        self.num_steps = max(1, round(trial_epochs * len(self.train) / batch_size))
        part = self.num_steps / self.run_steps
        self.options = dataclasses.replace(
            options,
            epochs=trial_epochs,
            kl_warmup=(options.kl_warmup or 0.0) * trial_epochs / epochs,
            ema=max(0.0, 1 - (1 - options.ema) / min(1.0, part)) if options.ema else 0.0,
            patience=0,
            compile="off",
        )

    def _model(self, train: Dataset, recipe: Recipe) -> Model:
        model = from_recipe(recipe)
        fit_scaling(model, train)
        return model

    def cost(self) -> SearchCost:
        """What the search takes, by the time of a few steps. Of several processes, all must call it."""
        rows = self.train.select(np.arange(min(len(self.train), TIMED_STEPS * (self.options.batch_size or 1))))
        options = dataclasses.replace(self.options, epochs=1, kl_warmup=0.0)
        steps = max(1, round(len(rows) / (options.batch_size or 1)))
        self._trained(self.start, rows, options)  # what is slow at first only
        began = time.monotonic()
        self._trained(self.start, rows, options)
        each = TRAININGS * self.num_steps
        seconds = (time.monotonic() - began) / steps * each
        return SearchCost(
            tuple(dict.fromkeys((self.start, half(self.start)))), self.num_steps, each / self.run_steps, seconds
        )

    def search(self, show_progress: bool = False) -> LatentSearch:
        """Tries numbers of latents until there is nothing to gain. Of several processes, all must call it.

        Args:
            show_progress: Show a progress bar for each number on standard error, on a terminal.

        Raises:
            KeyboardInterrupt: If a training was interrupted.
        """
        limit = max(self.start, self.recipe.schema.size)  # more latents than numbers per row are never needed
        return search(lambda latent: self.score(latent, show_progress), self.start, limit, self.num_steps)

    def score(self, latent: int, show_progress: bool = False) -> Bounds:
        """The bound of each held-out row after each training, times the row's weight where rows have one."""
        found, main = [], distributed.join()
        with progress(f"trying {latent} latents", TRAININGS, show_progress and main.is_main) as advance:
            for number in range(TRAININGS):
                seeded_options = dataclasses.replace(self.options, seed=mix(self.options.seed, "latents", number))
                model = self._trained(latent, self.train, seeded_options, self.validation)
                found.append(main.on_main(partial(self._bounds, model)))
                advance(1)
        bounds, weight = torch.stack(found), self.validation.weight
        if weight is None:
            return bounds
        weights = torch.from_numpy(np.asarray(weight.all(), np.float64))
        return bounds * (weights / weights.mean())

    def _trained(
        self, latent: int, rows: Dataset, options: TrainingOptions, validation: Dataset | None = None
    ) -> Model:
        """A model that was trained on rows.

        Raises:
            KeyboardInterrupt: If it was interrupted.
        """
        chosen = dataclasses.replace(self.recipe.model, latent=latent)
        recipe = dataclasses.replace(self.recipe, model=chosen, training=options)
        with seeded(options.seed):
            model = self._model(rows, recipe)
        history = run_training(model, rows, validation, options)
        if history.stopped == "interrupted":
            raise KeyboardInterrupt
        return model

    def _bounds(self, model: Model) -> Float[Tensor, " N"]:
        """The bound of each held-out row: the ELBO, or the importance-weighted bound where that is maximised."""
        seed = mix(self.options.seed, "judged")
        if self.options.bound == "elbo":
            return elbo(model, self.validation, DRAWS, seed=seed).elbo
        rows, source, found = model.dataset(self.validation), generator(seed), []
        with evaluating(model):
            for batch in rows.batches(1024 // min(1024, self.options.samples)):
                noise = model.posterior_noise(Key(source, batch.num_rows), self.options.samples, batch.num_rows)
                draws = model.infer(batch.to(model.device), [eps.to(model.device) for eps in noise])
                found.append(log_mean_exp(draws.log_px - draws.log_ratio).cpu())
        return torch.cat(found)
