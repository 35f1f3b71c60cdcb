"""The quantised Gaussian decoder for pixels: a normal distribution rounded to grey levels, which has a true mass."""

from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.quantized import QuantizedNormal
from variate.likelihoods.pixels import Pixels


class QuantizedGaussian(Pixels):
    """Independent normal distributions rounded to grey levels.

    Args:
        event_shape: Shape of a row.
        levels: Number of grey levels.
        scale: Where sigma comes from: "fixed", "shared", "dimension" (one learned value per element) or "conditional"
            (an output of the network).
        sigma: The value of a fixed sigma, in grey levels.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        levels: int = 256,
        scale: str = "conditional",
        sigma: float | None = None,
    ) -> None:
        super().__init__("quantized-gaussian", event_shape, levels, 1, scale, sigma)

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "QuantizedGaussian":
        """The likelihood that options describe."""
        return cls(schema.shape, schema.levels, options.scale, options.sigma)

    def family(self, loc: Tensor, log_scale: Tensor, logits: Tensor | None, axis: int) -> QuantizedNormal:
        """The quantised normal with these parameters."""
        return QuantizedNormal(loc, log_scale, self.levels, logits, axis)
