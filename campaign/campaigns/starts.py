"""Runs that start at one moment: many without a name, some with one name, and two calls of `fit` in two threads.

Besides, a run that is resumed without a name must be one on those very data, however alike names are.
"""

import itertools
import json
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

import variate
from campaign import commands
from campaign.base import Campaign, Case, End, Fault
from campaign.judge import require_command
from variate.errors import InputError

MANY, FEW = 20, 5
"""Runs at one moment without a name, and with one."""
ROUNDS = 10
"""How often two threads are tried; a clash takes chance."""
WAYS = ("no name", "one name", "threads", "two processes", "resumed twice", "resumed by data")
OPTIONS = {"epochs": 3, "batch_size": 20, "compile": "off", "threads": 1}


class Starts(Campaign):
    """Runs that start at one moment."""

    name, long, short = "starts", 24, 6
    seconds, is_measured, alone = 120.0, False, True

    def prepare(self, folder: Path) -> None:
        """Writes the data, and trains alone in a thread's way."""
        self.rows = np.random.default_rng(0).normal(size=(100, 4))
        self.data = folder / "rows.npy"
        np.save(self.data, self.rows)
        warnings.simplefilter("ignore", variate.VariateWarning)  # three epochs are too few
        self.alone_in_thread = [weights(trained(self.rows, seed)) for seed in (0, 1)]

    def make(self, random: Random, folder: Path) -> Case:
        """One of the ways, in turn."""
        way = WAYS[int(folder.name) % len(WAYS)]
        return Case(way, folder, own=(way, random.randrange(1000)))

    def attempt(self, case: Case) -> End:
        """Starts, waits for all, and looks at what is there."""
        way, seed = case.own
        assert case.target
        if way == "threads":
            for round_ in range(ROUNDS):
                self.two_threads(seed + round_)
        elif way == "no name":
            self.without_names(case.target, seed)
        elif way == "resumed by data":
            self.resumed_by_data(case.target, seed)
        elif way == "two processes":
            self.two_processes(case.target, seed)
        else:
            self.one_name(case.target, seed, resumed=way == "resumed twice")
        return "result"

    def train(self, seed: int, *more: str) -> list[str]:
        """A command that trains, different from every other seed's."""
        return ["train", str(self.data), *commands.FAST, "--seed", str(seed), *more]

    def without_names(self, folder: Path, seed: int) -> None:
        """Every run must have a directory of its own, with its own model."""
        seeds = range(seed, seed + MANY)
        for found in at_once([self.train(own) for own in seeds], folder):
            if not require_command(found.code, found.err):
                raise Fault(f"a run was refused: {found.err}")
        runs = sorted((folder / "runs").iterdir())
        told = [checked_seed(run) for run in runs]
        if sorted(told) != list(seeds):
            raise Fault(f"{MANY} runs left {len(runs)} directories, of seeds {sorted(told)}")
        for run, own in zip(runs, told, strict=True):
            if (run / "model.safetensors").read_bytes() != self.model_alone(folder, own):
                raise Fault(f"{run.name} holds another model than seed {own} trained alone")

    def model_alone(self, folder: Path, seed: int) -> bytes:
        """The model of a seed that was trained alone."""
        run = folder / f"alone-{seed}"
        found = commands.run_forked(self.train(seed, "--out", str(run)), folder)
        if found.code:
            raise Fault(f"a run alone ended with {found.code}: {found.err}")
        return (run / "model.safetensors").read_bytes()

    def one_name(self, folder: Path, seed: int, resumed: bool) -> None:
        """One run has the directory, and the others are refused; so it is where all resume one run."""
        run, seeds = folder / "run", range(seed, seed + FEW)
        more = ["--out", str(run)]
        if resumed:
            commands.run_forked(self.train(seed, *more), folder)
            seeds, more = [seed] * FEW, [*more, "--resume"]
        results = [
            require_command(f.code, f.err, ("run", "out"))
            for f in at_once([self.train(s, *more) for s in seeds], folder)
        ]
        if results.count(True) != 1 and not (resumed and True in results):
            raise Fault(f"{results.count(True)} of {FEW} runs were given one directory")
        own = checked_seed(run)
        if (run / "model.safetensors").read_bytes() != self.model_alone(folder, own):
            raise Fault(f"the directory holds another model than seed {own} trained alone")

    def two_processes(self, folder: Path, seed: int) -> None:
        """Two processes of their own, as two terminals start them."""
        places = [folder / name for name in ("a", "b")]
        for place in places:
            place.mkdir()
            (place / "runs").symlink_to(folder)
        own = [commands.spawn(self.train(seed + n), place) for n, place in enumerate(places)]
        for process in own:
            found = commands.finished(process)
            if not require_command(found.code, found.err):
                raise Fault(f"a run was refused: {found.err}")
        told = sorted(checked_seed(run) for run in folder.iterdir() if run.name.startswith("rows"))
        if told != [seed, seed + 1]:
            raise Fault(f"two runs left models of seeds {told}")

    def resumed_by_data(self, folder: Path, seed: int) -> None:
        """The run that goes on is the one on the data that were named."""
        names = ("t.npy", "t2.npy", "t-2.npy", "[t]*.npy", "t*.npy", "T.npy")
        for number, name in enumerate(names):
            np.save(folder / name, self.rows + number)
        for more in ((), ("--resume",)):
            for name in names:
                before = checkpoints(folder)
                arguments = ["train", str(folder / name), *commands.FAST, *(() if more else ("--seed", str(seed)))]
                found = commands.run_forked([*arguments, *more], folder)
                if not require_command(found.code, found.err):
                    raise Fault(f"{name} was refused: {found.err}")
                sources = [source for source, time in checkpoints(folder).items() if before.get(source) != time]
                if sources != [str(folder / name)]:
                    raise Fault(f"{name} {' '.join(more)} went on with runs on {sources}")

    def two_threads(self, seed: int) -> None:
        """Two calls of `fit` give what each gives alone, or one is refused; torch's generator stays as it is."""
        torch.manual_seed(seed)
        before, found = torch.get_rng_state(), [None, None]
        barrier = threading.Barrier(2)

        def call(number: int) -> None:
            barrier.wait()
            found[number] = outcome(lambda: weights(trained(self.rows, number)))

        threads = [threading.Thread(target=call, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not torch.equal(before, torch.get_rng_state()):
            raise Fault("torch's global generator was changed")
        for number, result in enumerate(found):
            if isinstance(result, InputError):
                continue
            if isinstance(result, Exception):
                raise result
            if result != self.alone_in_thread[number]:
                raise Fault(f"thread {number} trained another model than it does alone")


def checkpoints(folder: Path) -> dict[str, int]:
    """When each run below wrote its last checkpoint, by the data of the run."""
    found = {}
    for model in sorted((folder / "runs").glob("*/model.safetensors")):
        recipe = variate.load(model).recipe
        source = "" if recipe is None else recipe.source
        found[source] = (model.parent / "checkpoint" / "state.safetensors").stat().st_mtime_ns
    return found


def trained(rows: np.ndarray, seed: int) -> variate.VAE:
    """A model built and trained."""
    vae = variate.build(rows, variate.ModelOptions(latent=2, width=8, depth=1), seed=seed)
    variate.fit(vae, rows[20:], rows[:20], seed=seed, **OPTIONS)
    return vae


def weights(model: variate.VAE) -> bytes:
    """All weights, as bytes."""
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def outcome(function: Callable[[], Any]) -> Any:
    """What a function returns or raises."""
    try:
        return function()
    except Exception as error:
        return error


def at_once(many: list[list[str]], folder: Path) -> list[commands.Ended]:
    """Runs commands in forks that all wait for one signal, in one working directory."""
    reading, writing = os.pipe()

    def wait() -> None:
        os.close(writing)
        os.chdir(folder)
        os.read(reading, 1)  # until the writing end is closed everywhere

    pids = [commands.fork(arguments, folder / f"stderr-{number}", wait) for number, arguments in enumerate(many)]
    os.close(writing)
    os.close(reading)
    return [commands.ended(pid, folder / f"stderr-{number}") for number, pid in enumerate(pids)]


def checked_seed(run: Path) -> int:
    """The seed of a run whose files are whole and of one run."""
    model = variate.load(run)
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    if not steps or any(b <= a for a, b in itertools.pairwise(steps)):
        raise Fault(f"{run.name} has metrics of steps {steps}")
    left = [file.name for file in run.rglob("*") if file.name.endswith(".part")]
    if left:
        raise Fault(f"{run.name} holds {', '.join(left)}")
    if model.recipe is None:
        raise Fault(f"{run.name} holds a model without a recipe")
    return model.recipe.training.seed
