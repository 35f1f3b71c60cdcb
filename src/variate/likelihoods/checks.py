"""What data look like, in the words of an error message."""

from collections.abc import Callable

from torch import Tensor

from variate.distributions.support import is_count
from variate.errors import InputError

NUMBERS_AT_A_TIME = 2**22


def holds(test: Callable[[Tensor], Tensor], rows: Tensor) -> bool:
    """Whether every element passes a test, asked of a few rows at a time: its answers are as large as the rows.

    Args:
        test: Gives booleans of the shape of what it is given.
        rows: The rows, (N, *event).
    """
    step = max(1, NUMBERS_AT_A_TIME // max(1, rows[:1].numel()))
    return all(bool(test(some).all()) for some in rows.split(step))


def require(fits: bool, family: str, rows: Tensor, advice: str) -> None:
    """Refuses rows that do not fit a family.

    Args:
        fits: Whether they do.
        family: "NAME is a likelihood of ...".
        rows: The rows.
        advice: What to use instead.

    Raises:
        InputError: If they do not.
    """
    if not fits:
        raise InputError(f"{family}, but x holds {describe(rows)}: {advice}")


def describe(rows: Tensor) -> str:
    """What numbers there are, such as "integers from 0 to 255" or "real numbers from -1.2 to 3, such as 0.5"."""
    if rows.is_floating_point() and not holds(Tensor.isfinite, rows):
        return "NaN or Inf"
    span = f"from {rows.min().item():.6g} to {rows.max().item():.6g}"
    if not rows.is_floating_point():
        return f"integers {span} ({str(rows.dtype).removeprefix('torch.')})"
    fractional = rows[rows != rows.round()]
    return f"real numbers {span}, such as {fractional[0].item():.6g}" if len(fractional) else f"integers {span}"


def require_counts(name: str, rows: Tensor) -> None:
    """Refuses rows that are not counts.

    Raises:
        InputError: If an element is none of 0, 1, 2, ...
    """
    require(
        holds(is_count, rows),
        f"{name} is a likelihood of counts 0, 1, 2, ...",
        rows,
        "use gaussian or student-t (real numbers)",
    )
