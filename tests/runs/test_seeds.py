"""Runs that differ in their seed alone."""

import dataclasses

import pytest

from refusals import refused
from small_runs import SMALL
from variate.config.recipe import ModelOptions
from variate.runs import Run
from variate.runs.seeds import other_seeds, runs_of_seeds
from variate.runs.training import plan, train
from variate.runtime.distributed import Processes


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def first(here):
    """The plan of a run, whose directory is held."""
    planned = plan("digits", "run", **SMALL)
    with planned.claim.held(Processes()):
        yield planned


def test_the_plans_differ_in_seed_and_directory_alone(first, here):
    plans = other_seeds(first, 3)
    assert [planned.path for planned in plans] == [first.path / "seed-1", first.path / "seed-2"]
    for planned, seed in zip(plans, (1, 2), strict=True):
        training = dataclasses.replace(first.recipe.training, seed=seed)
        assert planned.recipe == dataclasses.replace(first.recipe, training=training)
        assert planned.splits is first.splits
        assert not planned.resume
    assert other_seeds(first, 1) == []


def test_directories_in_use_are_refused_before_anything_is_trained(first, here):
    (here / "run" / "seed-1").mkdir()
    (here / "run" / "seed-1" / "mine.txt").touch()
    assert refused(other_seeds, first, 2).argument == "out"


def test_runs_are_found_by_seed_and_one_of_another_kind_is_refused(first, here):
    train(first)
    for planned in other_seeds(first, 3):
        train(planned)
    assert [run.recipe.training.seed for run in runs_of_seeds(Run("run"))] == [0, 1, 2]
    assert len(runs_of_seeds(Run("run/model.safetensors"))) == 1
    train(plan("digits", "run/seed-9", model=ModelOptions(width=16, depth=1, latent=2), training=SMALL["training"]))
    assert refused(runs_of_seeds, Run("run")).argument == "run/seed-9"
