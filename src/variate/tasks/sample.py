"""New rows from a model."""

from typing import NamedTuple

import numpy as np

from variate.limits import Rows, Seed, Temperature, checked_arguments
from variate.runs import Run


class Samples(NamedTuple):
    """New rows.

    Attributes:
        rows: The rows, (n, *event).
        are_means: Whether they are E[x|z] instead of draws from p(x|z).
    """

    rows: np.ndarray
    are_means: bool


@checked_arguments
def sample(run: Run, n: Rows = 64, *, temperature: Temperature = 1.0, noise: bool = False, seed: Seed = 0) -> Samples:
    """Draws new rows: z from the prior, then x given z.

    Args:
        run: The run.
        n: How many.
        temperature: Factor on the standard deviations of the prior.
        noise: Draw images from p(x|z), too, instead of giving their mean. Rows of a table are always drawn.
        seed: Seed of the draws.

    Raises:
        InputError: If a number is too small.
    """
    are_means = run.recipe.schema.is_image and not noise
    rows = run.model.sample(n, temperature=temperature, mean=are_means, seed=seed)
    return Samples(rows.numpy(), are_means)
