"""The search for the number of latents, on made-up bounds."""

import math

import numpy as np
import pytest
import torch

from variate.statistics import estimate
from variate.training.latent_trials import TRAININGS
from variate.training.latents import compared, half, search

ENOUGH = 6


def bounds(latent, enough=ENOUGH, noise=0.01, trainings=TRAININGS, num_rows=200, seed=0):
    """Bounds that rise by 1 nat per latent until there are enough, with noise of rows and of seeds."""
    source = torch.Generator().manual_seed(seed)
    rows = noise * torch.randn(trainings, num_rows, generator=source, dtype=torch.float64)
    return rows + min(latent, enough) + noise * torch.randn(trainings, 1, generator=source, dtype=torch.float64)


def tried(found):
    return [trial.latent for trial in found.trials]


@pytest.mark.parametrize(
    ("start", "limit", "expected", "latent"),
    [
        (16, 64, [4, 8, 16], 8),
        (2, 64, [1, 2, 4, 8, 16], 8),
        (2, 5, [1, 2, 4, 5], 5),
        (6, 6, [3, 6], 6),
        (64, 64, [4, 8, 16, 32, 64], 8),
        (1, 1, [1], 1),
    ],
)
def test_the_search_goes_on_as_long_as_an_end_wins(start, limit, expected, latent):
    asked = []
    found = search(lambda number: asked.append(number) or bounds(number, noise=0), start, limit)
    assert tried(found) == expected == sorted(asked)
    assert found.latent == latent


def test_noise_of_the_seeds_alone_does_not_make_the_largest_number_win():
    noise = torch.randn(100, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = [compared({8: torch.zeros(2, 50) + own[:1].T, 16: torch.zeros(2, 50) + own[1:].T}) for own in noise]
    best = [own.trials[1].behind.value == 0 for own in found]
    # By Student's t of 2 degrees of freedom, 16 is ahead by more than one standard error in 21 % of the cases.
    assert 0.35 < np.mean(best) < 0.65
    assert 0.05 < np.mean([own.largest_wins for own in found]) < 0.37


def test_a_number_that_loses_nats_is_not_taken_because_seeds_are_noisy():
    rows = 0.01 * torch.randn(2, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    seeds = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    found = compared({2: rows + seeds - 0.1, 4: rows + seeds})
    assert found.seed_stderr == pytest.approx(math.sqrt(2), rel=0.01)
    assert found.latent == 4
    assert not found.largest_wins


def test_where_none_is_needed_one_is_left():
    found = search(lambda latent: bounds(latent, enough=0, noise=0), 16, 64)
    assert tried(found) == [1, 2, 4, 8, 16]
    assert found.latent == 1


def test_a_difference_is_that_of_the_same_rows_with_the_noise_of_seeds_beside_it():
    made = {4: bounds(4, noise=0.3), 8: bounds(8, noise=0.3, seed=1)}
    found = compared(made, num_steps=7)
    low, high = found.trials
    rows = {latent: own.mean(0) for latent, own in made.items()}
    assert low.behind == pytest.approx(estimate(rows[8] - rows[4]))
    assert (high.behind, high.is_as_good) == ((0, 0), True)
    assert high.bound == estimate(rows[8])
    seeds = sum((own.mean(1)[0] - own.mean(1)[1]).item() ** 2 / 2 for own in made.values()) / 2
    assert found.seed_stderr == pytest.approx(math.sqrt(2 * seeds / 2))
    assert (found.num_rows, found.num_steps, found.num_trainings) == (200, 7, TRAININGS)


def test_the_stated_noise_of_seeds_is_how_much_a_difference_varies():
    def one(seed):
        source = torch.Generator().manual_seed(seed)
        by_seed = torch.randn(4, TRAININGS, 1, dtype=torch.float64, generator=source)
        return dict(zip((1, 2, 4, 8), by_seed.expand(4, TRAININGS, 5), strict=True))

    found = [one(seed) for seed in range(300)]
    differences = [(own[1].mean() - own[2].mean()).item() for own in found]
    stated = [compared(own).seed_stderr ** 2 for own in found]
    # Mean squares of 300 normal numbers vary by 8 %, those of 1,200 degrees of freedom by 4 %.
    assert np.mean(np.square(differences)) == pytest.approx(np.mean(stated), rel=0.3)


def test_half_is_rounded_up_and_ends_at_one():
    assert [half(latent) for latent in (7, 4, 2, 1)] == [4, 2, 1, 1]
