"""torch.compile for plain functions, with a fallback where the compiler fails."""

import shutil
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from variate.errors import VariateWarning


def can_compile(device: str) -> bool:
    """Whether torch.compile finds the compiler it needs."""
    return device.startswith("cuda") or any(shutil.which(name) for name in ("g++", "clang++"))


def compiled(function: Callable[..., Any], large: bool = False) -> Callable[..., Any]:
    """The function as one graph; where the compiler fails, the function as it is, with a warning.

    torch keeps what it compiled with a function's code object. Each compiled function gets a code object of its own, so
    that the graphs of several models in one process neither push each other out nor count towards one limit.

    Args:
        function: A plain function, not a module.
        large: Whether it takes dozens of kernels, so that precompiling the headers they share pays.
    """
    if not isinstance(function, FunctionType):
        raise AssertionError("only a plain function has code to copy")
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    options: dict[str, Any] = {"cpp_cache_precompile_headers": large}
    graph: Callable[..., Any] = torch.compile(own, fullgraph=True, dynamic=False, options=options)

    def call(*arguments: Tensor) -> Any:  # noqa: ANN401
        nonlocal graph
        try:
            return graph(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"torch.compile failed, so the code runs without it ({reason})", VariateWarning, stacklevel=2)
            graph = function
            return function(*arguments)

    return call
