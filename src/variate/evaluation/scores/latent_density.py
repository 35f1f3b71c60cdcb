r"""The density of a row's place in latent space: a Gaussian fitted to where the encoder puts other rows.

With m_i the means of q(z|x_i) of n rows, all groups as one vector of d numbers, and S their covariance,

    m(x) ~ N(mean m, (1 - a) S + a (tr S / d) I).

The weight a is that of Ledoit and Wolf, which minimises the expected error of the covariance. It also keeps apart rows
from latents that do not vary: without it, a collapsed latent whose mean moves by 0.001 instead of 0.0001 would decide
the density.

References:
    A well-conditioned estimator for large-dimensional covariance matrices (Ledoit & Wolf, 2004)
"""

import math
from typing import NamedTuple

import torch
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from variate.data.batch import Batch
from variate.evaluation.groups import join_groups
from variate.models.base import Model

LEAST_VARIANCE = 1e-12
"""Added to variances, so that a covariance of zeros has a density."""


class LatentDensity(NamedTuple):
    """A Gaussian over the means of posteriors.

    Attributes:
        mean: Its mean, (d,), float64.
        covariance: Its covariance, (d, d), float64.
    """

    mean: Tensor
    covariance: Tensor

    def log_prob(self, means: Tensor) -> Tensor:
        """Log-densities of means, (N, d), in nats: (N,), float64."""
        factor = torch.linalg.cholesky(self.covariance)
        standard = torch.linalg.solve_triangular(factor, (means.double() - self.mean).T, upper=False)
        size = len(self.mean) * math.log(2 * math.pi) / 2 + factor.diagonal().log().sum()
        return -standard.square().sum(0) / 2 - size


def fit_latent_density(means: Tensor) -> LatentDensity:
    """The Gaussian fitted to means, (n, d)."""
    points = means.double()
    if len(points) > 1:
        covariance, _ = ledoit_wolf(points.numpy())
        found = torch.as_tensor(covariance).reshape(points.shape[1], points.shape[1])
    else:
        found = torch.eye(points.shape[1], dtype=torch.float64)
    return LatentDensity(points.mean(0), found + LEAST_VARIANCE * torch.eye(len(found), dtype=torch.float64))


def posterior_place(model: Model, batch: Batch) -> Tensor:
    """The means of q(z|x), along the path of means where there are several groups: (N, d), on the CPU."""
    return join_groups(model.mean_path(batch)).squeeze(0).cpu()
