"""Rows that the model draws itself, with the latents that they came from: exact draws from p(z|x, c).

Each row has a random stream of its own, so that asking for more rows changes none, and is decoded on its own.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.evaluation.groups import join_groups, split_groups
from variate.models.base import Model
from variate.runtime.random import generator, mix


class Simulated(NamedTuple):
    """Simulated rows.

    Attributes:
        z: Latents z ~ p(z|c) of all groups concatenated, (N, num_latents).
        batch: Rows x ~ p(x|z, c), with their contexts, on the model's device.
    """

    z: Tensor
    batch: Batch


def simulate(model: Model, rows: Iterable[int], seed: int, context: Tensor | None = None) -> Simulated:
    """Draws rows from the model; call it within `evaluating`.

    Args:
        model: The model.
        rows: Numbers of the rows, which key their random streams.
        seed: Seed of all streams.
        context: Contexts of all rows that the numbers index, (num_rows, *c).
    """
    shapes = [group.prior_noise_shape for group in model.groups]
    latents, drawn, numbers = [], [], list(rows)
    own = None if context is None else context[torch.tensor(numbers)].to(model.device)
    for n, row in enumerate(numbers):
        source = generator(mix(seed, "simulated", row))
        size = sum(torch.Size(shape).numel() for shape in shapes)
        noise = torch.randn(1, 1, size, dtype=model.dtype, generator=source).to(model.device)
        on_device = source if model.device.type == "cpu" else generator(source.initial_seed(), model.device)
        condition = None if own is None else own[n : n + 1]
        z = model.complete(split_groups(noise, shapes), condition)
        latents.append(join_groups(z)[0])
        drawn.append(model.decode(z, condition).sample(generator=on_device)[0])
    return Simulated(torch.cat(latents), Batch(torch.cat(drawn), context=own))
