"""What several training seeds measure, as a report: the mean and the spread of every number of their evaluations."""

import math
from collections.abc import Sequence
from typing import Any

from variate.evaluation.probes.agreement import Agreement
from variate.reports.report import NATS, Quantity, Remarks, Report, Table
from variate.runs import Run
from variate.statistics import Spread, spread_of

SURE = 2.0
"""Number of standard errors from which a difference between two settings is called more than chance."""


def seeds_report(reports: Sequence[Report], runs: Sequence[Run], agreement: Agreement) -> Report:
    """The report of several runs that differ in their seed alone.

    Args:
        reports: The evaluation of each, on the same rows.
        runs: The runs, the first one's directory being that of all.
        agreement: How alike they embed these rows.
    """
    seeds = [run.recipe.training.seed for run in runs]
    lines = list(zip(*(report.quantities for report in reports), strict=True))
    return Report(
        f"{len(seeds)} training seeds ({', '.join(map(str, seeds))}), on the same rows",
        (
            Table(("", "mean", "SD over seeds", "SE over rows", "each seed"), tuple(_row(line) for line in lines)),
            Table(("embeddings, by pairs of seeds", "mean", "SD over pairs", "by chance"), _agreement_rows(agreement)),
            Remarks(_remarks(len(seeds))),
        ),
        reports[0].facts,
        {"seeds": details(lines, runs, agreement)},
    )


def details(lines: Sequence[tuple[Quantity, ...]], runs: Sequence[Run], agreement: Agreement) -> dict[str, Any]:
    """The numbers as JSON values."""
    return {
        "seeds": [run.recipe.training.seed for run in runs],
        "runs": [str(run.path.relative_to(runs[0].path)) for run in runs],
        "quantities": [_quantity(line) for line in lines],
        "embeddings": {
            "rows": agreement.num_rows,
            "neighbours": agreement.neighbours,
            "cka": agreement.cka._asdict(),
            "overlap": agreement.overlap._asdict() | {"chance": agreement.chance},
        },
    }


def _quantity(line: tuple[Quantity, ...]) -> dict[str, Any]:
    values = [quantity.estimate.value for quantity in line]
    found = spread_of(values)
    return {
        "name": line[0].name,
        "kind": line[0].kind,
        "unit": line[0].unit,
        "mean": found.mean,
        "std": found.std,
        "values": values,
        "stderr": _over_rows(line),
    }


def _over_rows(line: tuple[Quantity, ...]) -> float:
    """The standard error over rows of one seed: the mean over seeds, for they are judged by the same rows."""
    return sum(quantity.estimate.stderr for quantity in line) / len(line)


def _row(line: tuple[Quantity, ...]) -> tuple[str, ...]:
    values = [quantity.estimate.value for quantity in line]
    found, form = spread_of(values), ",.2f" if line[0].unit == NATS else ",.4g"
    return (
        line[0].name,
        format(found.mean, form),
        _told(found.std, form),
        _told(_over_rows(line), form),
        "  ".join(format(value, form) for value in values),
    )


def _told(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def _agreement_rows(found: Agreement) -> tuple[tuple[str, ...], ...]:
    def row(name: str, spread: Spread, chance: str) -> tuple[str, ...]:
        return name, f"{spread.mean:.3f}", _told(spread.std, ".3f"), chance

    return (
        row("linear CKA", found.cka, ""),
        row(f"share of {found.neighbours} nearest rows in common", found.overlap, f"{found.chance:.3f}"),
    )


def _remarks(number: int) -> tuple[str, ...]:
    apart = SURE * math.sqrt(2 / number)
    return (
        "SD over seeds: how much a number varies from one training to the next, on the same rows",
        f"to tell one setting from another, train both with {number} seeds: means that are less than {apart:.1f} SD "
        "apart may be chance, however small the standard error over rows is",
        "linear CKA: 1 if one embedding is the other one rotated and scaled",
    )
