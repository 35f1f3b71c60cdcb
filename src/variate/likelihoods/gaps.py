"""The likelihood of rows together with their pattern of gaps, for data whose cells are not missing by chance."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from variate.config.slots import Slot
from variate.distributions.gaps import RowsWithGaps
from variate.likelihoods.base import Likelihood


class WithGaps(Likelihood):
    """A likelihood of a table's rows, and for each column with gaps the probability that a cell is observed.

    Args:
        values: Likelihood of the values, of event shape (columns,) and outputs (K,).
        columns: Indices of the columns with gaps.
    """

    columns: Tensor

    def __init__(self, values: Likelihood, columns: Sequence[int]) -> None:
        (size,) = values.out_shape
        super().__init__(values.event_shape, (size + len(columns),))
        self.values, self.sizes = values, [size, len(columns)]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)

    @property
    def is_mass(self) -> bool:  # type: ignore[override]
        """Whether the likelihood of the values gives probabilities."""
        return self.values.is_mass

    def distribution(self, outputs: Tensor) -> RowsWithGaps:
        """The outputs are those of the values and the log-odds that cells are observed."""
        own, logits = outputs.split(self.sizes, -1)
        return RowsWithGaps(self.values.distribution(own), logits, self.columns)

    def check(self, rows: Tensor) -> None:
        """Rejects rows that the likelihood of the values is not for."""
        self.values.check(rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the scalings of the values."""
        self.values.fit_scaling(rows)

    def log_misfit(self) -> float:
        """That of the likelihood of the values."""
        return self.values.log_misfit()

    @property
    def slots(self) -> list[Slot]:
        """What each output stands for."""
        return [*self.values.slots, *(Slot("observed", str(i)) for i in self.columns.tolist())]

    def grow_from(self, old: Likelihood) -> None:
        """Takes what the likelihood of the values has."""
        if not isinstance(old, WithGaps):
            raise AssertionError("a model of gaps grows out of one")
        self.values.grow_from(old.values)

    def is_quantity(self) -> Tensor:
        """Which columns are quantities."""
        return self.values.is_quantity()

    def floored(self) -> Tensor | None:
        """Which columns have a learned scale at its floor."""
        return self.values.floored()

    def rescaled(self, log_factor: float | Tensor) -> "WithGaps | None":
        """A copy with every scale multiplied by a factor; None if the values have no scales."""
        values = self.values.rescaled(log_factor)
        if values is None:
            return None
        copied = copy.deepcopy(self)
        copied.values = values
        return copied
