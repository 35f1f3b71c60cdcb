"""What a run of the suite was asked for, and what every section does with its workers."""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.measure import alternate, steps_for
from benchmarks.worker import AbsentError, Worker

SIDES = "benchmarks.sides."
PAUSE = 0.1
"""Seconds between two sides' turns: threads that wait by spinning go to sleep."""


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes:
        quick: As little as shows that all works; its figures mean nothing.
        threads: CPU threads of every side.
        devices: cpu, cuda or both.
        rounds: How often the sides take turns.
        block: Seconds of one turn.
        seconds: Lengths of training of the section on quality.
        likelihoods: Of the section on quality.
        epochs: pythae's, in the section on time to quality.
        tables: Of the sections on tables: files, or names of built-in tables.
        seeds: Of the section on synthetic tables.
        synthetic: Fashion-MNIST is not here, so sections that take times use random rows of its shape.
    """

    quick: bool = False
    threads: int = 1
    devices: tuple[str, ...] = ("cpu",)
    rounds: int = 7
    block: float = 2.0
    seconds: tuple[float, ...] = (60, 120, 240)
    likelihoods: tuple[str, ...] = ()
    epochs: int = 20
    tables: tuple[str, ...] = ("people",)
    seeds: int = 3
    synthetic: bool = False

    @property
    def about_rows(self) -> list[str]:
        """What a table must say of its rows."""
        return ["Fashion-MNIST is not here: random rows of its shape stand in for it"] if self.synthetic else []


@dataclass(frozen=True)
class Table:
    """What a section found.

    Attributes:
        title: What is compared.
        columns: Names of the columns, in order.
        rows: A dict each; a value is text, a number, a `Spread`, or None.
        notes: What to know when reading it.
        curves: Name -> points, for the file only.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def positive(text: str) -> int:
    """A number of things, on a command line."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def say(text: str) -> None:
    """Tells on standard error how far things are."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def set_up(
    running: dict[str, Worker], arguments: Mapping[str, dict[str, Any]], table: Table
) -> dict[str, dict[str, Any]]:
    """Sets every side up, one after another; who cannot be had here is noted and let go."""
    found = {}
    for name, own in arguments.items():
        say(f"  setting up {name}")
        try:
            found[name] = running[name].call("setup", **own)
        except AbsentError as error:
            table.notes.append(f"{name} is not here: {str(error).splitlines()[0]}")
            running.pop(name).close()
    return found


def seconds_per_step(
    running: Mapping[str, Worker], settings: Settings, known: Mapping[str, dict[str, Any]]
) -> dict[str, list[float]]:
    """For each side its seconds per step, round by round; a turn is about a block, but no shorter than a side's own."""

    def turn(worker: Worker, steps: int) -> float:
        time.sleep(PAUSE)
        done = worker.call("run", steps=steps)
        return float(done["seconds"] / done["steps"])

    steps = {}
    for name, worker in running.items():
        worker.call("run", steps=1)
        trial = worker.call("run", steps=2)
        least = known.get(name, {}).get("turn", 1)
        steps[name] = max(least, steps_for(settings.block, trial["seconds"], trial["steps"]))
    say(f"  {settings.rounds} rounds of {', '.join(running)}")
    return alternate({name: partial(turn, worker, steps[name]) for name, worker in running.items()}, settings.rounds)
