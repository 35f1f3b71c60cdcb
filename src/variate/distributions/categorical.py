"""Independent choices among K codes 0 .. K - 1, an event at a time.

torch's own has the codes on the last axis, has no mean, and fails on a code that does not exist.
"""

from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from variate.distributions.support import Shape, is_level, settled, sum_event


class Categorical(Distribution):
    """Independent elements, each one of the codes 0 .. K - 1.

    Args:
        logits: Unnormalised log-probabilities, (*batch, K, *event).
        event_dims: Number of axes of an event.
        values: The quantities that the codes stand for, (K,), if they stand for quantities: `mean` is then their
            expectation. None: the codes stand for names, and `mean` is the most probable code.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, logits: Tensor, event_dims: int, values: Tensor | None = None) -> None:
        self.logits, self.values, self.axis = logits, values, -event_dims - 1
        start = logits.dim() - event_dims
        super().__init__(logits.shape[: start - 1], logits.shape[start:], validate_args=False)

    @property
    def levels(self) -> int:
        """Number of codes, K."""
        return self.logits.shape[self.axis]

    @property
    def support(self) -> constraints.Constraint:
        """The events whose every element is a code."""
        return constraints.independent(constraints.integer_interval(0, self.levels - 1), len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """The expectation of the values; without values, the most probable code: (*batch, *event)."""
        if self.values is None:
            return self.logits.argmax(self.axis).to(self.logits.dtype)
        probs = self.logits.softmax(self.axis).movedim(self.axis, -1)
        return probs @ self.values.to(probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities of events of codes of any dtype, (*x_batch, *event), in nats: broadcast(batch, x_batch)."""
        code, inside = settled(value, partial(is_level, levels=self.levels))
        code = code.long()
        shape = torch.broadcast_shapes(code.shape, self.batch_shape + self.event_shape)
        code = code.expand(shape).unsqueeze(self.axis)
        logits = self.logits.expand(shape[: code.dim() + self.axis] + self.logits.shape[self.axis :])
        chosen = logits.gather(self.axis, code).squeeze(self.axis)
        return sum_event(chosen - self.logits.logsumexp(self.axis), inside, len(self.event_shape))

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws of codes, in the dtype of the logits, (*sample_shape, *batch, *event)."""
        base = torch.distributions.Categorical(logits=self.logits.movedim(self.axis, -1), validate_args=False)
        return base.sample(torch.Size(sample_shape)).to(self.logits.dtype)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> "Categorical":
        """The same distribution over a larger batch; no memory is copied."""
        shape = torch.Size(batch_shape) + self.logits.shape[self.axis :]
        return Categorical(self.logits.expand(shape), len(self.event_shape), self.values)
