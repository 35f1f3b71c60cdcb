"""What a model says of a row, whatever rows are beside it: scikit-learn asks this of `transform`, `score_samples`,
`decision_function` and `predict`.

The score of a row is a bound on log p(x), as `variate.score` measures it: a function of the row alone. In float32, sums
are rounded differently in batches of other sizes, so models are used in float64.
"""

import copy

import numpy as np

from variate.data.dataset import Dataset
from variate.evaluation.scores.impossible import scorable_rows
from variate.evaluation.scores.measures import ScoreSettings, measure
from variate.models.base import Model

SEED = 0
"""Seed of the noise."""


def in_float64(model: Model) -> Model:
    """A copy of a model that computes in float64, whatever it was trained in."""
    return copy.deepcopy(model).double()


def bounds(model: Model, rows: Dataset, num_samples: int) -> np.ndarray:
    """A bound on log p(x) of each row: the ELBO for one draw, the importance-weighted bound for more.

    Args:
        model: The model.
        rows: Rows that were read for it.
        num_samples: Posterior draws per row.

    Returns:
        The bounds, (N,), in nats, float64.

    Raises:
        InputError: If the rows are not what the model takes.

    References:
        Importance weighted autoencoders (Burda et al., 2016)
    """
    settings = ScoreSettings("bound" if num_samples == 1 else "importance", num_samples, SEED)
    model = in_float64(model)
    return measure(model, scorable_rows(rows, model, "X"), settings).bound.numpy()
