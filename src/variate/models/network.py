"""How a model's networks run: in their precision, and in evaluation mode."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from variate.runtime.modes import own_modes


class Network(nn.Module):
    """A network that may run in a lower precision than the code around it.

    Args:
        inner: The network.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.precision: torch.dtype | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The network's output, in the network's precision."""
        if self.precision is None:
            return self.inner(x)
        with torch.autocast(x.device.type, self.precision):
            return self.inner(x)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode of each module is restored afterwards.

    The weights do not change inside, so those of networks in lower precision are cast once: autocast keeps its casts
    until the outermost of its blocks ends.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with own_modes(), torch.no_grad(), torch.autocast(next(model.parameters()).device.type, enabled=False):
            yield
    finally:
        for module in training:
            module.training = True
