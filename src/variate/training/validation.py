"""Looking at held-out rows, of which each of several ranks takes its part."""

import torch
from torch import Tensor

from variate.models.vae import VAE, evaluating
from variate.objectives import Terms, draw
from variate.runtime import distributed as ranks
from variate.runtime.random import seeded


def validate(vae: VAE, rows: Tensor, seed: int, batch_size: int = 1024) -> dict[str, float]:
    """Mean terms over held-out rows, in nats, with one posterior draw a row and the same draws at every call."""
    sums = torch.zeros(len(Terms._fields), dtype=torch.float64, device=rows.device)
    with seeded(seed), evaluating(vae):
        for batch in rows.split(batch_size):
            with ranks.sharing(len(batch)):
                part = ranks.own_part(batch)
                if len(part):
                    sums += torch.stack(draw(vae, part, 1).terms()).double().sum(1)
    return dict(zip(Terms._fields, (ranks.total(sums) / len(rows)).tolist(), strict=True))


def spread(vae: VAE, rows: Tensor) -> Tensor:
    """Var_x(E[z_i|x]) of each latent over rows, (d,), float64, each rank looking at its part."""
    with ranks.sharing(len(rows)):
        part = ranks.own_part(rows)
    means = vae.embed(part).mean.double() if len(part) else torch.zeros(0, vae.latent, dtype=torch.float64)
    center = ranks.total(means.sum(0)) / len(rows)
    return ranks.total((means - center).square().sum(0)) / len(rows)
