"""A model and rows in, one record of how good it is out."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from variate.errors import InputError
from variate.evaluation.bounds.annealed import annealed_evidence
from variate.evaluation.bounds.importance import Evidence, log_evidence
from variate.evaluation.diagnostics.latents import active
from variate.evaluation.diagnostics.reconstruction import reconstruction
from variate.models.vae import VAE, Array, evaluating
from variate.objectives import Terms, draw
from variate.runtime.random import mix, seeded, some_rows
from variate.statistics import Estimate, estimate

RESAMPLED = 50
"""Bootstrap samples behind the standard error of the number of active units."""


class Importance(NamedTuple):
    """What importance weighting with several numbers of draws said.

    Attributes:
        bounds: IW_k for each k, in nats a row, rising with k on average and at most log p(x).
        noise: Standard error of the last one that the draws alone give, in nats.
        ess: Mean effective sample size of the weights of the last one.
        unreliable: Share of rows with Pareto k-hat above 0.7, for which a few draws decide.
    """

    bounds: dict[int, Estimate]
    noise: float
    ess: float
    unreliable: float


class AnnealedBound(NamedTuple):
    """What annealed importance sampling said of some of the rows.

    Attributes:
        bound: Mean lower bound on log p(x), in nats a row.
        over_importance: By how much it exceeds the importance-weighted bound of the same rows; None without one.
        num_rows: How many.
    """

    bound: Estimate
    over_importance: Estimate | None
    num_rows: int


class Errors(NamedTuple):
    """How far reconstructions are from the rows; None where the data have no such thing.

    Attributes:
        rmse: Root mean squared error of a row, in the data's units.
        psnr: Peak signal-to-noise ratio of images, in dB.
        ssim: Structural similarity of images, at most 1.
    """

    rmse: Estimate | None
    psnr: Estimate | None
    ssim: Estimate | None


class Evaluation(NamedTuple):
    """How good a model is on rows that it has not seen.

    Attributes:
        elbo: Mean lower bound on log p(x), in nats a row.
        distortion: Mean -log p(x|z), in nats a row.
        rate: Mean KL(q(z|x) || p(z)), in nats a row.
        importance: Tighter bounds by importance weighting, if asked for.
        annealed: A tighter bound by annealed importance sampling on some of the rows, if asked for.
        active_units: How many latents vary with x, with a bootstrap's standard error.
        latent: How many there are, d.
        reconstruction: How far E[x|z] is from x; not a likelihood.
        num_rows: Rows, N.
        of_rows: Rows that these were chosen from.
        dimensions: Numbers a row, D.
        is_mass: Whether p(x|z) is a probability mass, so that bits/dim are the length of a code.
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


def evaluate(
    vae: VAE,
    x: Array,
    num_samples: int = 1,
    *,
    annealed_rows: int = 0,
    num_rows: int | None = None,
    seed: int = 0,
    batch_size: int = 1024,
    show_progress: bool = False,
) -> Evaluation:
    """The evidence lower bound, its parts and tighter bounds on rows, with standard errors.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_samples: Draws a row for the importance-weighted bound, K; 1 leaves it out.
        annealed_rows: Run annealed importance sampling on this many of the rows too; it is slow and tight.
        num_rows: Take this many of the rows, chosen by the seed; by default all.
        seed: Of the draws; the same seed gives the same numbers, and torch's global generator is left alone.
        batch_size: Rows at a time, for the ELBO.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If there is no row, a number is not positive, or the rows are not what the model takes.
    """
    everything = vae.rows(x)
    if not len(everything):
        raise InputError("x must hold at least one row, got none")
    if num_samples < 1 or annealed_rows < 0:
        raise InputError(
            f"num_samples must be at least 1 and annealed_rows not negative, got {num_samples} and {annealed_rows}"
        )
    rows = everything[some_rows(len(everything), num_rows, seed)]
    terms = _terms(vae, rows, seed, batch_size)
    weighted = _weighted(vae, rows, num_samples, seed, show_progress) if num_samples > 1 else None
    annealed = None
    if annealed_rows:
        annealed = _annealed(vae, rows, annealed_rows, weighted, seed, show_progress)
    return Evaluation(
        elbo=estimate(terms.elbo),
        distortion=estimate(terms.distortion),
        rate=estimate(terms.rate),
        importance=_importance(weighted) if weighted else None,
        annealed=annealed,
        active_units=_active(vae, rows, seed),
        latent=vae.latent,
        reconstruction=_errors(vae, rows),
        num_rows=len(rows),
        of_rows=len(everything),
        dimensions=math.prod(vae.event_shape),
        is_mass=vae.decoder.likelihood.is_mass,
    )


def _active(vae: VAE, rows: Tensor, seed: int) -> Estimate:
    """How many latents are active, and how much that number varies over resampled rows."""
    means = vae.embed(rows).mean.double()
    generator = torch.Generator().manual_seed(mix(seed, "active"))
    samples = [torch.randint(len(rows), (len(rows),), generator=generator) for _ in range(RESAMPLED)]
    counts = torch.stack([active(means[sample]).sum() for sample in samples]).double()
    return Estimate(float(active(means).sum()), counts.std().item())


def _errors(vae: VAE, rows: Tensor) -> Errors:
    """Reconstruction errors."""
    found = reconstruction(vae, rows)
    return Errors(found.mean_rmse, found.mean_psnr, found.mean_ssim)


def _terms(vae: VAE, rows: Tensor, seed: int, batch_size: int) -> Terms:
    """ELBO, distortion and rate of each row with one draw."""
    with seeded(seed), evaluating(vae):
        batches = [draw(vae, batch.to(vae.device), 1).terms() for batch in rows.split(batch_size)]
    return Terms(*(torch.cat(parts).cpu() for parts in zip(*batches, strict=True)))


def _weighted(vae: VAE, rows: Tensor, num_samples: int, seed: int, show_progress: bool) -> Evidence:
    """IW_k of each row at every power of ten up to K, and at K."""
    powers = [10**e for e in range(1, 10) if 10**e < num_samples]
    return log_evidence(vae, rows, num_samples, also=tuple(powers), seed=seed, show_progress=show_progress)


def _importance(found: Evidence) -> Importance:
    """Means over rows."""
    bounds = {k: estimate(bound) for k, bound in found.bounds.items()} | {found.num_samples: found.estimate}
    return Importance(bounds, found.noise, found.ess.mean().item(), found.unreliable)


def _annealed(
    vae: VAE, rows: Tensor, num_rows: int, weighted: Evidence | None, seed: int, show_progress: bool
) -> AnnealedBound:
    """Annealed importance sampling, and what it adds on the same rows."""
    found = annealed_evidence(vae, rows, num_rows=num_rows, seed=seed, show_progress=show_progress)
    over = None if weighted is None else estimate(found.log_evidence - weighted.log_evidence[found.which])
    return AnnealedBound(found.estimate, over, len(found.which))
