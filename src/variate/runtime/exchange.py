"""Means over the processes of one machine, through memory that all of them see.

gloo sends numbers through the machine's own network, at about 1 GB/s. Here each process writes its numbers where the
others read them, takes the means of one stretch for all, and reads the other stretches. Only the word that all have got
so far goes through gloo, so a lost process is noticed as ever, and what was written before is seen after.
"""

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.futures import Future

ALIGNMENT = 64
"""Bytes: a line of the cache."""


def machine() -> str | None:
    """What processes that can share memory have in common: a running kernel and its numbering of processes.

    None where memory cannot be shared in this way, which is Linux's.
    """
    if not hasattr(os, "memfd_create"):
        return None
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


class Memory:
    """Memory without a name in any file system: nothing is left of it when the last process that sees it ends.

    Args:
        places: How many.
        nbytes: Of each; rounded up.

    Attributes:
        address: Where the processes of this machine find it: a path, and the shape.
    """

    def __init__(self, places: int, nbytes: int) -> None:
        shape = places, -(-nbytes // ALIGNMENT) * ALIGNMENT
        self._file = os.memfd_create("variate")
        os.ftruncate(self._file, shape[0] * shape[1])
        self.address = f"/proc/{os.getpid()}/fd/{self._file}", shape

    def close(self) -> None:
        """Lets nobody else in; who sees it already goes on to."""
        os.close(self._file)


def made(places: int, nbytes: int) -> Memory | None:
    """New memory; None where the system gives none, as in some sandboxes."""
    try:
        return Memory(places, nbytes)
    except OSError:
        return None


def attached(path: str, shape: tuple[int, int]) -> Tensor | None:
    """The memory at an address, (places, bytes), uint8; None if it cannot be seen from here."""
    try:
        file = os.open(path, os.O_RDWR)
        try:
            seen = mmap.mmap(file, shape[0] * shape[1])
        finally:
            os.close(file)
    except OSError:
        return None
    return torch.frombuffer(seen, dtype=torch.uint8).view(shape)


class Exchange:
    """One of W processes that take means together.

    Args:
        memory: What all of them see, (W + 1, bytes), uint8: a place for each, and one for the means.
        rank: Which of them this one is.
        meet: Returns when all have called it.
    """

    def __init__(self, memory: Tensor, rank: int, meet: Callable[[], object]) -> None:
        self.memory, self.rank, self.meet = memory, rank, meet

    def average(self, values: Tensor) -> Tensor:
        """Replaces numbers, (n,), by their means over the processes: the same bits in each."""
        places = self.memory[:, : values.nbytes].view(values.dtype)
        parts, means = places[:-1], places[-1]
        start, end = (len(values) * rank // len(parts) for rank in (self.rank, self.rank + 1))
        parts[self.rank].copy_(values)
        self.meet()
        torch.mean(parts[:, start:end], 0, out=means[start:end])
        self.meet()
        return values.copy_(means)  # nobody writes the means again before all have met, and so have read them

    def promised(self, values: Tensor) -> Future[Tensor]:
        """The means, for those who would wait for them; they are there at once."""
        done: Future[Tensor] = Future()
        done.set_result(self.average(values))
        return done


def meet_in_memory(
    nbytes: int, rank: int, gathered: Callable[[Any], list[Any]], meet: Callable[[], object]
) -> Exchange | None:
    """An exchange of up to so many bytes; None, in all processes, if they do not all see one memory.

    Args:
        nbytes: The most that is averaged at once.
        rank: Which process this is.
        gathered: Gives what each process called it with.
        meet: Returns when all have called it.
    """
    machines = gathered(machine())
    if None in machines or len(set(machines)) > 1:
        return None
    own = made(len(machines) + 1, nbytes) if rank == 0 else None
    address = gathered(own.address if own else None)[0]
    memory = attached(*address) if address else None
    seen = gathered(memory is not None)
    if own:
        own.close()
    return Exchange(memory, rank, meet) if memory is not None and all(seen) else None
