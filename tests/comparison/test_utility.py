import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from refusals import refused
from variate.comparison.rows import table_rows
from variate.comparison.utility import column_number, prediction_score, utility
from variate.config.schema import Column, Schema

RNG = np.random.default_rng(0)
COLUMNS = (
    Column("x", "real"),
    Column("number", "real"),
    Column("bit", "binary"),
    Column("name", "categorical", tuple("abc")),
)
SCHEMA = Schema("table", (4,), columns=COLUMNS)


def table(rows, rng=RNG):
    """Every column follows from the first, with noise."""
    x = rng.normal(size=rows)
    noisy = x + 0.3 * rng.normal(size=rows)
    return np.stack([x, noisy, noisy > 0, np.digitize(noisy, [-0.6, 0.6])], axis=1).astype(float)


@pytest.mark.parametrize(("target", "kind"), [("number", "R2"), ("bit", "AUC"), ("name", "accuracy")])
def test_equal_rows_are_equally_useful_and_noise_is_of_no_use(target, kind):
    train, test = table_rows(table(200)), table_rows(table(150))
    found = utility(SCHEMA, target, train, train, test, 0)
    assert (found.score, found.num_train, found.num_test) == (kind, 200, 150)
    assert found.synthetic == found.real
    assert found.lost == (0, 0)
    assert found.real.value > 0.7
    noise = np.stack([RNG.permutation(column) for column in train.values.T], axis=1)
    useless = utility(SCHEMA, target, table_rows(noise), train, test, 0)
    assert useless.real == found.real
    assert useless.lost.value > 4 * useless.lost.stderr
    assert useless.lost.value == pytest.approx(useless.real.value - useless.synthetic.value)


def test_two_samples_of_one_distribution_are_as_useful():
    train, synthetic, test = (table_rows(table(rows)) for rows in (300, 500, 300))
    found = utility(SCHEMA, "number", synthetic, train, test, 0)
    assert found.num_train == 300
    assert abs(found.lost.value) < 4 * found.lost.stderr


def test_scores_are_scikit_learns():
    y, p = RNG.integers(2, size=50).astype(float), RNG.normal(size=50)
    assert prediction_score("AUC", y, p) == pytest.approx(roc_auc_score(y, p))
    assert prediction_score("R2", p, y) == pytest.approx(r2_score(p, y))
    assert prediction_score("accuracy", y, y[::-1]) == accuracy_score(y, y[::-1])
    assert prediction_score("AUC", np.ones(3), p[:3]) == 0.5
    assert prediction_score("R2", np.ones(3), p[:3]) == 0


def test_a_target_with_one_value_is_learned_as_a_constant():
    synthetic = table(100)
    synthetic[:, 2:] = 1
    train, test = table_rows(table(100)), table_rows(table(100))
    assert utility(SCHEMA, "bit", table_rows(synthetic), train, test, 0).synthetic.value == 0.5
    found = utility(SCHEMA, "name", table_rows(synthetic), train, test, 0)
    assert found.synthetic.value == pytest.approx(np.mean(test.values[:, 3] == 1))


def test_rows_without_the_target_or_with_a_new_category_are_left_out():
    synthetic, train = table(100), table(100)
    synthetic[:30, 3], synthetic[30:60, 3] = np.nan, 3
    found = utility(SCHEMA, "name", table_rows(synthetic), table_rows(train), table_rows(table(50)), 0)
    assert found.num_train == 40


def test_targets_that_cannot_be_learned_are_refused():
    assert refused(column_number, SCHEMA, "nmae").remedy == "did you mean 'name'?"
    alone = Schema("table", (1,), columns=COLUMNS[:1])
    assert refused(column_number, alone, "x").argument == "target"
    few = table(100)
    few[9:, 1] = np.nan
    error = refused(utility, SCHEMA, "number", table_rows(few), table_rows(table(100)), table_rows(table(100)), 0)
    assert error.argument == "target"
    assert "9" in error.got
