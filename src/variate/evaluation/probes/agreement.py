r"""Whether models that were trained with other seeds embed the same rows alike.

Embeddings X (N, p) and Y (N, q) of the same rows, with the mean over rows taken off, agree by two measures. Both are 1
for embeddings that are rotated, reflected or all scaled by one factor, which is as much as two seeds can share.

    linear CKA    |X'Y|^2 / (|X'X| |Y'Y|)                with Frobenius norms, from 0 to 1
    neighbours    the mean share of a row's k nearest rows in X that are among its k nearest rows in Y

For independent normal coordinates the former is about sqrt(p q / ((N + p) (N + q))), and the latter is k / (N - 1) on
average.

References:
    Similarity of neural network representations revisited (Kornblith et al., 2019)
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from variate.errors import InputError
from variate.limits import Rows, Seed
from variate.models.base import Model
from variate.models.checked import Data
from variate.runtime.random import some_rows
from variate.statistics import Spread, spread_of
from variate.training.validation import posterior_means

NEIGHBOURS = 10
"""Number of nearest rows that are compared."""
LEAST_ROWS, MOST_ROWS = 3, 2_000
"""Fewer rows have no agreement; of more, some are taken, for memory grows with the square of their number."""


class Agreement(NamedTuple):
    """How alike embeddings of the same rows are, over all pairs of models.

    Attributes:
        cka: Linear CKA, from 0 to 1.
        overlap: Mean share of nearest neighbours in common, from 0 to 1.
        chance: The share that unrelated embeddings have in common.
        neighbours: Number of nearest rows that were compared, k.
        num_rows: Number of rows, N.
    """

    cka: Spread
    overlap: Spread
    chance: float
    neighbours: int
    num_rows: int


def agreement_of(
    models: Sequence[Model], data: Data, *, num_rows: Rows = MOST_ROWS, seed: Seed = 0
) -> Agreement | None:
    """How alike models embed rows, by the means of q(z|x).

    Args:
        models: At least two models of the same data.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_rows: How many of the rows to take, chosen by the seed.
        seed: Seed of the choice of rows.

    Returns:
        The agreement; None of fewer than `LEAST_ROWS` rows.

    Raises:
        InputError: If there are fewer than two models, or the rows are not what the models take.
    """
    if len(models) < 2:
        raise InputError("models", "at least two models", len(models))
    rows = models[0].dataset(data)
    rows = rows.select(some_rows(len(rows), num_rows, seed).numpy())
    if len(rows) < LEAST_ROWS:
        return None
    return agreement([posterior_means(model, model.dataset(rows)) for model in models])


def agreement(embeddings: Sequence[Float64[Tensor, "N _"]]) -> Agreement:
    """The agreement of all pairs of embeddings.

    Args:
        embeddings: One for each model, (N, d), of the same rows; d may differ.

    Raises:
        InputError: If there are fewer than two embeddings or three rows, or they are not of the same rows.
    """
    rows = {len(embedding) for embedding in embeddings}
    if len(embeddings) < 2:
        raise InputError("embeddings", "those of at least two models", len(embeddings))
    if len(rows) > 1 or max(rows) < LEAST_ROWS:
        raise InputError("embeddings", f"the same rows, at least {LEAST_ROWS}, in each", f"{sorted(rows)} rows")
    num_rows = rows.pop()
    k = min(NEIGHBOURS, num_rows - 1)
    near = [nearest_rows(embedding, k) for embedding in embeddings]
    pairs = list(itertools.combinations(range(len(embeddings)), 2))
    return Agreement(
        spread_of([linear_cka(embeddings[i], embeddings[j]) for i, j in pairs]),
        spread_of([overlap(near[i], near[j]) for i, j in pairs]),
        k / (num_rows - 1),
        k,
        num_rows,
    )


def linear_cka(x: Float64[Tensor, "N p"], y: Float64[Tensor, "N q"]) -> float:
    """Linear CKA of two embeddings of the same rows; NaN if one of them is constant."""
    x, y = x - x.mean(0), y - y.mean(0)
    scale = (x.T @ x).norm() * (y.T @ y).norm()
    return ((x.T @ y).square().sum() / scale).item() if scale > 0 else math.nan


def nearest_rows(x: Float64[Tensor, "N p"], k: int) -> Int[Tensor, "N k"]:
    """Numbers of the k nearest other rows of each row, by Euclidean distance."""
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.fill_diagonal_(math.inf).topk(k, largest=False).indices


def overlap(a: Int[Tensor, "N k"], b: Int[Tensor, "N k"]) -> float:
    """Mean share of the neighbours of a row that are neighbours in both."""
    return (a[:, :, None] == b[:, None, :]).any(2).double().mean().item()
