"""What one factor on every scale of p(x|z) would win: the price of a sigma that is too wide or too narrow.

The decoder's outputs for z ~ q(z|x) stay as they are, and so does the rate; all scales are multiplied by c. The best c
is chosen on one half of the rows, and what it wins is measured on the other: by so much would the ELBO rise.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from variate.likelihoods.base import Likelihood
from variate.likelihoods.scale import Scale
from variate.models.vae import VAE, Array, evaluating
from variate.runtime.random import seeded, some_rows
from variate.statistics import Estimate, estimate

OCTAVES, STEPS = 5.0, 40
"""Factors from 2^-5 to 2^5 are tried, in steps of a quarter of an octave."""


class Rescaled(Scale):
    """A scale times a factor.

    Args:
        inner: Where the scale comes from.
    """

    def __init__(self, inner: Scale) -> None:
        super().__init__()
        self.inner, self.log_factor = inner, 0.0

    def forward(self, raw: Tensor | None) -> Tensor:
        """Log of the scale times the factor."""
        return self.inner(raw) + self.log_factor


class Rescaling(NamedTuple):
    """The best factor and what it wins.

    Attributes:
        factor: c; below 1, p(x|z) is too wide.
        gain: What the ELBO of each row of the second half gains, (M,), in nats.
    """

    factor: float
    gain: Tensor

    @property
    def estimate(self) -> Estimate:
        """The mean gain."""
        return estimate(self.gain)


def rescaling(
    vae: VAE, x: Array, *, num_rows: int | None = 512, seed: int = 0, batch_size: int = 64
) -> Rescaling | None:
    """Looks for the factor that all scales of p(x|z) should be multiplied by.

    Args:
        vae: The model, not changed.
        x: Rows as they are, (N, *event); at least two.
        num_rows: How many of them, chosen by the seed.
        seed: Of the choice of rows and of the draws.
        batch_size: Rows at a time.

    Returns:
        The factor and its gain; None for a likelihood without a scale.

    Raises:
        InputError: If the rows are not what the model takes.
    """
    likelihood = copy.deepcopy(vae.decoder.likelihood)
    scales = rescaled(likelihood)
    if not scales:
        return None
    rows = vae.rows(x)
    rows = rows[some_rows(len(rows), num_rows, seed)]
    log_factors = torch.linspace(-OCTAVES, OCTAVES, STEPS + 1) * torch.tensor(2.0).log()
    with seeded(seed), evaluating(vae):
        found = torch.cat(
            [_scores(vae, likelihood, scales, b.to(vae.device), log_factors) for b in rows.split(batch_size)], 1
        )
    choosing, scoring = found[:, ::2], found[:, 1::2]
    best = int(choosing.mean(1).argmax())
    return Rescaling(float(log_factors[best].exp()), scoring[best] - scoring[STEPS // 2])


def rescaled(likelihood: Likelihood) -> list[Rescaled]:
    """Puts a factor before every scale in a likelihood, in place, and gives the factors."""
    found = []
    for parent in list(likelihood.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Scale) and not isinstance(parent, Rescaled):
                found.append(Rescaled(child))
                setattr(parent, name, found[-1])
    return found


def _scores(vae: VAE, likelihood: nn.Module, scales: list[Rescaled], x: Tensor, log_factors: Tensor) -> Tensor:
    """Log p(x|z) of each row under each factor, (factors, N), in nats."""
    z = vae.posterior(x).rsample()
    outputs = vae.decoder.network(z).reshape(len(x), *vae.decoder.likelihood.out_shape)
    scores = []
    for log_factor in log_factors.tolist():
        for scale in scales:
            scale.log_factor = log_factor
        scores.append(likelihood(outputs).log_prob(x).double().cpu())
    return torch.stack(scores)
