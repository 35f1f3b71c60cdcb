"""What a little more training does: the surest sign that there was not enough of it, or not of the right kind.

A copy of the model is trained on under the plain bound (beta = 1, no free bits), its learning
rate rising anew and falling to zero. What its ELBO gains on the test rows, it could have had.
"""

import copy
import math
import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from variate.config.recipe import TrainingOptions
from variate.errors import VariateWarning
from variate.evaluation.diagnostics.latents import active_units
from variate.models.vae import VAE, evaluating
from variate.objectives import elbo
from variate.runtime.random import seeded, some_rows
from variate.statistics import Estimate, estimate
from variate.training import fit

LEARNING_RATE = 1e-3
"""Half of a default run's: enough to move on from where a run was stopped, little enough not to lose what it had."""


class Rows(NamedTuple):
    """What a trial needs of the data.

    Attributes:
        train: Training rows as they are, (N, *event).
        validation: Rows that choose the best of the copy's weights.
        test: Rows to measure by.
        levels: With grey training rows for a binary model, how many grey levels; else 0.
    """

    train: Tensor
    validation: Tensor | None
    test: Tensor
    levels: int


class Trial(NamedTuple):
    """How the trial went.

    Attributes:
        gain: Mean change of the ELBO of the test rows, in nats a row, with its standard error over rows.
        steps: Taken.
        revived: Which latents were collapsed before it and are not after it, (d,).
    """

    gain: Estimate
    steps: int
    revived: Tensor


def per_row_elbo(vae: VAE, rows: Tensor, seed: int, batch_size: int = 1024) -> Tensor:
    """The ELBO of each row with one draw, (N,), in nats; the same seed gives every model the same noise."""
    with seeded(seed), evaluating(vae):
        return torch.cat([elbo(vae, batch).elbo.double().cpu() for batch in rows.split(batch_size)])


def train_on(vae: VAE, patient: Rows, num_steps: int, seed: int) -> Trial:
    """Trains a copy of the model on, and sees what the test rows say.

    Args:
        vae: The model, not changed.
        patient: The rows.
        num_steps: About how many steps.
        seed: Of the trial.
    """
    options = vae.recipe.training if vae.recipe else TrainingOptions()
    train, test, levels = patient.train, patient.test, patient.levels
    batch = min(options.batch_size or 64, len(train))
    rows = train[some_rows(len(train), num_steps * batch, seed)]
    epochs = math.ceil(num_steps * batch / len(rows))
    treated = copy.deepcopy(vae)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VariateWarning)  # about the trial, not about the model
        fit(
            treated, rows, patient.validation, TrainingOptions(bound=options.bound, samples=options.samples),
            epochs=epochs, batch_size=batch, lr=LEARNING_RATE, compile="off", patience=0, seed=seed, levels=levels,
            device=str(vae.device), precision=options.precision,
        )  # fmt: skip
    change = per_row_elbo(treated, test, seed) - per_row_elbo(vae, test, seed)
    revived = active_units(treated, test) & ~active_units(vae, test)
    return Trial(estimate(change), round(epochs * len(rows) / batch), revived)
