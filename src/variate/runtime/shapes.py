"""Runs torch code for the shapes of its tensors alone: on the meta device, where they take no memory.

What a recipe from a file asks for can then be compared with what the file holds before anything is allocated. Limits
on the size of a tensor and on the number of calls keep absurd sizes from taking time.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@contextmanager
def shapes_only(largest: int = sys.maxsize, calls: int = sys.maxsize) -> Iterator[None]:
    """Tensors that are made inside the block, in this thread, have shapes and types but no values.

    Args:
        largest: Most elements of a tensor.
        calls: Most calls of torch's functions.

    Raises:
        OverflowError: Beyond either limit.
    """
    with _Limited(largest, calls), torch.device("meta"):
        yield


class _Limited(TorchFunctionMode):
    """Counts what torch is asked for."""

    def __init__(self, largest: int, calls: int) -> None:
        super().__init__()
        self.largest, self.calls = largest, calls

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever the function returns
        self.calls -= 1
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):  # only then: the end of a `no_grad` is a call too, and must be let through
            if self.calls < 0:
                raise OverflowError("more tensors than fit")
            if made.numel() > self.largest:
                raise OverflowError(
                    f"a tensor of shape {tuple(made.shape)}, which has more than {self.largest:,} elements"
                )
        return made
