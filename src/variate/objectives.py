"""Bounds on log p(x), and what training maximises.

With q = q(z|x), z_1 .. z_L ~ q and log w_l = log p(x|z_l) + log p(z_l) - log q(z_l|x), per row (MATHS 2, 4 and 7):

    distortion = - (1/L) sum_l log p(x|z_l)
    rate       = KL(q || p(z))                      in closed form (3) where there is one, or
                 (1/L) sum_l log q(z_l) - log p(z_l)                          drawn (1)
    elbo       = - distortion - rate                                         <= log p(x) on average
    iwae       = log (1/K) sum_k w_k                                          K = L; elbo <= iwae <= log p(x)

What is maximised is `elbo` or `iwae` with the rate weighted by beta; `free_bits` leaves that many nats of each latent's
mean rate unpenalised. With beta = 1 and no free bits it is a bound on log p(x), else it is not, and is called an
objective.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from variate.config.recipe import TrainingOptions
from variate.distributions import Gaussian, StandardNormal
from variate.distributions.gaussian import FullGaussian, rate_per_latent
from variate.errors import InputError
from variate.models.vae import VAE, Array
from variate.runtime import distributed as ranks

RateEstimator = Literal["auto", "closed-form", "drawn"]


class Terms(NamedTuple):
    """The two costs of a row and their negative sum, each (N,), in nats."""

    elbo: Float[Tensor, " N"]
    distortion: Float[Tensor, " N"]
    rate: Float[Tensor, " N"]


class Draws(NamedTuple):
    """Posterior draws of a batch and all that is known of them.

    Attributes:
        q_z: q(z|x), batch shape (N,).
        p_z: p(z).
        z: Draws, (L, N, d).
        log_px: log p(x|z), (L, N), in nats.
    """

    q_z: Gaussian
    p_z: Distribution
    z: Float[Tensor, "L N d"]
    log_px: Float[Tensor, "L N"]

    def log_ratio(self) -> Float[Tensor, "L N"]:
        """Log q(z|x) - log p(z): the rate of each draw, in nats."""
        return self.q_z.log_prob(self.z) - self.p_z.log_prob(self.z)

    def rate(self, estimator: RateEstimator = "auto") -> Float[Tensor, " N"]:
        """KL(q(z|x) || p(z)), closed or drawn, in nats."""
        if estimator != "drawn":
            try:
                return kl_divergence(self.q_z, self.p_z)
            except NotImplementedError:
                if estimator == "closed-form":
                    raise InputError(
                        f"rate: no closed form of KL({type(self.q_z).__name__} || {type(self.p_z).__name__}); "
                        "use rate='drawn'"
                    ) from None
        return self.log_ratio().mean(0)

    def terms(self, estimator: RateEstimator = "auto") -> Terms:
        """The ELBO and its two parts."""
        distortion, rate = -self.log_px.mean(0), self.rate(estimator)
        return Terms(-distortion - rate, distortion, rate)


def draw(vae: VAE, x: Tensor, num_samples: int) -> Draws:
    """Draws z ~ q(z|x), differentiably, and scores x under each; x is on the model's device, and not checked.

    Raises:
        InputError: If `num_samples` is not positive.
    """
    if num_samples < 1:
        raise InputError(f"num_samples must be at least 1, got {num_samples}")
    q_z = vae.posterior(x)
    z = q_z.rsample((num_samples,))
    return Draws(q_z, vae.prior, z, vae.likelihood(z).log_prob(x))


def elbo(vae: VAE, x: Array, num_samples: int = 1, rate: RateEstimator = "auto") -> Terms:
    """The evidence lower bound of each row.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_samples: Posterior draws a row, L.
        rate: Take the KL in closed form (MATHS 3), estimate it by the same draws (MATHS 1), or the first where there
            is one.

    Returns:
        elbo, distortion and rate, each (N,), in nats.

    Raises:
        InputError: If a closed form is asked for and there is none, `num_samples` is not positive, or the rows are not
            what the model takes.

    References:
        Auto-encoding variational Bayes (Kingma & Welling, 2013).
    """
    return draw(vae, vae.rows(x).to(vae.device), num_samples).terms(rate)


def log_mean_exp(log_w: Float[Tensor, "K N"]) -> Float[Tensor, " N"]:
    """Log (1/K) sum_k w_k, in nats."""
    return log_w.logsumexp(0) - math.log(len(log_w))


class Scored(NamedTuple):
    """What training wants of a batch: what to maximise a row, (N,), and the ELBO's terms to report."""

    objective: Float[Tensor, " N"]
    terms: Terms


def weighted_elbo(vae: VAE, x: Tensor, num_samples: int, beta: Tensor | float) -> Scored:
    """-distortion - beta rate.

    References:
        beta-VAE (Higgins et al., 2017); at beta = 1 the ELBO.
    """
    terms = draw(vae, x, num_samples).terms()
    return Scored(-terms.distortion - beta * terms.rate, terms)


def free_bits_elbo(vae: VAE, x: Tensor, num_samples: int, beta: Tensor | float, free_nats: float) -> Scored:
    """-distortion - beta sum_i max(free_nats, mean rate of latent i), spread over the rows.

    Raises:
        InputError: If the posterior is full or the prior is not N(0, I), so that the rate is no sum over latents.

    References:
        Improving variational inference with inverse autoregressive flow (Kingma et al., 2016).
    """
    draws = draw(vae, x, num_samples)
    if isinstance(draws.q_z, FullGaussian) or not isinstance(draws.p_z, StandardNormal):
        raise InputError("free_bits needs a diagonal or isotropic posterior and the N(0, I) prior: set free_bits to 0")
    rates = rate_per_latent(draws.q_z)
    spared = torch.where(ranks.mean(rates.detach().mean(0)) > free_nats, rates, free_nats).sum(-1)
    terms = draws.terms()
    return Scored(-terms.distortion - beta * spared, terms)


def weighted_iwae(vae: VAE, x: Tensor, num_samples: int, beta: Tensor | float) -> Scored:
    """Log (1/K) sum_k exp(log p(x|z_k) - beta (log q(z_k|x) - log p(z_k))).

    References:
        Importance weighted autoencoders (Burda et al., 2016); at beta = 1 their bound.
    """
    draws = draw(vae, x, num_samples)
    log_ratio = draws.log_ratio()
    bound = log_mean_exp(draws.log_px - beta * log_ratio)
    distortion, rate = -draws.log_px.mean(0), log_ratio.mean(0)
    return Scored(bound, Terms(-distortion - rate, distortion, rate))


def doubly_reparametrized_iwae(vae: VAE, x: Tensor, num_samples: int, beta: Tensor | float) -> Scored:
    """The same bound, with the gradient of the encoder's weights of lower variance.

    With v_k = w_k / sum w: the decoder's gradient is sum_k v_k d log w_k, the encoder's sum_k v_k^2 (d log w_k / d z_k)
    (d z_k / d phi), which needs log q's own dependence on phi cut and the gradient that flows into z_k times v_k.

    References:
        Doubly reparameterized gradient estimators for Monte Carlo objectives (Tucker et al., 2019).
    """
    q_z, p_z = vae.posterior(x), vae.prior
    z = q_z.rsample((num_samples,))
    draws = Draws(q_z.detached(), p_z, z, vae.likelihood(z).log_prob(x))
    log_ratio = draws.log_ratio()
    log_w = draws.log_px - beta * log_ratio
    weight = log_w.detach().softmax(0)
    if z.requires_grad:
        z.register_hook(lambda gradient: weight.unsqueeze(-1) * gradient)
    surrogate = (weight * log_w).sum(0)
    bound = log_mean_exp(log_w).detach() + surrogate - surrogate.detach()
    distortion, rate = -draws.log_px.mean(0), log_ratio.mean(0)
    return Scored(bound, Terms(-distortion - rate, distortion, rate))


Objective = Callable[[VAE, Tensor, int, Tensor | float], Scored]

BOUNDS: dict[str, Objective] = {
    "elbo": weighted_elbo,
    "iwae": weighted_iwae,
    "dreg": doubly_reparametrized_iwae,
}


@dataclass(frozen=True)
class Training:
    """The objective that the options describe.

    Attributes:
        options: Those of the run.
    """

    options: TrainingOptions

    def __post_init__(self) -> None:
        options = self.options
        if options.samples < 1:
            raise InputError(f"samples must be at least 1, got {options.samples}")
        if options.beta < 0 or options.free_bits < 0:
            raise InputError(f"beta and free_bits must not be negative, got {options.beta} and {options.free_bits}")
        if options.free_bits and options.bound != "elbo":
            raise InputError(f"free_bits is defined for bound='elbo' only, got bound={options.bound!r}")

    @property
    def is_bound(self) -> bool:
        """Whether what is maximised is a lower bound on log p(x) once any warm-up is over."""
        return self.options.beta == 1 and self.options.free_bits == 0

    def __call__(self, vae: VAE, x: Tensor, beta: Tensor | float) -> Scored:
        """What to maximise for a batch, at this point's weight of the rate."""
        if self.options.free_bits:
            return free_bits_elbo(vae, x, self.options.samples, beta, self.options.free_bits)
        return BOUNDS[self.options.bound](vae, x, self.options.samples, beta)
