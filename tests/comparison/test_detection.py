import math

import numpy as np
import pytest

from variate.comparison.detection import FOLDS, MOST_CODES, detect, features, folds
from variate.comparison.rows import table_rows
from variate.config.schema import Column, Schema

RNG = np.random.default_rng(0)


def schema_of(*columns):
    return Schema("table", (len(columns),), columns=columns)


NUMBERS = schema_of(*(Column(name, "real") for name in "abc"))


def test_a_table_cannot_be_told_from_itself():
    rows = table_rows(np.round(RNG.normal(size=(200, 3)), 1))
    found = detect(NUMBERS, rows, rows, 0)
    assert found == (0.5, pytest.approx(0, abs=0.1))


def test_two_samples_of_one_distribution_cannot_be_told_apart():
    found = detect(NUMBERS, *(table_rows(RNG.normal(size=(500, 3))) for _ in range(2)), 0)
    assert abs(found.value - 0.5) < 4 * 1.2 * found.stderr  # 1.2: the classifiers share what they learn from


def test_a_shift_is_told_almost_as_well_as_can_be():
    # Of N(0, 1) and N(2, 1), the best area is Phi(2 / sqrt(2)) = 0.921; trees that learn from 800 rows come close.
    x, y = RNG.normal(size=(500, 3)), RNG.normal(size=(500, 3))
    x[:, 1] += 2
    found = detect(NUMBERS, table_rows(x), table_rows(y), 0)
    best = (1 + math.erf(1)) / 2
    assert best - 0.05 < found.value < best + 4 * 1.2 * found.stderr
    assert detect(NUMBERS, table_rows(y), table_rows(x), 0).value == pytest.approx(found.value, abs=4 * found.stderr)


def test_gaps_tell_tables_apart_unless_both_have_them():
    x, y = RNG.normal(size=(300, 3)), RNG.normal(size=(300, 3))
    y[RNG.random(300) < 0.5, 0] = np.nan
    rows = table_rows(x), table_rows(y)
    assert detect(NUMBERS, *rows, 0).value > 0.7
    same = detect(NUMBERS, *rows, 0, same_gaps=True)
    assert abs(same.value - 0.5) < 4 * 1.2 * same.stderr


def test_columns_without_a_value_tell_tables_apart_and_nothing_else():
    x, y = RNG.normal(size=(100, 3)), RNG.normal(size=(100, 3))
    x[:, 0] = np.nan
    rows = table_rows(x), table_rows(y)
    assert detect(NUMBERS, *rows, 0).value == 1
    same = detect(NUMBERS, *rows, 0, same_gaps=True)
    assert abs(same.value - 0.5) < 4 * 1.2 * same.stderr


def test_equal_rows_of_the_two_tables_share_a_fold_pair_by_pair():
    x = np.array([1, 1, 1, 2, 3, 4, 5, 6, 7, 8], dtype=np.uint64)
    y = np.array([1, 1, 2, 9, 10, 11, 12, 13, 14, 15], dtype=np.uint64)
    first, second = folds(x, y, 0)
    assert set(second[y == 1].tolist()) <= set(first[x == 1].tolist())
    assert first[x == 2].tolist() == second[y == 2].tolist()
    for part in (first, second):
        assert sorted(np.unique(part)) == list(range(FOLDS))


def test_rare_categories_are_one_beyond_the_limit_of_the_trees():
    names = tuple(map(str, range(300)))
    real = np.repeat(np.arange(300.0), np.arange(300, 0, -1))[:, None]
    found = features(schema_of(Column("a", "categorical", names)), np.array([[0.0], [299.0], [300.0], [np.nan]]), real)
    assert found[:3, 0].tolist() == [0, MOST_CODES, MOST_CODES]
    assert np.isnan(found[3, 0])
    values = RNG.integers(5, size=(400, 1)).astype(float)
    assert detect(schema_of(Column("a", "categorical", names)), table_rows(values), table_rows(real), 0).value > 0.9


def test_the_seed_decides_and_nothing_else():
    x, y = (table_rows(RNG.normal(size=(60, 3))) for _ in range(2))
    assert detect(NUMBERS, x, y, 3) == detect(NUMBERS, x, y, 3)
    assert detect(NUMBERS, x, y, 3) != detect(NUMBERS, x, y, 4)
