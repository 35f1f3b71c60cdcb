r"""What a better prior would gain.

The gain of another prior p' with the same encoder and decoder is the change of the ELBO. The distortion does not
change, so it is exactly

    ELBO[p'] - ELBO[p] = E_q [ log p'(z) - log p(z) ]

on rows that p' has not seen, with z the latents of all groups concatenated. `better_prior` fits a few p' to draws of
q(z|x) and reports that. It is the part of the prior hole (`variate.evaluation.diagnostics.surgery`) that a prior of
this kind removes.
"""

import warnings
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from variate.data.dataset import Dataset
from variate.errors import InputError
from variate.evaluation.groups import draw_posterior, join_groups, posterior_noise
from variate.limits import Rows, Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import RowStreams, generator, mix, some_rows
from variate.statistics import Estimate, estimate

LEAST_ROWS = 40
"""Fewest rows for the search: 20 to fit a prior, 10 to choose it, 10 to score it."""

ROWS_PER_PEAK = 8
"""Fewest rows to fit a component with a diagonal covariance to."""

ROWS_PER_DIRECTION = 4
"""Fewest rows per latent to fit a component with a full covariance to."""

Covariance = Literal["full", "diag"]

CANDIDATES: tuple[tuple[int, Covariance], ...] = (
    (1, "diag"),
    (1, "full"),
    (8, "diag"),
    (32, "diag"),
    (4, "full"),
    (16, "full"),
)
"""Components and covariance of the mixtures that are tried: the first always, the others if there are enough rows."""


class BetterPrior(NamedTuple):
    """What the ELBO would gain by another prior, on rows that the prior was not fitted to.

    Attributes:
        gain: Mean over the draws of log p'(z) - log p(z) for each held-out row, (M,), in nats; negative on average if
            nothing better was found.
        name: What p' is, in words.
        which: Row numbers of these rows in the data, (M,).
    """

    gain: Tensor
    name: str
    which: Tensor

    @property
    def estimate(self) -> Estimate:
        """The mean gain."""
        return estimate(self.gain)


@checked_arguments
@of_a_model
def better_prior(
    model: Model,
    data: Data,
    *,
    num_rows: Rows | None = 4000,
    num_samples: Samples = 4,
    seed: Seed = 0,
    batch_size: Rows = 1024,
) -> BetterPrior:
    """By how many nats the ELBO would rise with another prior and the same encoder and decoder.

    Mixtures of Gaussians of several sizes are fitted to draws of q(z|x) of one half of the rows, one of them is chosen
    by its density on a quarter, and its gain is measured on the last quarter, so that it is not overestimated. A gain
    near zero or below means that the prior does not limit the model, though a richer prior than these may gain more.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken. Rows that the model was
            not trained on show what new rows would gain.
        num_rows: How many of them to take, chosen by the seed; None takes all.
        num_samples: Draws of z per row.
        seed: Seed of the choice and the division of the rows, of the draws, and of the fits.
        batch_size: Rows at a time.

    Returns:
        The gain of each held-out row, in nats, float64, and the name of the prior that was chosen.

    Raises:
        InputError: If there are fewer than 40 rows, a number is not positive, or the rows are not what the model takes.
    """
    rows = model.dataset(data)
    which = some_rows(len(rows), num_rows, seed)
    number = len(which)
    if number < LEAST_ROWS:
        raise InputError("data", f"at least {LEAST_ROWS} rows to look for a better prior in", number)
    z, log_p = _draw(model, rows, which, num_samples, seed, batch_size)
    order = torch.randperm(number, generator=generator(mix(seed, "halves")))
    fitting, choosing, scoring = order.tensor_split([number // 2, number * 3 // 4])
    fits = [
        Fitted(z[:, fitting], components, covariance, mix(seed, "fit") % 2**32)
        for components, covariance in CANDIDATES
        if affordable(len(fitting), components, covariance, model.num_latents)
    ]
    best = max(fits, key=lambda fit: fit.log_prob(z[:, choosing]).mean().item())
    scoring = scoring.sort().values
    gain = best.log_prob(z[:, scoring]) - log_p[:, scoring]
    return BetterPrior(gain.mean(0), best.name, which[scoring])


class Fitted:
    """A mixture of Gaussians fitted to draws by expectation maximisation, in units of their spread.

    Args:
        z: Draws, (*batch, d).
        components: Number of Gaussians.
        covariance: Shape of their covariances.
        seed: Seed of the start of the search.
    """

    def __init__(self, z: Tensor, components: int, covariance: Covariance, seed: int) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        flat = z.flatten(0, -2)
        self.mean, self.std = flat.mean(0), flat.std(0)
        mixture: Any = GaussianMixture(components, covariance_type=covariance, random_state=seed)
        with warnings.catch_warnings():
            # A fit that has not converged is a prior like any other: its gain is measured on other rows.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.mixture = mixture.fit(self._standardize(flat))
        kind = "full" if covariance == "full" else "diagonal"
        many = f"a mixture of {components} Gaussians with {kind} covariances"
        self.name = many if components > 1 else f"one Gaussian with a {kind} covariance"

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density, (*batch,), in nats."""
        log_p = torch.from_numpy(self.mixture.score_samples(self._standardize(z.flatten(0, -2))))
        return log_p.reshape(z.shape[:-1]) - self.std.log().sum()

    def _standardize(self, flat: Tensor) -> Any:  # noqa: ANN401  what scikit-learn takes
        return ((flat - self.mean) / self.std).numpy()


def affordable(rows: int, components: int, covariance: Covariance, latent: int) -> bool:
    """Whether there are enough rows to fit such a mixture; the simplest candidate is always tried."""
    each = max(ROWS_PER_PEAK, ROWS_PER_DIRECTION * latent if covariance == "full" else 0)
    return (components, covariance) == CANDIDATES[0] or rows >= components * each


def _draw(
    model: Model, rows: Dataset, which: Tensor, num_samples: int, seed: int, batch_size: int
) -> tuple[Tensor, Tensor]:
    """Draws from q(z|x), (num_samples, N, num_latents), and their log p(z), float64 on the CPU."""
    found, log_p = [], []
    with evaluating(model):
        for block in which.split(batch_size):
            batch = rows.take(block.numpy()).to(model.device)
            noise = posterior_noise(model, RowStreams(seed, block.tolist(), "better-prior"), num_samples)
            draws = draw_posterior(model, batch, noise)
            found.append(join_groups(draws.latents).cpu().double())
            log_p.append(draws.log_pz.cpu().double())
    return torch.cat(found, dim=1), torch.cat(log_p, dim=1)
