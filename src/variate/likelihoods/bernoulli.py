"""The Bernoulli decoder for bits: log p(x|z) = sum_i log sigmoid((2 x_i - 1) l_i) with logits l."""

import torch
from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.bernoulli import BernoulliElements
from variate.distributions.rows import Independent
from variate.distributions.support import is_bit
from variate.errors import Option, Sentence
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require_fit
from variate.statistics import moments

_REMEDY = Sentence(
    "use ",
    Option("likelihood", "discretized-logistic"),
    " (8-bit pixels) or ",
    Option("likelihood", "gaussian"),
    " (real numbers), or draw bits from grey levels with ",
    Option("binarize", "fixed"),
    " or ",
    Option("binarize", "dynamic"),
)


class Bernoulli(Likelihood):
    """Independent bits; the network gives logits relative to the logit of each element's mean in the training rows.

    Args:
        event_shape: Shape of a row.
    """

    is_mass = True
    mean_logit: Tensor

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape, (1, *event_shape))
        self.register_buffer("mean_logit", torch.zeros(self.event_shape))

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "Bernoulli":
        """The likelihood that options describe."""
        return cls(schema.shape)

    def distribution(self, outputs: Tensor) -> Independent:
        """Bits whose logits are the outputs plus the mean's."""
        event_dims = len(self.event_shape)
        logits = outputs.squeeze(-event_dims - 1) + self.mean_logit.to(outputs.dtype)
        return Independent(BernoulliElements(logits), event_dims)

    @property
    def value_range(self) -> float:
        """Bits are 0 or 1."""
        return 1.0

    def check(self, rows: Tensor) -> None:
        """Rejects everything but 0 and 1: cross-entropy on grey levels is not a likelihood."""
        require_fit(holds(is_bit, rows), "bits, 0 or 1, for likelihood 'bernoulli'", rows, _REMEDY)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the logits of the means, with half a one and half a zero added so that they are finite.

        Grey levels, from which bits are drawn anew at each access, count relative to the brightest.
        """
        white = max(1.0, rows.max().item())
        p = (moments(rows).mean / white * len(rows) + 0.5) / (len(rows) + 1)
        self.mean_logit.copy_(torch.logit(p))
