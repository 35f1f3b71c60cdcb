"""Where runs go, and which one is resumed."""

import os

import pytest

from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import InputError, Option
from variate.runs.directory import absolute, new_directory, record_path, resumed_directory, resumed_recipe, run_name


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
        found = new_directory("digits", None)
        assert str(found) == os.path.join("runs", expected)  # noqa: PTH118
        found.mkdir(parents=True)


def test_a_directory_in_use_is_not_taken(here):
    (here / "empty").mkdir()
    assert new_directory("digits", "empty").name == "empty"
    (here / "full").mkdir()
    (here / "full" / "a").touch()
    for taken in ("full", "full/a"):
        with pytest.raises(InputError) as error:
            new_directory("digits", taken)
        assert error.value.argument == "out"
        assert taken in error.value.got
        assert Option("resume", True) in error.value.remedy.parts


def test_the_latest_run_on_the_data_is_resumed(here):
    with pytest.raises(InputError) as error:
        resumed_directory("digits", None)
    assert error.value.argument == "resume"
    assert Option("out") in error.value.remedy.parts
    for number, name in enumerate(("digits", "digits-2", "digits-3", "others")):
        checkpoint = here / "runs" / name / "checkpoint"
        checkpoint.mkdir(parents=True)
        os.utime(checkpoint, (0, 100 - number if name != "digits-2" else 200))
    assert resumed_directory("digits", None).name == "digits-2"
    assert resumed_directory("digits", "elsewhere").name == "elsewhere"


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


def test_sources_are_understood_from_any_directory(here):
    (here / "x.npz").touch()
    assert absolute("x.npz") == str(here / "x.npz")
    assert absolute("x.npz:train") == f"{here / 'x.npz'}:train"
    assert absolute("digits") == "digits"


def test_a_record_goes_beside_the_model_or_where_it_is_asked_for(here):
    assert record_path(here / "evaluation.json", None) == here / "evaluation.json"
    assert record_path(here / "evaluation.json", "mine.JSON").name == "mine.JSON"
    for out, word in (("a.txt", "a.txt"), ("nowhere/a.json", "nowhere")):
        with pytest.raises(InputError) as error:
            record_path(here / "evaluation.json", out)
        assert error.value.argument == "out"
        assert word in error.value.got
