"""How the learning rate and the weight of the rate change over a run: pure functions of the step."""

import math


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Rises linearly over the first part of the run, then falls to zero as half a cosine.

    Args:
        step: From 0.
        steps: Of the whole run.
        peak: The highest rate.
        warmup: Part of the run over which it rises, in [0, 1).
    """
    rise = max(1, round(warmup * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def rate_weight(step: int, warmup_steps: int, beta: float) -> float:
    """The weight of the rate: from 0 to beta over the warm-up, beta after it."""
    return beta * min(1.0, step / warmup_steps) if warmup_steps else beta


def average_decay(step: int, decay: float) -> float:
    """Decay of the moving average at a step: shorter at the start, so that the first weights are soon forgotten."""
    return min(decay, (1 + step) / (10 + step))
