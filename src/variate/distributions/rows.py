"""Row distributions: p(x|z) of a whole row as an ordered product of elementwise factors.

With the elements of a row split into `num_factors` groups x_1, x_2, ..., each factor is elementwise given those before,

    log p(x) = sum_i sum_{j in group i} log p(x_ij | x_<i),

the chain rule. Most rows have a single factor: their elements are independent. Several are needed where elements
depend on others, as the colour channels of a pixel do. `log_prob_elements` gives the terms of the sum in the shape of
the event and `factor` the distributions, with their distribution functions.

A mask selects the observed elements o of a row. The elements of one factor are independent, so leaving the others out
of the sum is exact marginalisation,

    log p(x_o) = sum_{j in o} log p(x_j).

What lies outside the support has probability zero: -inf, never NaN, and neither such a value nor an unobserved NaN
reaches the gradient of other rows, since it is replaced before anything is computed from it. `Likelihood.check` rejects
such data once, beforehand.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.distributions.support import Shape, sum_event


class RowDistribution(ABC):
    """The distribution of rows of one event shape, for each element of a batch.

    Args:
        batch_shape: Shape of the batch.
        event_shape: Shape of one row.
        dtype: Type of the parameters, in which log-probabilities are computed.

    Attributes:
        num_factors: Number of elementwise factors in the product.
    """

    num_factors: int = 1

    def __init__(self, batch_shape: Shape, event_shape: Shape, dtype: torch.dtype) -> None:
        self.batch_shape, self.event_shape, self.dtype = torch.Size(batch_shape), torch.Size(event_shape), dtype

    @property
    def without_gaps(self) -> "RowDistribution":
        """The distribution of the values alone, where a pattern of gaps is part of a row; else this one."""
        return self

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Mean, (*batch, *event); the most probable code if codes stand for names."""

    @property
    @abstractmethod
    def variance(self) -> Tensor:
        """Variance, (*batch, *event).

        Raises:
            NotImplementedError: If an element is a code of names, which has no variance.
        """

    @abstractmethod
    def log_prob(self, x: Tensor, mask: Bool[Tensor, "..."] | None = None, *, check_support: bool = True) -> Tensor:
        """Log-probabilities of rows in nats, broadcast(batch, x_batch).

        Args:
            x: Rows of any dtype, (*x_batch, *event); unobserved elements may have any value, NaN too.
            mask: True where an element is observed, (*x_batch, *event); only these are summed. None: all are observed.
            check_support: Give -inf to rows with an observed element outside the support. False saves the test for
                rows that were checked before; the result is then meaningless for such rows.
        """

    @abstractmethod
    def log_prob_elements(self, x: Tensor) -> Tensor:
        """Terms of the chain rule in nats, (*broadcast(batch, x_batch), *event), which sum to `log_prob`.

        -inf for elements outside the support, never NaN.
        """

    @abstractmethod
    def factor(self, i: int, before: Tensor | None = None) -> Elementwise:
        """Factor i of the product, of shape (*broadcast(batch, x_batch), *elements of the factor).

        Args:
            i: Number of the factor, from 0.
            before: Rows, (*x_batch, *event); only the elements of factors 0 .. i - 1 are read. None for the first.
        """

    @abstractmethod
    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *batch, *event), without gradients.

        Args:
            sample_shape: Shape of the draws of each row.
            generator: Where random numbers come from; None takes torch's global generator.
        """


class Independent(RowDistribution):
    """Rows whose elements are independent: a single factor.

    Args:
        elements: Distributions of the elements, of shape (*batch, *event).
        event_dims: Number of axes of an event.
    """

    def __init__(self, elements: Elementwise, event_dims: int) -> None:
        self.elements = elements
        start = len(elements.shape) - event_dims
        super().__init__(elements.shape[:start], elements.shape[start:], elements.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*batch, *event)."""
        return self.elements.mean

    @property
    def variance(self) -> Tensor:
        """Variance, (*batch, *event)."""
        return self.elements.variance

    def log_prob(self, x: Tensor, mask: Bool[Tensor, "..."] | None = None, *, check_support: bool = True) -> Tensor:
        """Log-probabilities of the observed elements of rows in nats, broadcast(batch, x_batch)."""
        if mask is not None:
            x = torch.where(mask, x, 0)
        inside = self.elements.contains(x) if check_support else None
        if inside is not None:
            x = torch.where(inside, x, 0)
        log_p = self.elements.log_prob(x)
        if mask is not None:
            log_p = torch.where(mask, log_p, 0)
        return sum_event(log_p, inside, len(self.event_shape))

    def log_prob_elements(self, x: Tensor) -> Tensor:
        """Log-probabilities of the elements in nats, (*broadcast(batch, x_batch), *event)."""
        return self.elements.log_prob_or_minus_inf(x)

    def factor(self, i: int, before: Tensor | None = None) -> Elementwise:
        """The only factor, i = 0."""
        return only_factor(self.elements, i)

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws, (*sample_shape, *batch, *event)."""
        return self.elements.sample(sample_shape, generator)


def only_factor(elements: Elementwise, i: int) -> Elementwise:
    """The factor of a distribution that has one.

    Raises:
        IndexError: If i is not 0.
    """
    if i != 0:
        raise IndexError(f"factor {i} of a row distribution with a single factor")
    return elements
