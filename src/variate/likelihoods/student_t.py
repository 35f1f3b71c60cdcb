"""The Student-t decoder for real data with outliers: their cost grows with the log of the distance, not its square."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.rows import Independent
from variate.distributions.student_t import StudentTElements
from variate.likelihoods.real import MIN_REAL_LOG_SCALE, Real
from variate.likelihoods.scale import GRADIENT_SCALES, make_scale

MIN_DF = 2.0
"""The degrees of freedom stay above 2, so that the variance exists."""

INITIAL_DF = 10.0
"""Before training: tails heavier than a Gaussian's, but still light."""


class StudentT(Real):
    """Independent Student-t distributions, with learned degrees of freedom per element.

    Args:
        event_shape: Shape of a row.
        scale: Where the scale comes from: "fixed", "shared", "dimension" (one learned value per element) or
            "conditional" (an output of the network).
        sigma: The value of a fixed scale, in the data's units (the standard deviation is sigma sqrt(df / (df - 2))).
    """

    def __init__(self, event_shape: tuple[int, ...], scale: str = "dimension", sigma: float | None = None) -> None:
        module = make_scale(
            scale, sigma, tuple(event_shape), initial=0.0, floor=MIN_REAL_LOG_SCALE, known=GRADIENT_SCALES
        )
        super().__init__("student-t", event_shape, module)
        self.raw_df = nn.Parameter(torch.full(self.event_shape, math.log(math.expm1(INITIAL_DF - MIN_DF))))

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "StudentT":
        """The likelihood that options describe."""
        return cls(schema.shape, options.scale, options.sigma)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom, (*event)."""
        return MIN_DF + softplus(self.raw_df)

    def standardized(self, loc: Tensor, log_scale: Tensor) -> Independent:
        """Student's t distribution with these locations and scales."""
        elements = StudentTElements(self.df.to(loc.dtype), loc, log_scale.exp())
        return Independent(elements, len(self.event_shape))
