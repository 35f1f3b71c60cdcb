import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate.comparison.membership import membership, possible
from variate.comparison.rows import table_rows, values_of
from variate.config.schema import Column, Schema

SCHEMA = Schema(
    "table",
    (4,),
    columns=(Column("a", "real"), Column("b", "counts"), Column("c", "binary"), Column("d", "categorical", ("x", "y"))),
)


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ([0.5, 3, 1, 1], True),
        ([np.nan, np.nan, np.nan, np.nan], True),
        ([0.5, -1, 1, 1], False),
        ([0.5, 2.5, 1, 1], False),
        ([0.5, 3, 2, 1], False),
        ([0.5, 3, 1, 2], False),
    ],
)
def test_rows_that_no_model_gives_are_known(row, fits):
    assert possible(SCHEMA, np.array([row])).tolist() == [fits]


@pytest.fixture
def parts(table_run):
    torch.set_default_dtype(torch.float32)
    splits = table_run.splits()
    return table_run.model, splits, [table_rows(values_of(part)) for part in (splits.train, splits.test)]


def test_bounds_are_those_of_the_model(parts):
    model, splits, (train, test) = parts
    found = membership(model, splits.schema, train, train, test, 0)
    mean = variate.log_evidence(model, splits.test, found.num_samples, seed=0).estimate
    noise = variate.log_evidence(model, splits.test, found.num_samples, seed=1).noise
    assert noise is not None
    assert found.held_out.value == pytest.approx(mean.value, abs=4 * np.hypot(noise, noise))
    assert found.held_out.stderr == pytest.approx(mean.stderr, rel=0.1)
    assert found.synthetic == found.train
    assert found.impossible == 0


def test_training_rows_are_told_from_noise_but_not_from_themselves(parts):
    model, splits, (train, test) = parts
    assert membership(model, splits.schema, train, train, train, 0).auc.value == pytest.approx(0.5)
    far = test.values.copy()
    far[:, 0] += 100  # a height that no row has
    assert membership(model, splits.schema, train, train, table_rows(far), 0).auc.value > 0.99


def test_rows_that_the_model_cannot_give_are_left_out(parts):
    model, splits, (train, test) = parts
    odd = train.values.copy()
    odd[:60, 3] = 3
    found = membership(model, splits.schema, table_rows(odd), train, test, 0)
    assert found.impossible == 60 / len(odd)
    odd[:, 3] = 3
    error = refused(membership, model, splits.schema, table_rows(odd), train, test, 0)
    assert error.argument == "synthetic"
