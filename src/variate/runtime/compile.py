"""What torch.compile is used for: a whole loss, or only a likelihood, with or without its gradient.

The likelihood is where a step that is not compiled loses most: dozens of passes over the outputs of the decoder and as
many on the way back. Compiled, it is one pass that reads the outputs and writes their gradient, and takes seconds to
compile instead of half a minute.
"""

import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from variate.errors import VariateWarning
from variate.likelihoods import Likelihood
from variate.models.vae import Decoder

Score = Callable[[Tensor, Tensor], Tensor]
"""Log p(x|z), (*batch), from the decoder's outputs, (*batch, *out_shape), and rows, (*x_batch, *event)."""

SECONDS_TO_FUSE = 15.0
"""What compiling a likelihood takes, with an empty cache."""
SECONDS_A_NUMBER, SECONDS_A_SCORED_NUMBER = 12e-9, 4e-9
"""What it saves for each number that the decoder gives beyond one an element, on two cores, with the gradient and
without. A likelihood of one number an element, as of bits, is hardly more than one pass as it is."""


def can_compile(device: str) -> bool:
    """Whether torch.compile finds the compiler it needs."""
    return device.startswith("cuda") or any(shutil.which(name) for name in ("g++", "clang++"))


def compiled(function: Callable[..., Any], large: bool = False) -> Callable[..., Any]:
    """The function as one graph with the same draws, for calls that differ only in the numbers in their tensors.

    The compiler keeps what it compiled with a function's code and tests at each call whether it fits. Here the code is
    a copy that nothing else calls, so the tests, which take as long as a small layer, are left out. Where the compiler
    fails, the function is called as it is, with a warning.

    Args:
        function: A plain function, not a module.
        large: It takes dozens of kernels, so that compiling beforehand what each of them includes pays.
    """
    if not isinstance(function, FunctionType):
        raise AssertionError("only a plain function has code to copy")
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    options: dict[str, Any] = {
        "fallback_random": True,
        "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
        "cpp_cache_precompile_headers": large,
    }
    graph: Callable[..., Any] = torch.compile(own, fullgraph=True, dynamic=False, options=options)

    def call(*arguments: Tensor) -> Any:  # noqa: ANN401
        nonlocal graph
        try:
            return graph(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"torch.compile failed, going on without it ({reason})", VariateWarning, stacklevel=2)
            graph = function
            return function(*arguments)

    return call


def seconds_saved(likelihood: Likelihood, passes: int, a_number: float = SECONDS_A_NUMBER) -> float:
    """What compiling a likelihood saves where so many rows are decoded in all; counted, so the same at every call."""
    return passes * (math.prod(likelihood.out_shape) - math.prod(likelihood.event_shape)) * a_number


def can_fuse(likelihood: Likelihood) -> bool:
    """Whether the gradient of each row's log-probability is known without the rest of the loss.

    It is not where rows are coupled, nor for trained scales of the likelihood's own, which sum over rows.
    """
    return not likelihood.couples_rows and not any(p.requires_grad for p in likelihood.parameters())


def fused(likelihood: Likelihood) -> Score:
    """Scores outputs of one shape by a likelihood in one compiled pass that yields the gradient as well.

    Args:
        likelihood: One that `can_fuse`.
    """

    def total(outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        log_p = likelihood(outputs).log_prob(x)
        return log_p.sum(), log_p

    def both(outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.func.grad(total, has_aux=True)(outputs, x)

    kernel = compiled(both)
    return lambda outputs, x: _Fused.apply(outputs, x, kernel)


class _Fused(torch.autograd.Function):
    """Log-probabilities whose gradient was computed with them."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, x: Tensor, kernel: Callable[..., Any]) -> Tensor:  # noqa: ANN401
        """Keeps the gradient with respect to the outputs."""
        gradient, log_p = kernel(outputs.detach(), x)
        ctx.save_for_backward(gradient)
        return log_p

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        """Weighs the gradient of each row."""
        (gradient,) = ctx.saved_tensors
        weight = upstream.to(gradient.dtype)
        return gradient * weight.reshape(weight.shape + (1,) * (gradient.dim() - weight.dim())), None, None


@contextmanager
def scoring(decoder: Decoder, batch: tuple[int, ...], passes: int) -> Iterator[None]:
    """Has outputs of one shape scored in one compiled pass inside the block, without gradients, where that pays.

    Args:
        decoder: Of the model.
        batch: Batch shape of the outputs that most passes give.
        passes: Rows that will be decoded in all.
    """
    likelihood = decoder.likelihood
    worth = seconds_saved(likelihood, passes, SECONDS_A_SCORED_NUMBER) > SECONDS_TO_FUSE
    if not worth or not can_compile(next(decoder.parameters()).device.type):
        yield
        return

    def plain(outputs: Tensor, x: Tensor) -> Tensor:
        return likelihood(outputs).log_prob(x)

    kernel, shape = compiled(plain), torch.Size(batch + likelihood.out_shape)
    before, decoder.score = decoder.score, lambda outputs, x: (kernel if outputs.shape == shape else plain)(outputs, x)
    try:
        yield
    finally:
        decoder.score = before
