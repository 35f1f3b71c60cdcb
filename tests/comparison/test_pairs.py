import numpy as np
import pytest
from scipy import stats

from variate.comparison.pairs import GROUPS, compare_pairs, contingency, groups, rank_correlations
from variate.comparison.rows import halvings
from variate.config.schema import Column

RNG = np.random.default_rng(0)
COLUMNS = (Column("a", "real"), Column("b", "real"), Column("c", "categorical", ("x", "y", "z")), Column("d", "binary"))


def table(rows, rng=RNG):
    """Four columns that hang together."""
    a = rng.normal(size=rows)
    b = a + 0.5 * rng.normal(size=rows)
    return np.stack([a, b, np.digitize(a, [-0.5, 0.5]), b > rng.normal(size=rows)], axis=1)


def gappy(values):
    return np.where(RNG.random(values.shape) < 0.1, np.nan, values)


def test_rank_correlations_are_scipys():
    x = table(200)
    np.testing.assert_allclose(rank_correlations(x), stats.spearmanr(x).statistic, atol=1e-12)


def test_gaps_leave_out_rows_and_constants_are_correlated_with_nothing():
    x = table(300)[:, :2]
    whole = rank_correlations(x)
    gaps = gappy(x)
    assert rank_correlations(gaps)[0, 1] == pytest.approx(whole[0, 1], abs=4 * 0.02)  # a fifth of 300 rows lacks: k = 4
    assert rank_correlations(np.stack([x[:, 0], np.ones(300)], 1))[0, 1] == 0


def test_tables_of_two_columns_are_counted(monkeypatch):
    monkeypatch.setattr("variate.comparison.pairs.ROWS_AT_ONCE", 30)
    x = gappy(table(100))
    grouped = groups(COLUMNS, x, x)
    found = contingency(grouped)
    for i in range(4):
        for j in range(4):
            both = (grouped[:, i] >= 0) & (grouped[:, j] >= 0)
            expected = np.zeros((GROUPS, GROUPS))
            np.add.at(expected, (grouped[both, i], grouped[both, j]), 1 / both.sum())
            np.testing.assert_allclose(found[i, :, j], expected, atol=1e-12)


def test_numbers_are_cut_at_deciles_and_rare_categories_are_one_group():
    numbers = RNG.normal(size=(1000, 1))
    assert np.bincount(groups(COLUMNS[:1], numbers, numbers)[:, 0]).tolist() == [100] * 10
    column = Column("c", "categorical", tuple("abcdefghijklm"))
    codes = np.repeat(np.arange(13.0), np.arange(13, 0, -1))[:, None]
    counts = np.bincount(groups((column,), codes, codes)[:, 0])
    assert counts.tolist() == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4 + 3 + 2 + 1]
    assert groups((column,), np.array([[np.nan], [13.0]]), codes)[:, 0].tolist() == [-1, GROUPS - 1]


def test_a_table_beside_itself_has_no_distance():
    x = gappy(table(100))
    pairs = compare_pairs(COLUMNS, x, x, halvings(100, 100, 0))
    assert len(pairs) == 6
    assert all(pair.distance.value == 0 < pair.distance.halves for pair in pairs)


def test_two_samples_of_one_distribution_differ_as_two_halves_do():
    # As for columns: the mean over the pairs is below (sqrt(3/4) + 4/3) times the yardstick, with k = 4.
    pairs = compare_pairs(COLUMNS, table(400), table(800), halvings(800, 400, 0))
    assert np.mean([pair.distance.value for pair in pairs]) < 2.2 * np.mean([pair.distance.halves for pair in pairs])


def test_a_shuffled_column_parts_with_all_others():
    real, synthetic = table(1000), table(1000)
    synthetic[:, 0] = RNG.permutation(synthetic[:, 0])
    pairs = compare_pairs(COLUMNS, synthetic, real, halvings(1000, 1000, 0))
    apart = {(pair.first, pair.second) for pair in pairs if pair.distance.stands_out}
    assert apart == {("a", "b"), ("a", "c"), ("a", "d")}
    found = next(pair for pair in pairs if (pair.first, pair.second) == ("a", "b"))
    assert found.real is not None
    assert found.synthetic is not None
    assert found.distance.value == pytest.approx(abs(found.real - found.synthetic) / 2)
    assert abs(found.synthetic) < 4 / np.sqrt(1000)
    assert {(pair.first, pair.second) for pair in pairs[:3]} == apart


def test_columns_that_are_never_there_together_have_nothing_in_common():
    x = table(40)
    x[:, 2] = np.nan
    pairs = compare_pairs(COLUMNS, x, table(40), halvings(40, 40, 0))
    assert all(pair.distance.value == 1 for pair in pairs if "c" in (pair.first, pair.second))
