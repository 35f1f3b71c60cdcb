"""The arithmetic of the suite: medians with their range, ratios round by round, sides that take turns."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

TURNS = 3
"""Turns of each candidate of a choice that is made for a rival."""


class Spread(NamedTuple):
    """A median, and the least and the most of what it is the median of."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    if not values:
        raise ValueError("a median is of at least one value")
    return Spread(statistics.median(values), min(values), max(values))


def ratios(upper: Sequence[float], lower: Sequence[float]) -> Spread:
    """The median of upper / lower, round by round: what slows a whole round down cancels.

    Args:
        upper: One side's values, a round each.
        lower: The other's in the same rounds.
    """
    return spread([a / b for a, b in zip(upper, lower, strict=True)])


def inverse(values: Spread, scale: float = 1.0) -> Spread:
    """Scale / value: of seconds per step, steps per second."""
    return Spread(scale / values.median, scale / values.most, scale / values.least)


def alternate(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Calls every side once a round; who begins changes from round to round.

    Args:
        sides: Each does its work and gives what it measured.
        rounds: How often.

    Returns:
        For each side what it gave, round by round.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            found[name].append(sides[name]())
    return found


def decide(candidates: Mapping[str, Callable[[], float]]) -> str:
    """The name of what takes least seconds in the best of its turns, so that one slow moment does not decide."""
    found = alternate(candidates, TURNS)
    return min(found, key=lambda name: min(found[name]))


def steps_for(seconds: float, trial_seconds: float, trial_steps: int) -> int:
    """How many steps last about so long, at the pace of a trial."""
    return max(1, round(seconds * trial_steps / max(trial_seconds, 1e-9)))


def crossing(times: Sequence[float], values: Sequence[float], target: float) -> float | None:
    """When a rising curve first reaches a value, linear between its points; None where it never does.

    Args:
        times: Rising.
        values: At these times.
        target: The value.
    """
    if values and values[0] >= target:
        return times[0]
    for i in range(1, len(values)):
        if values[i] >= target:
            part = (target - values[i - 1]) / (values[i] - values[i - 1])
            return times[i - 1] + part * (times[i] - times[i - 1])
    return None
