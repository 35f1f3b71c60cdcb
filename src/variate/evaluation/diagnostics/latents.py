r"""What each latent carries, and draws of all of them.

The rate of latent i is that of its marginals, KL(q(z_i|x) || p(z_i)), averaged over rows. Of Gaussians with means m and
m_p and variances v and v_p it is

    1/2 ( v / v_p - 1 - log(v / v_p) + (m - m_p)^2 / v_p ).

Where the latents are independent in both q and p (a diagonal q and N(0, I)) these sum to the rate; where q has a full
covariance and p is N(0, I) they sum to less, by the nats that q spends on correlations.
"""

import torch
from torch import Tensor
from torch.distributions import MixtureSameFamily

from variate.distributions import DiagonalGaussian, FullGaussian, Gaussian, IsotropicGaussian
from variate.distributions.gaussian import LOG_2PI, scale_excess
from variate.errors import InputError
from variate.models.vae import VAE, Array, evaluating
from variate.runtime.random import RowStreams

ACTIVE = 0.01
"""A latent is active if the variance of its posterior mean over the data exceeds this (Burda et al., 2016)."""


def active_units(vae: VAE, rows: Array) -> Tensor:
    """Which latents vary with x: Var_x(E[z_i|x]) > 0.01, (d,) booleans."""
    return active(vae.embed(rows).mean)


def active(means: Tensor) -> Tensor:
    """Which latents vary, of posterior means (N, d): (d,) booleans."""
    return means.double().var(0, correction=0) > ACTIVE


def latent_rates(vae: VAE, x: Array, *, seed: int = 0, batch_size: int = 1024) -> Tensor | None:
    """The mean over rows of KL(q(z_i|x) || p(z_i)) of each latent's marginals.

    In closed form where the prior is one of our Gaussians. Where it is a mixture of them (a learned mixture, a
    VampPrior), estimated with one draw a row.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        seed: Of the draws, where there are any.
        batch_size: Rows at a time.

    Returns:
        (d,), in nats, float64; None for any other prior (a flow, torch's own), whose marginals are not known.

    Raises:
        InputError: If there is no row, or the rows are not what the model takes.
    """
    rows = checked(vae, x, batch_size=batch_size)
    per_row = []
    with evaluating(vae):
        p_z = vae.prior
        for block in torch.arange(len(rows)).split(batch_size):
            q_z = vae.posterior(rows[block].to(vae.device))
            if isinstance(p_z, Gaussian):
                rates = marginal_kl(q_z, p_z)
            elif isinstance(p_z, MixtureSameFamily) and isinstance(p_z.component_distribution, Gaussian):
                eps = RowStreams(seed, block.tolist(), "latent-rates").normal(1, vae.latent, q_z.loc)[0]
                z = q_z.loc + q_z.color(eps)
                rates = marginal_log_prob(q_z, z) - mixture_marginal_log_prob(p_z, z)
            else:
                return None
            per_row.append(rates.cpu().double())
    return torch.cat(per_row).mean(0)


def marginal_kl(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q_i || p_i) of the marginals of two Gaussians, (*batch, d), in nats."""
    log_ratio = 0.5 * (q.variance.log() - p.variance.log())
    return 0.5 * (scale_excess(log_ratio) + (q.loc - p.loc).square() / p.variance)


def marginal_log_prob(q: Gaussian, z: Tensor) -> Tensor:
    """Log-densities of the marginals, log q_i(z_i), (*batch, d), in nats."""
    return -0.5 * ((z - q.loc).square() / q.variance + q.variance.log() + LOG_2PI)


def mixture_marginal_log_prob(p: MixtureSameFamily, z: Tensor) -> Tensor:
    """Log-densities of the marginals of a mixture of Gaussians, log sum_k w_k N(z_i | m_ki, v_ki), (N, d), in nats."""
    components = p.component_distribution
    assert isinstance(components, Gaussian)
    log_weights = p.mixture_distribution.logits.unsqueeze(-1)  # which torch has normalised
    return (log_weights + marginal_log_prob(components, z.unsqueeze(-2))).logsumexp(-2)


def checked(vae: VAE, x: Array, **sizes: int) -> Tensor:
    """Rows that the model takes, at least one, and sizes that are positive.

    Raises:
        InputError: If one of them is not.
    """
    rows = vae.rows(x)
    if not len(rows):
        raise InputError("x must hold at least one row, got none")
    for name, value in sizes.items():
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    return rows


def posteriors(vae: VAE, rows: Tensor, chunk: int) -> Gaussian:
    """q(z|x) of all rows as one distribution with batch shape (N,), in float64 on the CPU.

    Double precision, because what is computed of all of them together (`variate.evaluation.diagnostics.surgery`) takes
    differences of numbers as large as 1 / s^2.
    """
    with evaluating(vae):
        parts = [vae.posterior(batch.to(vae.device)) for batch in rows.split(chunk)]
    loc = torch.cat([q.loc.cpu().double() for q in parts])
    factored = [q.log_scale.expand_as(q.loc) for q in parts if isinstance(q, IsotropicGaussian | DiagonalGaussian)]
    if len(factored) == len(parts):
        return DiagonalGaussian(loc, torch.cat([log_scale.cpu().double() for log_scale in factored]))
    return FullGaussian(loc, torch.cat([q.scale_tril.cpu().double() for q in parts]))
