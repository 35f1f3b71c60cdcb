"""The Student-t decoder for real data with outliers, which a Gaussian pays for by the square of their distance."""

import math

import torch
from torch import Tensor, distributions, nn
from torch.distributions import Distribution, constraints
from torch.nn.functional import softplus

from variate.distributions.guarded import Guarded
from variate.likelihoods.real import MIN_LOG_SCALE, Real
from variate.likelihoods.scale import make_scale

MIN_DF = 2.0
"""The degrees of freedom stay above 2, so that the variance exists."""

INITIAL_DF = 10.0
"""Before training: tails heavier than a Gaussian's, but still light."""


class StudentT(Real):
    """Independent Student-t distributions, with degrees of freedom learned an element.

    Args:
        event_shape: Shape of a row.
        scale: Where the scale comes from: "fixed", "shared", "dimension" (one learned value an element) or
            "conditional" (an output of the network).
        sigma: The value of a fixed scale, in the data's units (the standard deviation is sigma sqrt(df / (df - 2))).
    """

    def __init__(self, event_shape: tuple[int, ...], scale: str = "dimension", sigma: float | None = None) -> None:
        module = make_scale(
            scale,
            sigma,
            tuple(event_shape),
            initial=0.0,
            floor=MIN_LOG_SCALE,
            refused="has no closed form for student-t",
        )
        super().__init__("student-t", event_shape, module)
        self.raw_df = nn.Parameter(torch.full(self.event_shape, math.log(math.expm1(INITIAL_DF - MIN_DF))))

    @property
    def df(self) -> Tensor:
        """Degrees of freedom, (*event)."""
        return MIN_DF + softplus(self.raw_df)

    def standardized(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """Student's t distribution of these locations and scales."""
        base = distributions.StudentT(self.df.to(loc.dtype), loc, log_scale.exp(), validate_args=False)
        return Guarded(base, constraints.real, len(self.event_shape), loc.dtype)
