"""Where the scale of a likelihood comes from: fixed, learned, an output of the network, or optimal for the residuals.

A `Scale` is called with the network outputs reserved for it and gives the log of the scale, in the likelihood's own
units (standardised for real data, grey levels for pixels), so that likelihoods do not depend on where it comes from.

Learned scales have a soft floor,

    log s = floor + softplus(raw - floor),

which is close to raw well above the floor and never reaches the floor, so that the gradient that leads back up
survives, unlike a clamp's.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from variate.errors import InputError, Option, Sentence, unknown

MAX_LOG_SCALE = 20.0
"""Scales from a network are at most exp(20) units, so that their squares stay in float32's range if it diverges."""


class Scale(nn.Module, ABC):
    """Gives the log of a likelihood's scale.

    Attributes:
        num_outputs: Number of network outputs per element that it takes, 0 or 1.
        is_optimal: Whether, in training, the scale is the optimum over all the rows of a call.
    """

    num_outputs = 0
    is_optimal = False

    @abstractmethod
    def forward(self, raw: Tensor | None) -> Tensor:
        """Log of the scale; broadcasts with an event. `raw` holds the network's outputs for it, or is None."""

    def set_unit(self, unit: Tensor) -> None:
        """Sets the size of the likelihood's units in the data's units; broadcasts with an event."""

    def floored(self) -> Tensor | None:
        """Which scales lie at their floor; None where none is learned as a parameter."""
        return None

    def freeze(self, mean_squared_residual: Tensor, floor: float) -> None:
        """Sets the value of an optimal scale in evaluation; does nothing for other scales.

        Args:
            mean_squared_residual: In the likelihood's units squared.
            floor: Least log-scale.
        """


class FixedScale(Scale):
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
        """Keeps sigma constant in the data's units."""
        self.log_scale.copy_(self.log_sigma - unit.log())


class LearnedScale(Scale):
    """Scales learned as parameters: one for all rows, of any shape that broadcasts with an event.

    Args:
        shape: Shape of the parameter.
        initial: Log-scale before training.
        floor: Lower limit of the log-scale, never reached.
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


class ConditionalScale(Scale):
    """One scale per element from the network's outputs.

    Args:
        initial: Log-scale where the network's output is 0.
        floor: Lower limit of the log-scale, never reached.
    """

    num_outputs = 1

    def __init__(self, initial: float, floor: float) -> None:
        super().__init__()
        self.bias, self.floor = soft_floor_inverse(initial, floor), floor

    def forward(self, raw: Tensor | None) -> Tensor:
        """The log-scales from the outputs."""
        if raw is None:
            raise AssertionError("a conditional scale needs the network's outputs")
        return soft_floor(raw + self.bias, self.floor).clamp(max=MAX_LOG_SCALE)


class OptimalScale(Scale):
    """One scale: in training the optimum for the residuals, which the distribution computes; in evaluation a number."""

    is_optimal = True
    log_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_scale", torch.zeros(()))

    def forward(self, raw: Tensor | None) -> Tensor:
        """The frozen log-scale."""
        return self.log_scale

    def freeze(self, mean_squared_residual: Tensor, floor: float) -> None:
        """Sets the scale to the root mean squared residual, but not below the floor."""
        self.log_scale.copy_((0.5 * mean_squared_residual.log()).clamp(min=floor))


class RescaledScale(Scale):
    """A scale times a factor.

    Args:
        inner: Where the scale comes from.
        log_factor: Log of the factor; a tensor broadcasts with the log-scales.
    """

    def __init__(self, inner: Scale, log_factor: float | Tensor) -> None:
        super().__init__()
        self.num_outputs = inner.num_outputs
        self.inner, self.log_factor = inner, log_factor

    def forward(self, raw: Tensor | None) -> Tensor:
        """Log of the scale times the factor."""
        return self.inner(raw) + self.log_factor


def soft_floor(raw: Tensor, floor: float) -> Tensor:
    """The soft floor, floor + softplus(raw - floor)."""
    return floor + softplus(raw - floor)


def soft_floor_inverse(value: float, floor: float) -> float:
    """The number `raw` with soft_floor(raw) = value, for a value above the floor."""
    return floor + math.log(math.expm1(value - floor))


class ScaleRequest(NamedTuple):
    """What a scale is made from.

    Attributes:
        sigma: The value of a fixed scale, in the data's units.
        event_shape: Shape of a row.
        component_axis: (components,) where each component of a mixture has scales of its own, else ().
        initial: Log-scale before training, in the likelihood's units.
        floor: Lower limit of a learned log-scale.
    """

    sigma: float
    event_shape: tuple[int, ...]
    component_axis: tuple[int, ...]
    initial: float
    floor: float


Maker = Callable[[ScaleRequest], Scale]

TAKING_SIGMA: dict[str, Maker] = {"fixed": lambda r: FixedScale(r.sigma, r.event_shape)}
"""Scales with a value given by the user."""

LEARNED_SCALES: dict[str, Maker] = {
    "shared": lambda r: LearnedScale(r.component_axis + (1,) * len(r.event_shape), r.initial, r.floor),
    "dimension": lambda r: LearnedScale(r.component_axis + r.event_shape, r.initial, r.floor),
    "conditional": lambda r: ConditionalScale(r.initial, r.floor),
}
"""Scales learned by gradient."""

GRADIENT_SCALES: dict[str, Maker] = TAKING_SIGMA | LEARNED_SCALES
"""Scales for every likelihood that has one."""

SCALES: dict[str, Maker] = GRADIENT_SCALES | {"optimal": lambda r: OptimalScale()}
"""Scales for a Gaussian, whose optimal scale has a closed form."""


def make_scale(
    scale: str,
    sigma: float | None,
    event_shape: tuple[int, ...],
    *,
    initial: float,
    floor: float,
    known: Mapping[str, Maker],
    components: int = 1,
) -> Scale:
    """The scale that a name stands for.

    Args:
        scale: Its name.
        sigma: The value of a fixed scale, in the data's units; None for the others.
        event_shape: Shape of a row.
        initial: Log-scale before training, in the likelihood's units.
        floor: Lower limit of a learned log-scale.
        known: The scales that the likelihood can have.
        components: Number of scales per element, one for each mixture component.

    Raises:
        InputError: If the likelihood does not have this scale, or sigma does not go with it.
    """
    if scale not in known:
        if scale in SCALES:
            shared = Sentence("use ", Option("scale", "shared"), ", one scale learned by gradient")
            raise InputError("scale", f"one of {', '.join(sorted(known))}", repr(scale), shared)
        raise unknown("scale", scale, known)
    check_sigma(scale, sigma)
    request = ScaleRequest(
        sigma=math.nan if sigma is None else sigma,
        event_shape=event_shape,
        component_axis=(components,) if components > 1 else (),
        initial=initial,
        floor=floor,
    )
    return known[scale](request)


def check_sigma(scale: str, sigma: float | None) -> None:
    """Checks that sigma is given for a fixed scale and for no other, and that it is a scale."""
    fixed = Option("scale", "fixed")
    if sigma is None:
        if scale in TAKING_SIGMA:
            remedy = Sentence("give ", Option("sigma"), " or use another ", Option("scale"))
            raise InputError("sigma", Sentence("a value for ", fixed), "None", remedy)
    elif scale not in TAKING_SIGMA:
        expected = Sentence("no value for ", Option("scale", scale))
        raise InputError("sigma", expected, sigma, Sentence("leave it out or use ", fixed))
    elif not 0 < sigma < math.inf:
        raise InputError("sigma", "a positive, finite number in the data's units", sigma)
