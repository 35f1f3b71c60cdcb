"""What the likelihoods of pixels share: integers 0 .. levels - 1, a location and a scale (or a mixture) an element.

The network says locations in half-ranges from a start, loc = (levels - 1) / 2 * (1 + start + output), so outputs of
order one span the range, and scales relative to a wide start, so the first steps are taken where gradients are tame.
"""

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from variate.distributions.quantized import Quantized
from variate.distributions.support import is_level
from variate.errors import InputError
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require
from variate.likelihoods.scale import make_scale

MIN_LOG_SCALE = -3.0
"""Floor of a log-scale in levels, s = 0.05: the bin around the location then holds all but 1e-4 of the mass. A smaller
scale could win no more than that in nats an element, while one wrong level would cost ever more."""

SURVEYED_ROWS = 10_000
"""Training rows that the starting locations are taken from."""


class Pixels(Likelihood):
    """A quantised location-scale family, or a mixture of it.

    Args:
        name: What the user calls it.
        event_shape: Shape of a row.
        levels: Number of grey levels.
        mixtures: Components of the mixture; 1 for none.
        scale: Where scales come from: "fixed", "shared", "dimension" or "conditional".
        sigma: Scale of the family where fixed, in levels.
    """

    is_mass = True
    start: Tensor

    def __init__(
        self,
        name: str,
        event_shape: tuple[int, ...],
        levels: int,
        mixtures: int,
        scale: str,
        sigma: float | None,
    ) -> None:
        if levels < 2:
            raise InputError(f"levels must be at least 2 for {name}, got {levels}: pixels of 8 bits have 256")
        if mixtures < 1:
            raise InputError(f"mixtures must be at least 1 for {name}, got {mixtures}")
        module = make_scale(
            scale,
            sigma,
            tuple(event_shape),
            initial=math.log(max(levels / 16, 0.5)),
            floor=MIN_LOG_SCALE,
            components=mixtures,
            refused=f"has no closed form for {name}",
        )
        sizes = [mixtures if mixtures > 1 else 0, mixtures, mixtures * module.num_outputs]
        super().__init__(event_shape, (sum(sizes), *event_shape))
        self.name, self.levels, self.mixtures, self.sizes, self.scale = name, levels, mixtures, sizes, module
        self.register_buffer("start", torch.zeros(mixtures, *(1 for _ in event_shape)))

    @abstractmethod
    def family(self, loc: Tensor, log_scale: Tensor, logits: Tensor | None) -> Quantized:
        """The distribution with these parameters, in levels."""

    def distribution(self, outputs: Tensor) -> Distribution:
        """The outputs are, along their axis of numbers, [K weights,] K locations [, K scales]."""
        axis = -len(self.event_shape) - 1
        if self.mixtures == 1:
            loc, *raws = outputs.unbind(axis)
            logits, raw = None, raws[0] if raws else None
        else:
            logits, loc, raw = outputs.split(self.sizes, axis)
        half_range = (self.levels - 1) / 2
        start = (self.start if self.mixtures > 1 else self.start.squeeze(0)).to(loc.dtype)
        return self.family(half_range * (1 + start + loc), self.scale(raw).to(loc.dtype), logits)

    def check(self, rows: Tensor) -> None:
        """Refuses what is not an integer 0 .. levels - 1."""
        require(
            holds(lambda x: is_level(x, self.levels), rows),
            f"{self.name} is a likelihood of the integers 0 to {self.levels - 1}",
            rows,
            "use gaussian (real numbers) or negative-binomial (counts), or undo the scaling that was applied to pixels",
        )

    def fit_scaling(self, rows: Tensor) -> None:
        """Starts the components at the middles of K equally frequent stretches of the grey levels in the training rows.

        Without a start of their own, equal components would take long to part.
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
