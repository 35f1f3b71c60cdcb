"""Which numbers of a model must be finite: a model with a NaN among its weights answers everything with NaN.

Weights are finite always, and so are the buffers of our own parts: scalings and starting values, which are set from
finite rows. A model with parts of one's own may hold infinities in its buffers, as masks do, but no NaN.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from variate.errors import InputError


def require_finite_weights(model: nn.Module, tensors: Mapping[str, Tensor], source: str, remedy: str = "") -> None:
    """Checks the tensors of a model before they are used.

    Args:
        model: The model that they are of. One with a `recipe` is made of our own parts.
        tensors: Tensors by their names in the model's state dict.
        source: What errors call them.
        remedy: What to do.

    Raises:
        InputError: If one holds a number that it must not.
    """
    masks = set() if getattr(model, "recipe", None) else {name for name, _ in model.named_buffers()}
    for name, tensor in tensors.items():
        if not _is_fit(tensor, name in masks):
            raise InputError(source, "finite weights", f"NaN or infinite numbers in {name!r}", remedy)


def _is_fit(tensor: Tensor, infinite: bool) -> bool:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.element_size() == 1:  # torch tells of no number of 8 bits whether it is finite
        tensor = tensor.float()
    return not bool(tensor.isnan().any()) if infinite else bool(torch.isfinite(tensor).all())
