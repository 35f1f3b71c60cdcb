import math

import numpy as np
import pytest
from scipy import stats

from variate.comparison.marginals import (
    beside_grid,
    beyond,
    compare_column,
    kolmogorov_smirnov,
    standardised_shift,
    total_variation,
    unseen,
)
from variate.comparison.rows import halvings
from variate.config.schema import Column

RNG = np.random.default_rng(0)
NAN = math.nan


def gappy(values):
    return np.where(RNG.random(len(values)) < 0.2, NAN, values)


@pytest.mark.parametrize("decimals", [0, 1, 10])
def test_distances_of_numbers_are_scipys(decimals):
    x, y = gappy(np.round(RNG.normal(1, 2, 150), decimals)), gappy(np.round(RNG.normal(0, 1, 240), decimals))
    a, b = x[~np.isnan(x)], y[~np.isnan(y)]
    assert kolmogorov_smirnov(x, y) == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)
    assert standardised_shift(x, y) == pytest.approx(stats.wasserstein_distance(a, b) / b.std(), rel=1e-12)


def test_total_variation_is_half_the_sum_of_differences():
    x, y = np.array([0.0, 0, 1, 3, NAN]), np.array([0.0, 1, 1, 2, 2])
    assert total_variation(x, y) == pytest.approx((0.3 + 0.15 + 0.4 + 0.25) / 2)
    assert total_variation(x[:2], y[3:]) == 1


def test_a_column_beside_itself_has_no_distance():
    x = gappy(np.round(RNG.gamma(2.0, 10, 100), 1))
    for measure in (kolmogorov_smirnov, standardised_shift, total_variation, beyond, unseen, beside_grid):
        assert measure(x, x) == 0


def test_columns_without_a_value_have_nothing_in_common():
    x, none = np.array([1.0, 2.0]), np.array([NAN])
    for measure in (kolmogorov_smirnov, total_variation):
        assert measure(none, x) == measure(x, none) == 1
    assert math.isnan(standardised_shift(none, x))
    assert beyond(none, x) == beyond(x, none) == unseen(none, x) == beside_grid(none, x) == 0


def test_a_shift_has_no_unit_and_is_that_of_the_mean():
    x = RNG.normal(size=500)
    assert standardised_shift(x + 0.7, x) == pytest.approx(0.7 / x.std())
    assert standardised_shift(1000 * x + 700, 1000 * x) == pytest.approx(0.7 / x.std())
    assert math.isnan(standardised_shift(x, np.ones(9)))


def test_values_that_no_real_row_has_are_counted():
    real = np.array([1.0, 2.0, 5.0])
    assert beyond(np.array([0.9, 1.0, 5.0, 6.0, NAN]), real) == 0.5
    assert unseen(np.array([1.0, 3.0, 3.0, 5.0, NAN]), real) == 0.5
    assert beside_grid(np.array([0.0, 3.5, 7.0, 2.01]), real) == 0.5


@pytest.mark.parametrize("kind", ["real", "counts", "binary", "categorical"])
def test_two_samples_of_one_distribution_differ_as_two_halves_do(kind):
    # The distance of 400 from 800 rows beside that of 400 from 400: it is smaller on average, and varies by about a
    # third of itself. With k = 4 it is below (sqrt(3/4) + 4/3) times the yardstick.
    column = Column("a", kind, ("x", "y", "z") if kind == "categorical" else ())
    draw = {"real": lambda n: RNG.normal(size=n), "counts": lambda n: RNG.poisson(9, n).astype(float),
            "binary": lambda n: RNG.integers(2, size=n).astype(float),
            "categorical": lambda n: RNG.integers(3, size=n).astype(float)}[kind]  # fmt: skip
    found = compare_column(column, draw(400), draw(800), halvings(800, 400, 0))
    assert 0 < found.distance.value < 2.2 * found.distance.halves
    assert not found.distance.stands_out
    assert (found.shift is None) == (kind in ("binary", "categorical"))


def test_a_column_tells_its_gaps_its_grid_and_its_most_frequent_value():
    real = np.array([0.0, 0.0, 0.0, 1.5, 2.5, NAN])
    synthetic = np.array([0.0, 0.3, 0.4, 9.0])
    found = compare_column(Column("a", "real"), synthetic, real, halvings(6, 4, 0))
    assert (found.missing.real.value, found.missing.synthetic.value) == (pytest.approx(1 / 6), 0)
    assert found.off_grid is not None
    assert found.off_grid.value == 0.5
    assert found.outside.value == 0.25
    assert found.frequent is not None
    assert found.frequent.value == "0"
    assert (found.frequent.shares.real.value, found.frequent.shares.synthetic.value) == (0.6, 0.25)
    alone = compare_column(Column("a", "real"), synthetic, np.array([0.1, 1 / 3, 0.7, 9.0]), halvings(4, 4, 0))
    assert alone.frequent is None
    assert alone.off_grid is None


def test_categories_that_are_new_are_outside():
    found = compare_column(Column("a", "categorical", ("x", "y")), np.array([0.0, 2, 2, 1]), np.array([0.0, 1, 1]),
                           halvings(3, 4, 0))  # fmt: skip
    assert found.outside.value == 0.5
    assert found.frequent is not None
    assert found.frequent.value == "y"
