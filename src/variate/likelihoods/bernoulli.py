"""The Bernoulli decoder for bits."""

import torch
from torch import Tensor, distributions
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid

from variate.distributions.guarded import Guarded
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require
from variate.statistics import moments


class Bits(distributions.Bernoulli):
    """torch's Bernoulli with log p(x) = log sigmoid((2x - 1) l).

    That is fewer passes than (x - 1) l + log sigmoid(l), and no difference of two large numbers.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of bits in nats, elementwise with broadcasting."""
        return logsigmoid((2 * value - 1) * self.logits)


class Bernoulli(Likelihood):
    """Independent bits; the network says logits relative to the logit of each element's mean in the training rows.

    Args:
        event_shape: Shape of a row.
    """

    is_mass = True
    mean_logit: Tensor

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape, (1, *event_shape))
        self.register_buffer("mean_logit", torch.zeros(self.event_shape))

    def distribution(self, outputs: Tensor) -> Distribution:
        """Bits whose logits are the outputs plus the mean's."""
        event_dims = len(self.event_shape)
        logits = outputs.squeeze(-event_dims - 1) + self.mean_logit.to(outputs.dtype)
        base = Bits(logits=logits, validate_args=False)
        return Guarded(base, constraints.boolean, event_dims, logits.dtype)

    def check(self, rows: Tensor) -> None:
        """Refuses everything but 0 and 1: cross-entropy on grey levels is no likelihood."""
        require(
            holds(lambda x: (x == 0) | (x == 1), rows),
            "bernoulli is a likelihood of bits",
            rows,
            "use discretized-logistic (8-bit pixels) or gaussian (real numbers), or binarize the data "
            "(--binarize fixed or dynamic)",
        )

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the logits of the means, with half a one and half a zero added so that they are finite.

        Rows that are still grey levels, to be binarised anew at each access, count relative to the brightest.
        """
        white = max(1.0, rows.max().item())
        p = (moments(rows).mean / white * len(rows) + 0.5) / (len(rows) + 1)
        self.mean_logit.copy_(torch.logit(p))
