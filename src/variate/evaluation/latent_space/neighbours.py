r"""Rows like this one: the nearest in latent space.

The distance of two rows is that of their posteriors, the Wasserstein distance of Gaussians with means m, m' and
standard deviations s, s' of their latents (taken as independent),

    d^2 = sum_i (m_i - m'_i)^2 + (s_i - s'_i)^2,

in units of the prior. A latent that says nothing has the same mean and the same deviation for all rows, so that it
counts for nothing; and rows are near only if the model is equally sure about them. d is the Euclidean distance of the
vectors (m, s), among which scikit-learn searches.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from variate.config.moves import Neighbours
from variate.errors import InputError
from variate.evaluation.latent_space.positions import AT_A_TIME, positions
from variate.limits import checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model


class NearestNeighbours(NamedTuple):
    """For each of N rows the K nearest ones, the nearest first.

    Attributes:
        rows: Their numbers, (N, K).
        distance: How far they are, (N, K), float64.
    """

    rows: Tensor
    distance: Tensor


@checked_arguments
@of_a_model
def neighbours(model: Model, x: Data, among: Data, k: Neighbours = 10) -> NearestNeighbours:
    """The rows that are nearest to given rows in latent space.

    Args:
        model: The model.
        x: The rows whose neighbours are wanted.
        among: The rows to look among. A row that is in both is its own nearest neighbour, at distance 0.
        k: How many, at most the number of rows in `among`.

    Raises:
        InputError: If rows are not what the model takes, or there are less than `k`.
    """
    wanted, others = model.dataset(x), model.dataset(among, "among")
    if k > len(others):
        raise InputError("k", f"at most {len(others):,}, the number of rows to look among", k, "give a smaller number")
    return nearest_vectors(signatures(model, wanted), signatures(model, others), k)


def signatures(model: Model, rows: Data) -> Tensor:
    """(m, s) of each row, (N, 2 latents), float64."""
    places = positions(model, model.dataset(rows), AT_A_TIME)
    return torch.cat([places.mean, places.variance.sqrt()], 1)


def nearest_vectors(wanted: Tensor, others: Tensor, k: int) -> NearestNeighbours:
    """The nearest of some vectors to others.

    Args:
        wanted: (N, d).
        others: (M, d).
        k: How many, at most M.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k).fit(others.numpy())
    index = torch.from_numpy(search.kneighbors(wanted.numpy(), return_distance=False).astype(np.int64))
    distance = (others[index] - wanted[:, None]).norm(dim=-1)  # the search multiplies out and loses digits
    order = distance.sort(dim=1, stable=True).indices
    return NearestNeighbours(index.gather(1, order), distance.gather(1, order))


def merged(one: NearestNeighbours, other: NearestNeighbours, k: int) -> NearestNeighbours:
    """The k nearest of two sets of neighbours of the same rows; of equally near ones those of the first set."""
    index, distance = (torch.cat(parts, 1) for parts in zip(one, other, strict=True))
    order = distance.sort(dim=1, stable=True).indices[:, :k]
    return NearestNeighbours(index.gather(1, order), distance.gather(1, order))
