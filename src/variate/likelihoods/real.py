"""What the likelihoods of real data share: a location and a scale an element, in the data's own units.

The network says locations in standardised units (the training data's mean is 0 and their standard deviation 1, element
by element), and scales are learned in them too; a fixed scale is in the data's own units.
"""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from variate.distributions.scaled import Scaled
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require
from variate.likelihoods.scale import Scale
from variate.statistics import moments

MIN_LOG_SCALE = -7.0
"""Floor of a learned log-scale: about a thousandth of the data's spread. A density grows without bound as its scale
falls, so an element that the latents reproduce exactly must stop somewhere, or it is all that training sees."""


class Real(Likelihood):
    """A location-scale family in standardised units, and the units.

    Args:
        name: What the user calls it.
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
    def standardized(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """The distribution of a standardised row; `log_scale` broadcasts with `loc`."""

    def distribution(self, outputs: Tensor) -> Distribution:
        """The outputs are, along their axis of numbers, locations [, scales]."""
        loc, *raws = outputs.unbind(-len(self.event_shape) - 1)
        log_scale = self.scale(raws[0] if raws else None).to(loc.dtype)
        return Scaled(self.standardized(loc, log_scale), self.offset, self.unit)

    def check(self, rows: Tensor) -> None:
        """Refuses integer dtypes, which are pixels or counts, and NaN."""
        require(
            rows.is_floating_point() and holds(Tensor.isfinite, rows),
            f"{self.name} is a density of real numbers",
            rows,
            "use discretized-logistic (pixels) or negative-binomial (counts), or convert x to float if it is real",
        )

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
