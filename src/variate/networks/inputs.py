"""The features that the encoder's network takes: the numbers of a row, scaled to order one.

Rows reach the model as they are, so the scaling is part of the model: buffers, set from the training rows and saved
with the weights. It changes no density, since q(z|x) conditions on x, so it needs no Jacobian.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from variate.config.schema import Column
from variate.config.slots import Slot
from variate.distributions.column_quantiles import ColumnQuantiles
from variate.errors import InputError
from variate.statistics import moments

LARGEST_SCORE = 5.0
"""Normal scores are cut off here, so that an open end of a range is a number."""


class Inputs(nn.Module, ABC):
    """Turns rows into features of order one, in the model's precision."""

    shape: tuple[int, ...]
    """Shape of one row's features."""

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features, (*batch, *shape), of rows (*batch, *event); the mask is True where an element is observed."""

    @abstractmethod
    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the scaling from the training rows, (N, *event)."""

    def grow_from(self, old: "Inputs") -> None:
        """Takes the scaling of inputs of the same kind, whose columns have grown since."""
        self.load_state_dict(old.state_dict())


class Standardize(Inputs):
    """(x - offset) / unit.

    Args:
        shape: Shape of one row.
        floor: Added to each standard deviation, as a fraction of the spread of all numbers together, so that nearly
            constant pixels are not divided by almost zero.
    """

    offset: Tensor
    unit: Tensor

    def __init__(self, shape: Sequence[int], floor: float = 0.0) -> None:
        super().__init__()
        self.shape, self.floor = tuple(shape), floor
        self.register_buffer("offset", torch.zeros(*shape))
        self.register_buffer("unit", torch.ones(*shape))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features, (*batch, *shape), of rows of that shape; x - offset is computed in the wider of their types.

        An element that is not observed has the feature 0, as one at the mean.
        """
        features = ((x - self.offset) / self.unit).to(self.unit.dtype)
        return features if mask is None else features.masked_fill(~mask, 0)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets offset and unit from the mean and the standard deviation of the training rows, (N, *shape).

        Elements that are constant get unit 1.

        Raises:
            InputError: If an element varies, but by less than the smallest number of this type.
        """
        mean, std = moments(rows)
        unit = std + self.floor * (std.square() + (mean - mean.mean()).square()).mean().sqrt()
        self.offset.copy_(mean)
        self.unit.copy_(torch.where(unit > 0, unit, 1.0))
        if (self.unit == 0).any():
            least = f"{torch.finfo(self.unit.dtype).tiny:.2g}"
            raise InputError(
                "data", f"a spread of at least {least}", f"{unit[self.unit == 0][0]:.2g}", "scale the data"
            )


class ColumnInputs(Inputs):
    """Columns of a table as features: quantities as normal scores, bits standardised, categories one-hot.

    A cell that is missing has zeros for features, and so has a category that the model has never seen. For each column
    of numbers with gaps there is one more feature: 1 where it has a value, 0 where it has none.

    Args:
        columns: The table's columns, in order.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.quantities = [i for i, column in enumerate(columns) if column.kind in ("real", "counts")]
        self.bits = [i for i, column in enumerate(columns) if column.kind == "binary"]
        self.categorical = [(i, len(c.categories)) for i, c in enumerate(columns) if c.kind == "categorical"]
        self.numeric = [*self.quantities, *self.bits]
        self.with_gaps = [i for i in self.numeric if columns[i].gaps]
        features = len(self.numeric) + len(self.with_gaps) + sum(size for _, size in self.categorical)
        self.shape = (features,)
        self.scores = ColumnQuantiles([columns[i] for i in self.quantities])
        self.standardize = Standardize((len(self.bits),))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features, (*batch, features), of rows (*batch, columns)."""
        seen = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        bits = self.standardize(x[..., self.bits])
        scores = self.scores().scores(x[..., self.quantities]).to(bits.dtype).clamp(-LARGEST_SCORE, LARGEST_SCORE)
        numbers = torch.cat([scores, bits], -1) * seen[..., self.numeric]
        codes = [
            nn.functional.one_hot(x[..., i].long().clamp(max=size), size + 1)[..., :size].to(numbers)
            * seen[..., i : i + 1]
            for i, size in self.categorical
        ]
        return torch.cat([numbers, seen[..., self.with_gaps].to(numbers), *codes], dim=-1)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the scores and the scaling of the columns of numbers from the training rows, (N, columns)."""
        self.scores.fit(rows[:, self.quantities])
        self.standardize.fit_scaling(rows[:, self.bits])

    @property
    def slots(self) -> list[Slot]:
        """What each feature stands for."""
        names = [column.name for column in self.columns]
        return [
            *(Slot("value", names[i]) for i in self.numeric),
            *(Slot("gap", names[i]) for i in self.with_gaps),
            *(Slot("category", names[i], own) for i, _ in self.categorical for own in self.columns[i].categories),
        ]

    def grow_from(self, old: Inputs) -> None:
        """Takes the scalings of the columns, and widens the scores where ranges are wider now."""
        if not isinstance(old, ColumnInputs):
            raise AssertionError("columns grow out of columns")
        self.standardize.grow_from(old.standardize)
        self.scores.grow_from(old.scores)
