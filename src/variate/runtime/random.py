"""Randomness: torch's global generators used without being disturbed, and draws that depend on their position only.

Draws inside the library come from the global generators, as torch.distributions' do. Each public function that takes a
seed sets them for its own time and puts them back, so that the user's own draws are as if it had not been called.

Of a batch that several ranks share out, each draws for all rows and keeps its own, so that the draws are those of one
process.

What is computed in chunks must not depend on them, so there each row draws from a generator of its own.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from variate.errors import InputError
from variate.runtime import distributed as ranks


def mix(seed: int, *position: str | int) -> int:
    """A seed of 63 bits from a seed and a position."""
    digest = hashlib.blake2b(repr((seed, *position)).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little") >> 1


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


def normal(shape: tuple[int, ...], like: Tensor, rows: int) -> Tensor:
    """Standard normal numbers from torch's global generator.

    Args:
        shape: Of the result.
        like: Has their dtype and device.
        rows: The axis of the rows, along which ranks share out a batch.
    """
    return ranks.own_part(torch.randn(ranks.whole(shape, rows), dtype=like.dtype, device=like.device), rows)


def uniform(shape: tuple[int, ...], device: torch.device, rows: int) -> Tensor:
    """Uniform numbers in [0, 1) from torch's global generator, of the default dtype; `rows` as in `normal`."""
    return ranks.own_part(torch.rand(ranks.whole(shape, rows), device=device), rows)


class RowStreams:
    """A generator for each row: what a row draws depends on the seed, its number, and what it drew before.

    The numbers are drawn on the CPU, so they are the same on every device. A stream is the same only if it is asked for
    in pieces of the same sizes.

    Args:
        seed: Seeds all of them.
        rows: The rows' numbers.
        purpose: Streams of different purposes are independent.
    """

    def __init__(self, seed: int, rows: Iterable[int], purpose: str) -> None:
        self.generators = [torch.Generator().manual_seed(mix(seed, purpose, int(row))) for row in rows]

    def normal(self, draws: int, size: int, like: Tensor) -> Tensor:
        """Standard normal numbers, (draws, rows, size), of the dtype and on the device of `like`."""
        own = [torch.randn(draws, size, dtype=like.dtype, generator=g) for g in self.generators]
        return torch.stack(own, dim=1).to(like.device)

    def uniform(self, draws: int, like: Tensor) -> Tensor:
        """Uniform numbers in [0, 1), (draws, rows), of the dtype and on the device of `like`."""
        own = [torch.rand(draws, dtype=like.dtype, generator=g) for g in self.generators]
        return torch.stack(own, dim=1).to(like.device)


def some_rows(total: int, wanted: int | None, seed: int) -> Tensor:
    """Numbers of the rows to work on, rising: all, or as many as wanted, chosen by the seed without replacement.

    Raises:
        InputError: If fewer than one row is wanted.
    """
    if wanted is not None and wanted < 1:
        raise InputError(f"num_rows must be at least 1, got {wanted}")
    if wanted is None or wanted >= total:
        return torch.arange(total)
    generator = torch.Generator().manual_seed(mix(seed, "rows"))
    return torch.randperm(total, generator=generator)[:wanted].sort().values
