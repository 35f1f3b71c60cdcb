"""Scores of held-out rows in a run directory."""

import shutil

import numpy as np
import pytest
import torch

from refusals import refused
from variate.evaluation.scores.measures import ScoreSettings
from variate.evaluation.scores.reference import reference_scores
from variate.runs import Run
from variate.runs.calibration import calibration_file, calibration_of, save_calibration
from variate.runtime import tensor_files

BOUND = ScoreSettings("bound", 4, 0)


@pytest.fixture
def run(table_run, tmp_path):
    shutil.copytree(table_run.path, tmp_path / "run")
    return Run(tmp_path / "run")


def parts(reference):
    return [*reference[1:5], *(reference.latent or ()), reference.clean]


def same(one, other):
    pairs = zip(parts(one), parts(other), strict=True)
    return all(a is None if b is None else torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("method", ["bound", "combined"])
def test_the_first_call_keeps_the_scores_of_the_validation_part_and_later_ones_read_them(run, method, monkeypatch):
    settings = ScoreSettings(method, 4, 0)
    first = calibration_of(run, settings)
    expected = reference_scores(run.model, run.splits(), method=method, num_samples=4)
    assert same(first.reference, expected)
    assert first.is_own
    assert first.source == "validation part of people.csv"
    assert calibration_file(run, method).name == f"{method}.safetensors"
    monkeypatch.setattr(Run, "splits", None)  # they are not needed again
    again = calibration_of(Run(run.path), settings)
    assert same(again.reference, expected)
    assert again.reference.settings == settings
    assert again._replace(reference=None) == first._replace(reference=None)


def test_scores_of_other_weights_or_settings_are_made_again(run):
    first = calibration_of(run, BOUND)
    assert calibration_of(run, ScoreSettings("bound", 5, 0)).reference.settings.num_samples == 5
    with torch.no_grad():
        next(run.model.parameters()).mul_(1.01)
    run.model.save(run.model_file)
    again = calibration_of(run, BOUND)
    assert not torch.equal(again.reference.bound, first.reference.bound)


def test_scores_that_a_user_chose_are_not_replaced_unasked(run):
    first = calibration_of(run, BOUND)
    path = save_calibration(run, first._replace(is_own=False, source="new.csv"))
    assert calibration_of(run, BOUND).source == "new.csv"
    error = refused(calibration_of, run, ScoreSettings("bound", 5, 0))
    assert error.argument == str(path)
    assert "new.csv" in error.got
    path.unlink()
    assert calibration_of(run, ScoreSettings("bound", 5, 0)).is_own


def test_without_the_data_there_are_no_scores_and_it_says_why(run, monkeypatch):
    rows = run.splits().test
    gone = Run(run.path)
    monkeypatch.setattr(gone.recipe.__class__, "source", "nowhere.csv", raising=False)
    object.__setattr__(gone.recipe, "source", "nowhere.csv")
    found = calibration_of(gone, BOUND)
    assert found.reference is None
    assert "nowhere.csv" in found.reason
    assert len(rows)


def test_a_damaged_file_and_one_of_something_else_are_refused(run):
    calibration_of(run, BOUND)
    path = calibration_file(run, "bound")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert refused(calibration_of, run, BOUND).argument == str(path)
    good = {"bound": torch.zeros(3), "rate": torch.zeros(3)}
    strings = {"format": "2", "method": "bound", "num_samples": "4", "seed": "0", "source": "", "weights": ""}
    for tensors, change in (
        (good, {"format": "1"}),
        (good, {"num_samples": "many"}),
        ({"bound": torch.zeros(3)}, {}),
        (good | {"rate": torch.zeros(2)}, {}),
        (good | {"own": torch.zeros(2, 2)}, {}),
        (good | {"own": torch.zeros(3, 2, 1)}, {}),
        (good | {"oddness": torch.zeros(2, 4)}, {}),
        (good | {"latent_mean": torch.zeros(2)}, {}),
        ({"bound": torch.zeros(0), "rate": torch.zeros(0)}, {}),
    ):
        tensor_files.write_tensors(path, tensors, strings | {"is_own": "True"} | change)
        error = refused(calibration_of, run, BOUND)
        assert error.expected == "scores of held-out rows"
    path.write_bytes(np.arange(9, dtype=np.uint8).tobytes())
    assert refused(calibration_of, run, BOUND).argument == str(path)


def test_a_directory_that_cannot_be_written_to_keeps_nothing(run, monkeypatch):
    monkeypatch.setattr("variate.runs.calibration.os.access", lambda *_: False)
    assert calibration_of(run, BOUND).reference is not None
    assert not calibration_file(run, "bound").exists()
