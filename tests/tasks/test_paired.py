"""Runs on the same rows: differences are those of each row, and runs about other things are refused."""

import math

import numpy as np
import pytest

import variate
from small_runs import SMALL
from variate.config.recipe import DataOptions, ModelOptions
from variate.config.schema import Column
from variate.errors import InputError
from variate.runs import Run
from variate.runs.training import plan, train
from variate.tasks.paired import measure_of, paired


def trained(path, source="digits", **changes):
    train(plan(str(source), str(path), **{**SMALL, **changes}))
    return Run(path)


def test_a_difference_is_taken_row_by_row(digits_run, tmp_path):
    other = trained(tmp_path / "other", model=ModelOptions(width=8, depth=1, latent=2))
    found = paired([digits_run, other])
    test = digits_run.splits().test
    a, b = (variate.elbo(run.model, test, 4).elbo.double().numpy() for run in (digits_run, other))
    difference = b - a
    own = found.runs[1]
    assert own.over_first.value == pytest.approx(difference.mean())
    assert own.over_first.stderr == pytest.approx(difference.std(ddof=1) / math.sqrt(len(a)))
    assert own.wins == np.mean(b > a)
    assert own.unpaired == pytest.approx(math.hypot(a.std(ddof=1), b.std(ddof=1)) / math.sqrt(len(a)))
    assert own.over_first.value == pytest.approx(-own.distortion_over_first.value - own.rate_over_first.value, rel=1e-4)
    assert found.runs[0].over_first is None
    assert (found.num_rows, found.of_rows) == (180, 180)


def test_a_run_differs_from_itself_by_nothing(digits_run):
    found = paired([digits_run, Run(digits_run.path)])
    assert found.runs[1].over_first == (0.0, 0.0)
    assert found.runs[1].wins == 0


def test_a_model_with_conditions_is_compared_on_the_same_rows(digits_run, tmp_path):
    found = paired([digits_run, trained(tmp_path / "by-label", data=DataOptions(condition=("label",)))])
    assert found.num_rows == 180


@pytest.mark.parametrize("options", [DataOptions(split_seed=1), DataOptions(binarize="fixed")])
def test_other_rows_are_refused(digits_run, tmp_path, options):
    other = trained(tmp_path / "other", data=options)
    with pytest.raises(InputError, match="compare runs on the same rows") as raised:
        paired([digits_run, other])
    assert raised.value.argument == other.name


def test_other_data_and_a_single_run_are_refused(digits_run, table_run):
    with pytest.raises(InputError):
        paired([digits_run, table_run])
    with pytest.raises(InputError) as raised:
        paired([digits_run])
    assert raised.value.argument == "runs"


@pytest.mark.parametrize(
    ("column", "likelihood", "expected"),
    [
        (Column("x", "counts"), "student-t", "mass"),
        (Column("x", "categorical", ("a", "b")), "columns", "mass"),
        (Column("x", "real", step=0.1), "quantile-logistic", "mass"),
        (Column("x", "real", step=0.1), "columns", "mass"),
        (Column("x", "real", step=0.1), "student-t", "density"),
        (Column("x", "real"), "quantile-logistic", "density"),
        (Column("x", "real", atoms=(0.0,)), "quantile-logistic", "atoms"),
        (Column("x", "real", atoms=(0.0,)), "gaussian", "density"),
    ],
)
def test_a_density_is_not_compared_with_a_mass(column, likelihood, expected):
    assert measure_of(column, likelihood) == expected


def test_likelihoods_of_other_measures_are_refused(table_run, table_file, tmp_path):
    other = trained(
        tmp_path / "other", table_file, model=ModelOptions(width=16, depth=1, latent=3, likelihood="student-t")
    )
    with pytest.raises(InputError, match="another kind of likelihood"):
        paired([table_run, other])
