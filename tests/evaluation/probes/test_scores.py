"""Scores of predictions and their standard errors."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from variate.evaluation.probes.scores import accuracy, r_squared, score_predictions


def predictions(num_rows, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    true = rng.gamma(2.0, size=num_rows)
    return true, true + noise * rng.normal(size=num_rows)


def test_r2_is_that_of_scikit_learn_and_influences_add_up_to_nothing():
    true, guess = predictions(200)
    found = r_squared(true, guess)
    assert found.value == pytest.approx(r2_score(true, guess))
    assert found.influences.mean() == pytest.approx(0, abs=1e-12)
    assert score_predictions("R2", true, guess).value == found.value


@pytest.mark.parametrize("name", ["R2", "accuracy"])
def test_the_standard_error_is_how_much_the_score_varies_over_samples_of_rows(name):
    def sample(seed):
        true, guess = predictions(400, seed)
        return score_predictions(name, *((true, guess) if name == "R2" else (np.round(true), np.round(guess))))

    found = [sample(seed) for seed in range(400)]
    spread = np.std([one.value for one in found], ddof=1)
    # The relative error of a spread over 400 samples is about 1 / sqrt(800), 4 %; 0.15 is beyond 4 of them.
    assert np.mean([one.stderr for one in found]) == pytest.approx(spread, rel=0.15)


def test_a_difference_on_the_same_rows_is_less_uncertain_than_its_parts():
    true, guess = predictions(500)
    better, worse = r_squared(true, guess), r_squared(true, guess + 0.01 * np.sin(np.arange(500)))
    over = better.over(worse)
    assert over.value == pytest.approx(better.value - worse.value)
    assert over.stderr < 0.2 * better.stderr
    assert better.over(better) == (0, 0)


def test_a_perfect_score_is_not_certain_and_equal_numbers_have_no_r2():
    true = np.arange(50) % 3.0
    assert accuracy(true, true).estimate.value == 1
    assert accuracy(true, true).stderr == pytest.approx(np.sqrt(0.5 * 50.5 / 51**2 / 50), rel=1e-6)
    assert np.isnan(r_squared(np.ones(5), np.ones(5)).value)
