"""Columns of numbers of many kinds, and the maps to their normal scores."""

import numpy as np
import torch

from variate.distributions.quantile_map import QuantileMap, fit_knots

RNG = np.random.default_rng(3)
N = 2_000
AMOUNTS = np.where(RNG.random(N) < 0.7, 0.0, np.round(RNG.lognormal(3, 1, N), 2))
COLUMNS = {  # values, step, low, high, atoms
    "prices": (np.round(RNG.gamma(2, 2, N), 1), 0.1, 0.0, 40.0, ()),
    "whole": (RNG.poisson(4, N).astype(float), 1.0, 0.0, 20.0, ()),
    "amounts": (AMOUNTS, 0.01, 0.0, AMOUNTS.max(), ()),
    "codes": (RNG.choice([0.0, 10, 30], N), 1.0, 0.0, 40.0, ()),
    "normal": (RNG.normal(size=N), 0.0, -5.0, 5.0, ()),
    "atom": (np.where(RNG.random(N) < 0.3, 1.25, RNG.normal(size=N)), 0.0, -5.0, 5.0, (1.25,)),
    "ends": (np.clip(RNG.normal(size=N), -1, 1), 0.0, -1.0, 1.0, (-1.0, 1.0)),
    "far": (np.append(RNG.integers(0, 9, N - 1) * 1.0, 99_999), 1.0, 0.0, 99_999.0, ()),
    "constant": (np.full(N, 2.5), 0.0, 2.5, 2.5, (2.5,)),
}


def wide(step, n=1_500):
    """A column like one of a ledger: most amounts are far smaller than the largest, and all are on a fine grid."""
    rng = np.random.default_rng(17)
    values = np.rint(rng.lognormal(0, 2, n) * 1e7 * rng.lognormal(0, 0.3, n) / step) * step
    return values, step, values.min(), values.max(), ()


def maps(*names, **others):
    columns = {**COLUMNS, **others}
    found = [fit_knots(*columns[name]) for name in names]

    def stack(arrays):
        return torch.tensor(np.stack(list(arrays)), dtype=torch.float64)

    settings = np.array([(*columns[name][1:4], max(100.0, 1 / (columns[name][1] or 1))) for name in names]).T
    return QuantileMap(stack(f.knots for f in found), stack(f.shares for f in found), *map(torch.tensor, settings))
