"""The categorical decoder: any distribution at all over few codes or levels, at the price of an output for each."""

import torch
from torch import Tensor

from variate.distributions import categorical as codes
from variate.distributions.support import is_level
from variate.errors import InputError
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import holds, require
from variate.statistics import ROWS_AT_A_TIME


class Categorical(Likelihood):
    """Independent codes 0 .. levels - 1; the network says logits relative to the codes' log-frequencies.

    Args:
        event_shape: Shape of a row.
        levels: Number of codes.
        nominal: Whether codes stand for names, so that the distribution's `mean` is the most probable one; otherwise
            they are quantities, as grey levels are, and it is their expectation.
    """

    is_mass = True
    log_frequency: Tensor

    def __init__(self, event_shape: tuple[int, ...], levels: int, *, nominal: bool = False) -> None:
        if levels < 1:
            raise InputError(f"levels must be at least 1 for categorical, got {levels}")
        super().__init__(event_shape, (levels, *event_shape))
        self.levels, self.nominal = levels, nominal
        self.register_buffer("log_frequency", torch.zeros(self.out_shape))

    def distribution(self, outputs: Tensor) -> codes.Categorical:
        """Codes whose logits are the outputs plus the log-frequencies."""
        logits = outputs + self.log_frequency.to(outputs.dtype)
        values = None if self.nominal else torch.arange(self.levels, dtype=logits.dtype, device=logits.device)
        return codes.Categorical(logits, len(self.event_shape), values)

    def check(self, rows: Tensor) -> None:
        """Refuses what is not an integer 0 .. levels - 1."""
        require(
            holds(lambda x: is_level(x, self.levels), rows),
            f"categorical is a likelihood of the codes 0 to {self.levels - 1}",
            rows,
            "use negative-binomial (counts) or gaussian (real numbers)",
        )

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the log-frequencies, with half a row of each code added so that they are finite."""
        counts = torch.full(self.out_shape, 0.5, dtype=torch.float64, device=rows.device)
        for chunk in rows.split(ROWS_AT_A_TIME):
            for level in range(self.levels):
                counts[level] += (chunk == level).sum(0)
        self.log_frequency.copy_(counts.log() - counts.sum(0).log())
