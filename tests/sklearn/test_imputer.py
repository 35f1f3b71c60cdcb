import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import variate
from estimators import FRAMES, SMALL, mixed, numbers, numbers_as
from examples import rng
from oracles import LinearGaussian
from refusals import refused
from variate.sklearn import VariationalImputer

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


def imputer(**changes):
    return VariationalImputer(**{**SMALL, "num_samples": 20, **changes})


@pytest.mark.parametrize("fill", ["median", "mean", "draw"])
def test_gaps_are_filled_as_impute_fills_them_and_the_rest_stays(fill):
    x = numbers()
    found = imputer(fill=fill).fit(x)
    filled, missing = found.transform(x), np.isnan(x)
    table = pa.table({f"x{place}": pa.array(cells, from_pandas=True) for place, cells in enumerate(x.T)})
    same = variate.impute(found.model_, table, fill=fill, num_samples=20, num_steps=0, seed=1)
    np.testing.assert_array_equal(filled, np.stack([column.to_numpy() for column in same.table.columns], 1))
    np.testing.assert_array_equal(filled[~missing], x[~missing])
    assert np.isfinite(filled).all()


def test_the_error_is_little_above_that_of_the_conditional_expectation():
    linear = LinearGaussian(dim=4, latent=1, sigma=0.5)
    x = linear.draw(800).numpy()
    gaps = rng().random(x.shape) < 0.2
    options = {"model_options": variate.ModelOptions(depth=0, scale="dimension"), "fill": "mean", "num_samples": 200}
    found = imputer(kind="real", latent=1, epochs=40, lr=2e-2, **options).fit_transform(np.where(gaps, math.nan, x))
    W = linear.W.numpy()
    covariance = W @ W.T + 0.25 * np.eye(4)
    mean, expected = linear.mu.numpy(), x.copy()
    for row, own in zip(expected, gaps, strict=True):
        known = ~own
        gain = covariance[np.ix_(own, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
        row[own] = mean[own] + gain @ (row[known] - mean[known])
    found_error, least_error, plain_error = (np.std((rows - x)[gaps]) for rows in (found, expected, mean))
    assert found_error < 1.15 * least_error < plain_error
    np.testing.assert_array_equal(found[~gaps], x[~gaps])


def test_arrays_and_data_frames_of_the_same_numbers_are_filled_alike():
    expected = imputer().fit_transform(numbers_as("numpy"))
    for library, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        found = imputer().fit_transform(numbers_as(library))
        assert isinstance(found, kind)
        np.testing.assert_array_equal(found.to_numpy(), expected)


def test_a_data_frame_of_pandas_keeps_its_types_its_index_and_what_it_holds():
    x = mixed()
    found = imputer().fit_transform(x)
    assert not found.isna().any().any()
    assert (found.dtypes == x.dtypes).all()
    pd.testing.assert_index_equal(found.index, x.index)
    for name in x.columns:
        known = x[name].notna()
        assert (found[name][known] == x[name][known]).all()
    again = imputer().fit(x).transform(x.iloc[::-1].iloc[:7])
    pd.testing.assert_index_equal(again.index, x.index[::-1][:7])


def test_a_data_frame_of_polars_keeps_its_types():
    x = FRAMES["polars"]()
    found = imputer().fit_transform(x)
    assert found.schema == x.schema
    assert sum(found.null_count().row(0)) == 0


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_data_frames_become_those_of_another_library(library, output):
    x = FRAMES[library]()
    plain = imputer(add_indicator=True).fit(x)
    found = plain.set_output(transform=output).transform(x)
    assert isinstance(found, {"pandas": pd.DataFrame, "polars": pl.DataFrame}[output])
    assert list(found.columns) == list(plain.get_feature_names_out())
    expected = imputer(add_indicator=True).fit_transform(x)
    assert list(found["city"]) == list(expected["city"])
    assert list(found["visits"]) == list(expected["visits"])


def test_indicators_say_what_was_missing():
    x = mixed()
    found = imputer(add_indicator=True).fit(x)
    filled = found.transform(x)
    for name in ("city", "weight", "day"):
        assert (filled[f"missingindicator_{name}"] == x[name].isna()).all()
    assert list(filled.columns) == list(found.get_feature_names_out())
    assert len(filled.columns) == 6 + 3
    array = numbers()
    both = imputer(add_indicator=True).fit_transform(array)
    np.testing.assert_array_equal(both[:, 4:], np.isnan(array))


@pytest.mark.parametrize("kind", ["table", "real"])
@pytest.mark.parametrize("marker", [-1, -1.0])
def test_a_number_may_stand_for_missing_values(marker, kind):
    x = numbers()
    expected = imputer(kind=kind).fit_transform(x)
    found = imputer(missing_values=marker, kind=kind).fit_transform(np.where(np.isnan(x), marker, x))
    np.testing.assert_array_equal(found, expected)
    frame = pd.DataFrame(np.where(np.isnan(x), marker, x), columns=["a", "b", "c", "d"])
    if kind == "table":
        np.testing.assert_array_equal(imputer(missing_values=marker).fit_transform(frame).to_numpy(), expected)


@pytest.mark.parametrize("as_categories", [True, False])
def test_a_text_may_stand_for_missing_values(as_categories):
    x = pd.DataFrame({"a": rng().normal(size=60), "b": rng().choice(["u", "v", "unknown"], 60)})
    marked = x.astype({"b": "category"}) if as_categories else x
    found = imputer(missing_values="unknown").fit_transform(marked)
    assert set(found["b"]) == {"u", "v"}
    assert (found["b"][x["b"] != "unknown"] == x["b"][x["b"] != "unknown"]).all()


def with_odd_columns():
    """Numbers beside a constant with gaps, an empty column, and a column that numbers the rows."""
    x = np.column_stack([numbers(), np.full(60, 7.0), np.full(60, math.nan), np.arange(60)])
    x[::3, 4] = math.nan
    return x


@pytest.mark.parametrize("gaps", [1, 20])  # so few that the column is set aside, and so many that it is of ticks
def test_a_feature_with_one_value_is_filled_with_it(gaps):
    x = with_odd_columns()
    x[:, 4] = 7
    x[:gaps, 4] = math.nan
    assert (imputer().fit_transform(x)[:, 4] == 7).all()
    frame = pd.DataFrame({"a": x[:, 0], "b": ["x"] * 60})
    frame.loc[: gaps - 1, "b"] = None
    assert (imputer().fit_transform(frame)["b"] == "x").all()


def test_empty_features_are_left_out_or_kept():
    x = with_odd_columns()
    left_out = imputer().fit(x)
    assert list(left_out.get_feature_names_out()) == ["x0", "x1", "x2", "x3", "x4", "x6"]
    assert left_out.transform(x).shape == (60, 6)
    kept = imputer(keep_empty_features=True).fit(x)
    assert list(kept.get_feature_names_out()) == [f"x{place}" for place in range(7)]
    assert (kept.transform(x)[:, 5] == 0).all()
    reals = x[:, [0, 1, 5]]
    assert imputer(kind="real").fit_transform(reals).shape == (60, 2)
    assert (imputer(kind="real", keep_empty_features=True).fit_transform(reals)[:, 2] == 0).all()


def test_a_gap_in_a_feature_that_was_set_aside_is_refused():
    x = with_odd_columns()
    found = imputer().fit(x)
    x[3, 6] = math.nan
    error = refused(found.transform, x)
    assert error.argument == "column 'x6' of X"
    assert "columns={'x6': 'real'}" in error.remedy
    assert np.isfinite(imputer(columns={"x6": "real"}).fit_transform(x)).all()
    texts = pd.DataFrame({"a": x[:, 0], "name": [f"name {place}" for place in range(59)] + [None]})
    assert "columns={'name': 'categorical'}" in refused(imputer().fit_transform, texts).remedy


def test_it_is_part_of_pipelines():
    x, y = mixed(), np.arange(60) % 2
    model = make_pipeline(
        imputer().set_output(transform="pandas"),
        ColumnTransformer([("numbers", "passthrough", ["weight", "visits"]), ("names", OneHotEncoder(), ["city"])]),
        LogisticRegression(),
    )
    assert model.fit(x, y).predict(x).shape == (60,)


def test_a_pickle_fills_the_same():
    x = mixed()
    found = imputer(random_state=None).fit(x)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(found)).transform(x), found.transform(x))


@pytest.mark.parametrize("changes", [{"fill": "zero"}, {"num_steps": -1}, {"add_indicator": 3}])
def test_parameters_that_cannot_be_used_are_refused(changes):
    (argument,) = changes
    assert refused(imputer(**changes).fit, numbers()).argument == argument
