"""What one page says of a run: each part is what its own function gives, and one that fails is left out."""

import numpy as np
import pytest
import torch

import variate
from small_runs import SMALL, trained_run
from variate.config.recipe import DataOptions
from variate.runs import Run
from variate.runs.training import plan, train
from variate.tasks.class_samples import class_samples
from variate.tasks.drawn_columns import drawn_columns
from variate.tasks.extremes import extremes
from variate.tasks.latent_map import latent_map
from variate.tasks.overview import overview, record_of


@pytest.fixture(scope="module")
def of_digits(digits_run):
    return overview(Run(digits_run.path))


@pytest.fixture(scope="module")
def by_label(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "by-label"
    train(plan("digits", str(path), data=DataOptions(condition=("label",)), **SMALL))
    return Run(path)


def test_all_parts_of_images_are_there(of_digits):
    assert of_digits.left_out == ()
    absent = {name for name, part in of_digits._asdict().items() if part is None}
    assert absent == {"record", "drawn", "classes"}
    assert of_digits.evaluation.num_rows == 180
    assert of_digits.pairs.originals.shape == (16, 1, 8, 8)
    assert of_digits.samples.rows.shape == (48, 1, 8, 8)


def test_numbers_are_those_of_the_functions_that_they_come_from(of_digits, digits_run):
    model, test = digits_run.model, digits_run.splits().test
    assert of_digits.evaluation.elbo == variate.evaluate(model, test).elbo
    moved = variate.traverse(model, test)
    np.testing.assert_allclose(of_digits.rates, variate.evaluation.diagnostics.latents.latent_rates(model, test))
    assert of_digits.latents.found.latent.tolist() == moved.latent.tolist()[:8]


def test_labels_are_found_though_the_run_was_trained_without_them(of_digits):
    names = [own.name for own in of_digits.map.colors]
    assert names == ["label", "part of the data"]
    assert len(of_digits.map.places) == of_digits.map.of_rows == 1797
    counts = np.bincount(of_digits.map.colors[1].values.astype(int))
    assert counts.tolist() == [1437, 180, 180]


def test_the_map_is_the_principal_plane(of_digits, digits_run):
    splits = digits_run.splits()
    means = torch.cat(
        [digits_run.model.embed(rows).mean.flatten(1) for rows in (splits.train, splits.validation, splits.test)]
    )
    centred = (means - means.mean(0)).double()
    values = torch.linalg.svd(centred)[1].square()
    torch.testing.assert_close(
        torch.tensor(of_digits.map.shares).double(), values[:2] / values.sum(), rtol=1e-5, atol=1e-7
    )
    variance = torch.from_numpy(of_digits.map.places).var(0, correction=0)
    torch.testing.assert_close(variance, values[:2] / len(means), rtol=1e-5, atol=1e-7)


def test_a_map_takes_rows_of_all_parts_in_proportion(digits_run):
    found = latent_map(digits_run, digits_run.splits(), 100)
    assert np.bincount(found.colors[-1].values.astype(int)).tolist() == [79, 10, 10]


def test_extremes_are_both_ends_of_the_bound(digits_run):
    test = digits_run.splits().test
    found = extremes(digits_run, test, None, most=50, shown=4)
    bound = variate.score(digits_run.model, test.select(found.numbers), num_samples=4).bound.numpy()
    np.testing.assert_array_equal(found.bound, bound)
    assert found.bound[found.oddest].tolist() == sorted(bound)[:4]
    assert found.bound[found.likeliest].tolist() == sorted(bound)[::-1][:4]
    assert (found.p_value, found.cell_p_value, found.num_ranked) == (None, None, 0)


def test_an_odd_row_of_a_table_is_found_with_its_odd_cell(table_run):
    splits = table_run.splits()
    x = splits.test.x.all().copy()
    x[5, 0] = 300.0  # a height of three metres
    from variate.data.storage.in_memory import InMemory

    found = extremes(table_run, splits.test.replace(x=InMemory(x)), splits.validation, most=100, shown=3)
    assert found.oddest[0] == 5
    assert found.cell_p_value[5].argmin() == 0
    assert found.cell_p_value[5, 0] == 1 / (found.num_ranked + 1)


def test_columns_of_drawn_rows_are_compared_as_compare_does(table_run):
    found = drawn_columns(table_run, table_run.splits(), 1000)
    assert [own.name for own in found.columns] == ["height", "member", "visits", "city"]
    assert (found.num_real, found.num_drawn, found.of_real) == (300, 300, 300)
    assert len(found.pairs) == 6
    for own in found.columns:
        assert sum(own.histogram.real) == pytest.approx(1)
        assert sum(own.histogram.synthetic) == pytest.approx(1)


def test_rows_without_columns_have_elements(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(200, 30)).astype("f4"))
    run = trained_run(tmp_path / "x.npy", tmp_path / "run")
    found = overview(run)
    assert found.left_out == ()
    assert len(found.drawn.columns) == 12
    assert found.drawn.of_columns == 30
    assert found.drawn.columns[0].name == "x0"


def test_classes_have_rows_of_their_own(by_label):
    found = class_samples(by_label, most=4, each=3)
    assert found.rows.shape == (4, 3, 1, 8, 8)
    assert found.of_contexts == 10
    assert all(name.startswith("label = ") for name in found.names)
    context = np.full((3, 1), float(found.names[0].partition(" = ")[2]))
    expected = by_label.model.sample(3, mean=True, context=context, seed=0)
    np.testing.assert_array_equal(found.rows[0], expected.numpy())


def test_a_model_with_conditions_has_all_its_parts(by_label, digits_run):
    found = overview(Run(by_label.path))
    assert found.left_out == ()
    assert found.classes.of_contexts == 10
    assert found.evaluation.classification is not None
    assert class_samples(digits_run, 4, 3) is None


def test_data_that_are_gone_leave_what_the_run_holds(tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
    np.save(tmp_path / "x.npy", rows)
    run = trained_run(tmp_path / "x.npy", tmp_path / "run")
    (tmp_path / "x.npy").unlink()
    found = overview(run)
    assert [own.what for own in found.left_out] == ["the data"]
    assert found.splits is None
    assert found.evaluation is None


def test_a_record_counts_only_if_it_is_of_this_model_and_its_own_data(digits_run):
    recipe = digits_run.recipe
    record = {"recipe": recipe.digest, "data": {"fingerprint": recipe.fingerprint}}
    assert record_of(record, recipe) is record
    assert record_of({**record, "recipe": "another"}, recipe) is None
    assert record_of({**record, "data": {"fingerprint": "another"}}, recipe) is None
    assert record_of(None, recipe) is None
    assert overview(Run(digits_run.path), record).evaluation is None
