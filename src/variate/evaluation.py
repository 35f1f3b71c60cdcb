"""A model and rows in, one record of how good it is out."""

import math
from typing import NamedTuple

import torch

from variate.errors import InputError
from variate.estimates import Estimate, estimate
from variate.objectives import Terms, draw
from variate.rng import seeded
from variate.vae import VAE, Array, evaluating


class Evaluation(NamedTuple):
    """How good a model is on rows that it has not seen.

    Attributes:
        elbo: Mean lower bound on log p(x), in nats a row.
        distortion: Mean -log p(x|z), in nats a row.
        rate: Mean KL(q(z|x) || p(z)), in nats a row.
        num_rows: Rows, N.
        num_samples: Posterior draws a row, L.
        dimensions: Numbers a row, D.
        is_mass: Whether p(x|z) is a probability mass, so that bits/dim are the length of a code.
    """

    elbo: Estimate
    distortion: Estimate
    rate: Estimate
    num_rows: int
    num_samples: int
    dimensions: int
    is_mass: bool


def evaluate(vae: VAE, x: Array, num_samples: int = 1, seed: int = 0, batch_size: int = 1024) -> Evaluation:
    """The evidence lower bound and its parts on rows, with standard errors.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_samples: Posterior draws a row, L.
        seed: Of the draws; the same seed gives the same numbers, and torch's global generator is left alone.
        batch_size: Rows at a time.

    Raises:
        InputError: If there is no row, or the rows are not what the model takes.
    """
    rows = vae.rows(x)
    if not len(rows):
        raise InputError("x must hold at least one row, got none")
    with seeded(seed), evaluating(vae):
        batches = [draw(vae, batch.to(vae.device), num_samples).terms() for batch in rows.split(batch_size)]
    terms = Terms(*(torch.cat(parts).cpu() for parts in zip(*batches, strict=True)))
    return Evaluation(
        estimate(terms.elbo),
        estimate(terms.distortion),
        estimate(terms.rate),
        len(rows),
        num_samples,
        math.prod(vae.event_shape),
        vae.decoder.likelihood.is_mass,
    )
