"""All that a run is at one moment, and its checkpoint.

The draws and the order of the rows are functions of the step (`variate.training.order`, `variate.runtime.random`), so
the step number stands for them. What is left: the weights, their moving average, the optimiser's moments, the best
weights so far, and the sums since the last validation. A checkpoint is one tensor file, written whole or not at all.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from variate.config.model_file import parse_recipe
from variate.config.recipe import Recipe, TrainingOptions, structure
from variate.config.run_files import CHECKPOINT
from variate.errors import InputError, NonFiniteError, Option, Sentence
from variate.models.base import Model
from variate.models.finite import require_finite_weights
from variate.models.load import check_fit
from variate.runtime import strict_json, tensor_files
from variate.runtime.distributed import Processes
from variate.training.weights import WeightVector

Record = dict[str, Any]
"""One line of metrics: numbers, and the list of collapsed latents."""


@dataclass
class Progress:
    """The numbers of a run's state.

    Attributes:
        step: Number of steps taken.
        best_bound: Highest mean validation bound so far, in nats.
        best_step: The step at which it was reached.
        checks_since_best: Number of validations since then.
        records: Lines of metrics written.
    """

    step: int = 0
    best_bound: float = -math.inf
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

    def keep_best(self, bound: float) -> bool:
        """Remembers the average weights if this validation bound, in nats, is the highest so far."""
        progress = self.progress
        if not bound > progress.best_bound:
            progress.checks_since_best += 1
            return False
        progress.best_bound, progress.best_step, progress.checks_since_best = bound, progress.step, 0
        self.best = self._average_weights()
        return True

    def keep_last(self) -> None:
        """Remembers the average weights as they are now, where there is nothing to judge them by."""
        self.progress.best_step = self.progress.step
        self.best = self._average_weights()

    def gather_totals(self) -> None:
        """Makes the sums since the last validation those of whole batches, on every process."""
        self.totals.copy_(self.processes.mean(self.totals))

    def _tensors(self) -> dict[str, Tensor]:
        """All tensors of the state, by their names in a checkpoint."""
        tensors = {f"model.{k}": v for k, v in self.weights.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in self.weights.moments.items()}
        return tensors | {"totals": self.totals}

    def check_finite(self) -> None:
        """Checks the weights before they are written; all processes call it.

        The loss and the gradient of each step were finite, but its move can have been too large.

        Raises:
            NonFiniteError: If a weight is not finite.
        """
        if not all(vector.isfinite().all() for vector in (self.weights.vector, self.weights.average_vector)):
            said = f"training stopped: the weights are not finite after step {self.progress.step}; lower "
            raise NonFiniteError(Sentence(said, Option("lr")))

    def save(self, run: Path, identity: str) -> None:
        """Writes the checkpoint of a run directory.

        Args:
            run: The run directory.
            identity: What the run is of; `restore` refuses a checkpoint of another.
        """
        progress = json.dumps(dataclasses.asdict(self.progress))
        tensor_files.write_tensors(run / CHECKPOINT, self._tensors(), {"progress": progress, "identity": identity})

    def save_best(self, path: Path) -> None:
        """Writes the best model so far, usable as it is."""
        current = self._average_weights()
        self.average.load_state_dict(self.best)
        self.average.recipe = self.model.recipe
        self.average.save(path)
        self.average.load_state_dict(current)

    def restore(self, run: Path, identity: str) -> None:
        """Restores what `save` wrote; a checkpoint that is refused leaves the state as it was.

        Raises:
            InputError: If there is no whole checkpoint, or it is of another run.
        """
        path = run / CHECKPOINT
        tensors, metadata = self.processes.on_main(lambda: self._read(path, identity))
        progress = progress_in(path, metadata)
        part = {p: {k.removeprefix(p): v for k, v in tensors.items() if k.startswith(p)} for p in PARTS}
        for own in ("model.", "average.", "best."):
            require_finite_weights(self.model, part[own], str(path), "start a new run")
        if any(tensor.isnan().any() for tensor in (tensors["totals"], *part["optimizer."].values())):
            raise InputError(str(path), "an optimiser's state and sums that are numbers", "NaN", "start a new run")
        self.weights.load_state_dict(part["model."])
        for name, tensor in self._tensors().items():
            if not name.startswith("model."):
                tensor.copy_(tensors[name])
        self.progress = progress

    def _read(self, path: Path, identity: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The content of a checkpoint, whose header was compared with this run first; as for `restore`."""
        run = path.parent.parent
        with tensor_files.open_tensors(path) as file:
            try:
                if not same_run(file.metadata.get("identity", ""), identity):
                    expected = f"the data and options of the checkpoint in {str(run)!r}"
                    raise InputError("resume", expected, "others", "resume with the same ones")
                if "optimizer.steps" not in file.header.entries:
                    got = f"an older one in {str(run)!r}"
                    raise InputError("resume", "a checkpoint of this version of variate", got, "start a new run")
                check_fit(path, file.header.entries, self._tensors())
            except InputError:
                file.check()  # damage is called damage, whatever it looks like
                raise
            return file.read(), file.metadata


def progress_in(path: Path, metadata: Mapping[str, str]) -> Progress:
    """The numbers of a run's state in the header of its checkpoint.

    Args:
        path: The checkpoint, for errors.
        metadata: The strings in its header.

    Raises:
        InputError: If they are not what a run can have reached.
    """
    try:
        found = structure(strict_json.parse(metadata.get("progress", "")), Progress)
    except ValueError as error:
        got = error.got if isinstance(error, InputError) else str(error)
        raise InputError(f"{path}, its progress", "the numbers of a run in JSON", got, "start a new run") from None
    steps = [record.get("step", 0) for record in found.records]
    rising = all(type(step) is int for step in steps) and all(a < b for a, b in pairwise([0, *steps, found.step + 1]))
    if not (rising and 0 <= found.best_step <= found.step and found.checks_since_best >= 0):
        raise InputError(f"{path}, its progress", "steps that follow each other", "others", "start a new run")
    if not found.best_bound < math.inf:
        raise InputError(f"{path}, its progress", "a finite bound", found.best_bound, "start a new run")
    return found


def saved_recipe(run: Path) -> Recipe:
    """The recipe of the run whose checkpoint is in this directory.

    Raises:
        InputError: If there is no whole checkpoint there, or the run had no recipe.
    """
    path = run / CHECKPOINT
    with tensor_files.open_tensors(path) as file:
        file.check()
        return parse_recipe(path, file.metadata.get("identity", ""), file.header.size)


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
