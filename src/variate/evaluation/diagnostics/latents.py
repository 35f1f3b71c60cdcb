r"""Which latents vary with the data, and the rate of each.

The rate of latent i is that of its marginals, KL(q(z_i|x) || p(z_i)), averaged over rows. For Gaussians with means m
and m_p and variances v and v_p it is

    1/2 ( v / v_p - 1 - log(v / v_p) + (m - m_p)^2 / v_p ).

If the latents are independent in both q and p (a diagonal q and N(0, I)), these sum to the rate; if q has a full
covariance and p is N(0, I), they sum to less, by the nats that q spends on correlations. With several groups of
latents, q and p of a group are those given a draw of the groups above.
"""

import torch
from torch import Tensor

from variate.distributions.conditional import Conditional
from variate.evaluation.groups import draw_posterior, join_groups, posterior_noise
from variate.limits import Rows, Seed, checked_arguments
from variate.models.base import Model
from variate.models.capabilities import Marginals, offers
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import RowStreams
from variate.statistics import active
from variate.training.validation import posterior_means


@checked_arguments
@of_a_model
def active_units(model: Model, data: Data, *, batch_size: Rows = 1024) -> Tensor:
    """Which latents vary with x: Var_x(E[z_i|x]) > 0.01, (num_latents,) booleans.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        batch_size: Rows at a time.
    """
    return active(posterior_means(model, model.dataset(data), batch_size))


@checked_arguments
@of_a_model
def latent_rates(model: Model, data: Data, *, seed: Seed = 0, batch_size: Rows = 1024) -> Tensor | None:
    """The mean over rows of KL(q(z_i|x) || p(z_i)) of each latent's marginals.

    In closed form where there is one (two Gaussians), otherwise estimated with one draw per row if the marginal
    densities are known (a learned mixture, a VampPrior).

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        seed: Seed of the draws.
        batch_size: Rows at a time.

    Returns:
        (num_latents,), in nats, float64; None if the marginals of a prior are not known (a flow).

    Raises:
        InputError: If `batch_size` is not positive, or the rows are not what the model takes.
    """
    rows, per_row = model.dataset(data), []
    with evaluating(model):
        for block in torch.arange(len(rows)).split(batch_size):
            batch = rows.take(block.numpy()).to(model.device)
            noise = posterior_noise(model, RowStreams(seed, block.tolist(), "latent-rates"), 1)
            draws, found = draw_posterior(model, batch, noise), []
            for q, p, z in zip(draws.q, draws.p, draws.latents, strict=True):
                rates = marginal_rates(q, p, z)
                if rates is None:
                    return None
                found.append(rates.expand_as(z))
            per_row.append(join_groups(found).squeeze(0).cpu().double())
    return torch.cat(per_row).mean(0)


def marginal_rates(q: Conditional, p: Conditional, z: Tensor) -> Tensor | None:
    """KL(q_i || p_i), in closed form or estimated at the draw z, broadcasting with z, in nats; None if not known."""
    closed = q.marginal_kl(p)
    if closed is not None:
        return closed
    own, above = offers(q, Marginals), offers(p, Marginals)
    return None if own is None or above is None else own.marginal_log_prob(z) - above.marginal_log_prob(z)
