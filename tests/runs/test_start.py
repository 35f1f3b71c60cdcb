"""Runs that go on from a trained model with new rows."""

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from small_runs import SMALL
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import Option
from variate.runs import Run
from variate.runs.seeds import other_seeds, runs_of_seeds
from variate.runs.training import plan, train
from variate.training.trainer import Trainer

MODEL, SHORT = SMALL["model"], TrainingOptions(epochs=3, batch_size=50)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def customers(path, cities, seed, n=200, more=""):
    rng = np.random.default_rng(seed)
    lines = ["age,city,spent" + (f",{more}" if more else "")]
    for _ in range(n):
        extra = f",{rng.integers(9)}" if more else ""
        lines.append(f"{rng.integers(18, 90)},{rng.choice(cities)},{rng.gamma(2, 9):.2f}{extra}")
    path.write_text("\n".join(lines))
    return str(path)


@pytest.fixture
def old(here):
    """A trained run on customers from two cities."""
    return train(plan(customers(here / "old.csv", ["Bern", "Oslo"], 0), "old", model=MODEL, training=SHORT)).run


@pytest.fixture
def new(here):
    """New rows, some of them from a third city."""
    return customers(here / "new.csv", ["Bern", "Oslo", "Rome"], 1)


@pytest.mark.parametrize("start", ["old", "old/model.safetensors"])
def test_a_run_goes_on_from_a_directory_or_a_file_and_is_a_run_of_its_own(old, new, start, here):
    planned = plan(new, training=SHORT, start=start)
    recipe = planned.recipe
    assert recipe.model == old.recipe.model
    assert (recipe.source, recipe.fingerprint) == (new, planned.splits.fingerprint)
    assert recipe.start.model == str(here / "old" / "model.safetensors")
    assert recipe.schema.columns[1].categories == ("Bern", "Oslo", "Rome")
    assert (recipe.training.kl_warmup, recipe.training.lr) == (0, 1e-3)
    run = train(planned).run
    again = Run(run.path)
    assert again.recipe == run.model.recipe
    assert again.recipe.start == recipe.start
    rows, test = again.splits().test.x.all(), planned.splits.test
    assert np.array_equal(rows, test.x.all())
    assert torch.equal(variate.elbo(again.model, test).elbo, variate.elbo(run.model, test).elbo)


def test_before_the_first_step_old_rows_have_the_nats_that_they_had(old, here):
    rows = old.splits().test
    before = variate.elbo(old.model, rows).elbo
    customers(here / "same.csv", ["Bern", "Oslo"], 0)  # nothing new
    still = TrainingOptions(epochs=1, lr=1e-30, batch_size=160, ema=0)
    run = train(plan("same.csv", training=still, start="old")).run
    assert torch.equal(variate.elbo(run.model, rows).elbo, before)


def test_the_model_that_it_began_with_is_kept_if_nothing_better_is_found(old, new):
    worse = TrainingOptions(epochs=2, lr=3.0, lr_warmup=0, batch_size=20, ema=0)
    planned = plan(new, training=worse, start="old")
    run, history = train(planned)
    assert history.best_step == 0
    expected = variate.grow(old.model, planned.splits)
    rows = planned.splits.test
    assert torch.equal(variate.elbo(run.model, rows).elbo, variate.elbo(expected, rows).elbo)
    assert history.best_bound > max(record["validation_elbo"] for record in history.records)


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_happened(old, new, monkeypatch):
    whole = train(plan(new, "whole", training=SHORT, start="old")).run
    kept = Trainer.step

    def killed(self):
        if self.state.progress.step == 7:
            raise RuntimeError("killed")
        kept(self)

    monkeypatch.setattr(Trainer, "step", killed)
    with pytest.raises(RuntimeError):
        train(plan(new, "killed", training=SHORT, start="old"))
    monkeypatch.setattr(Trainer, "step", kept)
    (old.path / "model.safetensors").unlink()  # it is not needed any more
    run = train(plan(new, "killed", resume=True)).run
    assert run.recipe == whole.recipe
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, run.model.state_dict()[name]), name


def test_a_resumed_run_may_name_the_model_again_but_no_other(old, new):
    train(plan(new, "run", training=SHORT, start="old"))
    assert plan(new, "run", resume=True, start="old").resume
    assert plan(new, "run", resume=True, start="old/model.safetensors").resume
    assert refused(plan, new, "run", resume=True, start="run").argument == "start"
    assert refused(plan, "old.csv", "old", resume=True, start="run").argument == "start"


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"model": ModelOptions(width=32)}, "width"),
        ({"model": ModelOptions(latent="auto")}, "latent"),
        ({"model": ModelOptions(prior="vamp")}, "prior"),
        ({"data": DataOptions(columns=(("age", "categorical"),))}, "columns"),
        ({"data": DataOptions(condition=("city",))}, "condition"),
        ({"data": DataOptions(binarize="fixed")}, "binarize"),
        ({"data": DataOptions(drop=("nothing",))}, "drop"),
    ],
)
def test_options_that_differ_from_the_models_are_refused(old, new, given, argument):
    error = refused(plan, new, start="old", **given)
    assert error.argument == argument
    assert not (old.path.parent / "runs").exists()


def test_options_that_are_the_models_may_be_said_and_others_are_free(old, new):
    data = DataOptions(validation=0.3, split_seed=5, missing=("-1",), stream="on")
    planned = plan(
        new, start="old", data=data, model=ModelOptions(width=16, latent=3), training=TrainingOptions(lr=0.1)
    )
    assert (planned.recipe.data.split_seed, planned.recipe.data.missing) == (5, ("-1",))
    assert planned.recipe.training.lr == 0.1
    assert len(planned.splits.validation) == 60


def test_what_decided_the_columns_of_the_old_data_decides_those_of_the_new(here):
    options = DataOptions(drop=("shop",), missing=("-9",), columns=(("age", "real"),))
    source = customers(here / "old.csv", ["Bern", "Oslo"], 0, more="shop")
    train(plan(source, "old", data=options, model=MODEL, training=SHORT))
    new = customers(here / "new.csv", ["Bern", "Rome"], 1, more="shop")
    planned = plan(new, start="old")
    assert (planned.recipe.data.drop, planned.recipe.data.missing) == (("shop",), ("-9",))
    assert planned.recipe.data.columns == (("age", "real"),)
    without = customers(here / "without.csv", ["Bern", "Rome"], 1)
    assert plan(without, start="old").recipe.data.drop == ("shop",)
    other = customers(here / "other.csv", ["Bern", "Rome"], 1, more="till")
    error = refused(plan, other, start="old")
    assert "till" in error.got
    assert Option("drop", ["till"]) in error.remedy.parts
    assert plan(other, start="old", data=DataOptions(drop=("till",))).recipe.data.drop == ("shop", "till")


def test_a_model_file_that_changed_in_between_is_refused(old, new):
    planned = plan(new, training=SHORT, start="old")
    with torch.no_grad():
        next(old.model.parameters()).add_(1)
    old.model.save(old.model_file)
    assert "another" in refused(train, planned).got
    assert not planned.path.exists() or not list(planned.path.glob("*.safetensors"))


def test_what_is_no_model_is_refused(new, here):
    assert refused(plan, new, start="nothing").argument == "nothing"
    (here / "broken.safetensors").write_bytes(b"no model")
    refused(plan, new, start="broken.safetensors")
    assert not (here / "runs").exists()


def test_seeds_go_on_from_one_model_in_different_orders(old, new):
    planned = plan(new, "run", training=SHORT, start="old")
    for own in (planned, *other_seeds(planned, 2)):
        train(own)
    first, second = runs_of_seeds(Run("run"))
    assert first.recipe.start == second.recipe.start
    weights = [next(run.model.parameters()) for run in (first, second)]
    assert not torch.equal(*weights)


def test_models_of_images_and_of_arrays_go_on_and_other_shapes_are_refused(here):
    rng = np.random.default_rng(0)
    for name, shape in (("old", (90, 6)), ("new", (80, 6)), ("wide", (80, 7))):
        np.save(here / f"{name}.npy", rng.normal(size=shape))
    train(plan("old.npy", "old", model=MODEL, training=SHORT))
    run = train(plan("new.npy", "run", training=SHORT, start="old")).run
    assert torch.equal(run.model.likelihood.offset, Run("old").model.likelihood.offset)
    assert "7" in refused(plan, "wide.npy", start="old").got
    assert refused(plan, "digits", start="old").argument == "digits"


def test_what_is_counted_of_conditions_is_counted_anew(here):
    options = DataOptions(condition=("city",))
    old = customers(here / "old.csv", ["Bern", "Oslo"], 0)
    train(plan(old, "old", data=options, model=MODEL, training=SHORT))
    planned = plan(customers(here / "new.csv", ["Rome"], 1), "run", training=SHORT, start="old")
    p = train(planned).run.model.conditions.log_prob.exp()
    n = len(planned.splits.train)
    torch.testing.assert_close(p, torch.tensor([1 / 3, 1 / 3, n + 1 / 3], dtype=p.dtype) / (n + 1))
