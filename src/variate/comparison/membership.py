"""What the model says of both tables, and whether it remembers its training rows.

Bounds on log p(x) of synthetic and of held-out rows say whether the former are as probable. Those of training rows and
of held-out rows make an attack: whoever has the model and a row can guess from its nats whether it was a training row.
The area under the ROC curve of that guess is 0.5 if the model remembers nothing that its nats could show.

References:
    Membership inference attacks from the perspective of the loss (Yeom et al., 2018)
    Monte Carlo and reconstruction membership inference attacks (Hilprecht et al., 2019)
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from variate.comparison.estimates import auc
from variate.comparison.rows import TableRows, Values, chosen
from variate.config.schema import Schema
from variate.data.arrays import from_arrays
from variate.data.schema.fits import misfits
from variate.errors import InputError
from variate.evaluation.bounds.importance import log_evidence
from variate.models.base import Model
from variate.runtime.finite import finite_rows
from variate.statistics import Estimate, estimate

MOST_SCORED = 2_000
"""Rows of each part that the model scores."""
NUM_SAMPLES = 100
"""Posterior draws per row for the importance-weighted bound."""


class Membership(NamedTuple):
    """What the model says of rows, in nats per row.

    Attributes:
        train: Mean bound on log p(x) of training rows.
        held_out: Mean bound of held-out rows.
        synthetic: Mean bound of synthetic rows.
        auc: How well the bounds tell training rows from held-out rows; 0.5 is not at all.
        num_samples: Posterior draws per row for the bounds.
        impossible: Share of synthetic rows with a value that no row of the model can have. They are in no mean.
    """

    train: Estimate
    held_out: Estimate
    synthetic: Estimate
    auc: Estimate
    num_samples: int
    impossible: float


def membership(
    model: Model,
    schema: Schema,
    synthetic: TableRows,
    train: TableRows,
    held_out: TableRows,
    seed: int,
    show_progress: bool = False,
) -> Membership:
    """Scores the rows with the model.

    Args:
        model: The model.
        schema: What the columns are.
        synthetic: Rows of the synthetic table.
        train: Rows that the model was trained on.
        held_out: Real rows that it was not trained on.
        seed: Seed of the choice of rows and of the draws.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If no synthetic row can be one of the model, or a bound is not finite.
    """
    fits = possible(schema, synthetic.values)
    if not fits.any():
        got = "rows of which each has a value that the model cannot give"
        raise InputError("synthetic", "rows that the model can give", got, "leave out the model")

    def bounds(rows: TableRows, what: str) -> Tensor:
        values = chosen(rows, MOST_SCORED, seed, what).values
        data = from_arrays(values, mask=~np.isnan(values), schema=schema, name=what)
        found = log_evidence(model, data, NUM_SAMPLES, seed=seed, show_progress=show_progress).log_evidence
        finite_rows(found.numpy(), f"log p(x) of {what}")
        return found

    seen, unseen = bounds(train, "training rows"), bounds(held_out, "held-out rows")
    drawn = bounds(synthetic.select(np.flatnonzero(fits)), "synthetic rows")
    area = auc(seen.double().numpy(), unseen.double().numpy())
    return Membership(
        estimate(seen), estimate(unseen), estimate(drawn), area, NUM_SAMPLES, impossible=float(np.mean(~fits))
    )


def possible(schema: Schema, values: Values) -> Bool[np.ndarray, " N"]:
    """Which rows hold only values that their columns can have."""
    found = np.ones(len(values), dtype=bool)
    for column, cells in zip(schema.columns, values.T, strict=True):
        found[misfits(np.where(np.isnan(cells), 0.0, cells), column)] = False
    return found
