"""log p(x|z) and its gradient as one compiled pass.

The likelihood is where a step that is not compiled loses most: dozens of passes over the decoder's outputs, and as many
on the way back. Compiled, it is one pass that reads the outputs and writes their gradient, and it takes seconds to
compile instead of half a minute for the whole loss.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from variate.likelihoods.base import Likelihood, LogProb
from variate.runtime.compile import can_compile, compiled

SECONDS_TO_FUSE = 15.0
"""Seconds to compile a likelihood with an empty cache."""
SECONDS_PER_NUMBER, SECONDS_PER_SCORED_NUMBER = 12e-9, 4e-9
"""Seconds saved per number that the decoder gives beyond one per element, on two cores, with the gradient and without.
A likelihood with one number per element, as of bits, is hardly more than one pass as it is."""


def seconds_saved(likelihood: Likelihood, passes: int, per_number: float = SECONDS_PER_NUMBER) -> float:
    """Seconds that compiling a likelihood saves if so many rows are decoded in all; counted, so the same at every
    call.
    """
    return passes * (math.prod(likelihood.out_shape) - math.prod(likelihood.event_shape)) * per_number


def can_fuse(likelihood: Likelihood) -> bool:
    """Whether the gradient of each row's log-probability is known without the rest of the loss.

    It is not where rows are coupled, nor for trained scales of the likelihood's own, which sum over rows.
    """
    return not likelihood.couples_rows and not any(p.requires_grad for p in likelihood.parameters())


def fused(likelihood: Likelihood) -> LogProb:
    """Scores outputs of one shape by a likelihood in one compiled pass that yields the gradient as well.

    Args:
        likelihood: One for which `can_fuse` holds. Rows with a mask are scored without compilation.
    """

    def total(outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        log_p = likelihood.log_prob(outputs, x)
        return log_p.sum(), log_p

    def both(outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.func.grad(total, has_aux=True)(outputs, x)

    kernel = compiled(both)

    def log_prob(outputs: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            return likelihood.log_prob(outputs, x, mask)
        return _Fused.apply(outputs, x, kernel)

    return log_prob


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
        """Multiplies the gradient of each row."""
        (gradient,) = ctx.saved_tensors
        weight = upstream.to(gradient.dtype)
        return gradient * weight.reshape(weight.shape + (1,) * (gradient.dim() - weight.dim())), None, None


def scoring(likelihood: Likelihood, batch: tuple[int, ...], passes: int, device: torch.device) -> LogProb:
    """What to score outputs with where no gradient is wanted: compiled, where that pays.

    Args:
        likelihood: The likelihood.
        batch: Batch shape of the outputs that most passes give; outputs of other shapes are scored without compilation.
        passes: Rows that will be decoded in all.
        device: Where.
    """
    worth = seconds_saved(likelihood, passes, SECONDS_PER_SCORED_NUMBER) > SECONDS_TO_FUSE
    if not worth or not can_compile(device.type):
        return likelihood.log_prob

    def plain(outputs: Tensor, x: Tensor) -> Tensor:
        return likelihood.log_prob(outputs, x)

    kernel, shape = compiled(plain), torch.Size(batch + likelihood.out_shape)

    def log_prob(outputs: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None or outputs.shape != shape:
            return likelihood.log_prob(outputs, x, mask)
        return kernel(outputs, x)

    return log_prob
