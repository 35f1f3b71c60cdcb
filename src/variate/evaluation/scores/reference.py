"""The scores of held-out rows, which those of new rows are compared with.

Held-out rows are rows of the data that the model was not fitted to. Of the splits of a training, the validation part is
what new rows are ranked among; the density in latent space is fitted to training rows, so that it favours no held-out
row; and the p-values of the test part say how many clean rows a threshold flags.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from variate.data.dataset import Dataset, Splits
from variate.errors import InputError
from variate.evaluation.scores.conformal import ranked, ranked_together, ranked_typicality, typical_centre
from variate.evaluation.scores.impossible import ScorableRows
from variate.evaluation.scores.latent_density import LatentDensity, fit_latent_density, posterior_place
from variate.evaluation.scores.measures import (
    IN_LATENT_SPACE,
    Measures,
    ScoreSettings,
    default_method,
    default_samples,
    measure,
    require_latent,
)
from variate.limits import Rows, Samples, ScoreMethod, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating

MOST_ROWS = 10_000
"""Held-out rows that are kept."""
MOST_FITTED_ROWS = 1_000
"""The same for likelihood regret, which fits a posterior to each."""


class ReferenceScores(NamedTuple):
    """The scores of n held-out rows.

    Attributes:
        settings: What was measured, and how.
        bound: Their bounds, (n,), in nats.
        rate: The cost of their latents, (n,), in nats.
        own: What the method measures besides, (n,) or (n, K), as in `Measures`; None for methods that measure nothing
            else.
        oddness: How odd their cells are, (n, columns), as in `Measures`; None for rows without columns.
        latent: The density in latent space, for the methods that need it.
        clean: P-values of other held-out rows, which are known to be clean, (m,); None where there are none.
    """

    settings: ScoreSettings
    bound: Tensor
    rate: Tensor
    own: Tensor | None = None
    oddness: Tensor | None = None
    latent: LatentDensity | None = None
    clean: Tensor | None = None

    @property
    def num_rows(self) -> int:
        """Number of held-out rows, n."""
        return len(self.bound)


def reference_of(measures: Measures, settings: ScoreSettings, latent: LatentDensity | None) -> ReferenceScores:
    """Measures of held-out rows, kept for comparison."""
    return ReferenceScores(settings, measures.bound, measures.rate, measures.own, measures.oddness, latent)


@checked_arguments
@of_a_model
def reference_scores(
    model: Model,
    data: Data,
    *,
    method: ScoreMethod | None = None,
    num_samples: Samples | None = None,
    seed: Seed = 0,
    batch_size: Rows | None = None,
    show_progress: bool = False,
) -> ReferenceScores:
    """Scores held-out rows, so that `score` can rank new rows among them.

    Args:
        model: The model.
        data: The splits that the model was trained on: its validation part is ranked among, its test part says how many
            clean rows a threshold flags. Or rows that the model has not seen, (N, *event), or a data set; for the
            methods "latent" and "combined" every other one of them then decides the density in latent space.
        method: As for `score`.
        num_samples: As for `score`.
        seed: Seed of the draws.
        batch_size: Rows at a time; the default suits the size of a row.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If a number is out of range, or the rows are not what the model or the method takes.
    """
    method = method or default_method(None if model.recipe is None else model.recipe.schema, has_held_out=True)
    settings = ScoreSettings(method, num_samples or default_samples(method), seed)
    most = MOST_FITTED_ROWS if method == "regret" else MOST_ROWS
    rows, fitted_to, clean = _parts(model, data, most, method in IN_LATENT_SPACE)
    latent = None if fitted_to is None else fit_latent_density(_places(model, fitted_to))
    options = {"latent": latent, "batch_size": batch_size, "show_progress": show_progress}
    found = reference_of(measure(model, ScorableRows(rows), settings, **options), settings, latent)  # type: ignore[arg-type]
    if clean is None:
        return found
    return found._replace(clean=scores_of(measure(model, ScorableRows(clean), settings, **options), found)[1])  # type: ignore[arg-type]


def _parts(model: Model, data: Data, most: int, needs_latent: bool) -> tuple[Dataset, Dataset | None, Dataset | None]:
    """Rows to rank among, rows to fit a density in latent space to, if it is needed, and clean rows, if there are."""
    if isinstance(data, Splits):
        rows = model.dataset(data.validation.sample(most))
        fitted_to = model.dataset(data.train.sample(MOST_ROWS)) if needs_latent else None
        return rows, fitted_to, model.dataset(data.test.sample(most))
    rows = model.dataset(data).sample(2 * most if needs_latent else most)
    if not needs_latent:
        return rows, None, None
    if len(rows) < 2:
        raise InputError("calibration", "at least 2 rows", len(rows), "give more rows")
    return rows.select(np.arange(1, len(rows), 2)), rows.select(np.arange(0, len(rows), 2)), None


def _places(model: Model, rows: Dataset) -> Tensor:
    """Where the encoder puts rows, (N, d)."""
    with evaluating(model):
        return torch.cat([posterior_place(model, batch.to(model.device)) for batch in rows.batches(1024)])


def scores_of(measures: Measures, reference: ReferenceScores) -> tuple[Tensor, Tensor]:
    """The score of each row, large where it is odd, and its p-value among the held-out rows: both (N,), float64.

    A row of which nothing is observed cannot be odd: its p-value is 1.
    """
    method, own, theirs = reference.settings.method, measures.own, reference.own
    if method == "typicality":
        score = (measures.bound - typical_centre(reference.bound)).abs()
        p_value = ranked_typicality(measures.bound, reference.bound)
    elif method == "combined":
        assert own is not None
        assert theirs is not None
        sides = [torch.cat([-part.bound[:, None], more], 1) for part, more in ((measures, own), (reference, theirs))]
        score, p_value = ranked_together(*sides)
    else:
        score = -measures.bound if own is None else own
        p_value = ranked(score, -reference.bound if theirs is None else theirs)
    return score, torch.where(measures.is_empty, 1.0, p_value)


def require_same(settings: ScoreSettings, reference: ReferenceScores) -> None:
    """Refuses scores of held-out rows that were made otherwise.

    Raises:
        InputError: If they were.
    """
    require_latent(settings, reference.latent)
    if settings != reference.settings:
        expected, got = (f"{s.method!r} with {s.num_samples} draws and seed {s.seed}" for s in (settings, reference[0]))
        raise InputError("calibration", f"scores of the method {expected}", got, "call `reference_scores` again")
