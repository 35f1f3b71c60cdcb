"""The decoder for columns of numbers as people have them: a mixture of logistics in each column's own normal scores.

Grids, spikes, bounds, heavy tails and several peaks are in the scores, which are estimated from the training rows; the
network says only how the scores depend on z. See `variate.distributions.quantile_map` and `quantile_logistic`.
"""

import copy
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from variate.config.schema import Column
from variate.distributions.column_quantiles import ColumnQuantiles
from variate.distributions.quantile_logistic import QuantileLogistic
from variate.distributions.rows import Independent
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import require_real
from variate.likelihoods.scale import LEARNED_SCALES, MAX_LOG_SCALE, RescaledScale, make_scale
from variate.limits import checked_arguments

MIN_SCORE_LOG_SCALE = -7.0
"""Floor of a log-scale in scores, whose spread is one."""


class QuantileLogisticColumns(Likelihood):
    """Independent numbers whose normal scores are mixtures of logistics with weights, locations and scales from z.

    Args:
        columns: The columns, of which step, range and atoms are used.
        mixtures: Components per column.
        scale: Where the scales come from: "shared", "dimension" (one learned value per component and column) or
            "conditional" (an output of the network).
    """

    log_outside: Tensor
    start: Tensor

    @checked_arguments
    def __init__(
        self,
        columns: Sequence[Column],
        mixtures: Annotated[int, Interval(ge=1, le=1_000)] = 5,
        scale: str = "conditional",
    ) -> None:
        module = make_scale(
            scale,
            None,
            (len(columns),),
            initial=math.log(0.55) - 0.8 * math.log(mixtures),
            floor=MIN_SCORE_LOG_SCALE,
            known=LEARNED_SCALES,
            components=mixtures,
        )
        super().__init__((len(columns),), (mixtures * (2 + module.num_outputs), len(columns)))
        self.mixtures, self.scale, self.quantiles = mixtures, module, ColumnQuantiles(columns)
        self.is_mass = all(column.step for column in columns)
        self.register_buffer("log_outside", torch.full((len(columns),), -MAX_LOG_SCALE, dtype=torch.float64))
        middles = [[NormalDist().inv_cdf((k + 0.5) / mixtures)] for k in range(mixtures)]
        self.register_buffer("start", torch.tensor(middles, dtype=torch.float32), persistent=False)

    def distribution(self, outputs: Tensor) -> Independent:
        """The outputs are, along the axis before the columns, K weights, K locations [, K scales]."""
        logits, loc, *raw = outputs.split(self.mixtures, -2)
        log_scale = self.scale(raw[0] if raw else None).to(loc.dtype).expand(loc.shape)
        elements = QuantileLogistic(
            self.quantiles(), self.log_outside, logits, loc + self.start.to(loc.dtype), log_scale, self.is_mass
        )
        return Independent(elements, 1)

    def check(self, rows: Tensor) -> None:
        """Rejects integer dtypes, which are pixels or counts, and NaN."""
        require_real("quantile-logistic", rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the scores from the training rows, (N, columns), and the probability of numbers outside their range.

        That is 1 / (N + 2), by Laplace's rule of succession.
        """
        self.quantiles.fit(rows)
        self.log_outside.fill_(-math.log(len(rows) + 2))

    def log_misfit(self) -> float:
        """The probability of numbers outside the range."""
        return self.log_outside[0].item()

    def grow_from(self, old: Likelihood) -> None:
        """Takes scales and scores, and widens these where ranges are wider now."""
        if not isinstance(old, QuantileLogisticColumns):
            raise AssertionError("quantiles grow out of quantiles")
        self.scale.load_state_dict(old.scale.state_dict())
        self.log_outside.copy_(old.log_outside)
        self.quantiles.grow_from(old.quantiles)

    def rescaled(self, log_factor: float | Tensor) -> "QuantileLogisticColumns":
        """A copy with every scale multiplied by a factor."""
        copied = copy.deepcopy(self)
        copied.scale = RescaledScale(copied.scale, log_factor)
        return copied

    def floored(self) -> Tensor | None:
        """Which columns have a learned scale at its floor, in any component."""
        floored = self.scale.floored()
        return None if floored is None else floored.reshape(-1, floored.shape[-1]).any(0).expand(self.event_shape)
