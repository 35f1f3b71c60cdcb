"""Likelihoods of the numbers of tables: held-out nats per row of Gaussians and negative binomials beside the default.

Columns on a grid have a mass under both, so nats can be compared; the difference is paired by rows. A table with a
column of numbers without a grid has densities there, of the same numbers under both.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import torch

import variate
from benchmarks.settings import Settings, Table, say
from variate.statistics import estimate

COLUMNS = (
    "table",
    "rows",
    "columns",
    "Gaussian, nats",
    "quantile-logistic, nats",
    "difference",
    "standard error",
    "Gaussian, s",
    "quantile-logistic, s",
)


def measure(settings: Settings) -> Iterator[Table]:
    """One table."""
    table = Table("Held-out nats per row of tables: one Gaussian per number, beside numbers as they are", COLUMNS)
    for path in settings.tables:
        say(f"  {Path(path).stem}")
        table.rows.append(line(path, settings))
    table.notes.append("log p(x) by 100 importance draws on the test part; defaults otherwise, one seed")
    yield table


def line(path: str, settings: Settings) -> dict[str, object]:
    """One table, trained with both likelihoods."""
    data = variate.split(variate.read(path))
    nats: dict[str, torch.Tensor] = {}
    seconds: dict[str, float] = {}
    for name in ("columns", "quantile-logistic"):
        start = time.perf_counter()
        model = variate.build(data, variate.ModelOptions(likelihood=name))
        variate.fit(model, data, **({"epochs": 1} if settings.quick else {}))
        seconds[name] = time.perf_counter() - start
        nats[name] = variate.log_evidence(model, data.test, num_samples=10 if settings.quick else 100).log_evidence
        say(f"    {name} {nats[name].mean():.2f}")
    difference = estimate(nats["quantile-logistic"] - nats["columns"])
    return {
        "table": Path(path).stem,
        "rows": len(data.train) + len(data.validation) + len(data.test),
        "columns": len(data.train.schema.columns),
        "Gaussian, nats": float(nats["columns"].mean()),
        "quantile-logistic, nats": float(nats["quantile-logistic"].mean()),
        "difference": difference.value,
        "standard error": difference.stderr,
        "Gaussian, s": seconds["columns"],
        "quantile-logistic, s": seconds["quantile-logistic"],
    }
