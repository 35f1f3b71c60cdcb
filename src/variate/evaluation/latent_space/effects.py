r"""What a move in latent space does to each column of a table, in no units.

A column of numbers moves by the share of the rows whose value lies between the two medians of p(x_j|z); with F the
mid distribution function of the column's values, that is |F(after) - F(before)|. A column of bits or categories moves
by the total variation of their probabilities, 1/2 sum_k |p_k(after) - p_k(before)|. Both are from 0 to 1. Of several
rows that move together, numbers have the mean of their shares, and categories the total variation of mean
probabilities.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from variate.config.schema import Column, Schema
from variate.data.dataset import Dataset
from variate.evaluation.latent_space.positions import AT_A_TIME, decoder, typical
from variate.models.base import Model
from variate.models.network import evaluating

MOST_ROWS = 1_000
"""Most rows of a group from which an effect is computed, the first ones."""


class ColumnMove(NamedTuple):
    """What a move does to a column.

    Attributes:
        place: Place of the column in a row.
        share: How much, from 0 to 1.
        before: Its value before, as the model has it: of numbers the median over the rows, else the category whose
            probability falls most.
        after: Its value afterwards: else the category whose probability rises most.
        probability: Of bits and categories, the probability of `after` before and afterwards; else None.
    """

    place: int
    share: float
    before: float
    after: float
    probability: tuple[float, float] | None


class _Decoded(NamedTuple):
    """Rows at some places: typical values, (M, columns), and probabilities of codes, (codes, columns)."""

    values: np.ndarray
    probabilities: Tensor


def column_moves(
    model: Model, schema: Schema, data: Dataset, before: Tensor, after: Tensor, context: Tensor | None = None
) -> tuple[ColumnMove, ...]:
    """What a move does to each column, the column that moves most first.

    Args:
        model: The model of a table.
        schema: What its rows are.
        data: Rows in memory that say how far apart numbers are.
        before: Places before the move, (M, latents).
        after: Places afterwards, (M, latents).
        context: What the rows are conditioned on, (M, *c).
    """
    some = slice(0, MOST_ROWS)
    own = None if context is None else context[some]
    codes = max((_codes(column) for column in schema.columns), default=0)
    start, end = (_decoded(model, places[some], codes, own) for places in (before, after))
    observed = data.all()
    found = []
    for place, column in enumerate(schema.columns):
        if _codes(column):
            found.append(_of_names(place, start.probabilities[:, place], end.probabilities[:, place], _codes(column)))
        else:
            values = observed.x[:, place] if observed.mask is None else observed.x[observed.mask[:, place], place]
            found.append(_of_numbers(place, start.values[:, place], end.values[:, place], values.numpy()))
    return tuple(sorted(found, key=lambda move: -move.share))


def _codes(column: Column) -> int:
    """Number of codes of a column of names or bits; 0 for numbers."""
    return 2 if column.kind == "binary" else len(column.categories)


def _decoded(model: Model, places: Tensor, codes: int, context: Tensor | None) -> _Decoded:
    """Typical values at places, and mean probabilities of the codes."""
    values, total = [], torch.zeros(codes, model.event_shape[0], dtype=torch.float64)
    with evaluating(model):
        for some in torch.arange(len(places)).split(AT_A_TIME):
            p_x = decoder(model, None if context is None else context[some])(places[some])
            values.append(typical(model, p_x).squeeze(0).cpu().double())
            for code in range(codes):
                rows = torch.full(
                    (1, len(some), *p_x.event_shape), float(code), dtype=torch.float64, device=model.device
                )
                total[code] += p_x.log_prob_elements(rows).double().exp().squeeze(0).sum(0).cpu()
    return _Decoded(torch.cat(values).numpy(), total / len(places))


def _of_numbers(place: int, before: np.ndarray, after: np.ndarray, values: np.ndarray) -> ColumnMove:
    ordered = np.sort(values)

    def ranks(numbers: np.ndarray) -> np.ndarray:
        counts = np.searchsorted(ordered, numbers, "left") + np.searchsorted(ordered, numbers, "right")
        return counts / max(1, 2 * len(ordered))

    share = float(np.abs(ranks(after) - ranks(before)).mean())
    return ColumnMove(place, share, float(np.median(before)), float(np.median(after)), None)


def _of_names(place: int, before: Tensor, after: Tensor, codes: int) -> ColumnMove:
    change = (after - before)[:codes]
    falls, rises = int(change.argmin()), int(change.argmax())
    share = float(change.abs().sum() / 2)
    return ColumnMove(place, share, float(falls), float(rises), (float(before[rises]), float(after[rises])))
