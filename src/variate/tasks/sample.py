"""New rows from a model."""

from typing import NamedTuple

import numpy as np

from variate.errors import Option, Sentence
from variate.limits import Rows, Seed, Temperature, checked_arguments
from variate.runs import Run
from variate.runtime.finite import finite_rows


class Samples(NamedTuple):
    """New rows.

    Attributes:
        rows: The rows, (n, *event); NaN in the gaps of a model of gaps.
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
        InputError: If a number is out of range, or the model gives rows that are not finite.
    """
    are_means = run.recipe.schema.is_image and not noise
    remedy = Sentence("nothing was written: lower ", Option("temperature"), ", or train the model again")

    def drawn(mean: bool) -> np.ndarray:
        rows = run.model.sample(n, temperature=temperature, mean=mean, seed=seed).numpy()
        if run.recipe.model.gaps == "model":
            finite_rows(np.where(np.isnan(rows), 0, rows), "the samples", remedy)
            return rows
        return finite_rows(rows, "the samples", remedy)

    try:
        return Samples(drawn(are_means), are_means)
    except RuntimeError:  # torch draws from no distribution that has a NaN among its parameters
        drawn(mean=True)
        raise
