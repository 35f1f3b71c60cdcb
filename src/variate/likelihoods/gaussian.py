"""The Gaussian decoder for real data: x_i ~ N(x_hat_i(z), sigma_i^2), independently."""

from collections.abc import Sequence

import torch
from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Column, Schema
from variate.distributions.normal import NormalElements
from variate.distributions.optimal import OptimalNormal
from variate.distributions.rounded_normal import RoundedNormal
from variate.distributions.rows import Independent, RowDistribution
from variate.likelihoods.real import MIN_REAL_LOG_SCALE, Real
from variate.likelihoods.scale import SCALES, make_scale


class Gaussian(Real):
    """Independent normals.

    Args:
        event_shape: Shape of a row.
        scale: Where sigma comes from: "fixed", "shared", "dimension" (one learned value per element), "conditional" (an
            output of the network) or "optimal" (the best for each batch in training, Rybkin et al., 2021; call `freeze`
            before evaluation).
        sigma: The value of a fixed sigma, in the data's units.
    """

    def __init__(self, event_shape: tuple[int, ...], scale: str = "dimension", sigma: float | None = None) -> None:
        module = make_scale(scale, sigma, tuple(event_shape), initial=0.0, floor=MIN_REAL_LOG_SCALE, known=SCALES)
        super().__init__("gaussian", event_shape, module)

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "Gaussian":
        """The likelihood that options describe."""
        return cls(schema.shape, options.scale, options.sigma)

    def standardized(self, loc: Tensor, log_scale: Tensor) -> RowDistribution:
        """N(loc, sigma^2); with an optimal scale in training, sigma is the best for whatever it is evaluated on."""
        event_dims = len(self.event_shape)
        if self.training and self.scale.is_optimal:
            return OptimalNormal(loc, event_dims, MIN_REAL_LOG_SCALE)
        return Independent(NormalElements(loc, log_scale.exp()), event_dims)


class GaussianOnGrids(Gaussian):
    """Independent normals rounded to the grids of columns: masses, to be compared with those of other likelihoods.

    Args:
        columns: Columns with a grid.
        scale: Where sigma comes from: "shared", "dimension" or "conditional".
    """

    is_mass = True
    step: Tensor
    first: Tensor

    def __init__(self, columns: Sequence[Column], scale: str = "dimension") -> None:
        super().__init__((len(columns),), scale)
        for name, values in (("step", [c.step for c in columns]), ("first", [c.low or 0.0 for c in columns])):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64), persistent=False)

    def distribution(self, outputs: Tensor) -> Independent:
        """The outputs are, along the axis before the columns, locations [, scales]."""
        loc, *raws = outputs.unbind(-2)
        scale = self.scale(raws[0] if raws else None).to(loc.dtype).exp()
        return Independent(RoundedNormal(loc, scale, self.offset, self.unit, self.step, self.first), 1)
