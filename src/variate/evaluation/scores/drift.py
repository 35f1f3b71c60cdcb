r"""Drift: whether new rows, taken together, still look like the held-out rows of training.

What is compared is the distribution of the bound, of the rate, of what the method measures besides, and of the cells of
each column (their nats; a missing cell is a value of its own). The distance of two samples of n and m numbers is that
of Kolmogorov and Smirnov,

    D = max_t |F_n(t) - G_m(t)|,    P(D > d) -> 2 sum_k (-1)^(k-1) exp(-2 k^2 d^2 n m / (n + m)),

in which ties make the p-value too large, never too small. With many columns one of them is moved by chance, so p-values
are corrected by Holm's method: the chance that any is below f without drift is at most f.

References:
    Failing loudly: an empirical study of methods for detecting dataset shift (Rabanser et al., 2019)
    A simple sequentially rejective multiple test procedure (Holm, 1979)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from variate.errors import InputError
from variate.evaluation.scores.measures import COMBINED
from variate.evaluation.scores.reference import ReferenceScores

MISSING = 1e300
"""What stands for a missing cell, among numbers that are far from it."""


class ColumnShift(NamedTuple):
    """How far the distribution of a number moved.

    Attributes:
        name: What it is: "bound", "rate", the method's name, or the place of a column.
        distance: Largest difference of the shares of rows below any value, from 0 to 1.
        p_value: Probability of at least that distance without drift.
        corrected: The same, corrected for the number of comparisons.
    """

    name: str | int
    distance: float
    p_value: float
    corrected: float


class Drift(NamedTuple):
    """New rows compared with held-out rows.

    Attributes:
        rows: The comparisons of whole rows: "bound", "rate", and the method's own measure.
        columns: Those of the columns, by their places, the column that moved most first.
        num_new: Number of new rows.
        num_held_out: Number of held-out rows.
    """

    rows: tuple[ColumnShift, ...]
    columns: tuple[ColumnShift, ...]
    num_new: int
    num_held_out: int

    @property
    def p_value(self) -> float:
        """Probability that any comparison is as clear without drift, at most."""
        return min(moved.corrected for moved in (*self.rows, *self.columns))


def drift(new: ReferenceScores, held_out: ReferenceScores) -> Drift:
    """Compares the scores of new rows with those of held-out rows.

    Args:
        new: What `reference_scores` gave of the new rows, with the settings of the held-out rows.
        held_out: What `reference_scores` gave of held-out rows. Densities in latent space are compared only if both
            are the same, as they are for `variate score`.

    Raises:
        InputError: If they were not made with the same method, number of draws and seed.
    """
    if new.settings != held_out.settings:
        expected, got = (f"{s.method!r} with {s.num_samples} draws and seed {s.seed}" for s in (held_out[0], new[0]))
        raise InputError("new", f"scores of the method {expected}, as of the held-out rows", got)
    pairs: dict[str | int, tuple[Tensor, Tensor]] = {"bound": (new.bound, held_out.bound)}
    pairs["rate"] = (new.rate, held_out.rate)
    if new.own is not None and held_out.own is not None and _same_density(new, held_out):
        names = COMBINED if new.own.dim() > 1 else (held_out.settings.method,)
        own = zip(*(part.reshape(len(part), -1).unbind(1) for part in (new.own, held_out.own)), strict=True)
        pairs |= dict(zip(names, own, strict=False))
    if new.oddness is not None and held_out.oddness is not None:
        columns = zip(new.oddness.unbind(1), held_out.oddness.unbind(1), strict=True)
        pairs |= {place: (_with_missing(own), _with_missing(known)) for place, (own, known) in enumerate(columns)}
    distances = [distance(*pair) for pair in pairs.values()]
    corrected = holm([p for _, p in distances])
    found = [ColumnShift(name, d, p, q) for name, (d, p), q in zip(pairs, distances, corrected, strict=True)]
    columns_moved = sorted((m for m in found if isinstance(m.name, int)), key=lambda m: -m.distance)
    whole = tuple(m for m in found if isinstance(m.name, str))
    return Drift(whole, tuple(columns_moved), new.num_rows, held_out.num_rows)


def distance(one: Tensor, other: Tensor) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance of two samples, (n,) and (m,), and its p-value without drift."""
    from scipy.special import kolmogorov  # type: ignore[import-untyped]  # imported late: it takes a tenth of a second

    places = torch.cat([one, other]).unique()
    below = [torch.searchsorted(own.sort().values, places, right=True) / len(own) for own in (one, other)]
    largest = (below[0] - below[1]).abs().max().item()
    return largest, float(kolmogorov(largest * (len(one) * len(other) / (len(one) + len(other))) ** 0.5))


def holm(p_values: list[float]) -> list[float]:
    """P-values corrected for their number, in the same order."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found, most = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(order) - rank) * p_values[place]))
        found[place] = most
    return found


def _same_density(new: ReferenceScores, held_out: ReferenceScores) -> bool:
    """Whether the density in latent space is the same, if there is one."""
    if new.latent is None or held_out.latent is None:
        return new.latent is held_out.latent
    return all(torch.equal(one, other) for one, other in zip(new.latent, held_out.latent, strict=True))


def _with_missing(oddness: Tensor) -> Tensor:
    """The oddness of cells, with a number for those that are missing."""
    return torch.where(oddness.isnan(), MISSING, oddness)
