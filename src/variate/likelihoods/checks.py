"""Tests of whether rows are data that a likelihood is for, and error messages that describe the rows."""

from collections.abc import Callable

from torch import Tensor

from variate.distributions.support import is_count
from variate.errors import InputError, Option, Sentence

NUMBERS_TESTED_AT_A_TIME = 2**22
"""Numbers tested at a time: the result of a test is as large as what it is given."""

_FOR_INTEGERS = Sentence(
    "use ",
    Option("likelihood", "discretized-logistic"),
    " (pixels) or ",
    Option("likelihood", "negative-binomial"),
    " (counts), or convert x to float if its values are real",
)
"""Remedy for integers that are no real numbers."""
_USE_REAL = Sentence("use ", Option("likelihood", "gaussian"), " or ", Option("likelihood", "student-t"))
"""Remedy for real numbers that are not counts."""


def holds(test: Callable[[Tensor], Tensor], rows: Tensor) -> bool:
    """Whether every element passes a test, a few rows at a time.

    Args:
        test: Gives booleans of the shape of its argument.
        rows: The rows, (N, *event).
    """
    step = max(1, NUMBERS_TESTED_AT_A_TIME // max(1, rows[:1].numel()))
    return all(bool(test(some).all()) for some in rows.split(step))


def require_fit(fits: bool, expected: str, rows: Tensor, remedy: str) -> None:
    """Rejects rows that do not fit a likelihood.

    Args:
        fits: Whether they do.
        expected: What the likelihood is for.
        rows: The rows.
        remedy: What to use instead.

    Raises:
        InputError: If they do not.
    """
    if not fits:
        raise InputError("x", expected, describe_numbers(rows), remedy)


def describe_numbers(rows: Tensor) -> str:
    """What numbers there are, such as "integers from 0 to 255" or "real numbers from -1.2 to 3, such as 0.5"."""
    if rows.is_floating_point() and not holds(Tensor.isfinite, rows):
        return "NaN or infinity"
    span = f"from {rows.min().item():.6g} to {rows.max().item():.6g}"
    if not rows.is_floating_point():
        return f"integers {span} ({str(rows.dtype).removeprefix('torch.')})"
    fractional = rows[rows != rows.round()]
    return f"real numbers {span}, such as {fractional[0].item():.6g}" if len(fractional) else f"integers {span}"


def require_real(name: str, rows: Tensor) -> None:
    """Rejects integer dtypes, which are pixels or counts, and NaN.

    Args:
        name: Name of the likelihood.
        rows: The rows.

    Raises:
        InputError: If they are such.
    """
    expected = f"real numbers for likelihood {name!r}"
    if not rows.is_floating_point():
        raise InputError("x", expected, describe_numbers(rows), _FOR_INTEGERS)
    if not holds(Tensor.isfinite, rows):
        raise InputError("x", expected, describe_numbers(rows), "remove these rows or fill in the values")


def require_counts(name: str, rows: Tensor) -> None:
    """Rejects rows that are not counts.

    Args:
        name: Name of the likelihood.
        rows: The rows.

    Raises:
        InputError: If an element is not one of 0, 1, 2, ...
    """
    require_fit(holds(is_count, rows), f"counts 0, 1, 2, ... for likelihood {name!r}", rows, _USE_REAL)
