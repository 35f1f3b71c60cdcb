"""Random numbers as a function of a seed and a position, without torch's global generators.

Every draw of the library comes from a generator made for it: one per training step, or one per row where results must
not depend on chunks. So a resumed run needs no saved generator, runs in several threads do not disturb each other, and
the user's generators keep their state. The exception is `seeded`, for what draws from torch's global generators: the
initialisation of modules, foreign distributions, and layers such as dropout.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

LEAST_UNIFORM = 2.0**-54
"""In place of 0, at which a quantile may be infinite; torch draws multiples of 2^-53."""


def mix(seed: int, *position: str | int) -> int:
    """A seed of 63 bits from a seed and a position."""
    digest = hashlib.blake2b(repr((seed, *position)).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little") >> 1


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A new generator with this seed."""
    return torch.Generator(device).manual_seed(seed)


_global_generators = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch's global generators inside the block and restores them afterwards; one thread at a time.

    For code that can draw from no other generator: the initialisation of modules, distributions that are not ours, and
    layers that draw. Threads that draw from the global generators without it disturb it.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with _global_generators, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def draws_globally(function: Callable[[], object]) -> bool:
    """Whether a function draws from torch's global generators. They keep their state."""
    with seeded(0):
        before = _global_states()
        function()
        return not all(map(torch.equal, before, _global_states()))


def _global_states() -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else ())]


class Key:
    """The random numbers of one batch.

    Several processes may share a batch: process r of W has rows r, r + W, r + 2 W, ... Each draws the numbers of the
    whole batch from the same generator and keeps those of its own rows, so that the numbers of a row do not depend on
    how many processes there are.

    Args:
        source: The generator; the numbers are on its device.
        num_rows: Rows of the whole batch.
        rank: Number of this process, r.
        world: Number of processes, W.
    """

    def __init__(self, source: torch.Generator, num_rows: int, rank: int = 0, world: int = 1) -> None:
        self.source, self.num_rows, self.rank, self.world = source, num_rows, rank, world

    def normal(self, shape: tuple[int, ...], dtype: torch.dtype | None = None, axis: int = 0) -> Tensor:
        """Standard normal numbers.

        Args:
            shape: Shape of the result, with this process's rows on one axis.
            dtype: Type of the numbers; None is torch's default type.
            axis: The axis of the rows.

        Returns:
            This process's share of the numbers, of the given shape.
        """
        whole = self._whole(shape, axis)
        return self._own(torch.randn(whole, dtype=dtype, device=self.source.device, generator=self.source), axis)

    def uniform(self, shape: tuple[int, ...], dtype: torch.dtype | None = None, axis: int = 0) -> Tensor:
        """Uniform numbers in [0, 1); arguments as for `normal`."""
        whole = self._whole(shape, axis)
        return self._own(torch.rand(whole, dtype=dtype, device=self.source.device, generator=self.source), axis)

    def _whole(self, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
        """The shape with the rows of the whole batch."""
        sizes = list(shape)
        if sizes[axis] != len(range(self.rank, self.num_rows, self.world)):
            raise AssertionError(f"axis {axis} of {tuple(shape)} is not process {self.rank}'s share of {self.num_rows}")
        sizes[axis] = self.num_rows
        return tuple(sizes)

    def _own(self, numbers: Tensor, axis: int) -> Tensor:
        """Those of this process's rows."""
        if self.world == 1:
            return numbers
        return numbers.movedim(axis, 0)[self.rank :: self.world].movedim(0, axis)


class RowStreams:
    """A generator per row: the draws of a row depend on the seed, its number and its earlier draws, not on other rows.

    The numbers are drawn on the CPU, so they are the same on every device. A stream repeats only if it is drawn in
    pieces of the same sizes.

    Args:
        seed: Seed of all streams.
        rows: Numbers of the rows.
        purpose: A name; streams with different names are independent.
    """

    def __init__(self, seed: int, rows: Iterable[int], purpose: str) -> None:
        self.generators = [generator(mix(seed, purpose, int(row))) for row in rows]

    def normal(self, draws: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Standard normal numbers, (draws, rows, *shape), with the type and on the device of `like`."""
        own = [torch.randn(draws, *shape, dtype=like.dtype, generator=g) for g in self.generators]
        return torch.stack(own, dim=1).to(like.device)

    def on(self, device: torch.device) -> list[torch.Generator]:
        """The generator of each row for draws on a device; those of other devices than the CPU are new at each call."""
        if device.type == "cpu":
            return self.generators
        seeds = [int(torch.randint(2**62, (), generator=own)) for own in self.generators]
        return [generator(seed, device) for seed in seeds]

    def uniform(self, draws: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Uniform numbers above 0 and below 1, (draws, rows, *shape), in float64 on the device of `like`."""
        own = [torch.rand(draws, *shape, dtype=torch.float64, generator=g) for g in self.generators]
        return torch.stack(own, dim=1).clamp(min=LEAST_UNIFORM).to(like.device)


def some_rows(total: int, num_rows: int | None, seed: int) -> Tensor:
    """Numbers of the rows to work on, rising: all, or `num_rows` of them drawn without replacement.

    Args:
        total: Number of rows that there are.
        num_rows: Number of rows to choose; None, or more than there are, takes all.
        seed: Seed of the choice.

    Returns:
        Row numbers, int64, on the CPU.
    """
    if num_rows is None or num_rows >= total:
        return torch.arange(total)
    return torch.randperm(total, generator=generator(mix(seed, "rows")))[:num_rows].sort().values
