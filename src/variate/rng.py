"""Torch's global generators, used without being disturbed.

Draws inside the library come from the global generators, as torch.distributions' do. Each public function that takes a
seed sets them for its own time and puts them back, so that the user's own draws are as if it had not been called.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def reseed(seed: int) -> None:
    """Seeds the generators of the CPU and of every GPU in use.

    `torch.manual_seed` would do, but it looks for every kind of accelerator, which costs as much as a small training
    step.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        for generator in torch.cuda.default_generators:
            generator.manual_seed(seed)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seeds the generators inside the block and puts them back after it; with None, does nothing."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        reseed(seed)
        yield
