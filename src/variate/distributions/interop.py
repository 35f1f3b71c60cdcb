"""Functions of scipy and random generators of numpy, for tensors.

torch has no incomplete beta function, and its gamma draws take no generator except by a private function.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def call_scipy(name: str, *arguments: Tensor) -> Tensor:
    """A function of `scipy.special` of broadcasting tensors, in float64, on the device of the first; no gradients.

    Args:
        name: Name of the function.
        arguments: Its arguments.
    """
    from scipy import special  # type: ignore[import-untyped]  # imported late: it takes a tenth of a second

    function: Callable[..., np.ndarray] = getattr(special, name)
    arrays = [argument.detach().double().cpu().numpy() for argument in arguments]
    return torch.from_numpy(np.asarray(function(*arrays))).to(arguments[0].device)


def numpy_generator(generator: torch.Generator | None) -> np.random.Generator:
    """A numpy generator seeded by one integer drawn from a torch generator; None takes torch's global one."""
    device = "cpu" if generator is None else generator.device
    seed = torch.randint(2**63 - 1, (), generator=generator, device=device)
    return np.random.default_rng(int(seed))
