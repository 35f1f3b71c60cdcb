"""What a little more training does: the best test of whether there was enough of it, and of the right kind.

A copy of the model is trained further under the plain bound (beta = 1, no free bits), its learning rate rising again
and falling to zero. The gain of its ELBO on the test rows is what the model lacks.
"""

import copy
import math
from typing import NamedTuple

from torch import Tensor

from variate.config.recipe import TrainingOptions
from variate.data.dataset import Dataset
from variate.evaluation.diagnostics.latents import active_units
from variate.models.base import Model
from variate.objectives import elbo
from variate.runtime.random import some_rows
from variate.statistics import Estimate, estimate
from variate.training import run_training

LEARNING_RATE = 1e-3
"""Half of a default run's: large enough to move on from where a run stopped, small enough not to lose its result."""


class Parts(NamedTuple):
    """The data to examine a model by.

    Attributes:
        test: Rows that training did not see, in memory, as the model takes them.
        train: Rows that it was trained on, in memory, with their transforms; None if they are not available.
        validation: Rows that chose its weights; None if they are not available.
    """

    test: Dataset
    train: Dataset | None = None
    validation: Dataset | None = None


class Trial(NamedTuple):
    """The result of training a copy further.

    Attributes:
        gain: Mean change of the ELBO of the test rows, in nats per row, with its standard error over rows.
        steps: Number of steps taken.
        revived: Which latents were collapsed before and are active afterwards, (num_latents,).
    """

    gain: Estimate
    steps: int
    revived: Tensor


def train_further(model: Model, train: Dataset, parts: Parts, num_steps: int, seed: int) -> Trial:
    """Trains a copy of the model further and measures the change on the test rows.

    Args:
        model: The model, not changed.
        train: Rows to train on.
        parts: The test rows to measure by, and the validation rows that choose the copy's weights.
        num_steps: Approximate number of steps.
        seed: Seed of the trial.
    """
    options = model.recipe.training if model.recipe else TrainingOptions()
    batch_size = min(options.batch_size or 64, len(train))
    rows = train.select(some_rows(len(train), num_steps * batch_size, seed).numpy())
    epochs = math.ceil(num_steps * batch_size / len(rows))
    trained = copy.deepcopy(model)
    short = TrainingOptions(
        bound=options.bound, samples=options.samples, precision=options.precision, device=str(model.device),
        epochs=epochs, batch_size=batch_size, lr=LEARNING_RATE, compile="off", patience=0, seed=seed,
    )  # fmt: skip
    run_training(trained, rows, parts.validation, short)  # its warnings are about the trial, not about the model
    before, after = (elbo(which, parts.test, seed=seed).elbo.double() for which in (model, trained))
    revived = active_units(trained, parts.test) & ~active_units(model, parts.test)
    return Trial(estimate(after - before), round(epochs * len(rows) / batch_size), revived)
