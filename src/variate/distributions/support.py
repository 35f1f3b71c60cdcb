"""What lies outside the support has probability zero: -inf, never NaN and never a plausible number.

The distributions here do not raise on a value that they cannot produce (that is the job of `Likelihood.check`, once, on
the data); they give the row log-probability -inf. The test is made on x, which is smaller than the parameters when
several draws share it, and the offending values are replaced before anything is computed from them, so that no NaN
reaches the gradient of the rows beside them. Where all rows have been checked before, as in training, `trusting` spares
the test.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Shape = torch.Size | list[int] | tuple[int, ...]

_trusted = False


@contextmanager
def trusting() -> Iterator[None]:
    """Takes every value for one inside the support, inside the block: for rows that were checked before."""
    global _trusted
    before, _trusted = _trusted, True
    try:
        yield
    finally:
        _trusted = before


def settled(value: Tensor, check: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
    """The value with a 0 for each element that fails the check, and which elements pass it; None if all are trusted."""
    if _trusted:
        return value, None
    inside = check(value)
    return torch.where(inside, value, 0), inside


def is_count(x: Tensor) -> Tensor:
    """Whether each element is 0, 1, 2, ...; of any dtype, NaN and infinities are not."""
    return (x >= 0) & (x == x.round()) & (x < torch.inf) if x.is_floating_point() else x >= 0


def is_level(x: Tensor, levels: int) -> Tensor:
    """Whether each element is one of the integers 0 .. levels - 1; of any dtype."""
    if not x.is_floating_point():
        levels = min(levels, torch.iinfo(x.dtype).max + 1)  # a scalar out of the dtype's range would wrap around
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
