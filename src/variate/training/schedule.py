"""How the learning rate and the weight of the rate change over a run: pure functions of the step."""

import math
from collections.abc import Callable

from variate.errors import unknown

PIECES = 8
"""Number of pieces of Burda's schedule; piece i = 0 .. 7 has 3^i parts of the whole."""


def cosine(step: int, steps: int, rise: int) -> float:
    """From 1 to 0 as half a cosine; the first step of a run counts as its rise where there is none."""
    start = max(1, rise)
    return 0.5 * (1 + math.cos(math.pi * max(0, step - start) / max(1, steps - start)))


def constant(_step: int, _steps: int, _rise: int) -> float:
    """1."""
    return 1.0


def burda(step: int, steps: int, rise: int) -> float:
    """10^(-i/7) over the i-th piece, 3^i of 1 + 3 + .. + 3^7 = 3280 parts long.

    Piece i begins after (3^i - 1) / 2 parts; in integers, so that it begins at the very step. In a run of 3280 epochs a
    part is an epoch, as in the paper; a shorter run is the same, compressed.

    References:
        Importance weighted autoencoders (Burda et al., 2016).
    """
    done, parts = step - rise, steps - rise
    begun = sum(done * (3**PIECES - 1) >= parts * (3**piece - 1) for piece in range(1, PIECES))
    return 10.0 ** (-begun / (PIECES - 1))


SCHEDULES: dict[str, Callable[[int, int, int], float]] = {"cosine": cosine, "constant": constant, "burda": burda}
"""The fraction of the peak rate at a step, given the number of steps and the steps of the rise.

A new schedule is a function here, a line in this table and its name in `variate.config.recipe.Schedule`."""


def learning_rate(step: int, steps: int, peak: float, warmup: float, schedule: str = "cosine") -> float:
    """Rises linearly over the first part of the run, then follows the schedule.

    Args:
        step: From 0.
        steps: Number of steps of the whole run.
        peak: The highest rate.
        warmup: Fraction of the run over which it rises, in [0, 1).
        schedule: How it continues.

    Raises:
        InputError: If there is no such schedule.
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    rise = round(warmup * steps)
    if step < rise:
        return peak * (step + 1) / rise
    return peak * SCHEDULES[schedule](step, steps, rise)


def rate_weight(step: int, warmup_steps: int, beta: float) -> float:
    """The weight of the rate: from 0 to beta over the warm-up, beta after it."""
    return beta * min(1.0, step / warmup_steps) if warmup_steps else beta


def average_decay(step: int, decay: float) -> float:
    """Decay of the moving average at a step: smaller at the start, so that the first weights are soon forgotten."""
    return min(decay, (1 + step) / (10 + step))
