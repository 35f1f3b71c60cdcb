"""How odd each row is, why, and how rare that is among held-out rows."""

import math
from typing import NamedTuple

from torch import Tensor

from variate.errors import InputError
from variate.evaluation.scores.conformal import ranked_cells
from variate.evaluation.scores.impossible import scorable_rows
from variate.evaluation.scores.measures import (
    IN_LATENT_SPACE,
    Measures,
    ScoreSettings,
    default_method,
    default_samples,
    measure,
    require_latent,
)
from variate.evaluation.scores.reference import ReferenceScores, reference_scores, require_same, scores_of
from variate.limits import Rows, Samples, ScoreMethod, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data, check_weights
from variate.models.entry import of_a_model

RELATIVE: tuple[ScoreMethod, ...] = ("typicality", *IN_LATENT_SPACE)
"""Methods whose scores are relative to other rows, so that there is none without them."""


class Scores(NamedTuple):
    """How odd N rows are.

    With `attribution`, bound = sum of nats + sum of gaps - rate + remainder, row by row.

    Attributes:
        score: Larger is odder, (N,), in nats; for "combined" minus the log of a product of p-values.
        p_value: The share of rows like the held-out ones that would be at least as odd, (N,); None without these. Small
            is odd; of ordinary rows, at most one in a hundred has one of 0.01 or less.
        bound: A lower bound on log p(x), (N,), in nats: the ELBO, for the method "importance" IW_K. -inf for an
            impossible row.
        rate: The cost of the latents, (N,), in nats.
        remainder: What averaging importance weights leaves over, (N,), in nats; 0 for the ELBO.
        nats: log p of each element given the latents, (N, *event), in nats: 0 where an element is not observed, -inf
            where it is impossible. None without `attribution`.
        gaps: log p of each cell's being there or not, (N, columns), in nats, of a model of gaps; None for others.
        cell_p_value: P-value of each cell among the cells of its column in the held-out rows, (N, columns), 1 where
            there is no cell to judge; None without held-out rows, and for images. Nats of different columns have
            different units; these can be compared.
        unseen: Number of cells with a category that was never seen in training, or a number that the column cannot
            hold, such as a 2 among bits, (N,). Such a cell has the probability 1 / (N + 2), with N training rows, and
            counts as missing for the rest of its row.
        is_empty: Whether nothing is observed of a row, (N,).
        method: The method.
    """

    score: Tensor
    p_value: Tensor | None
    bound: Tensor
    rate: Tensor
    remainder: Tensor
    nats: Tensor | None
    gaps: Tensor | None
    cell_p_value: Tensor | None
    unseen: Tensor
    is_empty: Tensor
    method: ScoreMethod


@checked_arguments
@of_a_model
def score(
    model: Model,
    data: Data,
    *,
    method: ScoreMethod | None = None,
    calibration: ReferenceScores | Data | None = None,
    num_samples: Samples | None = None,
    attribution: bool = False,
    seed: Seed | None = None,
    batch_size: Rows | None = None,
    show_progress: bool = False,
) -> Scores:
    """Says how odd each row is. The score of a row depends on the row alone, not on its place or on other rows.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a table in memory, a data set, or splits, whose test part is taken.
        method: What is measured.
            "bound": minus the ELBO: how improbable the row is.
            "importance": minus the importance-weighted bound, which is closer to log p(x).
            "regret": likelihood regret (Xiao et al., 2020): by how much the ELBO rises if q is fitted to the row alone.
            "complexity": images only: the nats of a general image coder are taken off (Serra et al., 2020).
            "typicality": how far the ELBO is from that of typical rows, above or below (Nalisnick et al., 2019b).
            "latent": minus the log-density of the mean of q(z|x) among those of training rows.
            "combined": "bound", "latent" and, of images of pixels, "complexity" as one: the product of their p-values.
            By default that of the calibration; else "combined" for images of pixels with a calibration, "bound" for
            all other rows.
        calibration: Rows that the model was not fitted to, to rank the scores among: the splits of its training, other
            rows, or what `reference_scores` gave. None: there are no p-values.
        num_samples: Posterior draws per row; by default as in the calibration, else 16, or 100 for "importance".
        attribution: Give the nats of each element.
        seed: Seed of the draws; by default as in the calibration, else 0.
        batch_size: Rows at a time; the default suits the size of a row. The result does not depend on it.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        Scores on the CPU, in float64; the nats of elements in the model's type.

    Raises:
        InputError: If an argument is out of range, the rows are not what the model or the method takes, the calibration
            is missing or was made otherwise, or the model gives NaN.
    """
    check_weights(model)
    rows = scorable_rows(data, model)
    settings = _settings(model, method, num_samples, seed, calibration)
    reference = calibration if isinstance(calibration, ReferenceScores) else None
    if settings.method in RELATIVE and calibration is None:
        expected = f"held-out rows, which method {settings.method!r} compares with"
        raise InputError("calibration", expected, "None", "give the splits that the model was trained on")
    if calibration is not None and not isinstance(calibration, ReferenceScores):
        asked, draws, own_seed = settings
        reference = reference_scores(model, calibration, method=asked, num_samples=draws, seed=own_seed)
    if reference is not None:
        require_same(settings, reference)
    latent = None if reference is None else reference.latent
    require_latent(settings, latent)
    found = measure(
        model,
        rows,
        settings,
        latent=latent,
        keep_elements=attribution,
        batch_size=batch_size,
        show_progress=show_progress,
    )
    return ranked_scores(found, settings, reference)


def _settings(
    model: Model,
    method: ScoreMethod | None,
    num_samples: int | None,
    seed: int | None,
    calibration: ReferenceScores | Data | None,
) -> ScoreSettings:
    """What was asked for; what was not is as in the calibration."""
    if isinstance(calibration, ReferenceScores):
        own = calibration.settings
        asked = (method or own.method, num_samples or own.num_samples, own.seed if seed is None else seed)
        return ScoreSettings(*asked)
    schema = None if model.recipe is None else model.recipe.schema
    chosen = method or default_method(schema, calibration is not None)
    return ScoreSettings(chosen, num_samples or default_samples(chosen), seed or 0)


def ranked_scores(found: Measures, settings: ScoreSettings, reference: ReferenceScores | None) -> Scores:
    """Scores of measured rows, with p-values where there are held-out rows."""
    cells = None
    if reference is not None:
        value, p_value = scores_of(found, reference)
        if found.oddness is not None and reference.oddness is not None:
            cells = ranked_cells(found.oddness, reference.oddness)
    else:
        value, p_value = (-found.bound if found.own is None else found.own), None
    parts = (found.rate, found.remainder, found.nats, found.gaps, cells, found.unseen, found.is_empty)
    return Scores(value, p_value, found.bound, *parts, settings.method)


class FalseAlarms(NamedTuple):
    """How many clean rows a threshold flags.

    Attributes:
        share: The share of m clean held-out rows that are flagged.
        expected: What it is on average: k / (n + 1), the largest such number up to the rate that was asked for.
        stderr: Its standard deviation, which comes from the choice of both the m and the n held-out rows.
        num_rows: Number of clean rows, m.
    """

    share: float
    expected: float
    stderr: float
    num_rows: int


def false_alarms(reference: ReferenceScores, rate: float) -> FalseAlarms | None:
    r"""The share of clean held-out rows that are flagged at a rate.

    The number of m rows that are odder than the k-th oddest of n others has a beta-binomial law, so that the share has
    mean f = k / (n + 1) and variance f (1 - f) (m + n + 1) / (m (n + 2)).

    Args:
        reference: The scores of held-out rows.
        rate: Rows with at most this p-value are flagged.

    Returns:
        The share; None without clean rows.
    """
    if reference.clean is None:
        return None
    n, m = reference.num_rows, len(reference.clean)
    share = (reference.clean <= rate).double().mean().item()
    expected = math.floor(rate * (n + 1) + 1e-9) / (n + 1)
    return FalseAlarms(share, expected, math.sqrt(expected * (1 - expected) * (m + n + 1) / (m * (n + 2))), m)
