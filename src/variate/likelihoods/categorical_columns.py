"""The decoder for the categorical columns of a table: names of any number, with a logit for each name of each column.

The names of a column are codes 0 .. K - 1, and one more, K, is kept for all names that were never seen. Columns have
different K; so that they are computed together, their logits are laid out side by side with places up to the largest K,
those that are too many at -inf.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from variate.distributions.categorical import CategoricalElements
from variate.distributions.rows import Independent
from variate.distributions.support import is_level
from variate.errors import InputError
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require_fit

MOST_NAMES = 2**16
"""Names of a column at most."""
LEAST_LOG_UNSEEN = -20.0
"""Log-probability of all names that were never seen, before it is set from the training rows."""


class CategoricalColumns(Likelihood):
    """Independent names; the network gives logits relative to the log-frequencies of the names.

    Args:
        sizes: Number of names of each column, from 1 to 65,536.

    Raises:
        InputError: If a column has none, or too many.
    """

    is_mass = True
    log_frequency: Tensor
    log_unseen: Tensor
    names: Tensor
    places: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        for size in sizes:
            if not 1 <= size <= MOST_NAMES:
                raise InputError("categories", f"from 1 to {MOST_NAMES:,}", f"{size:,}", "give the column another kind")
        super().__init__((len(sizes),), (sum(sizes),))
        self.sizes = list(sizes)
        codes, starts = np.arange(max(sizes))[:, None], np.cumsum([0, *sizes])[:-1]
        self.register_buffer("log_frequency", torch.zeros(sum(sizes)))
        self.register_buffer("log_unseen", torch.full((), LEAST_LOG_UNSEEN, dtype=torch.float64))
        self.register_buffer("names", torch.tensor(sizes), persistent=False)
        places = np.where(codes < np.array(sizes), starts + codes, sum(sizes))
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def distribution(self, outputs: Tensor) -> Independent:
        """Names whose logits are the outputs plus the log-frequencies."""
        logits = outputs + self.log_frequency.to(outputs.dtype)
        side_by_side = torch.nn.functional.pad(logits, (0, 1), value=-torch.inf)[..., self.places]
        return Independent(CategoricalElements(side_by_side, -2, log_unseen=self.log_unseen, sizes=self.names), 1)

    def is_quantity(self) -> Tensor:
        """Names are not quantities."""
        return torch.zeros(self.event_shape, dtype=torch.bool)

    def check(self, rows: Tensor) -> None:
        """Rejects everything but the codes of names, and the one for names never seen."""
        expected = f"codes from 0 to {max(self.sizes) - 1} for likelihood 'categorical'"
        require_fit(holds(lambda x: is_level(x, self.names.to(x.device) + 1), rows), expected, rows, "correct them")

    def of_column(self, i: int) -> "CategoricalColumns":
        """The likelihood of one of the columns, without its scaling."""
        return CategoricalColumns([self.sizes[i]])

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the log-frequencies, with half a row of each name added so that they are finite.

        What is reserved for names that were never seen is set by Laplace's rule of succession.
        """
        self.log_unseen.fill_(-math.log(len(rows) + 2))
        frequencies = []
        for column, size in zip(rows.unbind(1), self.sizes, strict=True):
            counts = column.long().clamp(0, size).bincount(minlength=size + 1)[:size].double() + 0.5
            frequencies.append(counts.log() - counts.sum().log())
        self.log_frequency.copy_(torch.cat(frequencies))

    def log_misfit(self) -> float:
        """What is reserved for names that were never seen."""
        return self.log_unseen.item()

    def extend(self, log_frequencies: Sequence[Tensor], log_unseen: Tensor) -> None:
        r"""Takes the scalings of columns that have more names now, the new ones last.

        Let a column have K names with logits l_j, and M new ones whose outputs are the means of the others'. Their
        log-frequencies are the mean of the others' plus log(K e / (M (1 - e))), with e the probability of all names
        that were never seen. A mean is at most logsumexp(l) - log K, so the new names together have a probability
        q <= e, whatever z is. That of each old name is multiplied by 1 - q.

        Args:
            log_frequencies: Those of the names before, of each column.
            log_unseen: Log of e.
        """
        self.log_unseen.copy_(log_unseen)
        odds = torch.logit(log_unseen.exp()).exp()
        found = []
        for own, size in zip(log_frequencies, self.sizes, strict=True):
            more = size - len(own)
            start = own.double().mean() + (odds * len(own) / max(more, 1)).log()
            found.append(torch.cat([own, start.to(own).expand(more)]))
        self.log_frequency.copy_(torch.cat(found))
