"""The negative binomial decoder for counts that vary more than Poisson counts: mean m, variance m + m^2 / r."""

import torch
from torch import Tensor, nn

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.distributions.counts import NegativeBinomialElements
from variate.distributions.rows import Independent
from variate.errors import unknown
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import require_counts
from variate.statistics import log_count_mean, moments

MIN_INITIAL, MAX_INITIAL = -3.0, 5.0
"""Range of a log-dispersion before training: its moment estimate is unreliable for rare and for almost Poisson
counts."""

DISPERSIONS = {"dimension": 0, "conditional": 1}
"""Number of network outputs per element that each choice takes."""


class NegativeBinomial(Likelihood):
    """Independent counts with mean m and variance m + m^2 / r.

    The network gives log m relative to the log of the training rows' mean, and r starts at its moment estimate.

    Args:
        event_shape: Shape of a row.
        dispersion: Where r comes from: "dimension" (one learned value per element) or "conditional" (an output of the
            network).
    """

    is_mass = True
    offset: Tensor
    initial_log_dispersion: Tensor
    log_dispersion: nn.Parameter | None

    def __init__(self, event_shape: tuple[int, ...], dispersion: str = "dimension") -> None:
        if dispersion not in DISPERSIONS:
            raise unknown("dispersion", dispersion, DISPERSIONS)
        super().__init__(event_shape, (1 + DISPERSIONS[dispersion], *event_shape))
        self.register_buffer("offset", torch.zeros(self.event_shape))
        self.register_buffer("initial_log_dispersion", torch.zeros(self.event_shape))
        learned = nn.Parameter(torch.zeros(self.event_shape)) if not DISPERSIONS[dispersion] else None
        self.register_parameter("log_dispersion", learned)

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "NegativeBinomial":
        """The likelihood that options describe."""
        return cls(schema.shape)

    def distribution(self, outputs: Tensor) -> Independent:
        """Counts with log m [and log r] from the outputs, each relative to its start; log r may be a parameter."""
        event_dims = len(self.event_shape)
        log_m, *raws = outputs.unbind(-event_dims - 1)
        log_r = (raws[0] if self.log_dispersion is None else self.log_dispersion) + self.initial_log_dispersion
        elements = NegativeBinomialElements(log_m + self.offset.to(log_m.dtype), log_r.to(log_m.dtype))
        return Independent(elements, event_dims)

    def check(self, rows: Tensor) -> None:
        """Rejects everything but counts."""
        require_counts("negative-binomial", rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the logs of the means, and the log-dispersions by m + m^2 / r = variance."""
        mean, std = moments(rows)
        excess = (std.square() - mean).clamp(min=1e-12)
        self.offset.copy_(log_count_mean(rows))
        self.initial_log_dispersion.copy_((mean.square() / excess).log().clamp(MIN_INITIAL, MAX_INITIAL))
