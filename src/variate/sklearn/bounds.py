"""What a model says of a row, whatever rows are beside it: scikit-learn asks this of `transform`, `score_samples`,
`decision_function` and `predict`.

The score of a row is a bound on log p(x), with the same posterior noise for every row, so it is a function of the row
alone. Each score is as good an estimate of its bound as with noise of its own; the errors of several rows are
correlated. In float32, sums are rounded differently in batches of other sizes, so models are used in float64.
"""

import copy

import numpy as np
import torch

from variate.data.dataset import Dataset
from variate.models.base import Model
from variate.models.network import evaluating
from variate.objectives import log_mean_exp, terms
from variate.runtime.random import Key, generator

SEED = 0
"""Seed of the noise."""
DRAWS_AT_A_TIME = 4096
"""Posterior draws, of as many rows or fewer, that are scored at a time."""


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
    model = in_float64(model)
    noise = model.posterior_noise(Key(generator(SEED), 1), num_samples, 1)
    found = []
    with evaluating(model):
        for batch in model.dataset(rows, "X").batches(max(1, DRAWS_AT_A_TIME // num_samples)):
            shared = [eps.expand(-1, batch.num_rows, *eps.shape[2:]).to(model.device) for eps in noise]
            draws = model.infer(batch.to(model.device), shared)
            bound = terms(draws).elbo if num_samples == 1 else log_mean_exp(draws.log_px - draws.log_ratio)
            found.append(bound.cpu())
    return torch.cat(found).numpy()
