r"""Bounds on log p(x), and what training maximises.

With z_1 .. z_L ~ q(z|x) and log w_l = log p(x|z_l) + log p(z_l) - log q(z_l|x), per row (MATHS 2, 4 and 7):

    distortion = - (1/L) sum_l log p(x|z_l)
    rate       = KL(q || p(z))                      in closed form (3) where there is one, or
                 (1/L) sum_l log q(z_l) - log p(z_l)                          drawn (1)
    elbo       = - distortion - rate                                         <= log p(x) on average
    iwae       = log (1/K) sum_k w_k                                          K = L; elbo <= iwae <= log p(x)

With several groups of latents the rate is a sum over groups. Training maximises `elbo` or `iwae` with the rate weighted
by beta; `free_bits` leaves that many nats of each latent's mean rate unpenalised. With beta = 1 and no free bits that
is a bound on log p(x); otherwise it is not, and is called an objective.

A new objective is a function here and a line in `OBJECTIVES`.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from variate.config.recipe import TrainingOptions
from variate.data.batch import Batch
from variate.errors import InputError
from variate.likelihoods.base import LogProb
from variate.limits import Rows, Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.draws import Draws
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.device import rows_at_once
from variate.runtime.random import Key, generator

RateEstimator = Literal["auto", "closed-form", "drawn"]


class Terms(NamedTuple):
    """The two costs of a row and their negative sum, each (N,), in nats."""

    elbo: Float[Tensor, " N"]
    distortion: Float[Tensor, " N"]
    rate: Float[Tensor, " N"]


def terms(draws: Draws, rate: RateEstimator = "auto") -> Terms:
    """The ELBO and its two parts from posterior draws, differentiable.

    Args:
        draws: What `Model.infer` returned for N rows.
        rate: Estimator of the rate; see `elbo`.

    Returns:
        elbo, distortion and rate, each (N,), in nats.

    Raises:
        InputError: If a closed form is asked for and none is known.
    """
    distortion, kl = -draws.log_px.mean(0), rate_of(draws, rate)
    return Terms(-distortion - kl, distortion, kl)


def rate_of(draws: Draws, estimator: RateEstimator) -> Float[Tensor, " N"]:
    """KL(q(z|x) || p(z)) over all groups, in nats, in closed form or from the draws; see `elbo`.

    Raises:
        InputError: If a closed form is asked for and none is known.
    """
    if estimator != "drawn":
        closed = draws.kl
        known = [kl for kl in closed if kl is not None]
        if len(known) == len(closed):
            total = sum(known[1:], known[0])
            return total.mean(0) if total.dim() > 1 else total
        if estimator == "closed-form":
            names = ", ".join(
                f"KL({type(q).__name__} || {type(p).__name__})" for q, p in zip(draws.q, draws.p, strict=True)
            )
            raise InputError("rate", "'auto' or 'drawn', since there is no closed form", f"'closed-form' of {names}")
    return draws.log_ratio.mean(0)


@checked_arguments
@of_a_model
def elbo(
    model: Model,
    data: Data,
    num_samples: Samples = 1,
    *,
    rate: RateEstimator = "auto",
    batch_size: Rows = 1024,
    seed: Seed = 0,
) -> Terms:
    """The evidence lower bound of each row, without gradients.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a dataset, or splits, whose test part is taken.
        num_samples: Posterior draws per row, L.
        rate: "closed-form" (MATHS 3); "drawn", estimated from the same draws (MATHS 1); or "auto", which takes the
            closed form where one is known for all groups.
        batch_size: Rows at a time; the result does not depend on it.
        seed: Seed of the draws; the same seed gives the same numbers.

    Returns:
        elbo, distortion and rate, each (N,), in nats, on the CPU.

    Raises:
        InputError: If a closed form is asked for and none is known, a number is not positive, or the rows are not what
            the model takes.

    References:
        Auto-encoding variational Bayes (Kingma & Welling, 2013).
    """
    rows = model.dataset(data)
    noise = model.posterior_noise(Key(generator(seed), len(rows)), num_samples, len(rows))
    tile = max(1, rows_at_once(math.prod(model.likelihood.out_shape), model.device) // min(batch_size, len(rows)))
    found, start = [], 0
    with evaluating(model):
        for batch in rows.batches(batch_size):
            own = [eps[:, start : start + batch.num_rows].to(model.device) for eps in noise]
            found.append(_terms_by_tiles(model, batch.to(model.device), own, tile, rate))
            start += batch.num_rows
    return Terms(*(torch.cat(part).cpu() for part in zip(*found, strict=True)))


def _terms_by_tiles(model: Model, batch: Batch, noise: list[Tensor], tile: int, rate: RateEstimator) -> Terms:
    """The terms of a batch, which decodes so many draws at a time: their decoded rows would fill the memory."""
    features, found = model.encode(batch), []
    for own in zip(*(eps.split(tile) for eps in noise), strict=True):
        share = len(own[0]) / len(noise[0])
        found.append([share * part for part in terms(model.infer(batch, own, features=features), rate)])
    return Terms(*(sum(parts[1:], parts[0]) for parts in zip(*found, strict=True)))


def log_mean_exp(log_w: Float[Tensor, "K N"]) -> Float[Tensor, " N"]:
    """log (1/K) sum_k w_k, in nats."""
    return log_w.logsumexp(0) - math.log(len(log_w))


class Scored(NamedTuple):
    """What an objective returns: what to maximise per row, (N,), and the terms of the ELBO to report, in nats."""

    objective: Float[Tensor, " N"]
    terms: Terms


class Step(NamedTuple):
    """What an objective is computed from.

    Attributes:
        model: The model.
        batch: N checked rows on the model's device.
        noise: Standard normal numbers for the posterior draws of each group, (L, N, *group.noise_shape).
        beta: Weight of the rate at this point of the run, ().
        free_nats: Nats of each latent's mean rate that are not penalised.
        log_prob: Computes log p(x|z); None takes the likelihood's own `log_prob`.
        mean_over_processes: Averages over processes, so that the mean over this process's rows becomes that over all
            rows of the batch.
    """

    model: Model
    batch: Batch
    noise: tuple[Tensor, ...]
    beta: Tensor
    free_nats: float = 0.0
    log_prob: LogProb | None = None
    mean_over_processes: Callable[[Tensor], Tensor] = lambda values: values

    def infer(self) -> Draws:
        """Draws from the posterior."""
        return self.model.infer(self.batch, self.noise, log_prob=self.log_prob)

    def weighted(self, values: Tensor) -> Tensor:
        """Values of each row, (N, ...), times the weight of the row; as they are where rows have no weights."""
        weight = self.batch.weight
        return values if weight is None else weight.reshape(-1, *(1,) * (values.dim() - 1)) * values


def weighted_elbo(step: Step) -> Scored:
    """-distortion - beta rate.

    References:
        beta-VAE (Higgins et al., 2017); at beta = 1 the ELBO.
    """
    found = terms(step.infer())
    return Scored(-found.distortion - step.beta * found.rate, found)


def free_bits_elbo(step: Step) -> Scored:
    """-distortion - beta sum_i max(free_nats, mean rate of latent i), spread over the rows.

    Raises:
        InputError: If the rate is not a sum over latents.

    References:
        Improving variational inference with inverse autoregressive flow (Kingma et al., 2016).
    """
    draws = step.infer()
    penalised = []
    for group, rates in zip(step.model.groups, draws.kl_elements, strict=True):
        if rates is None:
            expected = "0 for a posterior or a prior whose rate is not a sum over latents"
            raise InputError("free_bits", expected, step.free_nats)
        per_row = rates.mean(0) if rates.dim() > len(group.shape) + 1 else rates  # (N, *group.shape)
        mean_rates = step.mean_over_processes(step.weighted(per_row.detach()).mean(0))
        penalised.append(torch.where(mean_rates > step.free_nats, per_row, step.free_nats).flatten(1).sum(-1))
    found = terms(draws)
    return Scored(-found.distortion - step.beta * sum(penalised[1:], penalised[0]), found)


def weighted_iwae(step: Step) -> Scored:
    """log (1/K) sum_k exp(log p(x|z_k) - beta (log q(z_k|x) - log p(z_k))).

    References:
        Importance weighted autoencoders (Burda et al., 2016); at beta = 1 their bound.
    """
    draws = step.infer()
    log_ratio = draws.log_ratio
    bound = log_mean_exp(draws.log_px - step.beta * log_ratio)
    distortion, rate = -draws.log_px.mean(0), log_ratio.mean(0)
    return Scored(bound, Terms(-distortion - rate, distortion, rate))


def doubly_reparametrized_iwae(step: Step) -> Scored:
    """The importance-weighted bound, with a gradient of the encoder's weights that has lower variance.

    With v_k = w_k / sum w: the decoder's gradient is sum_k v_k d log w_k, the encoder's sum_k v_k^2 (d log w_k / d z_k)
    (d z_k / d phi). So log q's own dependence on phi is cut, and the gradient that flows into z_k is multiplied by v_k.

    Raises:
        InputError: If the model has more than one group of latents, for which this estimator is not defined here.

    References:
        Doubly reparameterized gradient estimators for Monte Carlo objectives (Tucker et al., 2019).
    """
    if len(step.model.groups) > 1:
        raise InputError("bound", "'elbo' or 'iwae' for a model with several groups of latents", "'dreg'")
    draws = step.infer()
    (z,) = draws.latents
    log_ratio = draws.q[0].detached().log_prob(z) - draws.p[0].log_prob(z)
    log_w = draws.log_px - step.beta * log_ratio
    weight = log_w.detach().softmax(0)
    if z.requires_grad:
        z.register_hook(lambda gradient: weight.reshape(weight.shape + (1,) * (gradient.dim() - 2)) * gradient)
    surrogate = (weight * log_w).sum(0)
    bound = log_mean_exp(log_w).detach() + surrogate - surrogate.detach()
    distortion, rate = -draws.log_px.mean(0), log_ratio.mean(0)
    return Scored(bound, Terms(-distortion - rate, distortion, rate))


Objective = Callable[[Step], Scored]

OBJECTIVES: dict[str, Objective] = {
    "elbo": weighted_elbo,
    "iwae": weighted_iwae,
    "dreg": doubly_reparametrized_iwae,
}
"""The objectives by the names of `TrainingOptions.bound`."""


def objective_for(options: TrainingOptions) -> Objective:
    """The objective that the options describe.

    Raises:
        InputError: If free bits are combined with another bound.
    """
    if options.free_bits and OBJECTIVES[options.bound] is not weighted_elbo:
        raise InputError("free_bits", "0 for every bound but 'elbo'", f"{options.free_bits} with {options.bound!r}")
    return free_bits_elbo if options.free_bits else OBJECTIVES[options.bound]


def is_traceable(options: TrainingOptions) -> bool:
    """Whether torch.compile can trace the objective; it cannot where a hook changes a gradient on its way back."""
    return OBJECTIVES[options.bound] is not doubly_reparametrized_iwae


def is_bound(options: TrainingOptions) -> bool:
    """Whether what is maximised is a lower bound on log p(x) once any warm-up is over."""
    return options.beta == 1 and options.free_bits == 0
