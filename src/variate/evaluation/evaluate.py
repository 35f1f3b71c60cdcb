"""The numbers that say how good a model is, in one record."""

import math
from typing import Annotated, NamedTuple

import torch
from annotated_types import Interval
from torch import Tensor

from variate.data.dataset import Dataset
from variate.evaluation.bounds.annealed import annealed_evidence
from variate.evaluation.bounds.importance import Evidence, log_evidence
from variate.evaluation.classify import classify
from variate.evaluation.diagnostics.reconstruction import reconstruction
from variate.limits import MOST_ROWS, Rows, Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.objectives import elbo
from variate.runtime.finite import finite_rows
from variate.runtime.random import generator, mix, some_rows
from variate.statistics import Estimate, active, estimate
from variate.training.validation import posterior_means

CLASSIFIED = 10_000
"""Rows times contexts that are classified."""
RESAMPLED = 50
"""Number of bootstrap samples for the standard error of the number of active units."""


class Importance(NamedTuple):
    """Importance-weighted bounds for several numbers of draws.

    Attributes:
        bounds: IW_k for each k, in nats per row, rising with k on average and at most log p(x).
        noise: Standard error of the last one due to the draws alone, in nats; None if any row is flagged, because what
            was not drawn for it is in no estimate, and with fewer than 100 draws.
        reliable_noise: The same for the mean over the rows that are not flagged; None if there are none, and with fewer
            than 100 draws.
        ess: Mean effective sample size of the weights of the last one.
        unreliable: Share of flagged rows, which are those with Pareto k-hat above 0.7, whose bounds a few draws decide.
        flagged: Their numbers in the data.
    """

    bounds: dict[int, Estimate]
    noise: float | None
    reliable_noise: float | None
    ess: float
    unreliable: float
    flagged: tuple[int, ...]


class AnnealedBound(NamedTuple):
    """The bound by annealed importance sampling on some of the rows.

    Attributes:
        bound: Mean lower bound on log p(x), in nats per row.
        over_importance: By how much it exceeds the importance-weighted bound of the same rows; None without one.
        num_rows: Number of rows.
        over_flagged: By how much it exceeds the importance-weighted bound of those of them that are flagged; None
            without any.
        num_flagged: Number of those.
    """

    bound: Estimate
    over_importance: Estimate | None
    num_rows: int
    over_flagged: Estimate | None = None
    num_flagged: int = 0


class Errors(NamedTuple):
    """How far reconstructions are from the rows; None if it is not defined for the data.

    Attributes:
        rmse: Root mean squared error per row, in the data's units.
        psnr: Peak signal-to-noise ratio of images, in dB.
        ssim: Structural similarity of images, at most 1.
    """

    rmse: Estimate | None
    psnr: Estimate | None
    ssim: Estimate | None


class Classification(NamedTuple):
    """How well a model with conditions tells them from rows, by Bayes' rule; see `classify`.

    Attributes:
        accuracy: Share of the rows whose own context is the most probable one.
        most_frequent: Share of the rows that have the context which most training rows have.
        num_contexts: Number of different contexts.
        num_rows: Number of rows, chosen by the seed.
        of_rows: Number of rows that they were chosen from.
    """

    accuracy: Estimate
    most_frequent: float
    num_contexts: int
    num_rows: int
    of_rows: int


class Evaluation(NamedTuple):
    """How good a model is on rows that it has not seen.

    Attributes:
        elbo: Mean lower bound on log p(x), in nats per row.
        distortion: Mean -log p(x|z), in nats per row.
        rate: Mean KL(q(z|x) || p(z)), in nats per row.
        importance: Tighter bounds by importance weighting, if asked for.
        annealed: A tighter bound by annealed importance sampling on some of the rows, if asked for.
        active_units: Number of latents that vary with x, with a standard error by bootstrap.
        latent: Number of latents of all groups.
        reconstruction: How far E[x|z] is from x; not a likelihood.
        num_rows: Number of rows, N.
        of_rows: Number of rows that they were chosen from.
        dimensions: Numbers per row, D.
        is_mass: Whether p(x|z) is a probability mass, so that bits/dim are the length of a code.
        classification: How well the conditions are told from rows, of a model with conditions that can be counted.
    """

    elbo: Estimate
    distortion: Estimate
    rate: Estimate
    importance: Importance | None
    annealed: AnnealedBound | None
    active_units: Estimate
    latent: int
    reconstruction: Errors
    num_rows: int
    of_rows: int
    dimensions: int
    is_mass: bool
    classification: Classification | None = None


@checked_arguments
@of_a_model
def evaluate(
    model: Model,
    data: Data,
    num_samples: Samples = 1,
    *,
    annealed_rows: Annotated[int, Interval(ge=0, le=MOST_ROWS)] = 0,
    num_rows: Rows | None = None,
    seed: Seed = 0,
    batch_size: Rows = 1024,
    show_progress: bool = False,
) -> Evaluation:
    """The evidence lower bound, its parts and tighter bounds on rows, with standard errors.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_samples: Posterior draws per row for the importance-weighted bound, K; 1 leaves it out.
        annealed_rows: Number of rows, chosen by the seed, to run annealed importance sampling on too, which is slow and
            tight. `annealed_evidence` takes rows of your choice, for example the flagged ones.
        num_rows: How many of the rows to take, chosen by the seed; by default all.
        seed: Seed of the choice of rows and of all draws; the same seed gives the same numbers.
        batch_size: Rows at a time for the ELBO; the result does not depend on it.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If a number is out of range, the rows are not what the model takes, or a bound is not finite.
    """
    everything = model.dataset(data)
    which = some_rows(len(everything), num_rows, seed)
    rows = everything.select(which.numpy())
    terms = elbo(model, rows, seed=seed, batch_size=batch_size)
    finite_rows(terms.elbo.numpy(), "the ELBO", numbers=which.numpy())
    weighted = _weighted(model, rows, num_samples, seed, show_progress) if num_samples > 1 else None
    annealed = _annealed(model, rows, annealed_rows, weighted, seed, show_progress) if annealed_rows else None
    errors = reconstruction(model, rows)
    return Evaluation(
        elbo=estimate(terms.elbo),
        distortion=estimate(terms.distortion),
        rate=estimate(terms.rate),
        importance=_importance(weighted, which) if weighted else None,
        annealed=annealed,
        active_units=_active(posterior_means(model, rows), seed),
        latent=model.num_latents,
        reconstruction=Errors(errors.mean_rmse, errors.mean_psnr, errors.mean_ssim),
        num_rows=len(rows),
        of_rows=len(everything),
        dimensions=math.prod(model.event_shape),
        is_mass=model.likelihood.is_mass,
        classification=_classification(model, rows, seed),
    )


def _classification(model: Model, rows: Dataset, seed: int) -> Classification | None:
    """How well contexts are told from some of the rows."""
    known = model.conditions
    if known is None or not known.is_countable or rows.context is None:
        return None
    passes = CLASSIFIED // len(known.values)
    some = rows.select(some_rows(len(rows), min(len(rows), max(1, passes)), seed).numpy())
    assert some.context is not None
    own = known.places(torch.from_numpy(some.context.all()).to(known.values.device)).cpu()
    found = classify(model, some, seed=seed)
    likeliest = int(known.log_prob.argmax())
    return Classification(
        accuracy=estimate((found.best == own).double()),
        most_frequent=(own == likeliest).double().mean().item(),
        num_contexts=len(known.values),
        num_rows=len(some),
        of_rows=len(rows),
    )


def _active(means: Tensor, seed: int) -> Estimate:
    """How many latents are active, and how much that number varies over resampled rows."""
    source = generator(mix(seed, "active"))
    samples = [torch.randint(len(means), (len(means),), generator=source) for _ in range(RESAMPLED)]
    counts = torch.stack([active(means[sample]).sum() for sample in samples]).double()
    return Estimate(float(active(means).sum()), counts.std().item())


def _weighted(model: Model, rows: Dataset, num_samples: int, seed: int, show_progress: bool) -> Evidence:
    """IW_k of each row at every power of ten up to K, and at K."""
    powers = [10**e for e in range(1, 10) if 10**e < num_samples]
    return log_evidence(model, rows, num_samples, also=tuple(powers), seed=seed, show_progress=show_progress)


def _importance(found: Evidence, which: Tensor) -> Importance:
    """Means over rows, whose numbers in the data are `which`."""
    return Importance(
        bounds={k: estimate(bound) for k, bound in found.bounds.items()} | {found.num_samples: found.estimate},
        noise=found.noise,
        reliable_noise=found.reliable_noise,
        ess=found.ess.mean().item(),
        unreliable=found.unreliable,
        flagged=tuple(which[found.flagged].tolist()),
    )


def _annealed(
    model: Model, rows: Dataset, num_rows: int, weighted: Evidence | None, seed: int, show_progress: bool
) -> AnnealedBound:
    """Annealed importance sampling, and what it adds on the same rows."""
    found = annealed_evidence(model, rows, num_rows=num_rows, seed=seed, show_progress=show_progress)
    if weighted is None:
        return AnnealedBound(found.estimate, None, len(found.which))
    over = found.log_evidence - weighted.log_evidence[found.which]
    flagged = over[torch.isin(found.which, weighted.flagged)]
    of_flagged = estimate(flagged) if len(flagged) else None
    return AnnealedBound(found.estimate, estimate(over), len(found.which), of_flagged, len(flagged))
