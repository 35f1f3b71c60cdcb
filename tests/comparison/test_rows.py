import numpy as np

from variate.comparison.rows import HALVINGS, chosen, halvings, table_rows, with_gaps_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))


def test_rows_have_one_order_whatever_the_order_they_come_in():
    shuffled = table_rows(X[RNG.permutation(50)])
    ordered = table_rows(X)
    assert np.array_equal(shuffled.values, ordered.values)
    assert np.array_equal(shuffled.digests, ordered.digests)
    assert (np.diff(ordered.digests.astype(float)) > 0).all()
    assert np.array_equal(np.sort(ordered.values[:, 0]), np.sort(X[:, 0]))


def test_equal_rows_have_equal_digests_and_others_have_not():
    rows = table_rows(np.array([[0.0, np.nan], [-0.0, -np.nan], [0.0, 1.0], [0.0, 1.0], [1.0, np.nan]]))
    _, counts = np.unique(rows.digests, return_counts=True)
    assert sorted(counts.tolist()) == [1, 2, 2]


def test_rows_are_chosen_once_each_and_by_the_seed():
    rows = table_rows(X)
    some = chosen(rows, 20, 0, "a")
    assert len(some) == 20
    assert np.isin(some.digests, rows.digests).all()
    assert len(np.unique(some.digests)) == 20
    assert np.array_equal(some.digests, chosen(rows, 20, 0, "a").digests)
    for seed, purpose in ((1, "a"), (0, "b")):
        assert not np.array_equal(some.digests, chosen(rows, 20, seed, purpose).digests)
    assert chosen(rows, 50, 0, "a") is rows


def test_halves_share_no_row_and_leave_none_out():
    found = halvings(21, 100, 0)
    assert len(found) == HALVINGS
    for first, second in found:
        assert len(first) == 10
        assert sorted([*first, *second]) == list(range(21))
    assert all(len(first) == 4 and len(second) == 17 for first, second in halvings(21, 4, 0))


def test_gaps_are_given_only_to_columns_that_have_none():
    other = np.where(np.arange(50)[:, None] % 2 == [0, 1, 2], np.nan, X)
    values = X.copy()
    values[3, 1] = np.nan
    found = with_gaps_of(values, other, 0)
    assert np.array_equal(np.isnan(found[:, 1]), np.isnan(values[:, 1]))
    assert 10 < np.isnan(found[:, 0]).sum() < 40
    assert not np.isnan(found[:, 2]).any()
    there = ~np.isnan(found)
    assert np.array_equal(found[there], values[there])
