"""The Gaussian decoder for real data: x ~ N(x_hat(z), sigma^2), element by element."""

from torch import Tensor
from torch.distributions import Distribution, Normal, constraints

from variate.distributions.guarded import Guarded
from variate.distributions.optimal import OptimalNormal
from variate.likelihoods.real import MIN_LOG_SCALE, Real
from variate.likelihoods.scale import Optimal, make_scale


class Gaussian(Real):
    """Independent normals.

    Args:
        event_shape: Shape of a row.
        scale: Where sigma comes from: "fixed", "shared", "dimension" (one learned value an element), "conditional" (an
            output of the network) or "optimal" (the best for each batch in training, Rybkin et al., 2021; call `freeze`
            before evaluation).
        sigma: The value of a fixed sigma, in the data's units.
    """

    def __init__(self, event_shape: tuple[int, ...], scale: str = "dimension", sigma: float | None = None) -> None:
        module = make_scale(scale, sigma, tuple(event_shape), initial=0.0, floor=MIN_LOG_SCALE)
        super().__init__("gaussian", event_shape, module)

    def standardized(self, loc: Tensor, log_scale: Tensor) -> Distribution:
        """N(loc, sigma^2); with an optimal scale in training, sigma is the best for whatever it is evaluated on."""
        event_dims = len(self.event_shape)
        if self.training and self.is_optimal:
            return OptimalNormal(loc, event_dims, MIN_LOG_SCALE)
        return Guarded(Normal(loc, log_scale.exp(), validate_args=False), constraints.real, event_dims, loc.dtype)

    @property
    def is_optimal(self) -> bool:
        """Whether sigma is the best for each batch in training, to be frozen before evaluation."""
        return isinstance(self.scale, Optimal)

    @property
    def couples_rows(self) -> bool:
        """An optimal sigma is that of the whole batch."""
        return self.is_optimal

    def freeze(self, mean_squared_residual: Tensor) -> None:
        """Sets the sigma that an optimal scale has in evaluation.

        Args:
            mean_squared_residual: Mean over elements, rows and draws of ((x - x_hat) / unit)^2.
        """
        if not isinstance(self.scale, Optimal):
            raise AssertionError("only an optimal scale is frozen")
        self.scale.freeze(mean_squared_residual, MIN_LOG_SCALE)
