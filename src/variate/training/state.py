"""All that a run is at one moment, and its checkpoint.

The draws and the order of the rows are functions of the step (`variate.training.order`), so the step number stands for
them. What is left: the weights, their moving average, the optimiser's moments, the best so far, and the sums since the
last check. A checkpoint is one tensor file, written whole or not at all.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from variate.config.recipe import Recipe, TrainingOptions
from variate.errors import InputError
from variate.models.vae import VAE
from variate.runtime import distributed as ranks
from variate.runtime import files
from variate.training import schedule
from variate.training.adam import Adam
from variate.training.weights import Weights

Record = dict[str, Any]
"""One line of metrics: numbers, and the list of collapsed latents."""

FRESHNESS = 0.01
"""The moving average, whose memory is 1 / (1 - decay) steps, takes in the weights once in this part of it."""

CHECKPOINT = Path("checkpoint", "state.safetensors")


@dataclass
class Progress:
    """The numbers of a run's state.

    Attributes:
        step: Steps taken.
        best_elbo: Highest mean validation ELBO so far, in nats.
        best_step: When it was reached.
        checks_since_best: Validations since then.
        records: Lines of metrics written.
    """

    step: int = 0
    best_elbo: float = -math.inf
    best_step: int = 0
    checks_since_best: int = 0
    records: list[Record] = field(default_factory=list)


class State:
    """A run in memory.

    Args:
        vae: The model in training; its weights are the raw ones.
        options: Complete.
    """

    def __init__(self, vae: VAE, options: TrainingOptions) -> None:
        self.vae, self.decay = vae, options.ema
        self.weights = Weights(vae, averaged=options.ema > 0)
        self.average = self.weights.average
        self.optimizer = Adam(self.weights.vector)
        self.best = self._best()
        self.totals = torch.zeros(4, dtype=torch.float64, device=vae.device)
        self.progress = Progress()

    def _best(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.average.state_dict().items()}

    def move(self, lr: float, divisor: Tensor | None = None, held: Tensor | None = None) -> None:
        """Takes the optimiser's step, and moves the average weights towards the new ones.

        Args:
            lr: Learning rate.
            divisor: What the gradient is divided by first.
            held: 1 where the weights are to stay as they are.
        """
        self.optimizer.step(self.weights.gradient, lr, divisor, held)
        self._update_average()
        self.weights.publish()
        self.progress.step += 1

    def _update_average(self) -> None:
        step, decay = self.progress.step, self.decay
        every = max(1, round(FRESHNESS / (1 - decay)))
        if decay and (step + 1) % every == 0:
            weight = 1 - schedule.average_decay(step, decay) ** every
            self.weights.average_vector.lerp_(self.weights.vector, weight)

    def keep_best(self, elbo: float) -> bool:
        """Remembers the average weights if this validation ELBO, in nats, is the highest so far."""
        progress = self.progress
        if not elbo > progress.best_elbo:
            progress.checks_since_best += 1
            return False
        progress.best_elbo, progress.best_step, progress.checks_since_best = elbo, progress.step, 0
        self.best = self._best()
        return True

    def keep_last(self) -> None:
        """Remembers the average weights as they are now, where there is nothing to judge them by."""
        self.progress.best_step = self.progress.step
        self.best = self._best()

    def gather_totals(self) -> None:
        """Makes the sums since the last check those of whole batches, on every rank."""
        self.totals.copy_(ranks.total(self.totals) / ranks.world())

    def save(self, run: Path, identity: str) -> None:
        """Writes the checkpoint of a run directory.

        Args:
            run: The run directory.
            identity: What the run is of; `restore` refuses a checkpoint of another.
        """
        tensors = {f"model.{k}": v for k, v in self.weights.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in self.optimizer.moments.items()}
        tensors["totals"] = self.totals
        progress = json.dumps(dataclasses.asdict(self.progress))
        files.write_tensors(run / CHECKPOINT, tensors, {"progress": progress, "identity": identity})

    @staticmethod
    def identity(run: Path) -> str:
        """What the checkpoint of a run directory says it is of."""
        return files.read_tensors(run / CHECKPOINT)[1].get("identity", "")

    def restore(self, run: Path, identity: str) -> None:
        """Puts back what `save` wrote.

        Raises:
            InputError: If there is no whole checkpoint, or it is of another run.
        """
        tensors, metadata = ranks.first(lambda: files.read_tensors(run / CHECKPOINT))
        if not same_run(metadata.get("identity", ""), identity):
            raise InputError(f"the checkpoint in {str(run)!r} is of other data or options: resume with the same ones")
        if "optimizer.steps" not in tensors:
            raise InputError(f"the checkpoint in {str(run)!r} is of an earlier version of variate: start a new run")
        part = {p: {k.removeprefix(p): v for k, v in tensors.items() if k.startswith(p)} for p in PARTS}
        self.weights.load_state_dict(part["model."])
        self.average.load_state_dict(part["average."])
        self.best = {k: v.to(self.vae.device) for k, v in part["best."].items()}
        self.totals.copy_(tensors["totals"])
        self.optimizer.load(part["optimizer."])
        self.progress = Progress(**json.loads(metadata["progress"]))


PARTS = ("model.", "average.", "best.", "optimizer.")


def same_run(one: str, other: str) -> bool:
    """Whether two identities are equal, or are recipes that are, but for threads, which are the machine's.

    An option missing from one is at its default.
    """
    try:
        return one == other or _of_any_machine(one) == _of_any_machine(other)
    except InputError:
        return False


def _of_any_machine(identity: str) -> Recipe:
    recipe = Recipe.from_json(identity)
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, threads=None))
