"""Independent choices among K codes 0 .. K - 1 with probabilities softmax(logits).

The distribution function adds the probabilities up in the order of the codes, which is an order of quantities only if
the codes stand for such.

Of codes that stand for names, one more, K, may be reserved for all names that were never seen. It has a small
probability e, and code k has (1 - e) softmax(logits)_k. It is never drawn.
"""

import torch
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.inversion import reaches
from variate.distributions.support import Shape, insert_axis, is_level


class CategoricalElements(Elementwise):
    """Independent codes 0 .. K - 1.

    Args:
        logits: Unnormalised log-probabilities, (*batch, K, *event).
        axis: The axis of the codes in `logits`, counted from the end: -1 minus the number of axes of an event.
        values: The quantities that the codes stand for, (K,), if they stand for quantities: `mean` is then their
            expectation. None: the codes stand for names, `mean` is the most probable code, and there is no variance.
        log_unseen: Log of e, a number; None reserves no code.
        sizes: Number of codes of each element, broadcastable to the shape, where they differ: logits of codes from
            there on are -inf. None: all have K.
    """

    is_discrete = True
    takes_uniform = True

    def __init__(
        self,
        logits: Tensor,
        axis: int = -1,
        values: Tensor | None = None,
        log_unseen: Tensor | None = None,
        sizes: Tensor | None = None,
    ) -> None:
        self.logits, self.axis, self.values, self.log_unseen = logits, axis, values, log_unseen
        self.levels: int | Tensor = logits.shape[axis] if sizes is None else sizes
        place = logits.dim() + axis
        super().__init__(logits.shape[:place] + logits.shape[place + 1 :], logits.dtype)

    @property
    def mean(self) -> Tensor:
        """The expectation of the values; without values, the most probable code: (*shape)."""
        if self.values is None:
            return self.logits.argmax(self.axis).to(self.logits.dtype)
        probs = self.logits.softmax(self.axis).movedim(self.axis, -1)
        return probs @ self.values.to(probs.dtype)

    @property
    def variance(self) -> Tensor:
        """Variance of the values, (*shape).

        Raises:
            NotImplementedError: If the codes stand for names.
        """
        if self.values is None:
            raise NotImplementedError("codes that stand for names have no variance")
        probs = self.logits.softmax(self.axis).movedim(self.axis, -1)
        return (probs * (self.values.to(probs.dtype) - self.mean.unsqueeze(-1)).square()).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities of codes of any dtype in nats, broadcast(shape, x.shape)."""
        if self.log_unseen is None:
            return self._at(x.long(), self.logits) - self.logits.logsumexp(self.axis)
        unseen, log_unseen = x >= self.levels, self.log_unseen.to(self.dtype)
        log_p = self._at(torch.where(unseen, 0, x).long(), self.logits) - self.logits.logsumexp(self.axis)
        return torch.where(unseen, log_unseen, log_p + torch.log1p(-log_unseen.exp()))

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is a code."""
        return is_level(x, self.levels + int(self.log_unseen is not None))

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws of codes in the dtype of the logits, (*sample_shape, *shape); of those that were seen."""
        logits = self.logits.movedim(self.axis, -1)
        return draw_codes(logits, torch.Size(sample_shape), generator).to(self.logits.dtype)

    @torch.no_grad()
    def from_uniform(self, u: Tensor) -> Tensor:
        """Draws of codes that were seen in the dtype of the logits, broadcast(shape, u.shape)."""
        seen = 1.0 if self.log_unseen is None else 1 - self.log_unseen.double().exp()
        return _at_most(self._quantile(u * seen), self.levels - 1).to(self.dtype)

    def _at(self, code: Tensor, values: Tensor) -> Tensor:
        """The value of each code, broadcast(shape, code.shape), of values of the shape of the logits."""
        code, _ = torch.broadcast_tensors(code, values.select(self.axis, 0))
        place = code.dim() + self.axis + 1
        values = values.expand((*code.shape[:place], values.shape[self.axis], *code.shape[place:]))
        return values.gather(self.axis, code.unsqueeze(self.axis)).squeeze(self.axis)

    def _cumulative(self) -> Tensor:
        """P(X <= k) of each code k, of the shape of the logits, in float64."""
        seen = 1.0 if self.log_unseen is None else 1 - self.log_unseen.double().exp()
        return seen * self.logits.double().softmax(self.axis).cumsum(self.axis)

    def _cdf(self, x: Tensor) -> Tensor:
        p = self._at(_at_most(x.clamp(min=0), self.levels - 1).long(), self._cumulative())
        last = self.levels - int(self.log_unseen is None)
        return torch.where(x < 0, 0, torch.where(x >= last, 1, p))

    def _quantile(self, u: Tensor) -> Tensor:
        codes = (~reaches(self._cumulative(), insert_axis(u, self.axis))).sum(self.axis)
        return _at_most(codes, self.levels - int(self.log_unseen is None)).double()


def _at_most(x: Tensor, last: int | Tensor) -> Tensor:
    return x.minimum(torch.as_tensor(last, device=x.device))


@torch.no_grad()
def draw_codes(logits: Tensor, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
    """Draws of codes by logits on the last axis, (*batch, K): integers, (*sample_shape, *batch)."""
    # Normalised twice, as torch.distributions does, so that the same random numbers give the same codes.
    probs = (logits - logits.logsumexp(-1, keepdim=True)).softmax(-1)
    draws = torch.multinomial(probs.reshape(-1, logits.shape[-1]), sample_shape.numel(), True, generator=generator)
    return draws.T.reshape(sample_shape + logits.shape[:-1])
