"""What the likelihoods of pixels share: integers 0 .. levels - 1, a location and a scale (or a mixture) per element.

The network gives locations in half-ranges from a start, loc = (levels - 1) / 2 * (1 + start + output), so that outputs
of order one span the range, and scales relative to a wide start, so that gradients are small in the first steps.
"""

import copy
import math
from abc import abstractmethod
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from variate.distributions.quantized import Quantized
from variate.distributions.rows import Independent
from variate.distributions.support import is_level
from variate.errors import Option, Sentence
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require_fit
from variate.likelihoods.scale import GRADIENT_SCALES, RescaledScale, make_scale
from variate.limits import checked_arguments

MIN_PIXEL_LOG_SCALE = -3.0
"""Floor of a log-scale in levels, s = 0.05: the bin around the location then has all but 1e-4 of the mass. A smaller
scale could gain no more than that in nats per element, while the cost of one wrong level would grow without bound."""

SURVEYED_ROWS = 10_000
"""Number of training rows from which the starting locations are computed."""

_REMEDY = Sentence(
    "use ",
    Option("likelihood", "gaussian"),
    " (real numbers) or ",
    Option("likelihood", "negative-binomial"),
    " (counts), or undo the scaling that was applied to pixels",
)


class Pixels(Likelihood):
    """A quantised location-scale family, or a mixture of it.

    Args:
        name: Name of the likelihood in options.
        event_shape: Shape of a row.
        levels: Number of grey levels.
        mixtures: Components of the mixture; 1 for none.
        scale: Where scales come from: "fixed", "shared", "dimension" or "conditional".
        sigma: Scale of the family where fixed, in levels.
    """

    is_mass = True
    start: Tensor

    @checked_arguments
    def __init__(
        self,
        name: str,
        event_shape: tuple[int, ...],
        levels: Annotated[int, Interval(ge=2, le=2**16)],
        mixtures: Annotated[int, Interval(ge=1, le=1_000)],
        scale: str,
        sigma: float | None,
    ) -> None:
        module = make_scale(
            scale,
            sigma,
            tuple(event_shape),
            initial=math.log(max(levels / 16, 0.5)),
            floor=MIN_PIXEL_LOG_SCALE,
            components=mixtures,
            known=GRADIENT_SCALES,
        )
        sizes = [mixtures if mixtures > 1 else 0, mixtures, mixtures * module.num_outputs]
        super().__init__(event_shape, (sum(sizes), *event_shape))
        self.name, self.levels, self.mixtures, self.sizes, self.scale = name, levels, mixtures, sizes, module
        self.register_buffer("start", torch.zeros(mixtures, *(1 for _ in event_shape)))

    @abstractmethod
    def family(self, loc: Tensor, log_scale: Tensor, logits: Tensor | None, axis: int) -> Quantized:
        """The distribution with these parameters, in levels.

        Args:
            loc: Locations, (*batch, [K,] *event).
            log_scale: Logs of the scales.
            logits: Unnormalised log-weights of the components; None without a mixture.
            axis: The axis of the components, counted from the end.
        """

    def distribution(self, outputs: Tensor) -> Independent:
        """The outputs are, along the axis before the event, [K weights,] K locations [, K scales]."""
        axis = -len(self.event_shape) - 1
        if self.mixtures == 1:
            loc, *raws = outputs.unbind(axis)
            logits, raw = None, raws[0] if raws else None
        else:
            logits, loc, raw = outputs.split(self.sizes, axis)
        half_range = (self.levels - 1) / 2
        start = (self.start if self.mixtures > 1 else self.start.squeeze(0)).to(loc.dtype)
        elements = self.family(half_range * (1 + start + loc), self.scale(raw).to(loc.dtype), logits, axis)
        return Independent(elements, len(self.event_shape))

    @property
    def value_range(self) -> float:
        """Levels are 0 .. levels - 1."""
        return float(max(1, self.levels - 1))

    def rescaled(self, log_factor: float | Tensor) -> "Pixels":
        """A copy with every scale multiplied by a factor."""
        copied = copy.deepcopy(self)
        copied.scale = RescaledScale(copied.scale, log_factor)
        return copied

    def check(self, rows: Tensor) -> None:
        """Rejects everything but integers 0 .. levels - 1."""
        expected = f"integers from 0 to {self.levels - 1} for likelihood {self.name!r}"
        require_fit(holds(lambda x: is_level(x, self.levels), rows), expected, rows, _REMEDY)

    def fit_scaling(self, rows: Tensor) -> None:
        """Starts the components at the middles of K equally frequent ranges of the grey levels in the training rows.

        Components that start equal would take long to separate.
        """
        levels = torch.arange(self.levels, device=rows.device)
        chunks = rows[:SURVEYED_ROWS].split(1024)
        counts = torch.stack([torch.bincount(c.flatten().long(), minlength=self.levels) for c in chunks]).sum(0)
        below = counts.cumsum(0) / counts.sum()
        middles = (torch.arange(self.mixtures, device=rows.device) + 0.5) / self.mixtures
        found = torch.searchsorted(below, middles.to(below)).double()
        if self.mixtures == 1:
            found = (counts * levels).sum(0, keepdim=True) / counts.sum()
        self.start.copy_((2 * found / (self.levels - 1) - 1).reshape(self.start.shape))

    def floored(self) -> Tensor | None:
        """Which elements have a learned scale at its floor, in any component."""
        floored = self.scale.floored()
        if floored is None:
            return None
        return (floored if self.mixtures == 1 else floored.any(0)).expand(self.event_shape)
