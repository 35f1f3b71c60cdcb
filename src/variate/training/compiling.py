"""What torch.compile is used for: a whole loss, or only the likelihood with its gradient.

The likelihood is where a step that is not compiled loses most: dozens of passes over the outputs of the decoder and as
many on the way back. Compiled, it is one pass that reads the outputs and writes their gradient, and takes seconds to
compile instead of half a minute.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from variate.likelihoods import Likelihood

Score = Callable[[Tensor, Tensor], Tensor]
"""Log p(x|z), (*batch), from the decoder's outputs, (*batch, *out_shape), and rows, (*x_batch, *event)."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one graph with the same draws, for calls that differ only in the numbers in their tensors.

    The compiler keeps what it compiled with a function's code and tests at each call whether it fits. Here the code is
    a copy that nothing else calls, so the tests, which take as long as a small layer, are left out.

    Args:
        function: A plain function, not a module.
    """
    if not isinstance(function, FunctionType):
        raise AssertionError("only a plain function has code to copy")
    code = function.__code__.replace()
    own = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    options: dict[str, Any] = {"fallback_random": True, "guard_filter_fn": torch.compiler.skip_all_guards_unsafe}
    return torch.compile(own, fullgraph=True, dynamic=False, options=options)


def can_fuse(likelihood: Likelihood) -> bool:
    """Whether the gradient of each row's log-probability is known without the rest of the loss.

    It is not where rows are coupled, nor for trained scales of the likelihood's own, which sum over rows.
    """
    return not likelihood.couples_rows and not any(p.requires_grad for p in likelihood.parameters())


def fused(likelihood: Likelihood) -> Score:
    """Scores outputs by a likelihood in one compiled pass that yields the gradient as well.

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
