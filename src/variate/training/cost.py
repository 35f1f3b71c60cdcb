"""What a model costs, in multiplications per row, counted from one pass."""

import torch
from torch import Tensor, nn

from variate.data.dataset import Dataset
from variate.models.base import Model
from variate.models.network import evaluating


def multiplications(model: Model, row: Dataset) -> int:
    """Products of weights and activations in one pass of a row through encoder and decoder.

    A training step does about three times as many: once forward, twice back.

    Args:
        model: The model.
        row: Any one row.
    """
    total = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.get_parameter("weight")
        places = output[0, 0].numel() if isinstance(module, nn.Conv2d) else output[0].numel() // weight.shape[0]
        total += weight.numel() * max(1, places)

    kinds = (nn.Linear, nn.Conv2d)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    noise = [torch.zeros(1, 1, *group.noise_shape, dtype=model.dtype, device=model.device) for group in model.groups]
    try:
        with evaluating(model):
            model.infer(row.all().to(model.device), noise)
    finally:
        for hook in hooks:
            hook.remove()
    return total
