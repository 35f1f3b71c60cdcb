"""Weights of rows: a row of weight 2 counts as two copies of it.

What is maximised, and what chooses the best weights of the model, is the weighted mean of the bound,

    sum_n w_n bound(x_n) / sum_n w_n.

The weights are divided by their mean over all rows once, before the first step. So the mean of w_n bound(x_n) over the
rows of a batch is an unbiased estimate of it, and neither the learning rate nor the clipping depends on the unit of the
weights.
"""

import numpy as np

from variate.data.dataset import Dataset
from variate.data.storage.in_memory import InMemory
from variate.errors import InputError, Option, Sentence
from variate.models.base import Model


def with_mean_one(data: Dataset, model: Model) -> Dataset:
    """The same rows with weights whose mean is 1, in the type that the model computes in; or without weights.

    Args:
        data: The rows, in memory or on disk. Weights take 8 bytes per row of memory.
        model: The model.

    Raises:
        InputError: If a weight is negative or not finite, all are zero, or the rows of a batch depend on each other, as
            with an optimal sigma, which has no weights.
    """
    if data.weight is None:
        return data
    if model.likelihood.needs_freezing:
        remedy = Sentence("use ", Option("scale", "shared"), ", which is learned")
        raise InputError("scale", "another scale for rows with weights", "'optimal'", remedy)
    weights = data.weight.all().astype(np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("weight", "finite numbers that are not negative", "others", "correct them")
    if not weights.any():
        raise InputError("weight", "at least one row with a weight that is not zero", "zero for all rows")
    scaled = weights / weights.max()  # whose sum is finite
    dtype = str(model.dtype).removeprefix("torch.")
    return data.replace(weight=InMemory((scaled / scaled.mean()).astype(dtype)))
