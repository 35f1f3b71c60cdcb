"""The model on held-out rows while it trains: each of several processes takes its share of every batch."""

import torch
from torch import Tensor

from variate.data.dataset import Dataset
from variate.models.base import Model
from variate.models.network import evaluating
from variate.objectives import Terms, log_mean_exp, terms
from variate.runtime.distributed import Processes
from variate.runtime.random import Key, generator, mix

DRAWS_AT_A_TIME = 1024
"""Posterior draws, of as many rows or fewer, that are validated at a time."""


def validate(
    model: Model, data: Dataset, seed: int, processes: Processes, num_samples: int | None = None
) -> dict[str, float]:
    """Mean terms over held-out rows, in nats, with the same draws at every call.

    Args:
        model: The model.
        data: The rows; their weights, if they have some, have the mean 1.
        seed: Seed of the draws.
        processes: The processes of the run.
        num_samples: Posterior draws per row, K, if the mean importance-weighted bound is wanted too, as "iwae"; None
            takes one draw and leaves that bound out.
    """
    names = Terms._fields if num_samples is None else (*Terms._fields, "iwae")
    draws_per_row = num_samples or 1
    source = generator(seed, model.device)
    sums = torch.zeros(len(names), dtype=torch.float64, device=model.device)
    with evaluating(model):
        for batch in data.batches(max(1, DRAWS_AT_A_TIME // draws_per_row)):
            key = Key(source, batch.num_rows, processes.rank, processes.world)
            own = batch.select(slice(processes.rank, None, processes.world)).to(model.device)
            noise = model.posterior_noise(key, draws_per_row, own.num_rows)
            if own.num_rows:
                draws = model.infer(own, noise)
                weighted = [] if num_samples is None else [log_mean_exp(draws.log_px - draws.log_ratio)]
                found = torch.stack([*terms(draws), *weighted]).double()
                sums += (found if own.weight is None else own.weight * found).sum(1)
    return dict(zip(names, (processes.total(sums) / len(data)).tolist(), strict=True))


def posterior_means(model: Model, data: Dataset, batch_size: int = 1024) -> Tensor:
    """Posterior means of all groups' latents side by side, (N, latents), float64, on the CPU."""
    found = [torch.zeros(0, model.num_latents, dtype=torch.float64)]
    with evaluating(model):
        for batch in data.batches(batch_size):
            latents = model.mean_path(batch.to(model.device))
            found.append(torch.cat([z.squeeze(0).flatten(1) for z in latents], 1).cpu().double())
    return torch.cat(found)


def spread(model: Model, data: Dataset, processes: Processes) -> Tensor:
    """Var_x(E[z_i|x]) of each latent over rows, (latents,), float64."""
    own = data.select(torch.arange(processes.rank, len(data), processes.world).numpy()) if processes.world > 1 else data
    means = posterior_means(model, own)
    center = processes.total(means.sum(0)) / len(data)
    return processes.total((means - center).square().sum(0)) / len(data)


def freeze_scale(model: Model, data: Dataset, batch_size: int = 1024) -> None:
    """Sets an optimal sigma to its training-set value; leaves every other likelihood as it is.

    While training, the optimal sigma of a batch is its root mean squared residual (MATHS 3), which couples the rows.
    Before anything is evaluated it becomes a number: the root mean squared residual over everything that is observed in
    the training rows.

    Args:
        model: The model, changed in place.
        data: Training rows in memory.
        batch_size: Rows at a time.
    """
    if not model.likelihood.needs_freezing:
        return
    source = generator(mix(0, "calibrate"), model.device)
    with evaluating(model):
        sums, observed = [], 0
        for batch in data.batches(batch_size):
            rows = batch.to(model.device)
            noise = model.posterior_noise(Key(source, rows.num_rows), 1, rows.num_rows)
            outputs = model.outputs_at(model.infer(rows, noise).latents, rows.context)
            squares = model.likelihood.squared_residuals(outputs, rows.x)
            sums.append((squares if rows.mask is None else torch.where(rows.mask, squares, 0)).sum())
            observed += rows.x.numel() if rows.mask is None else int(rows.mask.sum())
        model.likelihood.freeze(torch.stack(sums).sum() / observed)
