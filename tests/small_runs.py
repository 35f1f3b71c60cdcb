"""Small trained runs that the tests of several rooms share, and the command line, in process and in one of its own."""

import csv
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from variate.config.recipe import ModelOptions, TrainingOptions
from variate.runs import Run
from variate.runs.training import plan, train

FAST = ("--epochs", "3", "--width", "16", "--depth", "1", "--latent", "3")
SMALL = {"model": ModelOptions(width=16, depth=1, latent=3), "training": TrainingOptions(epochs=3)}
"""The same options in Python."""


@pytest.fixture(autouse=True)
def single_precision(double_precision):
    torch.set_default_dtype(torch.float32)


def trained_run(source, path) -> Run:
    """A run trained in no time. Its data and its model have to be read again."""
    train(plan(str(source), str(path), **SMALL))
    return Run(path)


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> Run:
    """A run on digits; its directory is not to be written to."""
    return trained_run("digits", tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="session")
def table_file(tmp_path_factory) -> Path:
    """A table with a column of each kind."""
    path = tmp_path_factory.mktemp("table") / "people.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "member", "visits", "city"])
        for _ in range(300):
            city = rng.choice(["Bern", "Oslo", "Rome"])
            writer.writerow([f"{rng.normal(170, 9):.2f}", rng.integers(2), rng.negative_binomial(2, 0.1), city])
    return path


@pytest.fixture(scope="session")
def table_run(table_file, tmp_path_factory) -> Run:
    """A run on the table; its directory is not to be written to."""
    return trained_run(table_file, tmp_path_factory.mktemp("runs") / "people")


def orders(with_gaps: bool) -> Iterator[str]:
    """Lines of a table whose columns follow from one another: multiples, a sum, a letter that stands for a level."""
    rng = np.random.default_rng(0)
    yield "net,tax,twice,level,letter,gross,four"
    for _ in range(300):
        net, tax, level = round(rng.gamma(2, 20), 2), round(rng.gamma(2, 3), 2), rng.integers(3)
        is_gap = rng.random() < 0.3 and with_gaps
        codes = "," if is_gap else f"{level + 1},{'abc'[level]}"
        amounts = "," if is_gap else f"{net + tax:.2f},{4 * net:.2f}"
        yield f"{net},{tax},{2 * net:.2f},{codes},{amounts}"


@pytest.fixture(scope="session")
def orders_run(tmp_path_factory) -> Run:
    """A run on a table whose columns follow from one another; its directory is not to be written to."""
    folder = tmp_path_factory.mktemp("orders")
    (folder / "orders.csv").write_text("\n".join(orders(with_gaps=False)))
    return trained_run(folder / "orders.csv", folder / "run")


@pytest.fixture
def variate_command(monkeypatch, capsys, tmp_path):
    """The command line in an empty directory: arguments to exit code, standard output and standard error."""
    from variate.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["variate", *map(str, arguments)])
        code = 0
        with warnings.catch_warnings():
            try:
                main()
            except SystemExit as stop:
                code = stop.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def short_trials(monkeypatch):
    """Fewer steps for each measurement of the doctor, where what is tested is how it is said."""
    for name, value in {"SHORT_TRIAL": 60, "LONG_TRIAL": 300, "FITTED_ROWS": 16, "FITTED_STEPS": 50}.items():
        monkeypatch.setattr(f"variate.doctor.examination.{name}", value)


def in_a_process(*arguments, **options):
    """Arguments for `subprocess` that call the command line."""
    return {"args": [sys.executable, "-m", "variate", *map(str, arguments)], "env": os.environ.copy(), **options}


def finished(*arguments, **options):
    """The command line in a process of its own, which has to succeed: what it printed."""
    done = subprocess.run(**in_a_process(*arguments, **options), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
