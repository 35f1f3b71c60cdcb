"""Rows x draws a second of the importance-weighted bound on log p(x)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import alternate, inverse, ratios, spread
from benchmarks.settings import PAUSE, SIDES, Settings, Table, set_up
from benchmarks.worker import Worker, workers

REFERENCE = "variate"
DRAWS = 1000
BATCHES = (100, 500, 1000)
"""Draws at a time that pythae is tried with; each divides `DRAWS`."""
COLUMNS = ("side", "rows x draws/s", "variate is x times as fast", "how")


def measure(settings: Settings) -> Iterator[Table]:
    """A table a device."""
    rows = 64 if settings.quick else None
    base = Case(threads=settings.threads, rows=rows, batch_size=64, width=64 if settings.quick else 512)
    yield from (compare(base.replace(device=device), settings) for device in settings.devices)


def sides(case: Case) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> module and arguments of its setup."""
    single = {"case": case.asdict()}
    lower = {"case": case.replace(precision="bfloat16").asdict()}
    return {
        REFERENCE: ("variate_side", single | {"options": {"compile": "off"}}),
        "variate, bfloat16": ("variate_side", lower | {"options": {"compile": "off"}}),
        "PyTorch, a row's draws at once": ("torch_side", single),
        "PyTorch, bfloat16": ("torch_side", lower),
        "pythae": ("pythae_side", single),
    }


def compare(case: Case, settings: Settings) -> Table:
    """All sides on one device; each takes rows enough to fill its turn."""
    table = Table(f"Importance-weighted bound, {DRAWS} draws a row: {case}", COLUMNS)
    chosen = sides(case)
    with workers(settings.threads, {name: SIDES + module for name, (module, _) in chosen.items()}) as running:
        known = set_up(running, {name: arguments for name, (_, arguments) in chosen.items()}, table)
        turns = {}
        for name, worker in running.items():
            turns[name], how = scoring(worker, settings, name == "pythae")
            known[name]["how"] = how
        seconds = alternate(turns, settings.rounds)
    for name, values in seconds.items():
        table.rows.append(
            {
                "side": name,
                "rows x draws/s": inverse(spread(values)),
                "variate is x times as fast": ratios(values, seconds[REFERENCE]),
                "how": known[name]["how"],
            }
        )
    table.notes.append("untrained weights, nothing compiled; pythae within torch.no_grad and in its fastest batch")
    return table


def scoring(worker: Worker, settings: Settings, in_batches: bool) -> tuple[Callable[[], float], str]:
    """A turn of a side, seconds a draw, and how it is done."""

    def seconds(rows: int, **own: int) -> float:
        time.sleep(PAUSE)
        return float(worker.call("evidence", rows=rows, draws=DRAWS, **own)["seconds"]) / (rows * DRAWS)

    trials: list[dict[str, int]] = [{"batch_size": b} for b in BATCHES] if in_batches else [{}]
    few = 4
    for own in trials:
        seconds(1, **own)
    best = min(trials, key=lambda own: seconds(few, **own))
    most = 64 if settings.quick else 10_000
    rows = max(few, min(most, round(settings.block / (seconds(few, **best) * DRAWS))))
    how = ", ".join([f"{rows} rows", *(f"{k} {v}" for k, v in best.items())])
    return lambda: seconds(rows, **best), how
