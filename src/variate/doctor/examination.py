"""Everything that is measured before anything is said."""

import math
from typing import NamedTuple

from torch import Tensor

from variate.config.recipe import Recipe
from variate.doctor.trial import Rows, Trial, per_row_elbo, train_on
from variate.evaluation.diagnostics.ablation import switching_off
from variate.evaluation.diagnostics.calibration import Calibration, calibration
from variate.evaluation.diagnostics.latents import active_units, latent_rates
from variate.evaluation.diagnostics.rescaling import Rescaling, rescaling
from variate.evaluation.diagnostics.surgery import LEAST_ROWS, BetterPrior, Surgery, better_prior, surgery
from variate.evaluation.gap_budget import GapBudget, gap_budget
from variate.models.vae import VAE
from variate.runtime.progress import progress
from variate.runtime.random import seeded, some_rows
from variate.statistics import Estimate, estimate
from variate.training.order import draw_bits
from variate.training.state import Record

ROWS = 2000
"""Rows that the cheap measurements take."""
FITTED_ROWS, FITTED_STEPS, FITTED_DRAWS = 64, 200, 4
"""Rows whose best posteriors are fitted, steps and draws of each fit."""
SHORT_TRIAL, LONG_TRIAL = 300, 1500
"""Steps of training more."""
SURE = 2.0
"""Standard errors that a cost must clear a threshold by."""
NOTABLE = 0.02
"""Nats a dimension from which on a cost is spoken of."""
DECODED = 8192
"""Passes through the decoder that switching latents off may take."""


class Examination(NamedTuple):
    """What was measured; every cost in nats a row.

    Attributes:
        recipe: How the model was built, if that is known.
        dimensions: Numbers a row, D.
        test: Mean ELBO of the test rows.
        overfitting: Mean ELBO of training rows less that of test rows; None without training rows.
        active: Which latents vary with x, (d,).
        rates: Rate of each latent, (d,), where it is defined.
        switched_off: What the ELBO would gain if a latent were switched off, (rows, d), where that is defined.
        budget: The distance between ELBO and log p(x).
        surgery: The rate cut into information and prior hole.
        prior: What another prior would win; None with too few rows to tell.
        rescaling: What one factor on all scales of p(x|z) would win; None for a likelihood without a scale.
        calibration: Whether p(x|z) is as wide as the data, element by element.
        trial: What more training wins; None without training rows.
        collapsed_since: For each collapsed latent, the epoch from which on it was, where the run's history tells.
        epochs: Of the run, where its history tells.
    """

    recipe: Recipe | None
    dimensions: int
    test: Estimate
    overfitting: Estimate | None
    active: Tensor
    rates: Tensor | None
    switched_off: Tensor | None
    budget: GapBudget
    surgery: Surgery
    prior: BetterPrior | None
    rescaling: Rescaling | None
    calibration: Calibration
    trial: Trial | None
    collapsed_since: dict[int, float]
    epochs: float | None


def costs(found: Examination) -> list[tuple[str, Estimate]]:
    """Everything that has a price, in nats a row, the costliest first."""
    priced = [
        ("amortisation gap: the encoder against the best q(z|x) of its family", found.budget.amortization),
        ("approximation gap: the best q(z|x) against log p(x)", found.budget.approximation),
        ("of which a full covariance would close", found.budget.covariance),
    ]
    if found.overfitting:
        priced.append(("train-test gap: ELBO of training rows less that of test rows", found.overfitting))
    if found.trial:
        priced.append((f"{found.trial.steps} steps of training more", found.trial.gain))
    if found.prior:
        priced.append((f"prior hole: {found.prior.name} as prior", found.prior.estimate))
    if found.rescaling:
        priced.append((f"sigma: all scales times {found.rescaling.factor:.2g}", found.rescaling.estimate))
    priced.append(("shape of p(x|z): recalibrating it", Estimate(found.calibration.cost, math.nan)))
    return sorted(priced, key=lambda line: -line[1].value)


class Patient(NamedTuple):
    """A model and the data to examine it by.

    Attributes:
        vae: The model.
        test: Rows that training did not see.
        train: Rows that it was trained on, if they are there.
        validation: Rows that chose its weights, if they are there.
        levels: With grey training rows for a binary model, how many grey levels; else 0.
        history: A record a validation, as in metrics.jsonl.
    """

    vae: VAE
    test: Tensor
    train: Tensor | None
    validation: Tensor | None
    levels: int
    history: list[Record]


def examine(patient: Patient, seed: int, show_progress: bool) -> Examination:
    """Takes every measurement."""
    vae, history = patient.vae, patient.history
    rows = patient.test[some_rows(len(patient.test), ROWS, seed)]
    with progress("examining", 8, show_progress) as tell:
        held_out = estimate(per_row_elbo(vae, rows, seed))
        overfitting = _overfitting(patient, held_out, seed)
        tell(1)
        trial = _trial(patient, rows, seed)
        tell(1)
        budget = gap_budget(vae, rows, num_rows=FITTED_ROWS, steps=FITTED_STEPS, num_draws=FITTED_DRAWS, seed=seed)
        tell(3)
        off = switching_off(vae, rows, num_rows=max(1, min(256, DECODED // vae.latent)), seed=seed)
        tell(1)
        prior = better_prior(vae, rows, seed=seed) if len(rows) >= LEAST_ROWS else None
        tell(1)
        width = calibration(vae, rows, seed=seed)
        active = active_units(vae, rows)
        return Examination(
            recipe=vae.recipe,
            dimensions=math.prod(vae.event_shape),
            test=held_out,
            overfitting=overfitting,
            active=active,
            rates=latent_rates(vae, rows, seed=seed),
            switched_off=off,
            budget=budget,
            surgery=surgery(vae, rows, seed=seed),
            prior=prior,
            rescaling=rescaling(vae, rows, seed=seed),
            calibration=width,
            trial=trial,
            collapsed_since=collapsed_since(history, (~active).nonzero().flatten().tolist()),
            epochs=float(history[-1]["epoch"]) if history else None,
        )


def _trial(patient: Patient, test: Tensor, seed: int) -> Trial | None:
    """A short trial, and a long one if the short one won something: there may be more to win."""
    if patient.train is None:
        return None
    rows = Rows(patient.train, patient.validation, test, patient.levels)
    trial = train_on(patient.vae, rows, SHORT_TRIAL, seed)
    if trial.gain.value - SURE * trial.gain.stderr < NOTABLE * math.prod(patient.vae.event_shape):
        return trial
    return train_on(patient.vae, rows, LONG_TRIAL, seed)


def _overfitting(patient: Patient, held_out: Estimate, seed: int) -> Estimate | None:
    """Mean ELBO of training rows less that of rows held out."""
    if patient.train is None:
        return None
    rows = patient.train[some_rows(len(patient.train), ROWS, seed)]
    if patient.levels:
        with seeded(seed):
            rows = draw_bits(rows, patient.levels)
    seen = estimate(per_row_elbo(patient.vae, rows, seed))
    return Estimate(seen.value - held_out.value, math.hypot(seen.stderr, held_out.stderr))


def collapsed_since(history: list[Record], collapsed: list[int]) -> dict[int, float]:
    """The epoch from which on each of these latents was collapsed, as far as the run's records tell."""
    since: dict[int, float] = {}
    for record in reversed(history):
        found = record.get("collapsed", [])
        collapsed = [i for i in collapsed if i in found]
        since |= {i: float(record["epoch"]) for i in collapsed}
    return since
