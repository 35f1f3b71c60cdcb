"""From data to a trained run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from small_runs import SMALL
from variate.config.recipe import DataOptions, ModelOptions
from variate.errors import InputError
from variate.runs import Run
from variate.runs.training import plan, train


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
