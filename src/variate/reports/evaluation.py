"""An evaluation as a report: one table, and what one must know to read it."""

from typing import Any

from variate.config.recipe import TrainingOptions
from variate.errors import Option, Sentence
from variate.evaluation.evaluate import Evaluation, Importance
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
            "effective_sample_size": found.ess,
            "unreliable_rows": found.unreliable,
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
        said.append(_on_importance(found.importance))
    if found.annealed and found.annealed.over_importance:
        over = found.annealed.over_importance
        said.append(f"AIS: on its own rows it exceeds the IW bound by {over.value:.2f} ± {over.stderr:.2f} nats")
    if not found.is_mass:
        said.append("the likelihood is a density, so nats may have either sign and depend on the units of the data")
    if training.beta != 1 or training.free_bits:
        given = (Option("beta", training.beta), " and ", Option("free_bits", training.free_bits))
        what = ": what was maximised is not a likelihood; the ELBO above has beta = 1 and is a bound all the same"
        said.append(Sentence("trained with ", *given, what))
    return tuple(said)


def _on_importance(found: Importance) -> str:
    sentence = (
        f"IW-{max(found.bounds)}: the draws alone give ± {found.noise:.2g} nats; effective sample size {found.ess:,.0f}"
    )
    if not found.unreliable > 0:
        return sentence
    return Sentence(
        f"{sentence}; {found.unreliable:.0%} of the rows have Pareto k-hat above 0.7, where a few draws decide and the "
        "bound is loose: more ",
        Option("num_samples"),
        ", or ",
        Option("annealed_rows"),
    )
