"""A diagnosis as a report: findings first, then everything that was measured."""

from typing import Any

from torch import Tensor

from variate.doctor import Diagnosis, Examination, costs
from variate.doctor.findings import hole_of
from variate.evaluation.diagnostics.surgery import Surgery
from variate.reports.facts import run_facts
from variate.reports.report import COST, NATS, Findings, Quantities, Quantity, Remarks, Report, Section
from variate.runs import HeldOut, Run
from variate.statistics import bits_per_dim

SHOWN_LATENTS = 10
"""Number of latents whose rate is shown, the largest first."""


def diagnosis_report(found: Diagnosis, run: Run, held_out: HeldOut, *, seed: int, precision: str) -> Report:
    """The report of a diagnosis.

    Args:
        found: The diagnosis.
        run: The run of the model.
        held_out: The rows that it was examined on.
        seed: The seed that it was made with.
        precision: The precision of the networks.
    """
    seen, is_mass = found.examination, run.model.likelihood.is_mass
    bits = f", {bits_per_dim(-seen.test.value, seen.dimensions):.3f} bits/dim" if is_mass else ""
    measured = tuple(Quantity(name, cost, NATS, COST) for name, cost in costs(seen))
    spent = rates(seen)
    sections: list[Section] = [
        *([] if seen.overfitting else [Remarks((UNTRAINED,))]),
        *_findings(found),
        Quantities(measured, "what was measured, nats per row"),
        *([Remarks(spent, "where the rate goes")] if spent else []),
    ]
    return Report(
        f"{held_out.part}: ELBO {seen.test.plus_minus()} nats per row{bits}",
        sections,
        run_facts(run, held_out)
        | {"dimensions": seen.dimensions, "seed": seed, "precision": precision, "is_mass": is_mass},
        details(seen),
    )


UNTRAINED = "the training rows are not available: over-fitting and under-training were not examined"


def _findings(found: Diagnosis) -> list[Section]:
    """The alarms, and then the smaller findings."""
    alarms = tuple(found.alarms)
    smaller = tuple(finding for finding in found.findings if not finding.alarm)
    count = f"{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}, the costliest first" if alarms else "no alarm"
    more = [Findings(smaller, "smaller findings", len(alarms) + 1)] if smaller else []
    return [Findings(alarms, count), *more]


def rates(seen: Examination) -> tuple[str, ...]:
    """How the rate is spent, as far as it was measured."""
    return (*_parts_of_rate(seen.surgery), *_rate_by_latent(seen.rates))


def _parts_of_rate(cut: Surgery | None) -> list[str]:
    if cut is None:
        return []
    said = f"of the rate of {cut.mean_rate.value:.2f}, {cut.mean_information.value:.2f} says which row it was"
    if cut.saturated:
        return [f"{said}, and {hole_of(cut)}: more rows would raise the one and lower the other"]
    return [f"{said} (at most log {len(cut.rate):,} = {cut.ceiling:.2f}), and {hole_of(cut)}"]


def _rate_by_latent(rates: Tensor | None) -> list[str]:
    if rates is None:
        return []
    order = rates.argsort(descending=True).tolist()
    shown = ", ".join(f"{rates[i]:.2f} ({i})" for i in order[:SHOWN_LATENTS])
    rest = sum(rates[i].item() for i in order[SHOWN_LATENTS:])
    more = f", {rest:.2f} in the other {len(order) - SHOWN_LATENTS}" if len(order) > SHOWN_LATENTS else ""
    return [f"rate by latent: {shown}{more}"]


def details(seen: Examination) -> dict[str, Any]:
    """The numbers behind the report, as JSON values."""
    cut = seen.surgery
    parts = cut and {
        "mean": cut.mean_rate.value,
        "information": cut.mean_information.value,
        "ceiling": cut.ceiling,
        "prior_hole": cut.mean_hole.value,
        "prior_hole_is_upper_bound": cut.saturated,
    }
    return {
        "elbo": seen.test._asdict(),
        "rate": parts,
        "rate_by_latent": None if seen.rates is None else seen.rates.tolist(),
        "active": seen.active.tolist(),
        "collapsed_since_epoch": seen.collapsed_since,
        "epochs": seen.epochs,
    }
