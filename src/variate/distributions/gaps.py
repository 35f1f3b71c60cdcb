r"""Rows whose pattern of gaps is part of what they are: which cells are missing may say as much as a value.

With x the cells of a row, s_j = 1 where cell j of a column that can have gaps is observed, and o the observed cells,

    log p(x_o, s) = log p(x_o) + sum_j log p(s_j),

all given z. The gaps need not be random: through z they depend on the values, observed or not.

References:
    not-MIWAE: Deep Generative Modelling with Missing not at Random Data (Ipsen, Mattei and Frellsen, 2021)
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from variate.distributions.bernoulli import BernoulliElements
from variate.distributions.elementwise import Elementwise
from variate.distributions.rows import RowDistribution
from variate.distributions.support import Shape


class RowsWithGaps(RowDistribution):
    """Rows of columns, some of which may be missing.

    Mean, variance, draws and distribution functions are those of the values alone; `sample_mask` draws the gaps.

    Args:
        values: Distribution of the cells, with event shape (columns,).
        logits: Log-odds that a cell is observed, (*batch, columns with gaps).
        columns: Indices of the columns with gaps.
    """

    def __init__(self, values: RowDistribution, logits: Tensor, columns: Tensor) -> None:
        self.values, self.observed, self.columns = values, BernoulliElements(logits), columns
        self.num_factors = values.num_factors
        super().__init__(values.batch_shape, values.event_shape, values.dtype)

    @property
    def without_gaps(self) -> RowDistribution:
        """The distribution of the values."""
        return self.values

    @property
    def mean(self) -> Tensor:
        """Mean of the values, (*batch, columns)."""
        return self.values.mean

    @property
    def variance(self) -> Tensor:
        """Variance of the values, (*batch, columns)."""
        return self.values.variance

    def log_prob(self, x: Tensor, mask: Bool[Tensor, "..."] | None = None, *, check_support: bool = True) -> Tensor:
        """Log-probabilities of the observed cells and of the pattern of gaps in nats, broadcast(batch, x_batch)."""
        return self.values.log_prob(x, mask, check_support=check_support) + self.log_prob_gaps(mask)

    def log_prob_elements(self, x: Tensor) -> Tensor:
        """Log-probabilities that the cells are observed and have these values, in nats, (*broadcast, columns)."""
        found = self.values.log_prob_elements(x)
        observed = self.observed.log_prob(torch.ones_like(self.observed.logits)).to(found.dtype)
        return found.index_add(-1, self.columns, observed.expand(*found.shape[:-1], len(self.columns)))

    def factor(self, i: int, before: Tensor | None = None) -> Elementwise:
        """Factor i of the values."""
        return self.values.factor(i, before)

    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws of the values, (*sample_shape, *batch, columns)."""
        return self.values.sample(sample_shape, generator)

    def sample_mask(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws of what is observed: booleans, (*sample_shape, *batch, columns)."""
        drawn = self.observed.sample(sample_shape, generator) > 0
        mask = torch.ones(*drawn.shape[:-1], *self.event_shape, dtype=torch.bool, device=drawn.device)
        return mask.index_copy(-1, self.columns, drawn)

    def log_prob_gaps(self, mask: Bool[Tensor, "..."] | None) -> Tensor:
        """Log-probabilities of patterns of gaps in nats, broadcast(batch, mask_batch).

        Args:
            mask: True where a cell is observed, (*mask_batch, columns); None: all are.
        """
        return self._log_prob_gaps(mask).sum(-1)

    def log_prob_gap_elements(self, mask: Bool[Tensor, "..."] | None) -> Tensor:
        """The terms of `log_prob_gaps` by column, (*broadcast(batch, mask_batch), columns); 0 in columns without gaps.

        Args:
            mask: True where a cell is observed, (*mask_batch, columns); None: all are.
        """
        found = self._log_prob_gaps(mask)
        terms = found.new_zeros(*found.shape[:-1], *self.event_shape)
        return terms.index_copy(-1, self.columns, found)

    def _log_prob_gaps(self, mask: Bool[Tensor, "..."] | None) -> Tensor:
        """Log-probabilities that the cells of the columns with gaps are there or not, (*batch, columns with gaps)."""
        logits = self.observed.logits
        own = torch.ones_like(logits) if mask is None else mask.index_select(-1, self.columns)
        return self.observed.log_prob(own)
