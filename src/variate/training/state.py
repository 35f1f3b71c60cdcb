"""All that a run is at one moment, and its checkpoint.

The draws and the order of the rows are functions of the step (`variate.training.order`, `variate.runtime.random`), so
the step number stands for them. What is left: the weights, their moving average, the optimiser's moments, the best
weights so far, and the sums since the last validation. A checkpoint is one tensor file, written whole or not at all.
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
from variate.config.run_files import CHECKPOINT
from variate.errors import InputError
from variate.models.base import Model
from variate.runtime import tensor_files
from variate.runtime.distributed import Processes
from variate.training.weights import WeightVector

Record = dict[str, Any]
"""One line of metrics: numbers, and the list of collapsed latents."""


@dataclass
class Progress:
    """The numbers of a run's state.

    Attributes:
        step: Number of steps taken.
        best_elbo: Highest mean validation ELBO so far, in nats.
        best_step: The step at which it was reached.
        checks_since_best: Number of validations since then.
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
        model: The model in training; its weights are the raw ones.
        options: Complete.
        processes: The processes of the run.
    """

    def __init__(self, model: Model, options: TrainingOptions, processes: Processes) -> None:
        self.model, self.processes = model, processes
        self.weights = WeightVector(model, options.ema)
        self.average = self.weights.average
        self.best = self._average_weights()
        self.totals = torch.zeros(4, dtype=torch.float64, device=model.device)
        self.progress = Progress()

    def _average_weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.average.state_dict().items()}

    def keep_best(self, elbo: float) -> bool:
        """Remembers the average weights if this validation ELBO, in nats, is the highest so far."""
        progress = self.progress
        if not elbo > progress.best_elbo:
            progress.checks_since_best += 1
            return False
        progress.best_elbo, progress.best_step, progress.checks_since_best = elbo, progress.step, 0
        self.best = self._average_weights()
        return True

    def keep_last(self) -> None:
        """Remembers the average weights as they are now, where there is nothing to judge them by."""
        self.progress.best_step = self.progress.step
        self.best = self._average_weights()

    def gather_totals(self) -> None:
        """Makes the sums since the last validation those of whole batches, on every process."""
        self.totals.copy_(self.processes.mean(self.totals))

    def save(self, run: Path, identity: str) -> None:
        """Writes the checkpoint of a run directory.

        Args:
            run: The run directory.
            identity: What the run is of; `restore` refuses a checkpoint of another.
        """
        tensors = {f"model.{k}": v for k, v in self.weights.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in self.weights.moments.items()}
        tensors["totals"] = self.totals
        progress = json.dumps(dataclasses.asdict(self.progress))
        tensor_files.write_tensors(run / CHECKPOINT, tensors, {"progress": progress, "identity": identity})

    def save_best(self, path: Path) -> None:
        """Writes the best model so far, usable as it is."""
        current = self._average_weights()
        self.average.load_state_dict(self.best)
        self.average.recipe = self.model.recipe
        self.average.save(path)
        self.average.load_state_dict(current)

    def restore(self, run: Path, identity: str) -> None:
        """Restores what `save` wrote.

        Raises:
            InputError: If there is no whole checkpoint, or it is of another run.
        """
        tensors, metadata = self.processes.on_main(lambda: tensor_files.read_tensors(run / CHECKPOINT))
        if not same_run(metadata.get("identity", ""), identity):
            raise InputError(
                "resume",
                f"the data and options of the checkpoint in {str(run)!r}",
                "others",
                "resume with the same ones",
            )
        if "optimizer.steps" not in tensors:
            raise InputError(
                "resume", "a checkpoint of this version of variate", f"an older one in {str(run)!r}", "start a new run"
            )
        part = {p: {k.removeprefix(p): v for k, v in tensors.items() if k.startswith(p)} for p in PARTS}
        self.weights.load_state_dict(part["model."])
        self.average.load_state_dict(part["average."])
        self.best = {k: v.to(self.model.device) for k, v in part["best."].items()}
        self.totals.copy_(tensors["totals"])
        for name, tensor in self.weights.moments.items():
            tensor.copy_(part["optimizer."][name])
        self.progress = Progress(**json.loads(metadata["progress"]))


def saved_identity(run: Path) -> str:
    """What the checkpoint of a run directory says it is of.

    Raises:
        InputError: If there is no whole checkpoint.
    """
    return tensor_files.read_tensors(run / CHECKPOINT)[1].get("identity", "")


def saved_recipe(run: Path) -> Recipe:
    """The recipe of the run whose checkpoint is in this directory.

    Raises:
        InputError: If there is no whole checkpoint there, or the run had no recipe.
    """
    return Recipe.from_json(saved_identity(run))


PARTS = ("model.", "average.", "best.", "optimizer.")


def same_run(one: str, other: str) -> bool:
    """Whether two identities are equal, or are recipes that are, but for threads, which are the machine's.

    An option missing from one is at its default.
    """
    try:
        return one == other or _without_threads(one) == _without_threads(other)
    except InputError:
        return False


def _without_threads(identity: str) -> Recipe:
    recipe = Recipe.from_json(identity)
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, threads=None))
