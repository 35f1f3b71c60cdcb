"""Where a likelihood's scale comes from: fixed, learned, an output of the network, or the optimum for the residuals.

A `Scale` is called with the network outputs set aside for it and gives the log of the scale, in the likelihood's own
units (standardised for real data, grey levels for pixels), so that likelihoods know nothing of where it came from.

Learned scales have a soft floor,

    log s = floor + softplus(raw - floor),

which is raw itself well above the floor and never reaches it, so the gradient that leads back up survives, unlike a
clamp's.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from variate.errors import InputError, did_you_mean

MAX_LOG_SCALE = 20.0
"""Scales from a network are at most exp(20) units: a diverged network must not square them out of float32's range."""


class Scale(nn.Module, ABC):
    """Gives the log of a likelihood's scale.

    Attributes:
        num_outputs: How many network outputs an element it takes, 0 or 1.
        couples_rows: Whether, in training, the scale is the optimum over all the rows of a call.
    """

    num_outputs = 0
    couples_rows = False

    @abstractmethod
    def forward(self, raw: Tensor | None) -> Tensor:
        """Log of the scale; broadcasts with an event. `raw` is the network's outputs for it, or None."""

    def set_unit(self, unit: Tensor) -> None:
        """Says how large one of the likelihood's units is in the data's units; broadcasts with an event."""

    def floored(self) -> Tensor | None:
        """Which scales lie at their floor; None where none is learned as a parameter."""
        return None


class Fixed(Scale):
    """A given scale.

    Args:
        sigma: The scale in the data's units.
        shape: Shape of an event.
    """

    log_scale: Tensor

    def __init__(self, sigma: float, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.log_sigma = math.log(sigma)
        self.register_buffer("log_scale", torch.full(shape, self.log_sigma))

    def forward(self, raw: Tensor | None) -> Tensor:
        """The log of sigma in the likelihood's units."""
        return self.log_scale

    def set_unit(self, unit: Tensor) -> None:
        """Keeps sigma what it is in the data's units."""
        self.log_scale.copy_(self.log_sigma - unit.log())


class Learned(Scale):
    """Scales learned as parameters: one for all rows, of any shape that broadcasts with an event.

    Args:
        shape: Shape of the parameter.
        initial: Log-scale before training.
        floor: What the log-scale never reaches.
    """

    def __init__(self, shape: tuple[int, ...], initial: float, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.raw = nn.Parameter(torch.full(shape, soft_floor_inverse(initial, floor)))

    def forward(self, raw: Tensor | None) -> Tensor:
        """The learned log-scales."""
        return soft_floor(self.raw, self.floor)

    def floored(self) -> Tensor:
        """Which scales are within a factor of 4 of the floor; nearer, the soft floor hardly lets them move."""
        return self.raw.detach() < self.floor + 1


class Conditional(Scale):
    """A scale an element from the network's outputs.

    Args:
        initial: Log-scale where the network's output is 0.
        floor: What the log-scale never reaches.
    """

    num_outputs = 1

    def __init__(self, initial: float, floor: float) -> None:
        super().__init__()
        self.bias, self.floor = soft_floor_inverse(initial, floor), floor

    def forward(self, raw: Tensor | None) -> Tensor:
        """The log-scales that the outputs say."""
        if raw is None:
            raise AssertionError("a conditional scale needs the network's outputs")
        return soft_floor(raw + self.bias, self.floor).clamp(max=MAX_LOG_SCALE)


class Optimal(Scale):
    """One scale, the optimum for the residuals while training (a matter of the distribution), frozen for all else."""

    couples_rows = True
    log_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_scale", torch.zeros(()))

    def forward(self, raw: Tensor | None) -> Tensor:
        """The frozen log-scale."""
        return self.log_scale

    def freeze(self, mean_squared_residual: Tensor, floor: float) -> None:
        """Sets the scale to the optimum for these residuals, in the likelihood's units, but not below the floor."""
        self.log_scale.copy_((0.5 * mean_squared_residual.log()).clamp(min=floor))


def soft_floor(raw: Tensor, floor: float) -> Tensor:
    """Raw well above the floor, approaching the floor from above below it."""
    return floor + softplus(raw - floor)


def soft_floor_inverse(value: float, floor: float) -> float:
    """The raw number whose soft floor is `value`, for a value above the floor."""
    return floor + math.log(math.expm1(value - floor))


def make_scale(
    mode: str,
    sigma: float | None,
    event_shape: tuple[int, ...],
    *,
    initial: float,
    floor: float,
    components: int = 1,
    refused: str = "",
) -> Scale:
    """The scale that a name stands for.

    Args:
        mode: "fixed", "shared", "dimension", "conditional" or "optimal".
        sigma: The value of a fixed scale, in the data's units; None for the others.
        event_shape: Shape of a row.
        initial: Log-scale before training, in the likelihood's units.
        floor: What a learned log-scale never reaches.
        components: How many scales an element has, one a mixture component.
        refused: Why "optimal" cannot be had of this likelihood; empty where it can.

    Raises:
        InputError: If the name is unknown or refused, or sigma does not go with it.
    """
    if (sigma is not None) != (mode == "fixed") and mode in SCALES:
        given = "none" if sigma is None else f"sigma {sigma}"
        raise InputError(f"sigma is the value of scale 'fixed' and goes with no other: got scale {mode!r} and {given}")
    if sigma is not None and not 0 < sigma < math.inf:
        raise InputError(f"sigma must be positive and finite, in the data's units, got {sigma}")
    component_axis = (components,) if components > 1 else ()
    match mode:
        case "fixed" if sigma is not None:
            return Fixed(sigma, event_shape)
        case "shared":
            return Learned(component_axis + (1,) * len(event_shape), initial, floor)
        case "dimension":
            return Learned(component_axis + event_shape, initial, floor)
        case "conditional":
            return Conditional(initial, floor)
        case "optimal" if refused:
            raise InputError(f"scale 'optimal' {refused}: use 'shared', which learns the one scale by gradient")
        case "optimal":
            return Optimal()
    raise InputError(f"scale {mode!r} is unknown{did_you_mean(mode, SCALES)}")


SCALES = ("fixed", "shared", "dimension", "conditional", "optimal")
