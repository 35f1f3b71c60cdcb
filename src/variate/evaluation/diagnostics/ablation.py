r"""What a latent wins: the ELBO with it less the ELBO with its posterior replaced by the prior.

With q'(z|x) = q(z_-i|x) N(z_i | 0, 1) the rate falls by

    KL(q || N(0, I)) - KL(q' || N(0, I)) = 1/2 (v_i + m_i^2 - 1 + log Lambda_ii)

(m, v the means and variances of q, Lambda its precision matrix: for a diagonal q this is the latent's own rate), and
the distortion rises by what the decoder made of z_i. The difference is exactly what switching the latent off would win:
below zero for a latent that is worth its rate, about zero for a collapsed one, above zero for one whose rate is wasted.
"""

import math

import torch
from torch import Tensor

from variate.distributions import FullGaussian, Gaussian, StandardNormal
from variate.models.vae import VAE, Array, evaluating
from variate.runtime import device as machine
from variate.runtime.random import RowStreams, some_rows


def rate_saved(q_z: Gaussian) -> Tensor:
    """By how much the rate to N(0, I) falls if one latent's posterior becomes the prior, (*batch, d), in nats."""
    if isinstance(q_z, FullGaussian):
        tril = q_z.scale_tril
        inverse = torch.linalg.solve_triangular(tril, torch.eye(tril.shape[-1]).to(tril), upper=False)
        log_precision = inverse.square().sum(-2).log()
    else:
        log_precision = -q_z.variance.log()
    return 0.5 * (q_z.variance + q_z.loc.square() - 1 + log_precision)


def switching_off(vae: VAE, x: Array, *, num_rows: int | None = 256, seed: int = 0) -> Tensor | None:
    """What the ELBO of each row would gain if a latent were switched off, for each latent.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        num_rows: How many of them, chosen by the seed.
        seed: Of the choice of rows and of the draws.

    Returns:
        (rows, d), in nats, from one draw a row; None where the prior is not N(0, I), so that latents are not apart.

    Raises:
        InputError: If the rows are not what the model takes.
    """
    rows = vae.rows(x)
    which = some_rows(len(rows), num_rows, seed)
    gains = []
    with evaluating(vae):
        if not isinstance(vae.prior, StandardNormal):
            return None
        for block in which.split(machine.rows_at_once(vae.latent * math.prod(vae.event_shape), vae.device)):
            batch = rows[block].to(vae.device)
            q_z = vae.posterior(batch)
            noise = RowStreams(seed, block.tolist(), "ablation").normal(2, vae.latent, q_z.loc)
            z = q_z.loc + q_z.color(noise[0])
            without = torch.where(torch.eye(vae.latent, dtype=torch.bool, device=z.device)[:, None], noise[1], z)
            lost = vae.likelihood(z).log_prob(batch) - torch.stack(
                [vae.likelihood(other).log_prob(batch) for other in without]
            )
            gains.append((rate_saved(q_z) - lost.mT).double().cpu())
    return torch.cat(gains)
