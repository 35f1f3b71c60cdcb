"""Several processes that train one model together: who is who, what is shared out, what they agree on.

`torchrun` starts W processes, on one machine or several, and says to each by its environment which one it is: its
*rank* r = 0 .. W - 1. A batch of B rows is the one that a single process would take, and rank r works on its rows
r, r + W, r + 2 W, ... Random numbers are drawn for the whole batch by every rank, from the same seed, and each keeps
those of its own rows, so that a run is the same run whatever W is, up to the rounding of sums.

Rank 0 alone writes and speaks. What depends on a clock, a signal or a file is decided by agreement, so that all ranks
do the same steps. Alone, every function here gives back what it was given, and nothing of torch.distributed is used.
No other module knows of it.
"""

import atexit
import gc
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from variate.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from variate.runtime.exchange import Exchange

T = TypeVar("T")

PATIENCE = timedelta(minutes=10)
"""How long a rank waits for the others before it gives up."""
TOGETHER = 10
"""Steps between two agreements on what a clock or a signal says."""

NO_LIMIT = 1 << 20
"""MiB of gradients that are exchanged together."""

LOST = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out", "timeout")
"""What errors of a broken exchange speak of, where their type does not say it."""

_rank, _world = 0, 1
_batch = 0  # rows of the batch that is shared out at the moment; 0 outside `sharing`
_control: Any = None  # the group for what is on the CPU; None is the default group


class LostRankError(RuntimeError):
    """Another process of the run has ended or does not answer, so this one cannot go on."""


def launched() -> int:
    """How many processes torchrun started for this job, joined or not; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this is the process that writes and speaks."""
    return (_rank if _world > 1 else int(os.environ.get("RANK", "0")) if launched() > 1 else 0) == 0


def reports_losses() -> bool:
    """Whether this is one of the two of its machine that say that another was lost, which may be the other."""
    return launched() == 1 or int(os.environ.get("LOCAL_RANK", "0")) < 2


def rank() -> int:
    """The number of this process among those that have joined."""
    return _rank


def world() -> int:
    """How many processes have joined."""
    return _world


def join() -> None:
    """Meets the other processes that torchrun started, once and until the end of the program; alone does nothing.

    A process group that the user's own program made is used as it is.

    Raises:
        InputError: If the environment names several processes but not how to meet them.
    """
    global _rank, _world, _control
    if _world > 1 or launched() == 1:
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise InputError(
            f"WORLD_SIZE is {launched()}, but {missing[0]} is not set: start several processes by torchrun"
        )
    import torch
    import torch.distributed as dist
    import torch.distributed.nn  # first: its functions keep the group that they find as a default, beyond its end

    if dist.is_initialized():
        _control = dist.new_group(backend="gloo", timeout=PATIENCE)
    else:  # one group that takes what is on the CPU by gloo and what is on a GPU by NCCL
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
        atexit.register(_leave)
    _rank, _world = dist.get_rank(), dist.get_world_size()


def _leave() -> None:
    """Ends the group, and with it the threads of its exchanges, which must not outlive the interpreter."""
    import torch.distributed as dist

    gc.collect()  # what still holds the group
    dist.destroy_process_group()


def take_gpu(device: str) -> None:
    """Makes "cuda" mean this process's own GPU.

    Raises:
        InputError: If there are fewer GPUs than processes on this machine, or one GPU was named for all.
    """
    if _world == 1 or not device.startswith("cuda"):
        return
    import torch

    count, local = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device != "cuda":
        raise InputError(f"device {device!r} is one GPU, but each of the {_world} processes needs its own: use 'cuda'")
    if local > count:
        raise InputError(
            f"{local} processes on this machine need a GPU each, but torch sees {count}: use --nproc-per-node {count}, "
            "or device 'cpu'"
        )
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))


def check_shareable(batch_size: int, modules: Iterable["nn.Module"]) -> None:
    """Refuses a batch that cannot be shared out in equal parts, and a model in which its rows depend on each other.

    Raises:
        InputError: If it is such a one.
    """
    if _world == 1:
        return
    from torch.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d

    for module in modules:
        if getattr(module, "couples_rows", False):
            raise InputError("scale 'optimal' takes one process, for its sigma is that of a whole batch: use 'shared'")
        if isinstance(module, BatchNorm1d | BatchNorm2d | BatchNorm3d):
            raise InputError("a network with BatchNorm takes one process, for it looks at a whole batch: use GroupNorm")
    if batch_size % _world:
        below = batch_size // _world * _world
        sizes = " or ".join(str(size) for size in (below, below + _world) if size)
        raise InputError(
            f"batch_size is that of all {_world} processes together and must be a multiple of {_world}, got "
            f"{batch_size}: use {sizes}"
        )


@contextmanager
def sharing(rows: int) -> Iterator[None]:
    """Shares out a batch of so many rows: inside the block, draws are parts of those for the whole batch."""
    global _batch
    before = _batch
    _batch = rows if _world > 1 else 0
    try:
        yield
    finally:
        _batch = before


def whole(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape that something of the whole batch has, where this rank's part of it has this one.

    Args:
        shape: Of this rank's part.
        axis: Of the rows.
    """
    if not _batch:
        return shape
    sizes = list(shape)
    if sizes[axis] != len(range(_rank, _batch, _world)):
        raise AssertionError(f"axis {axis} of {tuple(shape)} is not rank {_rank}'s part of {_batch} rows")
    sizes[axis] = _batch
    return tuple(sizes)


def own_part(values: "Tensor", axis: int = 0) -> "Tensor":
    """This rank's rows of a batch that is shared out; all of them outside `sharing`."""
    if not _batch:
        return values
    return values.movedim(axis, 0)[_rank::_world].movedim(0, axis)


def total(values: "Tensor") -> "Tensor":
    """The sum over the ranks; not differentiable."""
    if _world == 1:
        return values
    import torch.distributed as dist

    summed = values.detach().clone()
    dist.all_reduce(summed, group=_control if values.device.type == "cpu" else None)
    return summed


def mean(values: "Tensor") -> "Tensor":
    """Means over a part of a batch to those over all of it; as they are outside `sharing`; not differentiable."""
    return total(values) / _world if _batch else values


def gathered(value: T) -> list[T]:
    """What each rank has, in their order."""
    if _world == 1:
        return [value]
    import torch.distributed as dist

    values: list[Any] = [None] * _world
    with losses():
        dist.all_gather_object(values, value, group=_control)
    return values


def first(function: Callable[[], T]) -> T:
    """What the function gives on rank 0, which alone calls it; a user's mistake that it finds is raised on all."""
    if _world == 1:
        return function()
    import torch
    import torch.distributed as dist

    found: list[Any] = [None, None]
    if _rank == 0:
        try:
            found[0] = function()
        except InputError as error:
            found[1] = str(error)
    with losses():
        dist.broadcast_object_list(found, 0, group=_control, device=torch.device("cpu"))
    if found[1] is not None:
        raise InputError(found[1])
    return found[0]


def together(function: Callable[[], T]) -> T:
    """What the function gives on this rank; a user's mistake that one rank finds is raised on all."""
    if _world == 1:
        return function()
    result: Any = None
    mistake = None
    try:
        result = function()
    except InputError as error:
        mistake = str(error)
    for number, text in enumerate(gathered(mistake)):
        if text is not None:
            raise InputError(text if number == 0 else f"on rank {number}: {text}")
    return result


def agree(step: int, *flags: bool) -> tuple[bool, ...]:
    """Whether any rank says so, asked every few steps, False between; alone, what this process says."""
    if _world == 1:
        return flags
    if step % TOGETHER:
        return (False,) * len(flags)
    import torch

    return tuple(count > 0 for count in total(torch.tensor(flags, dtype=torch.int32)).tolist())


def copy_first(tensors: Iterable["Tensor"]) -> None:
    """Overwrites each tensor by rank 0's."""
    if _world == 1:
        return
    import torch.distributed as dist

    for tensor in tensors:
        dense = tensor.detach().contiguous()
        dist.broadcast(dense, 0, group=_control if tensor.device.type == "cpu" else None)
        tensor.detach().copy_(dense)


def wrapped(module: "nn.Module") -> "nn.Module":
    """The module whose gradients are the means over the ranks."""
    if _world == 1:
        return module
    from torch.nn.parallel import DistributedDataParallel

    known = inspect.signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # before torch 2.13
    # Static: the same weights get gradients at every step; those that never do, in a user's network, are no error.
    options: dict[str, Any] = {"static_graph": True, buffers: False}
    own = [p for p in module.parameters() if p.requires_grad]
    exchange = _exchange(sum(p.nbytes for p in own)) if all(p.device.type == "cpu" for p in own) else None
    if exchange is None:
        return DistributedDataParallel(module, **options)
    # All gradients of a type at once: what an exchange costs whatever its size is more than an early start would win.
    parallel = DistributedDataParallel(module, bucket_cap_mb=NO_LIMIT, gradient_as_bucket_view=True, **options)
    parallel.register_comm_hook(exchange, lambda exchange, bucket: exchange.promised(bucket.buffer()))
    return parallel


def _exchange(nbytes: int) -> "Exchange | None":
    """How the ranks average gradients through memory of one machine; None if they are not all on one."""
    import torch
    import torch.distributed as dist

    from variate.runtime.exchange import meet_in_memory

    flag = torch.zeros(1)
    return meet_in_memory(nbytes, _rank, gathered, lambda: dist.all_reduce(flag, group=_control))


@contextmanager
def losses() -> Iterator[None]:
    """Says in a sentence what it means when an exchange with the other ranks fails inside the block."""
    try:
        yield
    except RuntimeError as error:
        if _world == 1 or isinstance(error, LostRankError) or not _is_loss(error):
            raise
        raise LostRankError(
            f"rank {_rank} of {_world} stopped, because another process of the run ended or did not answer; see what "
            "it said, if it did; go on from the last checkpoint by the same command with --resume"
        ) from error


def _is_loss(error: RuntimeError) -> bool:
    from torch.distributed import DistError

    return isinstance(error, DistError) or any(word in str(error) for word in LOST)
