r"""P-values by conformal ranking: how many of n held-out rows are at least as odd.

    p(x) = (1 + #{i : s_i >= s(x)}) / (n + 1)

Equal rows have equal scores only up to rounding, so scores that differ by less than `TIE` of their size are ties. If
the row x and the n held-out rows are exchangeable (independent draws from one distribution are), the rank of x among
all n + 1 is uniform, so P(p <= f) <= f for every f, whatever the model and whatever the score. Ties count against the
row. A p-value is never below 1 / (n + 1): with n = 99 rows no row can be flagged at a rate below 0.01.

Where a score is made from the held-out rows themselves (the mean bound of typicality, the p-values that the combined
score is made of), the row x takes part in making it, as one of n + 1 rows that are treated alike. Then the rank is
exact again.

References:
    Algorithmic learning in a random world (Vovk et al., 2005)
    Testing for outliers with conformal p-values (Bates et al., 2023)
    Detecting out-of-distribution inputs to deep generative models using typicality (Nalisnick et al., 2019b)
    Statistical methods for research workers (Fisher, 1932)
"""

import torch
from torch import Tensor

TIE = 1e-5
"""Relative difference of scores that are equal: rounding in float32 leaves about a tenth of it."""
CELLS_AT_A_TIME = 2_000_000
"""Pairs of a row and a held-out row that are compared at a time."""


def ranked(scores: Tensor, held_out: Tensor) -> Tensor:
    """P-values of scores, (N,), among those of held-out rows, (n,); large scores are odd."""
    below = torch.searchsorted(held_out.sort().values, scores.contiguous() - tolerance(scores))
    return (1 + len(held_out) - below).double() / (len(held_out) + 1)


def tolerance(scores: Tensor) -> Tensor:
    """How much less than each score counts as equal to it, (N,); 0 for infinite ones."""
    return torch.where(scores.isfinite(), TIE * scores.abs().clamp(min=1), torch.zeros((), dtype=scores.dtype))


def ranked_cells(oddness: Tensor, held_out: Tensor) -> Tensor:
    """P-values of cells, (N, J), each among the observed cells of its own column of held-out rows, (n, J).

    Args:
        oddness: How odd each cell is; NaN where it is not observed, whose p-value is 1.
        held_out: The same of held-out rows.
    """
    found = torch.ones(oddness.shape, dtype=torch.float64)
    for place, (own, known) in enumerate(zip(oddness.unbind(1), held_out.unbind(1), strict=True)):
        is_there = ~own.isnan()
        found[is_there, place] = ranked(own[is_there], known[~known.isnan()])
    return found


def typical_centre(bounds: Tensor) -> Tensor:
    """The mean of the finite bounds, (): where a typical row is."""
    finite = bounds[bounds.isfinite()]
    return finite.mean() if len(finite) else torch.zeros((), dtype=bounds.dtype)


def ranked_typicality(bounds: Tensor, held_out: Tensor) -> Tensor:
    """P-values of the distance of each bound, (N,), from the mean bound of the held-out rows, (n,), and of the row."""
    ordered = held_out.double().sort().values
    finite, own = ordered[ordered.isfinite()], bounds.double().contiguous()
    counted = own.isfinite()
    centre = (finite.sum() + torch.where(counted, own, 0)) / (len(finite) + counted.double()).clamp(min=1)
    mirrored = 2 * centre - own
    slack = tolerance(own)
    low, high = torch.minimum(own, mirrored) + slack, torch.maximum(own, mirrored) - slack
    at_most = torch.searchsorted(ordered, low, right=True)
    at_least = len(ordered) - torch.searchsorted(ordered, high)
    return (1 + at_most + at_least).clamp(max=len(ordered) + 1).double() / (len(ordered) + 1)


def ranked_together(scores: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
    r"""Several scores of a row as one: the product of their p-values (Fisher's statistic), ranked again.

    Among the n + 1 rows, x included, each score k of row i has the p-value p_ik; the row's own score is
    h_i = -sum_k log p_ik, and p(x) is the share of rows with h_i >= h(x).

    Args:
        scores: K scores of each row, (N, K); large ones are odd.
        held_out: The same of held-out rows, (n, K).

    Returns:
        h(x) and p(x), each (N,), float64.
    """
    n, columns = len(held_out), list(zip(scores.unbind(1), held_out.unbind(1), strict=True))
    among = torch.stack([ranked(y, y) * (n + 1) - 1 for _, y in columns], 1)  # number of held-out rows with s_j >= s_i
    own = torch.stack([ranked(x, y) for x, y in columns], 1)
    together = -own.log().sum(1)
    p_value = torch.empty(len(scores), dtype=torch.float64)
    for rows in torch.arange(len(scores)).split(max(1, CELLS_AT_A_TIME // max(1, n))):
        beaten = (scores[rows, None] >= held_out - tolerance(held_out)).double()  # (rows, n, K)
        others = -((among + beaten) / (n + 1)).log().sum(2)
        p_value[rows] = (1 + (others >= together[rows, None] - 1e-12).sum(1)).double() / (n + 1)
    return together, p_value
