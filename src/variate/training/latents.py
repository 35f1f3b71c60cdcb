r"""How many latents: the fewest that held-out rows do not miss.

The mean bound of held-out rows rises with the number of latents until there are enough, and is then flat: a latent that
is not needed costs nothing. So the search starts at the default number and at half of it. While the smallest number so
far is as good as any, it tries half of that; if instead the largest one is better than all smaller ones, it tries twice
that. It ends when a smaller number loses nats, or a larger one gains none.

Each number d is tried by a few trainings with different seeds (`variate.training.latent_trials`). With b_dsn the bound
of row n under d and seed s, and b_dn its mean over the S seeds, a number is as good as the best one, d*, if it is
within one standard error over rows of it:

    behind = mean_n (b_d*n - b_dn)         stderr^2 = var_n (b_d*n - b_dn) / N

What another seed of the training would have changed is not part of that: it would let numbers pass that are too small,
which costs nats, while one that is too large costs none. But it decides how far up the search goes: a larger number
wins only if it is ahead by more than both,

    stderr^2 + 2 v / S                     v = mean over d of var_s (mean_n b_dsn)
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from variate.statistics import Estimate, estimate

Bounds = Float[Tensor, "S N"]
"""The bound of each held-out row after each training."""


class LatentTrial(NamedTuple):
    """What a number of latents is worth.

    Attributes:
        latent: The number.
        bound: Mean bound of the held-out rows over all its trainings, in nats per row; standard error over rows.
        behind: How far that is below the best number's, in nats per row; standard error over rows.
    """

    latent: int
    bound: Estimate
    behind: Estimate

    @property
    def is_as_good(self) -> bool:
        """Whether it is within one standard error of the best number."""
        return self.behind.value <= self.behind.stderr


class LatentSearch(NamedTuple):
    """The numbers of latents that were tried.

    Attributes:
        trials: One per number, rising.
        seed_stderr: Standard error of a difference between two numbers that is due to the seeds of their trainings, in
            nats per row; pooled over all numbers.
        num_rows: Number of held-out rows that judged them.
        num_steps: Steps of each training.
        num_trainings: Trainings for each number.
    """

    trials: tuple[LatentTrial, ...]
    seed_stderr: float
    num_rows: int
    num_steps: int
    num_trainings: int

    @property
    def latent(self) -> int:
        """The fewest latents that are as good as the best number."""
        return next(trial.latent for trial in self.trials if trial.is_as_good)

    @property
    def largest_wins(self) -> bool:
        """Whether the largest number is ahead of all others by more than rows and seeds explain."""
        *others, largest = self.trials
        ahead = [own.behind.value > math.hypot(own.behind.stderr, self.seed_stderr) for own in others]
        return largest.behind.value == 0 and all(ahead)

    @property
    def reason(self) -> str:
        """Why, in a sentence with the numbers."""
        others = [trial for trial in self.trials if trial.latent != self.latent]
        own = next(trial for trial in self.trials if trial.latent == self.latent)
        place = "the best number" if own.behind.value == 0 else "within one standard error of the best number"
        lost = ", ".join(f"{trial.latent} {_behind(trial)}" for trial in others)
        seeds = f"other seeds change a difference by ± {self.seed_stderr:.2f}"
        compared = f"; {lost} on {self.num_rows:,} validation rows, and {seeds}" if lost else ""
        return f"latents {self.latent}: {place}{compared}"


def _behind(trial: LatentTrial) -> str:
    return f"{trial.behind.plus_minus()} nats behind" if trial.behind.value else "the best"


def search(score: Callable[[int], Bounds], start: int, limit: int, num_steps: int = 0) -> LatentSearch:
    """Tries numbers of latents until both ends lose, or are 1 and the limit.

    Args:
        score: The bounds of the held-out rows for a number of latents, (S, N).
        start: The number to begin with.
        limit: The largest number to try.
        num_steps: Steps of each training, for the record.
    """
    found = {latent: score(latent) for latent in dict.fromkeys((start, half(start)))}
    while True:
        done = compared(found, num_steps)
        smallest, largest = done.trials[0].latent, done.trials[-1].latent
        if done.latent == smallest > 1:
            found[half(smallest)] = score(half(smallest))
        elif done.largest_wins and largest < limit:
            found[min(2 * largest, limit)] = score(min(2 * largest, limit))
        else:
            return done


def half(latent: int) -> int:
    """Half of a number of latents, rounded up."""
    return math.ceil(latent / 2)


def compared(found: dict[int, Bounds], num_steps: int = 0) -> LatentSearch:
    """Numbers of latents beside the best of them.

    Args:
        found: For each number the bound of each held-out row after each training, (S, N).
        num_steps: Steps of each training, for the record.
    """
    rows = {latent: bounds.double().mean(0) for latent, bounds in found.items()}
    best = max(rows, key=lambda latent: (rows[latent].mean().item(), -latent))
    by_seed = torch.stack([bounds.double().mean(1) for bounds in found.values()])
    trainings, num_rows = found[best].shape
    trials = (LatentTrial(d, estimate(rows[d]), estimate(rows[best] - rows[d])) for d in sorted(rows))
    seed_stderr = math.sqrt(2 * by_seed.var(1).mean().item() / trainings)
    return LatentSearch(tuple(trials), seed_stderr, num_rows, num_steps, trainings)
