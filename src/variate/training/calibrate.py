"""Freezing an optimal sigma at its training-set value.

While training, the optimal sigma of a batch is its root mean squared residual (MATHS 3), which couples the rows. Before
anything is evaluated it becomes a number: the root mean squared residual over the training rows.
"""

import torch
from torch import Tensor

from variate.likelihoods import Gaussian
from variate.models.vae import VAE, evaluating
from variate.runtime.random import mix, seeded


def calibrate(vae: VAE, rows: Tensor, levels: int = 0, batch_size: int = 1024) -> None:
    """Sets the sigma of a likelihood whose scale is optimal; leaves every other as it is.

    Args:
        vae: The model, changed in place.
        rows: Training rows as they are, (N, *event).
        levels: Not 0 for rows still to be binarised, which no optimal sigma is for.
        batch_size: Rows at a time.
    """
    likelihood = vae.decoder.likelihood
    if levels or not isinstance(likelihood, Gaussian) or not likelihood.is_optimal:
        return
    with seeded(mix(0, "calibrate")), evaluating(vae):
        sums = []
        for x in rows.split(batch_size):
            p_x = vae.likelihood(vae.posterior(x).rsample())
            sums.append(((x - p_x.mean) / likelihood.unit).double().square().sum())
        likelihood.freeze(torch.stack(sums).sum() / rows.numel())
