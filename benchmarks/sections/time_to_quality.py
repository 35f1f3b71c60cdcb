"""Seconds of training until a test ELBO is reached: variate's own defaults against pythae at its best learning rate.

The goal is the best test ELBO that pythae reaches, at the best of three learning rates, within a number of epochs. The
clock of a side counts building, compiling (nothing is cached on disk) and training; not importing, not reading data,
and not scoring the test rows, which every side does with one posterior draw a row and a closed KL. variate trains with
its default schedule and with some shorter ones, as a user would ask for by `--epochs`.
"""

import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import crossing
from benchmarks.settings import PAUSE, SIDES, Settings, Table, say
from benchmarks.worker import Worker, uncached, workers

RATES = (3e-4, 1e-3, 3e-3)
SCHEDULES: tuple[int | None, ...] = (None, 3, 5, 10)
QUICK_SCHEDULES = (1, 2)
BATCH = 128
COLUMNS = (
    "side",
    "seconds to goal",
    "epochs to goal",
    "pythae takes x times as long",
    "best ELBO",
    "seconds in all",
    "how",
)
PARTS = 4
"""How often an epoch variate's test ELBO is taken; pythae's after each of its epochs."""


class Run:
    """A side's training: its clock and what was scored.

    Args:
        name: For the table.
        worker: Set up already.
        found: What its setup answered.
        steps_per_epoch: Of the side.
        epochs: After which it ends.
        parts: How often an epoch it is scored.
    """

    def __init__(
        self, name: str, worker: Worker, found: dict[str, Any], steps_per_epoch: float, epochs: float, parts: int
    ) -> None:
        self.name, self.worker, self.how = name, worker, found["note"]
        self.steps_per_epoch, self.part = steps_per_epoch, max(1, round(steps_per_epoch / parts))
        self.last, self.steps = round(steps_per_epoch * epochs), 1
        self.seconds = found["seconds"]
        self.times: list[float] = []
        self.elbos: list[float] = []
        self.epochs: list[float] = []

    @property
    def going(self) -> bool:
        """Whether there are steps left."""
        return self.steps < self.last

    def advance(self) -> None:
        """Trains a part of an epoch and scores."""
        time.sleep(PAUSE)
        done = self.worker.call("run", steps=min(self.part, self.last - self.steps))
        self.steps += done["steps"]
        self.seconds += done["seconds"]
        self.times.append(self.seconds)
        self.elbos.append(self.worker.call("score"))
        self.epochs.append(self.steps / self.steps_per_epoch)

    def reached(self, goal: float) -> tuple[float | None, float | None]:
        """When the goal was reached, in seconds and in epochs; linear between two scores, never before the first."""
        return tuple(crossing(scale, self.elbos, goal) for scale in (self.times, self.epochs))  # type: ignore[return-value]


def measure(settings: Settings) -> Iterator[Table]:
    """One table."""
    rows = 2_000 if settings.quick else None
    case = Case(batch_size=BATCH, threads=settings.threads, rows=rows, width=64 if settings.quick else 512)
    table = Table(f"Time to quality: {case}", COLUMNS)
    schedules = QUICK_SCHEDULES if settings.quick else SCHEDULES
    rates = {f"pythae, lr {rate:g}": rate for rate in RATES}
    modules = dict.fromkeys(rates, SIDES + "pythae_side")
    ours = {f"variate, {f'{e} epochs' if e else 'defaults'}": e for e in schedules}
    modules |= dict.fromkeys(ours, SIDES + "variate_side")
    loaders = fastest_loaders(case, settings)
    with tempfile.TemporaryDirectory() as cache, workers(settings.threads, modules, **uncached(cache)) as running:
        runs = [theirs(name, running[name], case.replace(lr=rate), settings, loaders) for name, rate in rates.items()]
        runs += [own(name, running[name], case, epochs) for name, epochs in ours.items()]
        while any(run.going for run in runs):
            for run in filter(lambda run: run.going, runs):
                run.advance()
            say("  " + "; ".join(f"{run.name}: {run.elbos[-1]:.2f}" for run in runs))
    fill(table, runs, len(RATES))
    yield table


def fastest_loaders(case: Case, settings: Settings) -> int:
    """pythae's loader processes, decided by a worker whose training does not count."""
    with Worker(SIDES + "pythae_side", settings.threads) as worker:
        epoch = (case.rows or 60_000) // case.batch_size
        return int(worker.call("setup", case=case.asdict(), trial=epoch)["loaders"])


def theirs(name: str, worker: Worker, case: Case, settings: Settings, loaders: int) -> Run:
    """A run of pythae, set up."""
    say(f"  setting up {name}")
    found = worker.call("setup", case=case.asdict(), loaders=loaders)
    rows = case.rows or 60_000
    return Run(name, worker, found, rows // case.batch_size, settings.epochs, 1)


def own(name: str, worker: Worker, case: Case, epochs: int | None) -> Run:
    """A run of variate, set up, with all that it chooses itself."""
    say(f"  setting up {name}")
    options: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    found = worker.call("setup", case=case.asdict(), options=options, own=True)
    return Run(name, worker, found, found["steps_per_epoch"], found["epochs"], PARTS)


def fill(table: Table, runs: list[Run], theirs: int) -> None:
    """The table's lines; the first runs are the rival's, which set the goal."""
    goal = max(max(run.elbos) for run in runs[:theirs])
    best = min(filter(None, (run.reached(goal)[0] for run in runs[:theirs])))
    for run in runs:
        seconds, epochs = run.reached(goal)
        table.rows.append(
            {
                "side": run.name,
                "seconds to goal": seconds,
                "epochs to goal": epochs,
                "pythae takes x times as long": best / seconds if seconds else None,
                "best ELBO": max(run.elbos),
                "seconds in all": run.seconds,
                "how": run.how,
            }
        )
        table.curves[run.name] = list(zip(run.times, run.elbos, strict=True))
    table.notes.append(f"goal: a test ELBO of {goal:.3f} nats, the best that pythae reaches at any of its rates")
