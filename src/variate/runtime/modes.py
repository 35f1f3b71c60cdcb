"""torch's modes: what a caller may have switched on around a call of ours."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def own_modes() -> Iterator[None]:
    """Inside, torch is as it starts: gradients are recorded, new tensors lie on the CPU, autocast is off.

    A caller's `no_grad`, `inference_mode`, `set_default_device` and `autocast` hold again afterwards. It is used as a
    decorator of public functions, so that they give the same numbers wherever they are called.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
