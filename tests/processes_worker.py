"""What tests of several processes train, alone or as one of them: `torchrun processes_worker.py JOB DIRECTORY`."""

import atexit
import functools
import json
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import variate
from variate import InputError, ModelOptions, NonFiniteError
from variate.config.run_files import CHECKPOINT
from variate.runtime import distributed, tensor_files
from variate.training import trainer
from variate.training.trainer import Trainer

SMALL = {"latent": 4, "width": 16, "depth": 1}
SHORT = {"epochs": 8, "batch_size": 100, "compile": "off", "precision": "float32"}  # 115 steps, two validations
KILLED, STOPPED = 45, 33
"""Steps at which a process is killed, or asked to stop."""

CURVES = {
    "float32": ({"posterior": "full"}, {"samples": 2}),
    "bits, free bits": ({"binarize": "dynamic"}, {"lr": 2e-2, "beta": 0.5, "free_bits": 0.05, "samples": 3}),
    "vamp, importance-weighted": ({"prior": "vamp", "components": 5}, {"bound": "iwae", "samples": 3}),
    "doubly reparametrised, stops early": (
        {},
        {"bound": "dreg", "samples": 2, "lr": 0.05, "schedule": "constant", "ema": 0.0, "patience": 1}
        | {"batch_size": 20, "epochs": 20},
    ),
}
"""Model and training options of runs whose curves are compared; all but the first in float64."""


def digits(binarize="off"):
    return variate.split(variate.read("digits"), variate.DataOptions(binarize=binarize))


def train(name, **more):
    """The history of one of the curves, validated on an odd number of rows."""
    model, training = CURVES[name]
    torch.set_default_dtype(torch.float32 if name == "float32" else torch.float64)
    data = digits(model.get("binarize", "off"))
    vae = variate.build(data, ModelOptions(**SMALL | {k: v for k, v in model.items() if k != "binarize"}))
    vae.to(torch.get_default_dtype())
    validation = data.validation.select(np.arange(101))
    return variate.fit(vae, data.train, validation, **SHORT | training | more)


def linear(**options):
    return variate.build(torch.linspace(-1, 2, 300).reshape(50, 6).sin(), ModelOptions(latent=2, width=8, **options))


def refusals():
    """The fields of the error of what is refused."""
    rows = torch.linspace(-1, 2, 300).reshape(50, 6).sin()
    normed = linear()
    normed.encoder.network.inner = torch.nn.Sequential(torch.nn.BatchNorm1d(6), normed.encoder.network.inner)
    rank = distributed.join().rank
    attempts = {
        "batch": lambda: variate.fit(linear(), rows, batch_size=25, epochs=1),
        "scale": lambda: variate.fit(linear(scale="optimal"), rows, batch_size=50, epochs=1),
        "norm": lambda: variate.fit(normed, rows, batch_size=50, epochs=1),
        "rows": lambda: variate.fit(linear(), rows + distributed.join().rank, batch_size=50, epochs=1),
        "one process": lambda: variate.fit(linear(), rows[: 50 - rank, : 6 - rank], epochs=1),
    }
    return {name: fields(attempt) for name, attempt in attempts.items()}


def failures():
    """What training says of a row that is not finite, of a layer, and of a gradient."""
    return {str(row): words(NonFiniteError, lambda row=row: spoilt(row)) for row in (16, 17)}


def spoilt(row):
    torch.set_default_dtype(torch.float64)
    rows = torch.linspace(-1, 2, 300).reshape(50, 6).sin()
    vae = linear().double()
    rows[row, 3] = 1e200  # finite, but its square is not
    vae.encoder.inputs.unit[3] = 1e190
    variate.fit(vae, rows, epochs=3, batch_size=50)


def words(kind, attempt):
    try:
        attempt()
    except kind as error:
        return str(error)
    return "nothing was raised"


def fields(attempt):
    try:
        attempt()
    except InputError as error:
        return (*error.args[:2], error.got, error.remedy)
    return ("nothing was raised",)


def at_step(number, rank, what):
    """Does something before a step of one process."""
    take = Trainer.step

    def stepped(run):
        if run.processes.rank == rank and run.state.progress.step == number:
            what()
        take(run)

    Trainer.step = stepped
    return lambda: setattr(Trainer, "step", take)


def steps_done(run):
    return json.loads(tensor_files.read_tensors(run / CHECKPOINT)[1]["progress"])["step"]


def command(*arguments, patch=None):
    """The exit code of a command line, with a checkpoint at every step and without the final evaluation."""
    from variate.cli.main import main

    torch.set_default_dtype(torch.float32)
    with pytest.MonkeyPatch.context() as own:
        patch = patch or own
        patch.setattr("variate.training.run_training", functools.partial(trainer.run_training, checkpoint_seconds=0.0))
        patch.setattr("variate.cli.train.close", lambda *_, **__: None)
        patch.setattr(sys, "argv", ["variate", *arguments])
        try:
            main()
        except SystemExit as stop:
            return stop.code
    return 0


TRAIN = ("train", "digits", "--epochs", "8", "--width", "16", "--depth", "1", "--latent", "4", "--batch-size", "100")


def everything(here):
    """All that two processes do in one launch."""
    found = {"curves": {name: train(name).records for name in CURVES}}
    undo = at_step(STOPPED, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    history = train("float32", run=here / "stopped")
    undo()
    found["stopped"] = [history.stopped, len(history.records)]
    found["checkpoint"] = steps_done(here / "stopped")
    found["resumed"] = train("float32", run=here / "stopped", resume=True).records
    found["refusals"], found["failures"] = refusals(), failures()
    found["codes"] = [
        command("train", "nowhere.csv"),
        command("train", str(here / f"only-{distributed.join().rank}.npy")),
    ]
    found["codes"] += [command("train", "digits", "--resume", "--out", str(here / part)) for part in ("one", "two")]
    return found


def list_threads(file):
    """What of the exchanges still runs when all else of the program has ended."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    file.write_text(json.dumps([name for name in names if "gloo" in name]))


def main(job, here):
    warnings.simplefilter("ignore")
    if job == "killed":
        at_step(KILLED, 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
        sys.exit(command(*TRAIN, "--out", str(here / "killed")))
    if Path("/proc/self/task").is_dir():
        atexit.register(list_threads, here / f"threads-{os.environ['RANK']}.json")  # called last, as it comes first
    if distributed.join().is_main:
        np.save(here / "only-0.npy", np.random.default_rng(0).normal(size=(50, 3)))
    found = everything(here)
    (here / f"found-{distributed.join().rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
