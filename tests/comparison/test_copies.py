import numpy as np
import pytest

from variate.comparison.copies import find_copies, has_equal, mean_differences, nearest, scaled_rows
from variate.comparison.rows import table_rows
from variate.config.schema import Column, Schema

RNG = np.random.default_rng(0)
SCHEMA = Schema(
    "table", (3,), columns=(Column("a", "real"), Column("b", "counts"), Column("c", "categorical", tuple("xyz")))
)


def table(rows, rng=RNG):
    return np.stack([rng.normal(size=rows), rng.poisson(5, rows), rng.integers(3, size=rows)], axis=1).astype(float)


def gappy(values):
    return np.where(RNG.random(values.shape) < 0.2, np.nan, values)


def by_hand(query, known, average):
    """Gower's distance of a row to the nearest known row."""
    found = []
    for row in known:
        terms = []
        for a, b, gap in zip(query, row, average, strict=True):
            if np.isnan(a) or np.isnan(b):
                terms.append(0 if np.isnan(a) and np.isnan(b) else gap)
            else:
                terms.append(min(1, abs(a - b)))
        found.append(np.mean(terms))
    return min(found)


def test_distances_are_those_by_hand(monkeypatch):
    known, queries = gappy(table(40)), gappy(table(15))
    scaled, asked = (scaled_rows(SCHEMA, part, known) for part in (known, queries))
    average = mean_differences(SCHEMA, scaled)
    expected = [by_hand(query, scaled, average) for query in asked]
    np.testing.assert_allclose(nearest(asked, scaled, average), expected, atol=1e-6)
    monkeypatch.setattr("variate.comparison.copies.TILE", 100)  # two rows at a time
    np.testing.assert_allclose(nearest(asked, scaled, average), expected, atol=1e-6)


def test_two_random_rows_differ_by_the_mean_over_all_pairs():
    known = gappy(table(60))
    scaled = scaled_rows(SCHEMA, known, known)
    for own, found in zip(scaled.T, mean_differences(SCHEMA, scaled), strict=True):
        cells = own[~np.isnan(own)].astype(float)
        assert found == pytest.approx(np.minimum(1, np.abs(cells[:, None] - cells)).mean(), rel=1e-5)


def test_distances_do_not_depend_on_units():
    known, queries = table(50), table(20)
    found = nearest(*(scaled_rows(SCHEMA, part, known) for part in (queries, known)), np.ones(3, np.float32))
    for part in (known, queries):
        part[:, 0] = 1000 * part[:, 0] + 7
    again = nearest(*(scaled_rows(SCHEMA, part, known) for part in (queries, known)), np.ones(3, np.float32))
    np.testing.assert_allclose(found, again, atol=1e-6)


def test_a_table_beside_itself_is_all_copies():
    rows = table_rows(gappy(table(100)))
    found = find_copies(SCHEMA, rows, rows, None, 1000, 0)
    assert found.exact.synthetic.value == 1
    assert found.exact.real.value < 0.5
    assert found.synthetic.low.value == 0
    assert found.synthetic.median.value < found.real.median.value
    assert found.num_near == 50
    assert not found.of_training


def test_copies_are_counted_beside_rows_that_repeat_by_themselves():
    real = table(200)
    real[:20] = real[20:40]  # so that 40 rows equal another one
    synthetic = np.concatenate([real[50:80], table(70)])
    found = find_copies(SCHEMA, table_rows(synthetic), table_rows(real), None, 1000, 0)
    assert found.exact.real.value == 0.2
    assert found.exact.synthetic.value == 0.3
    assert has_equal(table_rows(real)).sum() == 40
    assert found.repeated == found.exact.real


def test_held_out_rows_stand_beside_training_rows():
    train, fresh = table(200), table(100)
    fresh[:10] = train[:10]
    synthetic = train[:50] + np.array([1e-9, 0, 0])
    found = find_copies(SCHEMA, table_rows(synthetic), table_rows(train), table_rows(fresh), 1000, 0)
    assert found.of_training
    assert (found.exact.real.value, found.exact.synthetic.value, found.repeated.value) == (0.1, 0, 0)
    assert found.synthetic.median.value < 1e-6 < found.real.median.value


@pytest.mark.parametrize("fresh", [None, table_rows(table(500))])
def test_rows_of_one_distribution_are_as_near_as_real_rows(fresh):
    # The quantiles have standard errors by resampling; k = 4.
    found = find_copies(SCHEMA, table_rows(table(500)), table_rows(table(500)), fresh, 1000, 0)
    for own, other in zip(found.synthetic, found.real, strict=True):
        assert abs(own.value - other.value) < 4 * np.hypot(own.stderr, other.stderr)


def test_copies_whose_gaps_were_filled_are_near():
    real = table(300)
    with_gaps = real.copy()
    with_gaps[RNG.random(300) < 0.5, 2] = np.nan
    found = find_copies(SCHEMA, table_rows(real), table_rows(with_gaps), None, 1000, 0)
    honest = find_copies(SCHEMA, table_rows(table(300)), table_rows(with_gaps), None, 1000, 0)
    assert found.synthetic.low.value == 0
    assert found.synthetic.median.value < honest.synthetic.median.value


def test_only_some_rows_are_near_but_all_are_compared_for_equality():
    real = table(300)
    found = find_copies(SCHEMA, table_rows(real), table_rows(real), None, 50, 0)
    assert (found.num_known, found.num_near) == (300, 50)
    assert find_copies(SCHEMA, table_rows(real), table_rows(real), table_rows(real), 50, 0).num_near == 50
    assert found.exact.synthetic.value == 1
