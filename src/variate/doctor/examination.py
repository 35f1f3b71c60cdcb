"""All measurements that findings are derived from."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from variate.config.recipe import Recipe
from variate.data.dataset import Dataset
from variate.doctor.trial import Parts, Trial, train_further
from variate.evaluation.bounds.weights import UNRELIABLE
from variate.evaluation.diagnostics.ablation import switching_off
from variate.evaluation.diagnostics.better_prior import LEAST_ROWS, BetterPrior, better_prior
from variate.evaluation.diagnostics.calibration import Calibration, calibration
from variate.evaluation.diagnostics.latents import active_units, latent_rates
from variate.evaluation.diagnostics.rescaling import Rescaling, rescaling
from variate.evaluation.diagnostics.surgery import Surgery, surgery
from variate.evaluation.gap_budget import GapBudget, gap_budget
from variate.models.base import Model
from variate.models.checked import drawn
from variate.objectives import elbo
from variate.runtime.finite import finite_rows
from variate.runtime.progress import progress
from variate.runtime.random import some_rows
from variate.statistics import Estimate, estimate
from variate.training.state import Record

ROWS = 2000
"""Number of rows that the cheap measurements take."""
FITTED_ROWS, FITTED_STEPS, FITTED_SAMPLES = 64, 200, 4
"""Number of rows whose best posteriors are fitted; steps, and draws per row and step, of each fit."""
SHORT_TRIAL, LONG_TRIAL = 300, 1500
"""Steps of further training."""
SURE = 2.0
"""Number of standard errors by which a cost must exceed a threshold."""
NOTABLE = 0.02
"""Costs below this many nats per dimension are not reported."""
DECODED = 8192
"""Most passes through the decoder for switching latents off."""


class Examination(NamedTuple):
    """Everything that was measured, costs in nats per row. What does not apply to the model or its data is None.

    Attributes:
        recipe: How the model was built.
        dimensions: Numbers per row, D.
        test: Mean ELBO of the test rows.
        overfitting: Mean ELBO of training rows less that of test rows; None without training rows.
        active: Which latents vary with x, (num_latents,).
        rates: Rate of each latent, (num_latents,).
        switched_off: The change of the ELBO if a latent were switched off, (rows, num_latents).
        budget: The distance between ELBO and log p(x).
        surgery: The rate as information and prior hole.
        prior: What another prior would gain; None with too few rows.
        rescaling: What one factor on all scales of p(x|z) would gain.
        calibration: Whether p(x|z) is as wide as the data, element by element.
        trial: What more training gains; None without training rows.
        collapsed_since: For each collapsed latent the epoch since which it is, as far as the run's history shows it.
        epochs: Length of the run, if its history is known.
    """

    recipe: Recipe | None
    dimensions: int
    test: Estimate
    overfitting: Estimate | None
    active: Tensor
    rates: Tensor | None
    switched_off: Tensor | None
    budget: GapBudget | None
    surgery: Surgery | None
    prior: BetterPrior | None
    rescaling: Rescaling | None
    calibration: Calibration
    trial: Trial | None
    collapsed_since: dict[int, float]
    epochs: float | None


def costs(found: Examination) -> list[tuple[str, Estimate]]:
    """Everything that has a price, in nats per row, the costliest first."""
    priced = []
    if found.budget:
        priced += [
            ("amortisation gap: the encoder against the best q(z|x) of its family", found.budget.amortization),
            (
                f"approximation gap: the best q(z|x) against log p(x){looseness(found.budget)}",
                found.budget.approximation,
            ),
            ("part of it that a full covariance would close", found.budget.covariance),
        ]
    if found.overfitting:
        priced.append(("train-test gap: ELBO of training rows less that of test rows", found.overfitting))
    if found.trial:
        priced.append((f"{found.trial.steps} more steps of training", found.trial.gain))
    if found.prior:
        priced.append((f"prior hole: {found.prior.name} as prior", found.prior.estimate))
    if found.rescaling:
        priced.append((f"sigma: all scales times {found.rescaling.factor:.2g}", found.rescaling.estimate))
    priced.append(("shape of p(x|z): recalibrating it", Estimate(found.calibration.cost, math.nan)))
    return sorted(priced, key=lambda line: -line[1].value)


def looseness(budget: GapBudget) -> str:
    """That the approximation gap is at least what was measured, if k-hat says so; else nothing."""
    if not budget.unreliable:
        return ""
    return f" (at least: k-hat exceeds {UNRELIABLE} for {budget.unreliable:.0%} of the rows)"


def examine(model: Model, parts: Parts, history: Sequence[Record], seed: int, show_progress: bool) -> Examination:
    """Takes every measurement.

    Args:
        model: The model.
        parts: The data.
        history: One record per validation, as in metrics.jsonl.
        seed: Seed of every choice of rows and of all draws.
        show_progress: Show a progress bar.
    """
    rows = parts.test.select(some_rows(len(parts.test), ROWS, seed).numpy())
    parts = parts._replace(test=rows)
    with progress("examining", 8, show_progress) as advance:
        per_row = elbo(model, rows, seed=seed).elbo
        finite_rows(per_row.numpy(), "the ELBO")
        held_out = estimate(per_row)
        overfitting = _overfitting(model, parts.train, held_out, seed)
        advance(1)
        trial = _trial(model, parts, seed)
        advance(1)
        budget = gap_budget(
            model, rows, num_rows=FITTED_ROWS, steps=FITTED_STEPS, fit_samples=FITTED_SAMPLES, seed=seed
        )
        advance(3)
        off = switching_off(model, rows, num_rows=max(1, min(256, DECODED // model.num_latents)), seed=seed)
        advance(1)
        prior = better_prior(model, rows, seed=seed) if len(rows) >= LEAST_ROWS else None
        advance(1)
        active = active_units(model, rows)
        return Examination(
            recipe=model.recipe,
            dimensions=math.prod(model.event_shape),
            test=held_out,
            overfitting=overfitting,
            active=active,
            rates=latent_rates(model, rows, seed=seed),
            switched_off=off,
            budget=budget,
            surgery=surgery(model, rows, seed=seed),
            prior=prior,
            rescaling=rescaling(model, rows, seed=seed),
            calibration=calibration(model, rows, seed=seed),
            trial=trial,
            collapsed_since=collapsed_since(history, (~active).nonzero().flatten().tolist()),
            epochs=float(history[-1]["epoch"]) if history else None,
        )


def _trial(model: Model, parts: Parts, seed: int) -> Trial | None:
    """A short trial, and a long one if the short one gained something, because there may be more to gain."""
    if parts.train is None:
        return None
    trial = train_further(model, parts.train, parts, SHORT_TRIAL, seed)
    if trial.gain.value - SURE * trial.gain.stderr < NOTABLE * math.prod(model.event_shape):
        return trial
    return train_further(model, parts.train, parts, LONG_TRIAL, seed)


def _overfitting(model: Model, train: Dataset | None, held_out: Estimate, seed: int) -> Estimate | None:
    """Mean ELBO of training rows less that of rows held out."""
    if train is None:
        return None
    rows = drawn(train.select(some_rows(len(train), ROWS, seed).numpy()), seed)
    seen = estimate(elbo(model, rows, seed=seed).elbo)
    return Estimate(seen.value - held_out.value, math.hypot(seen.stderr, held_out.stderr))


def collapsed_since(history: Sequence[Record], collapsed: list[int]) -> dict[int, float]:
    """The epoch since which each of these latents is collapsed, as far as the run's records show it."""
    since: dict[int, float] = {}
    for record in reversed(history):
        found = record.get("collapsed", [])
        collapsed = [i for i in collapsed if i in found]
        since |= {i: float(record["epoch"]) for i in collapsed}
    return since
