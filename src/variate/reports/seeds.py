"""What several training seeds measure, as a report: the mean and the spread of every number of their evaluations."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch

from variate.distributions.interop import call_scipy
from variate.evaluation.probes.agreement import Agreement
from variate.reports.json import to_json
from variate.reports.report import NATS, Quantities, Quantity, Remarks, Report, Table
from variate.runs import Run
from variate.statistics import Spread, spread_of

CONFIDENCE = 0.95
"""Two settings that are equal differ by less than what is called chance with this probability."""


def least_difference(number: int) -> float:
    """From how many standard deviations over seeds on two means, of as many seeds each, differ by more than chance.

    It is Student's t test of two samples with one variance, by the t of 2 (number - 1) degrees of freedom.
    """
    quantile = call_scipy("stdtrit", torch.tensor(2.0 * (number - 1)), torch.tensor((1 + CONFIDENCE) / 2))
    return quantile.item() * math.sqrt(2 / number)


def seeds_report(reports: Sequence[Report], runs: Sequence[Run], agreement: Agreement | None) -> Report:
    """The report of several runs that differ in their seed alone.

    Args:
        reports: The evaluation of each, on the same rows.
        runs: The runs, the first one's directory being that of all.
        agreement: How alike they embed these rows; None of too few.
    """
    seeds = [run.recipe.training.seed for run in runs]
    lines = list(zip(*(report.quantities for report in reports), strict=True))
    per_dim = next((section.per_dim for section in reports[0].of_type(Quantities) if section.per_dim), "")
    return Report(
        f"{len(seeds)} training seeds ({', '.join(map(str, seeds))}), on the same rows",
        (
            Table(("", "mean", "SD over seeds", "SE over rows", "each seed", per_dim), tuple(map(_row, lines))),
            *(() if agreement is None else (_agreement_table(agreement),)),
            Remarks(_remarks(len(seeds))),
        ),
        reports[0].facts,
        {"seeds": seeds_details(lines, runs, agreement)},
    )


def record_of_seeds(first: Report, over_seeds: Report) -> dict[str, Any]:
    """The record of an evaluation of several seeds: that of the first, and what all measured, as JSON values."""
    return to_json(dataclasses.replace(first, details={**first.details, **over_seeds.details}))


def seeds_details(
    lines: Sequence[tuple[Quantity, ...]], runs: Sequence[Run], agreement: Agreement | None
) -> dict[str, Any]:
    """The numbers as JSON values."""
    return {
        "seeds": [run.recipe.training.seed for run in runs],
        "runs": [str(run.path.relative_to(runs[0].path)) for run in runs],
        "quantities": [_quantity(line) for line in lines],
        "embeddings": agreement
        and {
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
        _per_dim([quantity.per_dim.value for quantity in line if quantity.per_dim is not None]),
    )


def _per_dim(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds of a value per dimension; nothing if there is none."""
    if not values:
        return ""
    found = spread_of(values)
    return f"{found.mean:.4f} ± {found.std:.4f}"


def _told(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def _agreement_table(found: Agreement) -> Table:
    def row(name: str, spread: Spread, chance: str) -> tuple[str, ...]:
        return name, f"{spread.mean:.3f}", _told(spread.std, ".3f"), chance

    rows = (
        row("linear CKA (1: rotated or scaled)", found.cka, ""),
        row(f"share of {found.neighbours} nearest rows in common", found.overlap, f"{found.chance:.3f}"),
    )
    return Table(("embeddings, by pairs of seeds", "mean", "SD over pairs", "by chance"), rows)


def _remarks(number: int) -> tuple[str, ...]:
    return (
        "SD over seeds: how much a number varies from one training to the next, on the same rows",
        f"to tell one setting from another, train both with {number} seeds: means that are less than "
        f"{least_difference(number):.1f} SD apart may differ by chance, however small the standard error over rows is",
    )
