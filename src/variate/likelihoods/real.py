"""What the likelihoods of real data share: a location and a scale per element, in the data's own units.

With offset and unit the mean and standard deviation of each element in the training rows, x = offset + unit * y. The
network gives locations of the standardised y, and scales are learned in standardised units too; a fixed scale is in the
data's own units.
"""

import copy
from abc import abstractmethod

import torch
from torch import Tensor

from variate.distributions.rows import RowDistribution
from variate.distributions.scaled import ScaledRows
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import require_real
from variate.likelihoods.scale import RescaledScale, Scale
from variate.statistics import moments

MIN_REAL_LOG_SCALE = -7.0
"""Floor of a learned log-scale: about a thousandth of the data's spread. A density grows without bound as its scale
falls, so without a floor an element that the latents reproduce exactly would dominate training."""


class Real(Likelihood):
    """A location-scale family in standardised units, and the units.

    Args:
        name: Name of the likelihood in options.
        event_shape: Shape of a row.
        scale: Where scales come from.
    """

    is_mass = False
    offset: Tensor
    unit: Tensor

    def __init__(self, name: str, event_shape: tuple[int, ...], scale: Scale) -> None:
        super().__init__(event_shape, (1 + scale.num_outputs, *event_shape))
        self.name, self.scale = name, scale
        self.register_buffer("offset", torch.zeros(self.event_shape, dtype=torch.float64))
        self.register_buffer("unit", torch.ones(self.event_shape, dtype=torch.float64))

    @abstractmethod
    def standardized(self, loc: Tensor, log_scale: Tensor) -> RowDistribution:
        """The distribution of a standardised row; `log_scale` broadcasts with `loc`."""

    def distribution(self, outputs: Tensor) -> RowDistribution:
        """The outputs are, along the axis before the event, locations [, scales]."""
        loc, *raws = outputs.unbind(-len(self.event_shape) - 1)
        log_scale = self.scale(raws[0] if raws else None).to(loc.dtype)
        return ScaledRows(self.standardized(loc, log_scale), self.offset, self.unit)

    @property
    def couples_rows(self) -> bool:
        """An optimal scale is that of the whole batch."""
        return self.scale.is_optimal

    @property
    def needs_freezing(self) -> bool:
        """Whether the scale is optimal for each batch in training."""
        return self.scale.is_optimal

    def squared_residuals(self, outputs: Tensor, x: Tensor) -> Tensor:
        """((x - E[x|z]) / unit)^2 in float64, broadcast(batch, x_batch) and event."""
        return ((x - self(outputs).mean) / self.unit).double().square()

    def freeze(self, mean_squared_residual: Tensor) -> None:
        """Sets the value that an optimal scale has in evaluation; does nothing for other scales.

        Args:
            mean_squared_residual: Mean of `squared_residuals` over elements, rows and draws.
        """
        self.scale.freeze(mean_squared_residual, MIN_REAL_LOG_SCALE)

    def rescaled(self, log_factor: float | Tensor) -> "Real":
        """A copy with every scale multiplied by a factor."""
        copied = copy.deepcopy(self)
        copied.scale = RescaledScale(copied.scale, log_factor)
        return copied

    def check(self, rows: Tensor) -> None:
        """Rejects integer dtypes, which are pixels or counts, and NaN."""
        require_real(self.name, rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the mean and the standard deviation of each element; the latter to 1 where an element is constant."""
        mean, std = moments(rows)
        self.offset.copy_(mean)
        self.unit.copy_(torch.where(std > 0, std, 1.0))
        self.scale.set_unit(self.unit)

    def floored(self) -> Tensor | None:
        """Which elements have a learned scale at its floor."""
        floored = self.scale.floored()
        return None if floored is None else floored.expand(self.event_shape)
