"""Supports of discrete distributions, sums over events that give -inf outside a support, and an axis for components."""

import torch
from torch import Tensor

Shape = torch.Size | list[int] | tuple[int, ...]


def is_bit(x: Tensor) -> Tensor:
    """Whether each element is 0 or 1; of any dtype."""
    return (x == 0) | (x == 1)


def is_count(x: Tensor) -> Tensor:
    """Whether each element is 0, 1, 2, ...; of any dtype. NaN and infinities are not."""
    return (x >= 0) & (x == x.round()) & (x < torch.inf) if x.is_floating_point() else x >= 0


def is_level(x: Tensor, levels: int | Tensor) -> Tensor:
    """Whether each element is one of the integers 0 .. levels - 1, of any dtype; levels may differ by element."""
    if not (x.is_floating_point() or isinstance(levels, Tensor)):
        levels = min(levels, torch.iinfo(x.dtype).max + 1)  # a scalar outside the range of the dtype would wrap around
    return is_count(x) & (x <= levels - 1)


def sum_event(log_p: Tensor, inside: Tensor | None, event_dims: int) -> Tensor:
    """Sums the log-probabilities of the elements of each event; -inf where an element lies outside the support.

    Args:
        log_p: Log-probabilities of the elements, (*batch, *event), finite wherever `inside` is false.
        inside: Whether each element of x lies in the support, (*x_batch, *event); None where all do.
        event_dims: Number of axes of an event.

    Returns:
        Log-probabilities of the events, broadcast(batch, x_batch).
    """
    axes = tuple(range(-event_dims, 0))
    total = log_p.sum(axes) if axes else log_p
    if inside is None:
        return total
    return torch.where(inside.all(axes) if axes else inside, total, -torch.inf)


def insert_axis(x: Tensor, axis: int) -> Tensor:
    """The tensor with an axis of length 1 at `axis`, counted from the end of the result; leading axes as needed."""
    missing = max(0, -axis - 1 - x.dim())
    return x.reshape((1,) * missing + x.shape).unsqueeze(axis)
