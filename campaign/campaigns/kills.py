"""Training killed at any moment, several times in a row, and resumed: the same bytes at the end, and nothing left over.

Checkpoints are written as often as the loop allows, so that kills find them at work. A signal that asks to stop must
leave a checkpoint of the very step.
"""

import functools
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

import variate
from campaign import commands
from campaign.base import Campaign, Case, End, Fault
from variate import training
from variate.config.run_files import CHECKPOINT

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ROWS, EPOCHS = 300, 60
MOST_KILLS = 4
GOOD_ENDS = (0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)
"""Exit codes of a run that was killed or that ended."""


class Kills(Campaign):
    """Training that is killed and resumed."""

    name, long, short = "kills", 100, 6
    minutes, seconds, is_measured = 25.0, 300.0, False

    def prepare(self, folder: Path) -> None:
        """Trains once undisturbed, in memory and streamed."""
        rows = np.random.default_rng(0).normal(size=(ROWS, 4))
        self.data = folder / "rows.npy"
        np.save(self.data, rows)
        self.expected, self.lasts = {}, 0.0
        for stream in ("off", "on"):
            start, run = time.monotonic(), folder / stream
            found = commands.ended(self.start(run, stream, folder / "log"), folder / "log")
            if found.code:
                raise AssertionError(f"training alone ended with {found.code}: {found.err}")
            self.lasts = max(self.lasts, time.monotonic() - start)
            self.expected[stream] = contents(run)

    def start(self, run: Path, stream: str, log: Path, *more: str) -> int:
        """Starts a run that writes checkpoints all the time."""
        options = (
            "--out",
            str(run),
            "--stream",
            stream,
            *commands.FAST[2:],
            "--epochs",
            str(EPOCHS),
            "--patience",
            "0",
        )
        return commands.fork(["train", str(self.data), "--no-report", *options, *more], log, without_pauses)

    def make(self, random: Random, folder: Path) -> Case:
        """When each kill comes, in parts of the time that an undisturbed run takes, and by which signal."""
        kills = [(random.random() ** 2, random.choice(SIGNALS)) for _ in range(random.randint(1, MOST_KILLS))]
        stream = random.choice(("off", "off", "on"))
        told = ", ".join(f"{signal.Signals(number).name} at {part:.3f}" for part, number in kills)
        return Case(f"{told}, stream {stream}", folder, own=(kills, stream))

    def attempt(self, case: Case) -> End:
        """Kills and resumes; compares the end with that of an undisturbed run."""
        kills, stream = case.own
        assert case.target
        run, log = case.target / "run", case.target / "stderr"
        begin = self.begin(run, stream, log)
        for part, number in kills:
            pid = begin()
            time.sleep(part * self.lasts)
            os.kill(pid, number)
            found = commands.ended(pid, log)
            if found.code not in GOOD_ENDS:
                raise Fault(f"exit code {found.code} after {signal.Signals(number).name}: {found.err[-1000:]}")
            require_whole(run)
            begin = self.begin(run, stream, log)
        found = commands.ended(begin(), log)
        if found.code:
            raise Fault(f"could not go on: exit code {found.code}: {found.err[-1000:]}; {listing(run)}")
        if contents(run) != self.expected[stream]:
            raise Fault(f"ends otherwise than undisturbed: {difference(contents(run), self.expected[stream])}")
        return "result"

    def begin(self, run: Path, stream: str, log: Path) -> Callable[[], int]:
        """Starts the run, or resumes it where there is a checkpoint."""
        more = ("--resume",) if (run / CHECKPOINT).exists() else ()
        return lambda: self.start(run, stream, log, *more)


def without_pauses() -> None:
    """Checkpoints after every step."""
    training.run_training = functools.partial(training.run_training, checkpoint_seconds=0.0)


def contents(run: Path) -> dict[str, bytes]:
    """All files of a run directory, by their path in it."""
    return {str(file.relative_to(run)): file.read_bytes() for file in run.rglob("*") if file.is_file()}


def difference(found: dict[str, bytes], expected: dict[str, bytes]) -> str:
    """Which files differ."""
    names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    states = (f"{n} {'missing' if n not in found else 'left over' if n not in expected else 'differs'}" for n in names)
    return ", ".join(states)


def listing(run: Path) -> str:
    """The names of a run directory."""
    return ", ".join(sorted(contents(run))) if run.is_dir() else "no directory"


def require_whole(run: Path) -> None:
    """Refuses a model or a record that is torn."""
    model, metrics = run / "model.safetensors", run / "metrics.jsonl"
    if model.exists():
        variate.load(model)
    if metrics.exists():
        for line in metrics.read_text().splitlines():
            json.loads(line)
