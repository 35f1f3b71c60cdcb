"""Test bits/dim of 8-bit pixels after given times: whole runs of `fit` whose schedule ends then.

The compiler's cache is empty, as at a user's first run; the number of epochs is chosen from a trial, so the time is met
only roughly, and the table says what it was. Rows, split and every other choice are those of `variate train`.
"""

import tempfile
from collections.abc import Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.settings import SIDES, Settings, Table, say
from benchmarks.worker import Worker, uncached, workers

LIKELIHOODS: dict[str, dict[str, Any]] = {
    "logistic-1": {"likelihood": "discretized-logistic", "mixtures": 1},
    "logistic-2": {"likelihood": "discretized-logistic", "mixtures": 2},
    "logistic-3": {"likelihood": "discretized-logistic", "mixtures": 3},
    "quantized-gaussian": {"likelihood": "quantized-gaussian"},
    "categorical": {"likelihood": "categorical"},
}
"""Name -> options of the model; a categorical has a hundred million weights, so on a CPU it is measured on demand."""
USUAL = ("logistic-1", "logistic-2", "logistic-3", "quantized-gaussian")
COLUMNS = ("likelihood", "seconds asked", "seconds taken", "epochs", "test bits/dim", "standard error", "how")


def measure(settings: Settings) -> Iterator[Table]:
    """A table a device."""
    yield from (runs(settings, device) for device in settings.devices)


def runs(settings: Settings, device: str) -> Table:
    """Each likelihood for each length."""
    table = Table(f"Test bits/dim of Fashion-MNIST's grey levels after a time, {device}", COLUMNS)
    case = Case(threads=settings.threads, device=device, rows=1000 if settings.quick else None)
    for seconds in settings.seconds:
        for name in settings.likelihoods or (USUAL[1:2] if settings.quick else USUAL):
            say(f"  {name} for {seconds:g} s")
            model = LIKELIHOODS[name] | ({"width": 64} if settings.quick else {})
            with (
                tempfile.TemporaryDirectory() as cache,
                workers(settings.threads, {"variate": SIDES + "variate_side"}, **uncached(cache)) as running,
            ):
                table.rows.append({"likelihood": name} | run(running["variate"], seconds, model, case))
    table.notes.append("one posterior draw a row; the standard error is of the choice of test rows")
    return table


def run(worker: Worker, seconds: float, model: dict[str, Any], case: Case) -> dict[str, Any]:
    """A line of the table."""
    found = worker.call("fit_for", seconds=seconds, model=model, case=case.asdict())
    return {
        "seconds asked": seconds,
        "seconds taken": found["seconds"],
        "epochs": found["epochs"],
        "test bits/dim": found["bits_per_dim"],
        "standard error": found["stderr"],
        "how": found["note"],
    }
