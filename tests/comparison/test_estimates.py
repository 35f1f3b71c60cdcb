import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from variate.comparison.estimates import Contrast, Shares, auc, bootstrapped, contrast, mean_of, share
from variate.statistics import Estimate


@pytest.mark.parametrize("decimals", [0, 8])
def test_the_area_is_scikit_learns(decimals):
    rng = np.random.default_rng(0)
    x, y = np.round(rng.normal(0.5, size=80), decimals), np.round(rng.normal(size=130), decimals)
    truth = roc_auc_score([*np.ones(80), *np.zeros(130)], [*x, *y])
    assert auc(x, y).value == pytest.approx(truth, abs=1e-12)


def test_the_error_of_an_area_is_how_much_areas_vary():
    rng = np.random.default_rng(0)
    found = [auc(rng.normal(0.7, size=60), rng.normal(size=90)) for _ in range(400)]
    spread = np.std([estimate.value for estimate in found], ddof=1)
    # A standard deviation of 400 values has a standard error of 1 in sqrt(800) of it; k = 4.
    assert np.mean([estimate.stderr for estimate in found]) == pytest.approx(spread, rel=4 / math.sqrt(800))


def test_one_member_has_no_error():
    assert math.isnan(auc(np.array([1.0]), np.array([0.0, 2.0])).stderr)


def test_a_share_is_never_certain():
    assert share(np.zeros(100, dtype=bool)).value == 0
    assert 0 < share(np.zeros(100, dtype=bool)).stderr < 0.01
    assert share(np.arange(100) < 30) == pytest.approx((0.3, math.sqrt(0.3 * 0.7 / 100)), rel=0.01)
    assert math.isnan(share(np.zeros(0, dtype=bool)).value)


def test_the_difference_of_shares_adds_their_variances():
    found = Shares(Estimate(0.2, 0.03), Estimate(0.5, 0.04)).difference
    assert found == pytest.approx((0.3, 0.05))


def test_a_mean_of_estimates():
    assert mean_of([Estimate(1.0, 0.3), Estimate(2.0, 0.4)]) == pytest.approx((1.5, 0.25))


def test_the_error_of_a_resampled_mean_is_that_of_a_mean():
    x = np.random.default_rng(0).normal(size=500)
    (found,) = bootstrapped(lambda index: np.array([x[index].mean()]), 500, np.random.default_rng(1))
    assert found.value == x.mean()
    assert found.stderr == pytest.approx(x.std() / math.sqrt(500), rel=4 / math.sqrt(400))  # of 200 samples, k = 4


def test_a_contrast_is_the_distance_beside_the_mean_of_those_of_halves():
    def apart(x, y):
        return float(abs(x.mean() - y.mean()))

    real = np.arange(4.0)
    halves = [(np.array([0, 1]), np.array([2, 3])), (np.array([0, 3]), np.array([1, 2]))]
    assert contrast(apart, np.array([4.5]), real, halves) == Contrast(3.0, 1.0)


@pytest.mark.parametrize(
    ("value", "halves", "out"), [(0.049, 0.0, False), (0.05, 0.01, True), (0.2, 0.1, False), (0.21, 0.1, True)]
)
def test_a_distance_stands_out_if_it_is_large_and_far_above_its_yardstick(value, halves, out):
    assert Contrast(value, halves).stands_out is out
    assert Contrast(value, halves).excess == value - halves
