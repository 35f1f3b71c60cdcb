"""The Gaussian decoder for real data: x_i ~ N(x_hat_i(z), sigma_i^2), independently."""

from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.normal import NormalElements
from variate.distributions.optimal import OptimalNormal
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
