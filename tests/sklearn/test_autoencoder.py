import copy
import io
import pickle
import pickletools

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn
import variate
from estimators import FRAMES, SMALL, mixed, numbers, numbers_as
from examples import rng
from refusals import refused
from variate.sklearn import VariationalAutoencoder, base

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


def fitted(x, **changes):
    return VariationalAutoencoder(**{**SMALL, **changes}).fit(x)


def test_it_is_the_model_that_the_library_trains():
    x = numbers_as("pandas")
    found = fitted(x, validation_fraction=0.2)
    rows = variate.read(x).dataset
    order = np.random.default_rng(0).permutation(len(rows))
    train, validation = rows.select(np.sort(order[:-12])), rows.select(np.sort(order[-12:]))
    vae = variate.build(train, variate.ModelOptions(latent=2, width=8, depth=1), seed=0)
    history = variate.fit(vae, train, validation, SMALL["training_options"], epochs=2, seed=0)
    assert found.history_ == history
    np.testing.assert_allclose(found.transform(x), vae.double().embed(x).mean.numpy(), rtol=1e-9)
    expected = variate.to_arrow(vae.reconstruct(x), vae.recipe.schema).to_pandas()
    pd.testing.assert_frame_equal(found.inverse_transform(found.transform(x)), expected, check_exact=False)


def test_arrays_and_data_frames_of_the_same_numbers_are_the_same_data():
    first, *others = (fitted(numbers_as(library)) for library in ("numpy", "pandas", "polars"))
    scores = first.score_samples(numbers())
    for library, other in zip(("pandas", "polars"), others, strict=True):
        np.testing.assert_array_equal(other.score_samples(numbers_as(library)), scores)
        assert list(other.feature_names_in_) == ["a", "b", "c", "d"]
    assert not hasattr(first, "feature_names_in_")


@pytest.mark.parametrize("library", FRAMES)
def test_rows_come_in_the_form_of_the_data(library):
    x = FRAMES[library]()
    found = fitted(x)
    kind = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[library]
    for rows in (found.sample(7, random_state=0), found.inverse_transform(found.transform(x))):
        assert isinstance(rows, kind)
        assert list(rows.columns) == list(x.columns)
        assert rows["unit"].to_list()[0] == "kg"
        assert set(rows["city"]) <= {"Oslo", "Bern", "Rome"}
    assert fitted(numbers()).sample(7).shape == (7, 4)


def test_other_tables_come_back_as_tables_of_arrow():
    assert isinstance(fitted(pa.Table.from_pandas(mixed(), preserve_index=False)).sample(2), pa.Table)


def test_samples_repeat_with_their_seed():
    found = fitted(numbers())
    np.testing.assert_array_equal(found.sample(5, random_state=3), found.sample(5, random_state=3))
    assert (found.sample(5, random_state=3) != found.sample(5, random_state=4)).any()


@pytest.mark.parametrize("kind", ["real", "counts", "binary", "pixels"])
def test_features_that_are_all_alike_have_one_likelihood(kind):
    source = rng()
    high = {"counts": 30, "binary": 2, "pixels": 256}
    x = source.normal(size=(40, 6)) if kind == "real" else source.integers(0, high[kind], (40, 6)).astype(float)
    found = fitted(x, kind=kind)
    assert found.model_.recipe.schema == variate.Schema(kind, (6,), levels=256 if kind == "pixels" else 0)
    assert found.sample(3).shape == found.inverse_transform(found.transform(x))[:3].shape == (3, 6)
    assert np.isfinite(found.score(x))
    frame = pd.DataFrame(x, columns=list("abcdef"))
    assert list(fitted(frame, kind=kind).feature_names_in_) == list("abcdef")


def test_parameters_that_change_after_the_fit_are_those_of_the_next_one():
    found = fitted(numbers())
    expected = found.score(numbers())
    assert found.set_params(kind="real", latent=5).score(numbers()) == expected


def test_kinds_of_columns_can_be_given():
    found = fitted(mixed(), columns={"id": "real", "visits": "real"})
    assert {column.name: column.kind for column in found.model_.recipe.schema.columns} == {
        "id": "real", "weight": "real", "city": "categorical", "day": "real", "visits": "real",
    }  # fmt: skip
    assert any("unit" in note for note in found.notes_)


def test_options_lie_below_the_parameters():
    options = {"model_options": variate.ModelOptions(latent=3, width=8, depth=1, prior="mixture", components=2)}
    assert fitted(numbers(), latent=None, **options).model_.recipe.model.latent == 3
    assert fitted(numbers(), **options).model_.recipe.model.latent == 2
    assert fitted(numbers(), **options).model_.recipe.model.prior == "mixture"


def test_few_rows_are_all_trained_on_and_batches_are_no_larger():
    found = fitted(numbers(4, gaps=0), batch_size=64)
    assert found.history_.options.batch_size == 4
    assert "validation_elbo" not in found.history_.records[-1]


def test_a_row_of_weight_0_is_left_out():
    x, weights = numbers(), (rng().random(60) < 0.7).astype(float)
    found = fitted(x).fit(x, sample_weight=3 * weights)
    kept = fitted(x[weights > 0])
    np.testing.assert_allclose(found.score_samples(x), kept.score_samples(x), rtol=1e-9)


def test_weights_decide_what_is_probable():
    x = np.repeat([[0.0], [1.0]], 100, axis=0) * [1.0, 0.0] + rng().normal(size=(200, 2)) * [0.0, 1.0]
    options = {"epochs": 40, "lr": 2e-2}
    for weight, low, high in ((1, 0.4, 0.6), (9, 0.8, 0.97)):  # which is 0.5 and 0.9
        found = VariationalAutoencoder(**{**SMALL, **options})
        found.fit(x, sample_weight=np.where(x[:, 0] == 1, weight, 1))
        assert low < found.sample(4_000, random_state=0)[:, 0].mean() < high


def test_the_score_is_the_mean_of_the_scores():
    x, weights = numbers(), rng().random(60)
    found = fitted(x)
    scores = found.score_samples(x)
    assert found.score(x) == pytest.approx(scores.mean())
    assert found.score(x, sample_weight=weights) == pytest.approx(np.average(scores, weights=weights))


def test_more_draws_come_closer_to_the_evidence():
    x = numbers()
    found = fitted(x)
    one, many = (found.set_params(num_samples=number).score(x) for number in (1, 200))
    assert many > one


def test_partial_fit_goes_on_with_the_same_model():
    x = mixed(200)
    found = VariationalAutoencoder(**{**SMALL, "lr": 1e-2})
    scores = []
    for _ in range(8):
        for part in np.array_split(np.arange(200), 2):
            found.partial_fit(x.iloc[part])
        scores.append(found.score(x))
    assert scores[-1] > scores[0] + 0.1
    assert found.model_.recipe.schema == variate.read(x.iloc[:100]).schema
    again = fitted(x)
    model = again.model_
    assert again.partial_fit(x).model_ is model
    assert again.fit(x).model_ is not model


def test_partial_fit_and_fit_are_the_same_with_their_seed():
    x = numbers()
    first, second = (VariationalAutoencoder(**SMALL).partial_fit(x).partial_fit(x) for _ in range(2))
    np.testing.assert_array_equal(first.score_samples(x), second.score_samples(x))


def test_random_state_none_takes_numpys_generator():
    x = numbers()
    np.random.seed(3)
    first, second = fitted(x, random_state=None), fitted(x, random_state=None)
    assert first.score(x) != second.score(x)
    np.random.seed(3)
    assert fitted(x, random_state=None).score(x) == first.score(x)


@pytest.mark.parametrize("copied", ["pickle", "joblib", "deepcopy"])
def test_a_copy_says_the_same_and_holds_the_file_of_the_model(copied):
    x = mixed()
    found = fitted(x)
    if copied == "deepcopy":
        twin = copy.deepcopy(found)
    elif copied == "pickle":
        twin = pickle.loads(pickle.dumps(found))
    else:
        joblib.dump(found, file := io.BytesIO())
        file.seek(0)
        twin = joblib.load(file)
    np.testing.assert_array_equal(twin.score_samples(x), found.score_samples(x))
    np.testing.assert_array_equal(twin.partial_fit(x).transform(x), found.partial_fit(x).transform(x))
    assert twin.get_params().keys() == found.get_params().keys()


def test_no_tensor_is_pickled():
    names = [str(argument) for _, argument, _ in pickletools.genops(pickle.dumps(fitted(mixed()))) if argument]
    assert any("recipe" in name for name in names)
    assert not any(name.startswith("torch") for name in names)


def test_a_clone_is_not_fitted():
    found = clone(fitted(numbers()))
    assert found.latent == 2
    with pytest.raises(sklearn.exceptions.NotFittedError):
        found.transform(numbers())


def test_it_works_in_a_pipeline_and_a_search():
    x, y = numbers(), np.arange(60) % 2
    search = GridSearchCV(
        make_pipeline(StandardScaler(), VariationalAutoencoder(**SMALL), LogisticRegression()),
        {"variationalautoencoder__latent": [1, 3]},
        cv=2,
    ).fit(x, y)
    assert search.predict(x).shape == (60,)
    by_bound = GridSearchCV(VariationalAutoencoder(**SMALL), {"latent": np.array([1, 3])}, cv=2).fit(x)
    assert np.isfinite(by_bound.cv_results_["mean_test_score"]).all()


def test_it_works_on_some_columns():
    x = mixed()
    parts = ColumnTransformer([("all", VariationalAutoencoder(**SMALL), ["weight", "city", "day"])], remainder="drop")
    found = parts.set_output(transform="pandas").fit_transform(x)
    assert list(found.columns) == ["all__variationalautoencoder0", "all__variationalautoencoder1"]
    assert (found.index == x.index).all()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_latents_come_as_data_frames_if_they_are_to(library):
    found = VariationalAutoencoder(**SMALL).set_output(transform=library).fit_transform(mixed())
    assert type(found).__module__.partition(".")[0] == library
    assert list(found.columns) == ["variationalautoencoder0", "variationalautoencoder1"]


def test_weights_are_passed_through_a_cross_validation():
    x, weights = numbers(), rng().random(60)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = VariationalAutoencoder(**SMALL).set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=True)
        found = cross_validate(estimator, x, cv=2, params={"sample_weight": weights})
    plain = cross_validate(VariationalAutoencoder(**SMALL), x, cv=2)
    assert (found["test_score"] != plain["test_score"]).all()


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"latent": 0}, "latent"),
        ({"kind": "tables"}, "kind"),
        ({"columns": {"nonsense": "real"}}, "columns"),
        ({"columns": 3}, "columns"),
        ({"likelihood": "squared-error"}, "likelihood"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"num_samples": 0}, "num_samples"),
        ({"epochs": 2.5}, "epochs"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"lr": -1.0}, "lr"),
        ({"model_options": {"latent": 2}}, "model_options"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(changes, argument):
    assert refused(fitted, numbers(), **changes).argument == argument


def test_x_that_cannot_be_used_is_refused():
    found = fitted(numbers())
    assert refused(found.inverse_transform, np.zeros((3, 5))).argument == "X"
    assert refused(fitted, numbers()[:1]).got == "1 sample"
    assert refused(fitted, np.ones((20, 2))).expected.startswith("a column that says something")
    assert refused(found.fit, numbers(), sample_weight=np.ones(3)).argument == "sample_weight"


def test_a_training_that_the_user_ended_ends_the_search(monkeypatch):
    train = base.fit
    monkeypatch.setattr(base, "fit", lambda *args, **named: train(*args, **named)._replace(stopped="interrupted"))
    found = VariationalAutoencoder(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        found.fit(numbers())
    with pytest.raises(sklearn.exceptions.NotFittedError):
        found.transform(numbers())


def test_a_fit_that_fails_leaves_nothing_that_seems_to_be_fitted():
    found = fitted(numbers())
    refused(found.fit, np.ones((20, 2)))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        found.transform(numbers())
