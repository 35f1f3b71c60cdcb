r"""What each latent gains: the ELBO with it less the ELBO with its posterior replaced by the prior.

With q'(z|x) = q(z_-i|x) N(z_i | 0, 1) the rate falls by

    KL(q || N(0, I)) - KL(q' || N(0, I)) = 1/2 (v_i + m_i^2 - 1 + log Lambda_ii)

(m, v the means and variances of q, Lambda its precision matrix; for a diagonal q this is the latent's own rate), and
the distortion rises by what the decoder gained from z_i. The difference is exactly the change of the ELBO if the latent
is switched off: negative for a latent that is worth its rate, about zero for a collapsed one, positive for one whose
rate is wasted.
"""

import math

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.evaluation.groups import row_posterior
from variate.limits import Rows, Seed, checked_arguments
from variate.models.base import Model
from variate.models.capabilities import Precisions, offers
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.device import rows_at_once
from variate.runtime.random import RowStreams, some_rows


def rate_saved(q: Precisions) -> Tensor:
    """By how much the rate to N(0, I) falls if one latent's posterior becomes the prior, (*batch, d), in nats."""
    return 0.5 * (q.variance + q.mean.square() - 1 + q.log_precision)


@checked_arguments
@of_a_model
def switching_off(model: Model, data: Data, *, num_rows: Rows | None = 256, seed: Seed = 0) -> Tensor | None:
    """The change of each row's ELBO if a latent were switched off, for each latent.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        num_rows: How many of them to take, chosen by the seed.
        seed: Seed of the choice of rows and of the draws.

    Returns:
        (rows, d), in nats, from one draw per row; None if the model has several groups of latents, the prior is not
        N(0, I), or the precisions of the posterior are not known.

    Raises:
        InputError: If the rows are not what the model takes.
    """
    rows = model.dataset(data)
    which = some_rows(len(rows), num_rows, seed)
    gains = []
    with evaluating(model):
        for block in which.split(rows_at_once(model.num_latents * math.prod(model.event_shape), model.device)):
            batch = rows.take(block.numpy()).to(model.device)
            gain = _gain(model, batch, RowStreams(seed, block.tolist(), "ablation"))
            if gain is None:
                return None
            gains.append(gain.double().cpu())
    return torch.cat(gains)


def _gain(model: Model, batch: Batch, streams: RowStreams) -> Tensor | None:
    """The same for a block of rows."""
    q = row_posterior(model, batch)
    found = None if q is None else offers(q, Precisions)
    p = model.prior(0, model.start(batch.context, (1, batch.num_rows)))
    if q is None or found is None or not p.is_standard:
        return None
    noise = streams.normal(2, model.groups[0].noise_shape, found.mean)
    z = q.from_noise(noise[:1])
    each = torch.eye(model.num_latents, dtype=torch.bool, device=z.device)
    without = [torch.where(one, noise[1:], z) for one in each]
    log_px = [model.log_joint([latents], batch).log_px for latents in (z, *without)]
    return rate_saved(found) - (log_px[0] - torch.cat(log_px[1:])).mT
