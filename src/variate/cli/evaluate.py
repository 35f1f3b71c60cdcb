"""How good a model is: one table on the screen, and the same numbers in evaluation.json."""

import json
import math
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from variate.cli.speech import say
from variate.config.recipe import Precision, Recipe, TrainingOptions
from variate.errors import InputError
from variate.runs.opening import HeldOut, open_model, rows_for, run_in

if TYPE_CHECKING:
    from variate.evaluation.evaluate import Evaluation
    from variate.statistics import Estimate

BOUND, PART, OTHER = "bound", "part of ELBO", "no likelihood"
"""What a quantity is: a lower bound on log p(x), a part of the first of them, or nothing that is a likelihood."""
RECORD = "evaluation.json"


class Quantity(NamedTuple):
    """One line of the table.

    Attributes:
        name: What it is called.
        estimate: Its value and standard error.
        unit: Of the value; "nats" is a row's.
        kind: BOUND, PART or OTHER.
    """

    name: str
    estimate: "Estimate"
    unit: str
    kind: str


def quantities(result: "Evaluation") -> list[Quantity]:
    """The lines of the table, in order."""
    bounds = result.importance.bounds if result.importance else {}
    lines = [Quantity("ELBO", result.elbo, "nats", BOUND)]
    lines += [Quantity(f"IW-{k}", bound, "nats", BOUND) for k, bound in bounds.items()]
    if result.annealed:
        lines.append(Quantity(f"AIS of {result.annealed.num_rows} rows", result.annealed.bound, "nats", BOUND))
    lines.append(Quantity("distortion, -log p(x|z)", result.distortion, "nats", PART))
    lines.append(Quantity("rate, KL(q || p)", result.rate, "nats", PART))
    lines.append(Quantity(f"active units of {result.latent}", result.active_units, "latents", OTHER))
    found = result.reconstruction
    if found.rmse is not None:
        lines.append(Quantity("RMSE, data units", found.rmse, "data units", OTHER))
    if found.psnr is not None:
        lines.append(Quantity("PSNR, dB", found.psnr, "dB", OTHER))
    if found.ssim is not None:
        lines.append(Quantity("SSIM", found.ssim, "", OTHER))
    return lines


def evaluate(
    model: str,
    data: str | None,
    samples: int,
    ais: int,
    rows: int | None,
    precision: Precision,
    seed: int,
    out: str | None,
) -> None:
    """Prints the table and writes the record."""
    from variate.evaluation.evaluate import evaluate as measure

    path = record_path(model, out)
    vae, recipe = open_model(model)
    held_out = rows_for(recipe, data)
    running = run_in(vae, precision)
    result = measure(vae, held_out.rows, samples, annealed_rows=ais, num_rows=rows, seed=seed, show_progress=True)
    show_table(result, held_out.part, recipe.training, running)
    write_record(path, model, result, recipe, held_out, seed, running)
    say(f"wrote {path}")


def record_path(model: str, out: str | None) -> Path:
    """Where the record goes, checked before any work is done: by default beside the model."""
    path = Path(out) if out is not None else (Path(model) if Path(model).is_dir() else Path(model).parent) / RECORD
    if path.suffix.lower() != ".json":
        raise InputError(f"--out must end in .json, got {out!r}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write to {str(path.parent)!r}: name another place with --out")
    return path


def write_record(
    path: Path, model: str, result: "Evaluation", recipe: Recipe, held_out: HeldOut, seed: int, precision: str
) -> None:
    """Writes everything that the table says, and what it is about, as one JSON object."""
    from variate.runtime import files

    record: dict[str, Any] = {
        "variate": version("variate"),
        "model": model,
        "recipe": recipe.digest,
        "data": {"source": held_out.source, "part": held_out.part, "fingerprint": held_out.fingerprint},
        "rows": result.num_rows,
        "of_rows": result.of_rows,
        "dimensions": result.dimensions,
        "seed": seed,
        "precision": precision,
        "is_mass": result.is_mass,
        "quantities": [entry(line, result) for line in quantities(result)],
    }
    if result.importance:
        record["importance"] = {
            "samples": max(result.importance.bounds),
            "noise": finite(result.importance.noise),
            "effective_sample_size": finite(result.importance.ess),
            "unreliable_rows": finite(result.importance.unreliable),
        }
    files.write_text(path, json.dumps(record, indent=2, allow_nan=False) + "\n")


def entry(line: Quantity, result: "Evaluation") -> dict[str, Any]:
    """A line of the table as JSON; what is not finite becomes null."""
    from variate.statistics import bits_per_dim

    value, stderr = line.estimate
    found = {"name": line.name, "kind": line.kind, "unit": line.unit, "value": finite(value), "stderr": finite(stderr)}
    if line.unit == "nats" and result.is_mass:
        sign = -1 if line.kind == BOUND else 1
        found["bits_per_dim"] = finite(bits_per_dim(sign * value, result.dimensions))
        found["bits_per_dim_stderr"] = finite(bits_per_dim(stderr, result.dimensions))
    return found


def finite(value: float) -> float | None:
    """The value, or None where it is not finite, which JSON has no word for."""
    return value if math.isfinite(value) else None


def show_table(result: "Evaluation", part: str, training: TrainingOptions, precision: str) -> None:
    """Prints an evaluation as a table, and under it what one must know to read it."""
    from rich.console import Console
    from rich.table import Table

    of = f" of {result.of_rows:,}" if result.of_rows != result.num_rows else ""
    networks = ", networks in bfloat16 as trained" if precision == "bfloat16" else ""
    table = Table(title=f"{part}: {result.num_rows:,}{of} rows{networks}", title_justify="left")
    for heading in ("", "nats a row", "bits/dim" if result.is_mass else "nats/dim", ""):
        table.add_column(heading, justify="right" if "/" in heading or "nats" in heading else "left")
    for line in quantities(result):
        table.add_row(line.name, *cells(line, result), line.kind)
    Console().print(table)
    for sentence in remarks(result, training):
        say(sentence)


def cells(line: Quantity, result: "Evaluation") -> tuple[str, str]:
    """A quantity in its own unit, and a dimension."""
    from variate.statistics import bits_per_dim

    value, stderr = line.estimate
    if line.unit != "nats":
        return f"{value:,.4g} ± {stderr:.2g}", ""
    if result.is_mass:
        per, error = (bits_per_dim(v, result.dimensions) for v in (-value if line.kind == BOUND else value, stderr))
    else:
        per, error = value / result.dimensions, stderr / result.dimensions
    return f"{value:,.2f} ± {stderr:.2f}", f"{per:.4f} ± {error:.4f}"


def remarks(result: "Evaluation", training: TrainingOptions) -> list[str]:
    """What one must know to read the table, a sentence each."""
    said = ["bound: a lower bound on log p(x), so the truth is at least that good"]
    if result.importance:
        weights = result.importance
        sentence = (
            f"IW-{max(weights.bounds)}: the draws alone give ± {weights.noise:.2g} nats; effective sample size "
            f"{weights.ess:,.0f}"
        )
        if weights.unreliable > 0:
            sentence += (
                f"; {weights.unreliable:.0%} of the rows have Pareto k-hat above 0.7, where a few draws decide and the "
                "bound is loose: more --samples, or --ais"
            )
        said.append(sentence)
    if result.annealed and result.annealed.over_importance:
        over = result.annealed.over_importance
        said.append(f"AIS: on its own rows it exceeds the IW bound by {over.value:.2f} ± {over.stderr:.2f} nats")
    if not result.is_mass:
        said.append("the likelihood is a density, so nats may have either sign and depend on the units of the data")
    if training.beta != 1 or training.free_bits:
        said.append(
            f"trained with beta={training.beta} and free_bits={training.free_bits}: what was maximised is not a "
            "likelihood; the ELBO above has beta = 1 and is a bound all the same"
        )
    return said
