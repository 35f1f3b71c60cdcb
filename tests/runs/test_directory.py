"""Where runs go, and which one is resumed."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from refusals import refused
from small_runs import SMALL
from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.schema import Schema
from variate.errors import InputError, Option
from variate.runs.directory import absolute, new_directory, record_path, resumed_directory, resumed_recipe, run_name
from variate.runs.training import plan, train
from variate.runtime import tensor_files
from variate.runtime.distributed import Processes


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "name"),
    [("digits", "digits"), ("a/photos.zip", "photos"), ("x.npy", "x"), ("x.npy.gz", "x"), ("data.npz:train", "data")],
)
def test_a_run_is_named_after_its_data(source, name):
    assert run_name(source) == name


def test_new_runs_get_directories_of_their_own(here):
    for expected in ("digits", "digits-2", "digits-3"):
        found = new_directory("digits", None).path
        assert str(found) == os.path.join("runs", expected)  # noqa: PTH118
        found.mkdir(parents=True)
        (found / "model.safetensors").touch()


def test_a_directory_in_use_is_not_taken(here):
    (here / "empty").mkdir()
    assert new_directory("digits", "empty").path.name == "empty"
    (here / "full").mkdir()
    (here / "full" / "a").touch()
    error = refused(new_directory, "digits", "full")
    assert error.argument == "out"
    assert "full" in error.got
    assert Option("resume", True) in error.remedy.parts
    error = refused(new_directory, "digits", "full/a")
    assert (error.argument, error.expected) == ("out", "a directory")
    assert "full/a" in error.got
    assert sorted(path.name for path in here.iterdir()) == ["empty", "full"]


@pytest.mark.parametrize("out", [None, "runs/digits"])
def test_what_is_left_of_a_run_before_its_first_checkpoint_counts_as_empty(here, out):
    left = here / "runs" / "digits"
    (left / "checkpoint").mkdir(parents=True)
    (left / "checkpoint" / ".state.safetensors.12-0123abcd.part").touch()
    (left / ".metrics.jsonl.12.part").touch()
    claim = new_directory("digits", out)
    assert claim.path == Path("runs", "digits")
    with claim.held(Processes()):
        assert not (left / ".metrics.jsonl.12.part").exists()
    error = refused(resumed_directory, "digits", "runs/digits")
    assert error.argument == "resume"
    assert "runs/digits" in error.got
    assert Option("resume") in error.remedy.parts
    (left / "checkpoint" / "state.safetensors").touch()
    refused(new_directory, "digits", "runs/digits")


def checkpoint(run, source, written):
    """A file that says what data it is a checkpoint on."""
    path = run / "checkpoint" / "state.safetensors"
    recipe = Recipe(Schema("real", (3,)), source=str(source))
    tensor_files.write_tensors(path, {"x": torch.zeros(2)}, {"identity": recipe.to_json(), "progress": "{}"})
    os.utime(path, (0, written))


def test_the_latest_run_on_the_data_is_resumed(here):
    error = refused(resumed_directory, "digits", None)
    assert error.argument == "resume"
    assert Option("out") in error.remedy.parts
    for number, name in enumerate(("digits", "digits-2", "digits-3", "others")):
        checkpoint(here / "runs" / name, "digits", 100 - number if name != "digits-2" else 200)
    checkpoint(here / "runs" / "digits-4", here / "digits.csv", 300)
    (here / "runs" / "digits-5").mkdir()
    (here / "runs" / "digits-6" / "checkpoint").mkdir(parents=True)
    (here / "runs" / "digits-6" / "checkpoint" / "state.safetensors").write_bytes(b"damaged")
    (here / "runs" / "a file").touch()
    assert resumed_directory("digits", None).path == Path("runs", "digits-2")
    assert resumed_directory("digits.csv", None).path == Path("runs", "digits-4")
    checkpoint(here / "elsewhere", "digits", 50)
    assert resumed_directory("digits", "elsewhere").path == Path("elsewhere")


@pytest.mark.parametrize("name", ["t", "t[1]", "t*", "a?", "[", "t2"])
def test_a_run_is_found_by_its_data_and_not_by_its_name(here, name):
    for number, other in enumerate(("t", "t[1]", "t*", "a?", "[", "t2", "t1")):
        checkpoint(here / "runs" / run_name(f"{other}.csv"), here / f"{other}.csv", 100 - number)
    assert resumed_directory(f"{name}.csv", None).path == Path("runs", name)
    assert resumed_directory(str(here / f"{name}.csv"), None).path == Path("runs", name)


def test_a_run_that_another_process_trains_is_not_resumed(here):
    checkpoint(here / "run", "digits", 0)
    with resumed_directory("digits", "run").held(Processes()):
        error = refused(resumed_directory, "digits", "run")
        assert error.argument == "resume"
        assert "run" in error.got
    resumed_directory("digits", "run")


def test_runs_that_cannot_be_listed_are_named(here):
    (here / "runs").symlink_to(here / "runs")  # to itself
    error = refused(resumed_directory, "digits", None)
    assert error.argument == "runs"


OPTIONS = (DataOptions(), ModelOptions(), TrainingOptions())


def test_a_resumed_run_keeps_its_recipe_except_for_threads(digits_run):
    assert resumed_recipe(digits_run.path, "digits", *OPTIONS).model == digits_run.recipe.model
    agreeing = (OPTIONS[0], ModelOptions(latent=3), TrainingOptions(epochs=3, threads=2))
    assert resumed_recipe(digits_run.path, "digits", *agreeing).training.threads == 2


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("latent", (OPTIONS[0], ModelOptions(latent=7), OPTIONS[2])),
        ("lr", (OPTIONS[0], OPTIONS[1], TrainingOptions(lr=1.0))),
        ("binarize", (DataOptions(binarize="fixed"), *OPTIONS[1:])),
    ],
)
def test_a_resumed_run_refuses_other_options(digits_run, option, given):
    with pytest.raises(InputError) as error:
        resumed_recipe(digits_run.path, "digits", *given)
    assert error.value.argument == option


def test_a_resumed_run_refuses_other_data_and_needs_a_checkpoint(digits_run, here):
    with pytest.raises(InputError) as error:
        resumed_recipe(digits_run.path, "fashion-mnist", *OPTIONS)
    assert (error.value.argument, error.value.got) == ("data", "'fashion-mnist'")
    with pytest.raises(InputError):
        resumed_recipe(here, "digits", *OPTIONS)


def test_data_that_are_no_longer_there_are_not_called_others(here):
    np.save("rows.npy", np.random.default_rng(0).normal(size=(80, 3)).astype("f4"))
    train(plan("rows.npy", "run", **SMALL))
    Path("rows.npy").unlink()
    error = refused(plan, "rows.npy", "run", resume=True)
    assert error.argument == "source"
    assert "exists" in error.expected


def test_sources_are_understood_from_any_directory(here):
    assert absolute("nowhere.csv") == str(here / "nowhere.csv")
    assert absolute("nowhere.npz:train") == f"{here / 'nowhere.npz'}:train"
    assert absolute(absolute("nowhere.npz:train")) == absolute("nowhere.npz:train")
    (here / "digits").mkdir()  # the built-in data are meant, as in reading
    (here / "x.npz").touch()
    assert absolute("x.npz") == str(here / "x.npz")
    assert absolute("x.npz:train") == f"{here / 'x.npz'}:train"
    assert absolute("digits") == "digits"


def test_a_record_goes_beside_the_model_or_where_it_is_asked_for(here):
    assert record_path(here / "evaluation.json", None) == here / "evaluation.json"
    assert record_path(here / "evaluation.json", "mine.JSON").name == "mine.JSON"
    (here / "folder.json").mkdir()
    long = f"{300 * 'x'}/a.json"
    for out, word in (("a.txt", "a.txt"), ("nowhere/a.json", "nowhere"), ("folder.json", "folder"), (long, "xxx")):
        with pytest.raises(InputError) as error:
            record_path(here / "evaluation.json", out)
        assert error.value.argument == "out"
        assert word in error.value.got
