"""An evaluation as a report: one table, and what one must know to read it."""

import math
from typing import Any

from variate.config.recipe import TrainingOptions
from variate.errors import Option, Sentence
from variate.evaluation.bounds.weights import LEAST_DRAWS, UNRELIABLE
from variate.evaluation.evaluate import AnnealedBound, Classification, Evaluation, Importance
from variate.reports.facts import run_facts
from variate.reports.report import (
    BITS_PER_DIM,
    BOUND,
    NATS,
    NATS_PER_DIM,
    OTHER,
    PART,
    Quantities,
    Quantity,
    Remarks,
    Report,
)
from variate.runs import HeldOut, Run
from variate.statistics import Estimate, bits_per_dim

ANNEALED, MOST_ANNEALED = 20, 200
"""Number of flagged rows that should be among the annealed ones, which are chosen at random; most rows to anneal."""
LISTED = 200
"""Most numbers of flagged rows in the record."""


def evaluation_report(found: Evaluation, run: Run, held_out: HeldOut, *, seed: int, precision: str) -> Report:
    """The report of an evaluation.

    Args:
        found: The evaluation.
        run: The run of the model.
        held_out: The rows that it was evaluated on.
        seed: The seed that it was made with.
        precision: The precision of the networks.
    """
    of = f" of {found.of_rows:,}" if found.of_rows != found.num_rows else ""
    networks = ", networks in bfloat16 as trained" if precision == "bfloat16" else ""
    return Report(
        f"{held_out.part}: {found.num_rows:,}{of} rows{networks}",
        (
            Quantities(quantities(found), per_dim=BITS_PER_DIM if found.is_mass else NATS_PER_DIM),
            Remarks(remarks(found, run.recipe.training)),
        ),
        run_facts(run, held_out)
        | {
            "rows": found.num_rows,
            "of_rows": found.of_rows,
            "dimensions": found.dimensions,
            "seed": seed,
            "precision": precision,
            "is_mass": found.is_mass,
        },
        _importance(found.importance) if found.importance else {},
    )


def _importance(found: Importance) -> dict[str, Any]:
    return {
        "importance": {
            "samples": max(found.bounds),
            "noise": found.noise,
            "noise_of_reliable_rows": found.reliable_noise,
            "effective_sample_size": found.ess,
            "unreliable_rows": found.unreliable,
            "num_flagged": len(found.flagged),
            "flagged": found.flagged[:LISTED],
        }
    }


def quantities(found: Evaluation) -> tuple[Quantity, ...]:
    """The lines of the table, in order."""

    def bound(name: str, value: Estimate) -> Quantity:
        return Quantity(name, value, NATS, BOUND, per_dim(value, found, sign=-1))

    def part(name: str, value: Estimate) -> Quantity:
        return Quantity(name, value, NATS, PART, per_dim(value, found))

    lines = [bound("ELBO", found.elbo)]
    if found.importance:
        lines += [bound(f"IW-{k}", value) for k, value in found.importance.bounds.items()]
    if found.annealed:
        lines.append(bound(f"AIS of {found.annealed.num_rows} rows", found.annealed.bound))
    lines += [part("distortion, -log p(x|z)", found.distortion), part("rate, KL(q || p)", found.rate)]
    lines.append(Quantity(f"active units of {found.latent}", found.active_units, "latents", OTHER))
    if found.classification:
        lines.append(Quantity("accuracy of p(c|x), by Bayes' rule", found.classification.accuracy, "", OTHER))
    errors = found.reconstruction
    for name, value, unit in (
        ("RMSE, data units", errors.rmse, "data units"),
        ("PSNR, dB", errors.psnr, "dB"),
        ("SSIM", errors.ssim, ""),
    ):
        if value is not None:
            lines.append(Quantity(name, value, unit, OTHER))
    return tuple(lines)


def per_dim(nats: Estimate, found: Evaluation, sign: int = 1) -> Estimate:
    """A value per dimension: of a mass in bits (a bound with the sign of a code length), of a density in nats."""
    if found.is_mass:
        value, stderr = (bits_per_dim(number, found.dimensions) for number in (sign * nats.value, nats.stderr))
        return Estimate(value, stderr)
    return Estimate(nats.value / found.dimensions, nats.stderr / found.dimensions)


def remarks(found: Evaluation, training: TrainingOptions) -> tuple[str, ...]:
    """What one must know to read the table, a sentence each."""
    said: list[str] = ["bound: a lower bound on log p(x), so the truth is at least that good"]
    if found.importance:
        said += _on_importance(found.importance, found.num_rows, found.annealed is not None)
    if found.annealed and found.annealed.over_importance:
        said.append(_on_annealing(found.annealed, found.annealed.over_importance))
    if found.classification:
        said.append(_on_classification(found.classification))
    if not found.is_mass:
        said.append("the likelihood is a density, so nats may have either sign and depend on the units of the data")
    if training.beta != 1 or training.free_bits:
        given = (Option("beta", training.beta), " and ", Option("free_bits", training.free_bits))
        what = ": what was maximised is not a likelihood; the ELBO above has beta = 1 and is a bound all the same"
        said.append(Sentence("trained with ", *given, what))
    return tuple(said)


def _on_classification(found: Classification) -> str:
    """What the accuracy is of, and what is no merit in it."""
    some = "" if found.num_rows == found.of_rows else f" of {found.num_rows:,} rows"
    usual = f"always the one that is most frequent in training would be right in {found.most_frequent:.1%}"
    return f"accuracy{some}: which of {found.num_contexts:,} conditions a row has; {usual}"


def _on_importance(found: Importance, num_rows: int, annealed: bool) -> list[str]:
    """How far the draws alone move the bound, as far as that is known, and which rows are flagged."""
    samples, flagged = max(found.bounds), len(found.flagged)
    said: list[str] = []
    if samples < LEAST_DRAWS:
        too_few = f"IW-{samples}: {samples} samples per row are too few to tell how noisy it is; take "
        said.append(Sentence(too_few, Option("num_samples", LEAST_DRAWS), " or more"))
    else:
        known = "of the mean over all rows is not known, because rows are flagged"
        if found.noise is not None:
            known = f"due to the draws alone is ± {found.noise:.2g} nats"
        elif found.reliable_noise is not None:
            known += f"; over the other {num_rows - flagged:,} rows it is ± {found.reliable_noise:.2g} nats"
        said.append(f"IW-{samples}: the noise {known}; effective sample size {found.ess:,.0f}")
    if flagged:
        enough = min(num_rows, MOST_ANNEALED, math.ceil(ANNEALED / found.unreliable))
        anneal = ", or measure by annealing how loose they are, with "
        said.append(
            Sentence(
                f"flagged: {flagged:,} of {num_rows:,} rows ({found.unreliable:.1%}) have Pareto k-hat above "
                f"{UNRELIABLE}: a few draws decide their bounds, which may be nats below log p(x); take more ",
                Option("num_samples"),
                *(() if annealed else (anneal, Option("annealed_rows", enough))),
            )
        )
    return said


def _on_annealing(found: AnnealedBound, over: Estimate) -> str:
    sentence = f"AIS: on its own rows it exceeds the IW bound by {over.plus_minus()} nats"
    if found.over_flagged is None:
        return sentence
    return f"{sentence}, on the {found.num_flagged} flagged ones among them by {found.over_flagged.plus_minus()}"
