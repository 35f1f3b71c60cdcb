"""What is done with models with conditions: samples given them, and which of them a row has."""

import csv

import numpy as np
import pytest

from refusals import refused
from small_runs import SMALL
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import VariateWarning
from variate.runs import Run
from variate.runs.training import plan, train
from variate.tasks.classify import classify_rows
from variate.tasks.sample import sample, with_context

pytestmark = pytest.mark.filterwarnings("ignore:.*collapsed", "ignore:.*equal to a training row")
SMALL_RUN = {
    "model": ModelOptions(width=16, depth=1, latent=2),
    "training": TrainingOptions(epochs=40, lr=2e-2, batch_size=64),
}


def write(path, n=400, seed=0, with_species=True):
    """A table whose length depends on the species and whose colour depends on the length."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "colour", *(["species", "adult"] if with_species else [])])
        for _ in range(n):
            species, adult = rng.choice(["cod", "eel", "ray"], p=[0.6, 0.3, 0.1]), rng.integers(2)
            length = {"cod": 20, "eel": 50, "ray": 80}[species] + 6 * adult + rng.normal(0, 2)
            row = [f"{length:.3f}", "dark" if length > 53 else "pale", species, ["no", "yes"][adult]]
            writer.writerow(row if with_species else row[:2])
    return path


@pytest.fixture(scope="module")
def fish(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("fish")
    source = write(folder / "fish.csv")
    train(plan(str(source), str(folder / "run"), data=DataOptions(condition=("species", "adult")), **SMALL_RUN))
    return Run(folder / "run")


def test_rows_are_drawn_given_values_of_all_conditions(fish):
    found = sample(fish, 300, given=("species=eel", "adult=no"))
    assert (found.context == found.context[0]).all()
    assert abs(found.rows[:, 0].mean() - 50) < 2
    rows, schema = with_context(found, fish.recipe.schema)
    assert [column.name for column in schema.columns] == ["length", "colour", "species", "adult"]
    assert rows.shape == (300, 4)


def test_conditions_that_are_not_given_are_drawn_from_their_prior(fish):
    context = sample(fish, 3_000).context
    p = np.bincount(context[:, 0].astype(int), minlength=3) / 3_000
    expected = fish.model.conditions.log_prob.exp().numpy().reshape(3, 2).sum(1)
    assert (np.abs(p - expected) < 4 * np.sqrt(expected * (1 - expected) / 3_000)).all()
    half = sample(fish, 200, given=("species=ray",)).context
    assert set(half[:, 0]) == {2.0}
    assert set(half[:, 1]) == {0.0, 1.0}


def test_conditions_on_columns_go_together_with_those_of_the_model(fish):
    found = sample(fish, 50, given=("species=eel", "adult=yes", "colour=dark"))
    assert (found.rows[:, 1] == 0).all()
    assert found.conditioned.log_prob > np.log(0.7)
    error = refused(sample, fish, 50, given=("colour=dark",))
    assert error.argument == "given"
    assert "'species', 'adult'" in error.expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("species=cat",), "one of cod, eel, ray"),
        (("specie=cod",), "did you mean 'species'?"),
        (("adult=0..1",), ""),
    ],
)
def test_values_that_the_model_does_not_know_are_refused(fish, given, said):
    assert said in str(refused(sample, fish, 5, given=given))


def test_rows_are_classified_whether_or_not_they_say_what_they_are(fish, tmp_path):
    own = classify_rows(fish)
    assert list(own.table) == ["species", "adult", "probability"]
    with_names = write(tmp_path / "new.csv", 60, seed=1)
    without = write(tmp_path / "bare.csv", 60, seed=1, with_species=False)
    found = [classify_rows(fish, str(path)).table for path in (with_names, without)]
    for name, values in found[0].items():
        assert np.array_equal(values, found[1][name])
    with with_names.open() as file:
        species = np.array([row["species"] for row in csv.DictReader(file)])
    assert (found[0]["species"] == species).mean() > 0.95


def test_a_single_condition_is_counted_and_has_a_column_per_value(tmp_path):
    source = write(tmp_path / "fish.csv")
    train(plan(str(source), str(tmp_path / "run"), data=DataOptions(condition=("species",), drop=("adult",)), **SMALL))
    run = Run(tmp_path / "run")
    found = classify_rows(run)
    assert list(found.table) == ["species", "probability", "p(species=cod)", "p(species=eel)", "p(species=ray)"]
    total = sum(found.table[f"p(species={name})"] for name in ("cod", "eel", "ray"))
    np.testing.assert_allclose(total, 1)
    assert found.labelled == len(total) == 40
    assert 0 <= found.right <= 40
    assert classify_rows(run, str(write(tmp_path / "bare.csv", 20, with_species=False))).labelled == 0


def test_a_number_to_condition_on_has_to_be_given(tmp_path):
    source = write(tmp_path / "fish.csv")
    train(plan(str(source), str(tmp_path / "run"), data=DataOptions(condition=("length",)), **SMALL))
    run = Run(tmp_path / "run")
    assert "none of 'length', which cannot be drawn" in str(refused(sample, run, 5))
    assert "an interval" in str(refused(sample, run, 5, given=("length=20..30",)))
    assert sample(run, 5, given=("length=21.5",)).rows.shape == (5, 3)
    assert refused(classify_rows, run).argument == "model"


def test_a_model_without_conditions_classifies_nothing(table_run):
    error = refused(classify_rows, table_run)
    assert (error.argument, error.got) == ("model", "one without")


def test_rows_without_a_condition_are_left_out_and_counted(fish, tmp_path):
    lines = write(tmp_path / "new.csv", 20, seed=2).read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:2], "", "yes"])
    (tmp_path / "new.csv").write_text("\n".join(lines))
    with pytest.warns(VariateWarning, match="Left out: 1 row of 20 without a value of 'species', 'adult'"):
        assert len(fish.all_rows(str(tmp_path / "new.csv"))) == 19
