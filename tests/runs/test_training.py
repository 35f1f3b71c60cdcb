"""From data to a trained run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from refusals import refused
from small_runs import SMALL
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import InputError
from variate.runs import Run
from variate.runs.training import plan, train
from variate.runtime.distributed import Processes


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_plan_leaves_nothing_open(here):
    found = plan("digits", model=ModelOptions(latent=5))
    assert found.path == Path("runs", "digits")
    assert (found.recipe.source, found.recipe.model.latent, found.recipe.data.stream) == ("digits", 5, "off")
    assert found.recipe.model.likelihood == "discretized-logistic"
    assert found.recipe.fingerprint == found.splits.fingerprint
    assert len(found.reasons) == 2
    assert not list(here.iterdir())


def test_what_cannot_work_is_refused_before_torch_is_loaded(here):
    np.save("nan.npy", np.full((20, 3), np.nan))
    code = """
import sys
from variate.errors import InputError
from variate.runs.training import plan
assert plan("digits").recipe.model.latent
for source in ("nan.npy", "nowhere"):
    try:
        plan(source)
    except InputError:
        continue
    raise AssertionError(source)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_trained_run_is_what_is_read_again(here):
    before = torch.get_rng_state()
    run, history = train(plan("digits", "run", **SMALL))
    assert history.stopped == "finished"
    assert torch.equal(torch.get_rng_state(), before)
    again = Run("run")
    assert again.recipe == run.recipe
    assert again.history == history.records
    for name, tensor in again.model.state_dict().items():
        assert torch.equal(tensor, run.model.state_dict()[name]), name


def test_resuming_a_finished_run_changes_nothing(here):
    train(plan("digits", "run", **SMALL))
    content = (here / "run" / "model.safetensors").read_bytes()
    planned = plan("digits", "run", resume=True)
    assert planned.resume
    assert planned.recipe.model.width == 16
    assert "as in run" in planned.reasons[0]
    train(planned)
    assert (here / "run" / "model.safetensors").read_bytes() == content


def test_resuming_on_data_that_changed_is_refused(here):
    rows = np.random.default_rng(0).normal(size=(80, 3)).astype("f4")
    np.save("rows.npy", rows)
    train(plan("rows.npy", data=DataOptions(stream="on"), **SMALL))
    np.save("rows.npy", rows + 1)
    with pytest.raises(InputError) as error:
        plan("rows.npy", resume=True)
    assert error.value.argument == "data"
    assert "changed" in error.value.got
    assert Run("runs/rows").recipe.data.stream == "on"


def test_a_run_that_begins_later_takes_the_next_name(here):
    first, second = plan("digits", **SMALL), plan("digits", **SMALL)
    assert first.path == second.path == Path("runs", "digits")
    for planned, name in ((first, "digits"), (second, "digits-2")):
        run, _ = train(planned)
        assert run.path == planned.path == Path("runs", name)
        assert (here / "runs" / name / "model.safetensors").is_file()


def test_of_two_runs_into_one_directory_the_second_is_refused_and_the_first_is_whole(here):
    first, second = plan("digits", "run", **SMALL), plan("digits", "run", **SMALL)
    with first.claim.held(Processes()):
        assert refused(plan, "digits", "run", **SMALL).argument == "out"
        assert refused(train, second).argument == "out"
        run, history = train(first)
    before = (here / "run" / "model.safetensors").read_bytes()
    assert refused(train, second).argument == "out"
    assert run.history == history.records
    assert (here / "run" / "model.safetensors").read_bytes() == before


def test_a_run_that_is_refused_leaves_nothing(here):
    impossible = {"training": TrainingOptions(epochs=1, batch_size=10**6), "model": SMALL["model"]}
    assert refused(train, plan("digits", **impossible)).argument == "batch_size"
    assert not list(here.iterdir())


def test_a_run_killed_before_its_first_checkpoint_starts_anew(here):
    (here / "run" / "checkpoint").mkdir(parents=True)
    (here / "run" / "checkpoint" / ".state.safetensors.12.part").touch()
    error = refused(plan, "digits", "run", resume=True)
    assert error.argument == "resume"
    run, _ = train(plan("digits", "run", **SMALL))
    assert sorted(path.name for path in run.path.rglob("*")) == [
        "checkpoint",
        "metrics.jsonl",
        "model.safetensors",
        "state.safetensors",
    ]


def test_an_open_number_of_latents_is_searched_for_when_it_is_trained(here, monkeypatch):
    monkeypatch.setattr("variate.training.latent_trials.LEAST_STEPS", 20)
    options = {"model": ModelOptions(width=16, depth=1, latent="auto"), "training": TrainingOptions(epochs=1)}
    planned = plan("digits", "run", **options)
    assert (planned.latent_is_open, planned.recipe.model.latent, planned.recipe.compared_latents) == (True, 16, ())
    run, _ = train(planned)
    assert run.recipe.model.latent in run.recipe.compared_latents
    again = plan("digits", "run", resume=True, **options)
    assert not again.latent_is_open
    assert again.recipe.model.latent == run.recipe.model.latent
