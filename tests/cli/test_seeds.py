"""`variate train --seeds`, and `variate evaluate` of what it wrote."""

import dataclasses
import json
import shutil

import pytest
import torch

from small_runs import FAST, SMALL, finished
from variate.runs import Run
from variate.runs.seeds import runs_of_seeds
from variate.runs.training import plan, train

OUTPUT = "output.txt"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A directory of three seeds, with what was printed; not to be written to."""
    folder = tmp_path_factory.mktemp("seeds")
    out = finished("train", "digits", *FAST, "--seeds", "3", "--seed", "5", "--out", "run", cwd=folder)
    (folder / OUTPUT).write_text(out)
    return folder


@pytest.fixture
def three(trained, tmp_path, variate_command):
    """A copy of it in the working directory, and what was printed."""
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path / "run", (trained / OUTPUT).read_text()


def test_each_seed_is_a_whole_run_and_the_first_is_as_usual(three):
    folder, out = three
    runs = runs_of_seeds(Run(folder))
    assert [run.path for run in runs] == [folder, folder / "seed-6", folder / "seed-7"]
    assert [run.recipe.training.seed for run in runs] == [5, 6, 7]
    assert len({run.recipe.fingerprint for run in runs}) == 1
    train(plan("digits", "alone", model=SMALL["model"], training=dataclasses.replace(SMALL["training"], seed=7)))
    for name, tensor in Run("alone").model.state_dict().items():
        assert torch.equal(tensor, runs[2].model.state_dict()[name]), name
    record = json.loads((folder / "seeds.json").read_text())["seeds"]
    assert (record["seeds"], record["runs"]) == ([5, 6, 7], [".", "seed-6", "seed-7"])
    for value in record["quantities"][0]["values"]:
        assert f"{value:,.2f} ± " in out
    assert "3 training seeds (5, 6, 7)" in out


def test_an_evaluation_is_of_all_seeds_unless_the_model_file_is_named(three, variate_command):
    folder, _ = three
    code, out, _ = variate_command("evaluate", folder, "--samples", 1)
    assert code == 0
    assert "3 training seeds" in out
    evaluated, trained = (json.loads((folder / name).read_text()) for name in ("evaluation.json", "seeds.json"))
    assert evaluated["seeds"] == trained["seeds"]
    assert evaluated["quantities"][0]["value"] == evaluated["seeds"]["quantities"][0]["values"][0]
    for other in ("model.safetensors", "seed-6"):
        code, out, _ = variate_command("evaluate", folder / other, "--samples", 1)
        assert code == 0
        assert "training seeds" not in out


def test_what_is_there_is_resumed_and_the_rest_trained(three, variate_command):
    folder, _ = three
    before = {name: (folder / name / "model.safetensors").read_bytes() for name in (".", "seed-6", "seed-7")}
    shutil.rmtree(folder / "seed-7")
    code, _, err = variate_command("train", "digits", "--resume", "--out", "run", "--seeds", 3)
    assert code == 0, err
    for name, content in before.items():
        assert (folder / name / "model.safetensors").read_bytes() == content, name
