"""Several processes that train one model together. No other module uses torch.distributed.

`torchrun` starts W processes, on one machine or several, and gives each its rank r = 0 .. W - 1 in the environment. The
batch of a step has the same B rows as in a run with a single process; rank r works on its rows r, r + W, r + 2 W, ...
Every process draws the random numbers of the whole batch from the same seed and keeps those of its own rows
(`variate.runtime.random.Key`), so the result does not depend on W, up to the rounding of sums.

Only rank 0 writes files and prints. Decisions that depend on a clock, a signal or a file are made together, so that all
processes take the same steps. A single process is `Processes()`: its methods return their arguments, and
torch.distributed is not loaded.
"""

import atexit
import functools
import gc
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from variate.errors import InputError, Option, Sentence

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others before it gives up."""
STEPS_BETWEEN_VOTES = 10
"""Steps between two votes on decisions that depend on a clock or a signal."""

CONNECTION_WORDS = (
    "gloo",
    "NCCL",
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "Timed out",
    "timeout",
)
"""Words in the messages of connection errors that have no type of their own."""


class LostProcessError(RuntimeError):
    """Another process of the run has ended or does not answer, so this one cannot go on."""


def launched() -> int:
    """Number of processes that torchrun started for this run, connected or not; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this is the process that writes files and prints; known before the processes are connected."""
    return launched() == 1 or int(os.environ.get("RANK", "0")) == 0


def reports_lost_processes() -> bool:
    """Whether this process reports that another one was lost: two per machine do, since one of them may be lost."""
    return launched() == 1 or int(os.environ.get("LOCAL_RANK", "0")) < 2


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: Number of this process, r.
        world: Number of processes, W.
        control: The process group for what is on the CPU; None is the default group.
    """

    rank: int = 0
    world: int = 1
    control: Any = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def part(self, values: "Tensor", axis: int = 0) -> "Tensor":
        """This process's rows of a batch."""
        return values if self.world == 1 else values.movedim(axis, 0)[self.rank :: self.world].movedim(0, axis)

    def total(self, values: "Tensor") -> "Tensor":
        """The sum over the processes; not differentiable."""
        if self.world == 1:
            return values
        import torch.distributed as dist

        summed = values.detach().clone()
        dist.all_reduce(summed, group=self.control if values.device.type == "cpu" else None)
        return summed

    def mean(self, values: "Tensor") -> "Tensor":
        """The mean over the processes; not differentiable."""
        return values if self.world == 1 else self.total(values) / self.world

    def gather(self, value: T) -> list[T]:
        """The value of each process, by rank."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.world
        with self.connection_errors():
            dist.all_gather_object(values, value, group=self.control)
        return values

    def on_main(self, function: Callable[[], T]) -> T:
        """Calls the function on rank 0 and returns its result on all; an `InputError` is raised on all."""
        found, error = None, None
        if self.is_main:
            try:
                found = function()
            except InputError as raised:
                error = raised
        if self.world > 1:
            found, error = self.gather((found, error))[0]
        if error is not None:
            raise error
        return found  # type: ignore[return-value]

    def on_all(self, function: Callable[[], T]) -> T:
        """Calls the function on each process and returns its own result; an `InputError` of any is raised on all."""
        result, error = None, None
        try:
            result = function()
        except InputError as raised:
            error = raised
        for rank, found in enumerate(self.gather(error)):
            if found is not None:
                where = f" on rank {rank}" if rank else ""
                raise InputError(found.argument, found.expected, f"{found.got}{where}", found.remedy)
        return result  # type: ignore[return-value]

    def vote(self, step: int, *flags: bool) -> tuple[bool, ...]:
        """Whether any process raises each flag; asked every few steps, with False in between.

        Args:
            step: Number of the step.
            flags: This process's flags. A single process gets them back at every step.
        """
        if self.world == 1:
            return flags
        if step % STEPS_BETWEEN_VOTES:
            return (False,) * len(flags)
        import torch

        return tuple(count > 0 for count in self.total(torch.tensor(flags, dtype=torch.int32)).tolist())

    def copy_from_main(self, tensors: Iterable["Tensor"]) -> None:
        """Overwrites each tensor by that of rank 0."""
        if self.world == 1:
            return
        import torch.distributed as dist

        for tensor in tensors:
            dense = tensor.detach().contiguous()
            dist.broadcast(dense, 0, group=self.control if tensor.device.type == "cpu" else None)
            tensor.detach().copy_(dense)

    def parallel(self, module: "nn.Module") -> "nn.Module":
        """The module whose gradients are the means over the processes."""
        if self.world == 1:
            return module
        from torch.nn.parallel import DistributedDataParallel

        known = inspect.signature(DistributedDataParallel).parameters
        buffers = (
            "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        )  # before torch 2.13
        # Static: the same weights get gradients at every step; those that never do, in a user's network, are no error.
        options: dict[str, Any] = {"static_graph": True, buffers: False}
        return DistributedDataParallel(module, **options)

    def take_gpu(self, device: str) -> None:
        """Makes "cuda" mean this process's own GPU.

        Raises:
            InputError: If there are fewer GPUs than processes on this machine, or one GPU was named for all.
        """
        if self.world == 1 or not device.startswith("cuda"):
            return
        import torch

        count, local = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if device != "cuda":
            raise InputError("device", f"'cuda', so that each of {self.world} processes has its own GPU", repr(device))
        if local > count:
            raise InputError(
                "device",
                f"a GPU for each of the {local} processes on this machine",
                f"{count} GPUs",
                Sentence(f"start {count} processes per machine, or use ", Option("device", "cpu")),
            )
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))

    def check_shareable(self, batch_size: int, modules: Iterable["nn.Module"]) -> None:
        """Checks that a batch can be shared among the processes.

        Args:
            batch_size: Rows per step, B.
            modules: The modules of the model.

        Raises:
            InputError: If B is not a multiple of the number of processes, or the rows of a batch depend on each other.
        """
        if self.world == 1:
            return
        from torch.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d

        for module in modules:
            if getattr(module, "couples_rows", False):
                expected = "one process for 'optimal', whose sigma is that of a whole batch"
                remedy = Sentence("use ", Option("scale", "shared"))
                raise InputError("scale", expected, f"{self.world} processes", remedy)
            if isinstance(module, BatchNorm1d | BatchNorm2d | BatchNorm3d):
                expected = "one process for BatchNorm, which looks at a whole batch"
                raise InputError("network", expected, f"{self.world} processes", "use GroupNorm")
        if batch_size % self.world:
            below = batch_size // self.world * self.world
            sizes = " or ".join(str(size) for size in (below, below + self.world) if size)
            raise InputError(
                "batch_size",
                f"a multiple of the {self.world} processes, which share a batch",
                batch_size,
                f"use {sizes}",
            )

    @contextmanager
    def connection_errors(self) -> Iterator[None]:
        """Raises a `LostProcessError` where an exchange with the other processes fails inside the block."""
        try:
            yield
        except RuntimeError as error:
            if self.world == 1 or isinstance(error, LostProcessError) or not _is_connection_error(error):
                raise
            raise LostProcessError(
                Sentence(
                    f"rank {self.rank} of {self.world} stopped, because another process of the run ended or did not "
                    "answer; see its message, if it left one; continue from the last checkpoint with ",
                    Option("resume", True),
                )
            ) from error


def _is_connection_error(error: RuntimeError) -> bool:
    from torch.distributed import DistError

    return isinstance(error, DistError) or any(word in str(error) for word in CONNECTION_WORDS)


def join() -> Processes:
    """Connects to the other processes that torchrun started, until the end of the program; alone does nothing.

    A process group that the user's own program made is used as it is.

    Raises:
        InputError: If the environment names several processes but not how to reach them.
    """
    return Processes() if launched() == 1 else _connected()


@functools.cache
def _connected() -> Processes:
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise InputError(
            "WORLD_SIZE",
            f"{missing[0]} to be set beside it",
            f"{launched()} alone",
            "start several processes by torchrun",
        )
    import torch
    import torch.distributed as dist
    import torch.distributed.nn  # first: its functions keep the group that they find as a default, beyond its end

    control = None
    if dist.is_initialized():
        control = dist.new_group(backend="gloo", timeout=TIMEOUT)
    else:  # one group that sends what is on the CPU by gloo and what is on a GPU by NCCL
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
        atexit.register(_leave)
    return Processes(dist.get_rank(), dist.get_world_size(), control)


def _leave() -> None:
    """Ends the group, and with it the threads of its exchanges, which must not outlive the interpreter."""
    import torch.distributed as dist

    gc.collect()  # what still holds the group
    dist.destroy_process_group()
