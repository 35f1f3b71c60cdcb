"""torch.compile for plain functions, with a fallback where the compiler fails."""

import shutil
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch

from variate.errors import warn_caller


def can_compile(device: str) -> bool:
    """Whether the compiler that torch.compile needs for a device is installed."""
    return device.startswith("cuda") or any(shutil.which(name) for name in ("g++", "clang++"))


def compiled(function: Callable[..., Any], large: bool = False) -> Callable[..., Any]:
    """A function compiled as one graph. If the compiler fails, the function runs as it is, with a warning.

    torch keeps compiled graphs with the code object of a function, up to a limit. Each compiled function gets a code
    object of its own, so that the graphs of several models in one process do not share the limit.

    Args:
        function: A plain function, not a module.
        large: Whether it needs dozens of kernels, so that precompiling their common headers saves time.

    Returns:
        A function of the same positional arguments; it is compiled anew for arguments of other shapes.
    """
    if not isinstance(function, FunctionType):
        raise AssertionError("only a plain function has code to copy")
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    options: dict[str, Any] = {"cpp_cache_precompile_headers": large}
    graph: Callable[..., Any] = torch.compile(own, fullgraph=True, dynamic=False, options=options)

    def call(*arguments: Any) -> Any:  # noqa: ANN401
        nonlocal graph
        try:
            return graph(*arguments)
        except (torch._dynamo.exc.TorchDynamoException, OSError) as error:  # the latter where it cannot write its cache
            reason = str(error).strip().splitlines()[0]
            warn_caller(f"torch.compile failed, so the code runs without it ({reason})")
            graph = function
            return function(*arguments)

    return call
