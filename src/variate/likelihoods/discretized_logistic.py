"""The discretised logistic decoder for pixels, and mixtures of it: P(k) = F((k + 1/2 - m) / s) - F((k - 1/2 - m) / s).

References:
    PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood (Salimans et al., 2017)
"""

import math

from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.quantized import QuantizedLogistic
from variate.likelihoods.pixels import Pixels
from variate.likelihoods.scale import check_sigma


class DiscretizedLogistic(Pixels):
    """Independent logistic distributions, or mixtures of them, rounded to grey levels.

    Args:
        event_shape: Shape of a row.
        levels: Number of grey levels.
        mixtures: Components of the mixture; 1 for none.
        scale: Where scales come from: "fixed", "shared", "dimension" (one learned value per element) or "conditional"
            (an output of the network).
        sigma: Standard deviation of a fixed scale, in grey levels.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        levels: int = 256,
        mixtures: int = 1,
        scale: str = "conditional",
        sigma: float | None = None,
    ) -> None:
        # A logistic distribution of scale s has standard deviation s pi / sqrt 3.
        check_sigma(scale, sigma)
        s = None if sigma is None else sigma * math.sqrt(3) / math.pi
        super().__init__("discretized-logistic", event_shape, levels, mixtures, scale, s)

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "DiscretizedLogistic":
        """The likelihood that options describe."""
        return cls(schema.shape, schema.levels, options.mixtures or 1, options.scale, options.sigma)

    def family(self, loc: Tensor, log_scale: Tensor, logits: Tensor | None, axis: int) -> QuantizedLogistic:
        """The quantised logistic with these parameters."""
        return QuantizedLogistic(loc, log_scale, self.levels, logits, axis)
