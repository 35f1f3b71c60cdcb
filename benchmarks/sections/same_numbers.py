"""Whether bfloat16 and compilation change what is learnt: test ELBOs over seeds, beside float32 uncompiled."""

import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.settings import SIDES, Settings, Table, say
from benchmarks.worker import workers

REFERENCE = "float32, eager"
VARIANTS: dict[str, dict[str, Any]] = {
    REFERENCE: {"precision": "float32", "compile": "off"},
    "bfloat16, likelihood compiled": {"precision": "bfloat16", "compile": "likelihood"},
    "bfloat16, all compiled": {"precision": "bfloat16", "compile": "on"},
}
SEEDS, QUICK_SEEDS = 3, 2
EPOCHS = 4
COLUMNS = ("how", "test ELBO, nats", "of each seed", "standard error", "beyond float32's", "in its standard errors")


def measure(settings: Settings) -> Iterator[Table]:
    """A table a device."""
    yield from (compare(settings, device) for device in settings.devices)


def compare(settings: Settings, device: str) -> Table:
    """All variants on the default model of Fashion-MNIST's grey levels."""
    seeds, epochs = (QUICK_SEEDS, 1) if settings.quick else (SEEDS, EPOCHS)
    case = Case(threads=settings.threads, device=device, rows=1000 if settings.quick else None)
    model: dict[str, Any] = {"width": 32} if settings.quick else {}
    table = Table(f"Test ELBO over {seeds} seeds, {epochs} epochs of Fashion-MNIST's grey levels, {device}", COLUMNS)
    found: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with workers(settings.threads, dict.fromkeys(VARIANTS, SIDES + "variate_side")) as running:
        for seed in range(seeds):
            for name, options in VARIANTS.items():
                say(f"  {name}, seed {seed}")
                chosen = options | {"epochs": epochs, "seed": seed}
                done = running[name].call("fit", model=model, case=case.asdict(), options=chosen)
                found[name].append(done["elbo"])
    fill(table, found)
    return table


def fill(table: Table, found: dict[str, list[float]]) -> None:
    """The table's lines: means over seeds with the standard error that the seeds show."""
    mean = statistics.fmean(found[REFERENCE])
    spread = error(found[REFERENCE])
    for name, elbos in found.items():
        beyond = statistics.fmean(elbos) - mean
        table.rows.append(
            {
                "how": name,
                "test ELBO, nats": f"{statistics.fmean(elbos):.2f}",
                "of each seed": ", ".join(f"{elbo:.2f}" for elbo in elbos),
                "standard error": error(elbos),
                "beyond float32's": None if name == REFERENCE else beyond,
                "in its standard errors": None if name == REFERENCE else beyond / spread,
            }
        )
    table.notes.append("a seed sets weights, order and draws; the same test rows and one posterior draw a row for all")


def error(values: list[float]) -> float:
    """The standard error of the mean of values."""
    return float(statistics.stdev(values) / len(values) ** 0.5)
