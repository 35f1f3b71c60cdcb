"""What one factor on every scale of p(x|z) would gain: the cost of a sigma that is too wide or too narrow.

The decoder's outputs for z ~ q(z|x) and the rate stay as they are; all scales are multiplied by c. The best c is chosen
on one half of the rows, and its gain is measured on the other half: that is how much the ELBO would rise.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.evaluation.groups import draw_posterior
from variate.likelihoods.base import Likelihood
from variate.limits import Rows, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import Key, generator, some_rows
from variate.statistics import Estimate, estimate

OCTAVES, STEPS = 5.0, 40
"""Factors from 2^-5 to 2^5 are tried, in steps of a quarter of an octave."""


class Rescaling(NamedTuple):
    """The best factor and its gain.

    Attributes:
        factor: c; below 1, p(x|z) is too wide.
        gain: By how much the ELBO of each row of the second half rises, (M,), in nats.
    """

    factor: float
    gain: Tensor

    @property
    def estimate(self) -> Estimate:
        """The mean gain."""
        return estimate(self.gain)


@checked_arguments
@of_a_model
def rescaling(
    model: Model, data: Data, *, num_rows: Rows | None = 512, seed: Seed = 0, batch_size: Rows = 64
) -> Rescaling | None:
    """Looks for the factor that all scales of p(x|z) should be multiplied by.

    Args:
        model: The model, not changed.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken; at least two rows.
        num_rows: How many of them to take, chosen by the seed.
        seed: Seed of the choice of rows and of the draws.
        batch_size: Rows at a time; the result does not depend on it.

    Returns:
        The factor and its gain; None for a likelihood without a scale.

    Raises:
        InputError: If `batch_size` is not positive, or the rows are not what the model takes.
    """
    log_factors = torch.linspace(-OCTAVES, OCTAVES, STEPS + 1) * torch.tensor(2.0).log()
    likelihoods = [model.likelihood.rescaled(log_factor) for log_factor in log_factors.tolist()]
    scaled = [likelihood for likelihood in likelihoods if likelihood is not None]
    if not scaled:
        return None
    rows = model.dataset(data)
    which = some_rows(len(rows), num_rows, seed)
    noise = model.posterior_noise(Key(generator(seed), len(which)), 1, len(which))
    found = []
    with evaluating(model):
        for places in torch.arange(len(which)).split(batch_size):
            batch = rows.take(which[places].numpy()).to(model.device)
            found.append(_scores(model, batch, [own[:, places].to(model.device) for own in noise], scaled))
    scores = torch.cat(found, 1)
    choosing, scoring = scores[:, ::2], scores[:, 1::2]
    best = int(choosing.mean(1).argmax())
    return Rescaling(float(log_factors[best].exp()), scoring[best] - scoring[STEPS // 2])


def _scores(model: Model, batch: Batch, noise: list[Tensor], likelihoods: list[Likelihood]) -> Tensor:
    """Log p(x|z) of each row under each likelihood, (likelihoods, N), in nats."""
    outputs = model.outputs(draw_posterior(model, batch, noise).state)
    log_px = [likelihood.log_prob(outputs, batch.x, batch.mask) for likelihood in likelihoods]
    return torch.cat(log_px).double().cpu()
