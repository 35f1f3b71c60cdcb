"""Rows x draws per second of the importance-weighted bound on log p(x)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import alternate, inverse, ratios, spread
from benchmarks.settings import PAUSE, SIDES, Settings, Table, set_up
from benchmarks.worker import Worker, workers

REFERENCE = "variate"
DRAWS, QUICK_DRAWS = 1000, 100
BATCHES = (100, 500, 1000)
"""Draws at a time that pythae is tried with; it takes whole batches of draws."""
FEW, MOST = 8, 10_000
"""Rows: of a trial, and of a turn."""
DIGITS = 180
"""Test rows of scikit-learn's digits."""
COLUMNS = ("side", "rows x draws/s", "variate is x times as fast", "how")


def measure(settings: Settings) -> Iterator[Table]:
    """A table for each device, and one of small rows."""
    rows = 500 if settings.quick else None
    base = Case(threads=settings.threads, rows=rows, batch_size=64, width=64 if settings.quick else 512)
    base = base.replace(synthetic=settings.synthetic)
    yield from (compare(base.replace(device=device), settings) for device in settings.devices)
    yield small_rows(settings)


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
    """All sides on one device, each with the same rows."""
    draws = QUICK_DRAWS if settings.quick else DRAWS
    table = Table(f"Importance-weighted bound, {draws} draws per row: {case}", COLUMNS)
    chosen = sides(case)
    with workers(settings.threads, {name: SIDES + module for name, (module, _) in chosen.items()}) as running:
        set_up(running, {name: arguments for name, (_, arguments) in chosen.items()}, table)
        pace = [scoring(running[REFERENCE], FEW, draws)() for _ in range(2)][-1]
        rows = max(FEW, min(case.rows or MOST, round(settings.block / (pace * draws))))
        turns = {name: scoring(worker, rows, draws) for name, worker in running.items()}
        how = dict.fromkeys(running, "")
        if "pythae" in running:
            how["pythae"], turns["pythae"] = batched(running["pythae"], rows, draws)
        seconds = alternate(turns, settings.rounds)
    for name, values in seconds.items():
        table.rows.append(
            {
                "side": name,
                "rows x draws/s": inverse(spread(values)),
                "variate is x times as fast": ratios(values, seconds[REFERENCE]),
                "how": how[name],
            }
        )
    table.notes.append(f"{rows:,} rows; untrained weights, nothing compiled; pythae within torch.no_grad")
    table.notes.extend(settings.about_rows)
    return table


def small_rows(settings: Settings) -> Table:
    """Digits of 8x8 pixels, with freed memory kept for the next buffers and without."""
    draws = QUICK_DRAWS if settings.quick else DRAWS
    table = Table(
        f"Importance-weighted bound, {draws} draws per row: digits of 8x8 pixels, default model, cpu", COLUMNS
    )
    reuse = {REFERENCE: True, "variate, freed memory not kept": False}
    with workers(settings.threads, dict.fromkeys(reuse, f"{SIDES}variate_side")) as running:

        def turn(name: str) -> Callable[[], float]:
            return lambda: float(
                running[name].call("evidence_of_digits", draws=draws, reuse=reuse[name])["seconds"] / (DIGITS * draws)
            )

        seconds = alternate({name: turn(name) for name in running}, settings.rounds)
    for name, values in seconds.items():
        speed = {
            "rows x draws/s": inverse(spread(values)),
            "variate is x times as fast": ratios(values, seconds[REFERENCE]),
        }
        table.rows.append({"side": name, **speed, "how": ""})
    return table


def scoring(worker: Worker, rows: int, draws: int, **own: int) -> Callable[[], float]:
    """A turn of a side: its seconds per draw of a row."""

    def turn() -> float:
        time.sleep(PAUSE)
        return float(worker.call("evidence", rows=rows, draws=draws, **own)["seconds"]) / (rows * draws)

    return turn


def batched(worker: Worker, rows: int, draws: int) -> tuple[str, Callable[[], float]]:
    """A turn of pythae in its fastest batch, and which that is."""
    sizes = [size for size in BATCHES if size <= draws]
    trials = {size: scoring(worker, FEW, draws, batch_size=size) for size in sizes}
    best = min(sizes, key=lambda size: min(trials[size]() for _ in range(2)))
    return f"batch_size {best}", scoring(worker, rows, draws, batch_size=best)
