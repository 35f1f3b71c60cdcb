"""The negative binomial decoder for counts that vary more than Poisson's do."""

import torch
from torch import Tensor, nn

from variate.distributions import counts
from variate.errors import InputError, did_you_mean
from variate.likelihoods.base import Likelihood
from variate.likelihoods.checks import require_counts
from variate.statistics import log_mean, moments

MIN_INITIAL, MAX_INITIAL = -3.0, 5.0
"""Range of a log-dispersion before training: the moments' estimate is wild for rare and for almost Poisson counts."""

DISPERSIONS = {"dimension": 0, "conditional": 1}
"""Network outputs an element that each choice takes."""


class NegativeBinomial(Likelihood):
    """Independent counts with mean m and variance m + m^2 / r.

    The network says log m relative to the log of the training rows' mean, and r starts at what their moments say.

    Args:
        event_shape: Shape of a row.
        dispersion: Where r comes from: "dimension" (one learned value an element) or "conditional" (an output of the
            network).
    """

    is_mass = True
    offset: Tensor
    initial_log_dispersion: Tensor
    log_dispersion: nn.Parameter | None

    def __init__(self, event_shape: tuple[int, ...], dispersion: str = "dimension") -> None:
        if dispersion not in DISPERSIONS:
            raise InputError(f"dispersion {dispersion!r} is unknown{did_you_mean(dispersion, DISPERSIONS)}")
        super().__init__(event_shape, (1 + DISPERSIONS[dispersion], *event_shape))
        self.register_buffer("offset", torch.zeros(self.event_shape))
        self.register_buffer("initial_log_dispersion", torch.zeros(self.event_shape))
        learned = nn.Parameter(torch.zeros(self.event_shape)) if not DISPERSIONS[dispersion] else None
        self.register_parameter("log_dispersion", learned)

    def distribution(self, outputs: Tensor) -> counts.NegativeBinomial:
        """Counts with (log m[, log r]), relative to their starts, the outputs or the learned parameter."""
        event_dims = len(self.event_shape)
        log_m, *raws = outputs.unbind(-event_dims - 1)
        log_r = (raws[0] if self.log_dispersion is None else self.log_dispersion) + self.initial_log_dispersion
        return counts.NegativeBinomial(log_m + self.offset.to(log_m.dtype), log_r.to(log_m.dtype), event_dims)

    def check(self, rows: Tensor) -> None:
        """Refuses what is no count."""
        require_counts("negative-binomial", rows)

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the logs of the means, and the log-dispersions by m + m^2 / r = variance."""
        mean, std = moments(rows)
        excess = (std.square() - mean).clamp(min=1e-12)
        self.offset.copy_(log_mean(rows))
        self.initial_log_dispersion.copy_((mean.square() / excess).log().clamp(MIN_INITIAL, MAX_INITIAL))
