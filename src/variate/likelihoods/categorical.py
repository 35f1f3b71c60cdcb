"""The categorical decoder: any distribution over few codes or levels, at the price of one network output for each.

log p(x|z) = sum_i (l_i[x_i] - log sum_k exp l_i[k]) with logits l.
"""

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.categorical import CategoricalElements
from variate.distributions.rows import Independent
from variate.distributions.support import is_level
from variate.errors import Option, Sentence
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require_fit
from variate.limits import checked_arguments
from variate.statistics import ROWS_AT_A_TIME

_REMEDY = Sentence(
    "use ",
    Option("likelihood", "negative-binomial"),
    " (counts) or ",
    Option("likelihood", "gaussian"),
    " (real numbers)",
)


class Categorical(Likelihood):
    """Independent codes 0 .. levels - 1; the network gives logits relative to the log-frequencies of the codes.

    Args:
        event_shape: Shape of a row.
        levels: Number of codes, which are quantities, as grey levels are.
    """

    is_mass = True
    log_frequency: Tensor

    @checked_arguments
    def __init__(self, event_shape: tuple[int, ...], levels: Annotated[int, Interval(ge=1, le=2**16)]) -> None:
        super().__init__(event_shape, (levels, *event_shape))
        self.levels = levels
        self.register_buffer("log_frequency", torch.zeros(self.out_shape))

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "Categorical":
        """The likelihood that options describe."""
        return cls(schema.shape, schema.levels)

    def distribution(self, outputs: Tensor) -> Independent:
        """Codes whose logits are the outputs plus the log-frequencies."""
        event_dims = len(self.event_shape)
        logits = outputs + self.log_frequency.to(outputs.dtype)
        values = torch.arange(self.levels, dtype=logits.dtype, device=logits.device)
        return Independent(CategoricalElements(logits, -event_dims - 1, values), event_dims)

    @property
    def value_range(self) -> float:
        """Levels are 0 .. levels - 1."""
        return float(max(1, self.levels - 1))

    def check(self, rows: Tensor) -> None:
        """Rejects everything but integers 0 .. levels - 1."""
        expected = f"codes from 0 to {self.levels - 1} for likelihood 'categorical'"
        require_fit(holds(lambda x: is_level(x, self.levels), rows), expected, rows, _REMEDY)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the log-frequencies, with half a row of each code added so that they are finite."""
        counts = torch.full(self.out_shape, 0.5, dtype=torch.float64, device=rows.device)
        for chunk in rows.split(ROWS_AT_A_TIME):
            for level in range(self.levels):
                counts[level] += (chunk == level).sum(0)
        self.log_frequency.copy_(counts.log() - counts.sum(0).log())
