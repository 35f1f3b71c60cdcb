"""The normal scores of a table's columns as a module: its buffers are set from training rows and saved with a model."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor, nn

from variate.config.schema import Column
from variate.data.schema.grids import WRITTEN_DECIMALS, decimals_of
from variate.distributions.quantile_map import MOST_KNOTS, QuantileMap, fit_knots
from variate.distributions.widening import widened

LARGEST_START = 4.0
"""Before it is set from data, a map is the identity between minus and plus this."""


class ColumnQuantiles(nn.Module):
    """The maps from the numbers of some columns to normal scores.

    Args:
        columns: The columns, of which step, range and atoms are used.
    """

    knots: Tensor
    shares: Tensor
    step: Tensor
    low: Tensor
    high: Tensor
    decimals: Tensor

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        # Constants are computed without torch, which imports its compiler for them where tensors have no values.
        identity = np.linspace(-LARGEST_START, LARGEST_START, MOST_KNOTS)
        for name, own in (("knots", identity), ("shares", np.vectorize(NormalDist().cdf)(identity))):
            self.register_buffer(name, torch.tensor(np.tile(own, (len(columns), 1))))
        self.register_buffer("low", torch.full((len(columns),), -LARGEST_START, dtype=torch.float64))
        self.register_buffer("high", torch.full((len(columns),), LARGEST_START, dtype=torch.float64))
        self.register_buffer("decimals", torch.ones(len(columns), dtype=torch.float64))
        self.register_buffer("step", torch.tensor([c.step for c in columns], dtype=torch.float64), persistent=False)

    def forward(self) -> QuantileMap:
        """The maps."""
        buffers = (self.knots, self.shares, self.step, self.low, self.high, self.decimals)
        return QuantileMap(*(buffer.double() for buffer in buffers))

    def fit(self, rows: Tensor) -> None:
        """Estimates the maps from training rows, (N, columns), over the ranges of the columns where they are known."""
        for i, (column, values) in enumerate(zip(self.columns, rows.double().cpu().numpy().T, strict=True)):
            low = float(values.min()) if column.low is None else column.low
            high = float(values.max()) if column.high is None else column.high
            found = fit_knots(values, column.step, low, high, column.atoms)
            self.knots[i].copy_(torch.from_numpy(found.knots))
            self.shares[i].copy_(torch.from_numpy(found.shares))
            self.low[i], self.high[i] = low, high
            decimals = decimals_of(np.array([low, column.step]))
            self.decimals[i] = 10.0 ** (WRITTEN_DECIMALS if decimals is None else decimals)

    def grow_from(self, old: "ColumnQuantiles") -> None:
        """Takes the maps of the same columns, and widens them to the ranges that the columns have now."""
        self.load_state_dict(old.state_dict())
        for i, (column, before) in enumerate(zip(self.columns, old.columns, strict=True)):
            if column.low is None or column.high is None or (column.low, column.high) == (before.low, before.high):
                continue
            half = column.step / 2
            found = widened(self.knots[i].numpy(), self.shares[i].numpy(), column.low - half, column.high + half)
            self.knots[i].copy_(torch.from_numpy(found.knots))
            self.shares[i].copy_(torch.from_numpy(found.shares))
            self.low[i], self.high[i] = min(column.low, float(self.low[i])), max(column.high, float(self.high[i]))
