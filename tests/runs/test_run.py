"""A run directory opened as an object."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from small_runs import SMALL, trained_run
from variate.config.recipe import DataOptions
from variate.data import read, split
from variate.errors import InputError, Option
from variate.runs import Run
from variate.runs.training import plan, train
from variate.runtime import tensor_files


@pytest.fixture
def copied(digits_run, tmp_path):
    """A copy of the run that may be changed."""
    shutil.copytree(digits_run.path, tmp_path / "copy")
    return Run(tmp_path / "copy")


def arrays(splits):
    return [part.all().x.numpy() for part in (splits.train, splits.validation, splits.test)]


def test_a_directory_and_its_model_file_are_the_same_run(digits_run):
    file = digits_run.path / "model.safetensors"
    for run in (Run(digits_run.path), Run(str(digits_run.path)), Run(file)):
        assert run.path == digits_run.path
        assert run.model_file == file
        assert run.recipe == digits_run.recipe
        assert run.model.recipe == run.recipe
        assert not run.model.training
    assert Run(file).name == str(file)


def test_the_data_are_split_as_they_were_for_training(digits_run):
    expected = split(read("digits"), digits_run.recipe.data)
    for own, other in zip(arrays(digits_run.splits()), arrays(expected), strict=True):
        assert np.array_equal(own, other)
    held_out = digits_run.held_out()
    assert np.array_equal(held_out.data.all().x, expected.test.all().x)
    assert held_out[1:] == ("test part of digits", "digits", expected.fingerprint)
    assert digits_run.held_out("digits").part == held_out.part  # its own data, by name


def test_other_data_are_taken_as_a_whole(digits_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = read("digits").x.all()[:50]
    np.save("rows.npy", rows)
    held_out = digits_run.held_out("rows.npy")
    assert np.array_equal(held_out.data.x.all(), rows)
    assert held_out.part == "rows.npy"
    assert held_out.source == str(tmp_path / "rows.npy")
    assert len(held_out.fingerprint) == 12
    assert digits_run.is_other("rows.npy")
    assert not digits_run.is_other("digits")
    assert not digits_run.is_other(None)
    assert np.array_equal(digits_run.all_rows("rows.npy").x.all(), rows)
    assert len(digits_run.all_rows()) == 1797


@pytest.mark.parametrize("stream", ["off", "on"])
def test_a_model_reads_its_own_split_again_and_needs_no_such_column_of_other_data(table_file, tmp_path, stream):
    lines = table_file.read_text().splitlines()
    mine = tmp_path / "mine.csv"
    mine.write_text("\n".join([f"{lines[0]},who", *(f"{line},w{row % 31}" for row, line in enumerate(lines[1:]))]))
    options = DataOptions(split_by="who", drop=("who",), stream=stream)
    trained = train(plan(str(mine), str(tmp_path / "run"), data=options, **SMALL))
    run = Run(tmp_path / "run")
    assert run.recipe.data == options
    for again, before in zip(arrays(run.splits()), arrays(trained.run.splits()), strict=True):
        np.testing.assert_array_equal(again, before)
    assert len(run.held_out(str(table_file)).data) == 300
    mine.write_text(mine.read_text().replace(",w3\n", ",w4\n", 1))  # another split
    assert "changed" in refused(Run(tmp_path / "run").splits).got


def test_data_that_changed_since_training_are_refused(tmp_path):
    rows = read("digits").x.all()
    np.save(tmp_path / "rows.npy", rows[:200])
    run = trained_run(tmp_path / "rows.npy", tmp_path / "run")
    assert len(run.splits().test) == 20
    np.save(tmp_path / "rows.npy", rows[200:400])
    np.save(tmp_path / "others.npy", rows[400:500])
    changed = Run(tmp_path / "run")
    for use in (changed.splits, changed.held_out, changed.examined):
        with pytest.raises(InputError) as error:
            use()
        assert error.value.argument == str(tmp_path / "rows.npy")
        assert "changed" in error.value.got
    alone = changed.examined(str(tmp_path / "others.npy"))
    assert alone.data is alone.held_out.data
    with_training_rows = run.examined(str(tmp_path / "others.npy"))
    assert len(with_training_rows.data.train) == 160
    assert len(with_training_rows.data.test) == 100


def test_data_that_are_no_longer_there_are_said_to_be_so(tmp_path):
    np.save(tmp_path / "rows.npy", read("digits").x.all()[:200])
    np.save(tmp_path / "others.npy", read("digits").x.all()[200:300])
    trained_run(tmp_path / "rows.npy", tmp_path / "run")
    (tmp_path / "rows.npy").unlink()
    run = Run(tmp_path / "run")
    for use in (run.splits, run.held_out, run.examined, run.all_rows):
        error = refused(use)
        assert error.argument == str(tmp_path / "rows.npy")
        assert "no longer there" in error.got
        assert Option("data") in error.remedy.parts
    assert len(run.held_out(str(tmp_path / "others.npy")).data) == 100


def test_rows_that_were_in_memory_are_said_to_be_so(tmp_path):
    model = variate.build(np.random.default_rng(0).normal(size=(40, 3)))
    model.save(tmp_path / "model.safetensors")
    error = refused(Run(tmp_path).splits)
    assert error.argument == str(tmp_path)
    assert Option("data") in error.remedy.parts


def test_what_is_read_again_is_what_training_had_in_memory(digits_run):
    again = Run(digits_run.path, model=digits_run.model, splits=digits_run.splits())
    assert again.model is digits_run.model
    assert again.splits() is digits_run.splits()
    assert again.recipe is digits_run.model.recipe


def test_the_history_is_what_training_measured(digits_run, copied):
    assert digits_run.history[-1]["epoch"] == pytest.approx(3, abs=0.1)
    assert all("validation_elbo" in record for record in digits_run.history)
    (copied.path / "metrics.jsonl").write_text("{\n")
    with pytest.raises(InputError) as error:
        _ = copied.history
    assert error.value.argument.endswith("metrics.jsonl")
    (copied.path / "metrics.jsonl").unlink()
    assert copied.history == []


def test_records_are_read_back_as_they_were_written(copied):
    assert copied.evaluation is None
    assert copied.diagnosis is None
    assert copied.save_evaluation({"rows": 3, "value": None}) == copied.path / "evaluation.json"
    assert copied.save_diagnosis({"findings": ["a"]}) == copied.path / "diagnosis.json"
    assert copied.save_evaluation({"rows": 9}, copied.path / "other.json").name == "other.json"
    assert copied.evaluation == {"rows": 3, "value": None}
    assert copied.diagnosis == {"findings": ["a"]}
    assert Run(copied.path).evaluation == copied.evaluation
    with pytest.raises(ValueError, match="JSON"):
        copied.save_evaluation({"value": float("nan")})


@pytest.mark.parametrize("content", [b"[1]", b"{", b"", b"\xff", b"[" * 100_000])
def test_a_damaged_record_is_refused(copied, content):
    (copied.path / "evaluation.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        _ = copied.evaluation
    assert error.value.argument.endswith("evaluation.json")


def test_auto_precision_is_that_of_training_where_the_machine_is_fast_at_it(digits_run, monkeypatch):
    trained = digits_run.recipe.training.precision
    for fast, expected in ((True, trained), (False, "float32")):
        monkeypatch.setattr("variate.runtime.device.fast_bfloat16", lambda _, fast=fast: fast)
        assert digits_run.use_precision() == expected
    assert digits_run.use_precision("bfloat16") == "bfloat16"
    low = digits_run.model.embed(digits_run.splits().test).mean
    assert digits_run.use_precision("float32") == "float32"
    high = digits_run.model.embed(digits_run.splits().test).mean
    assert not torch.equal(low, high)
    torch.testing.assert_close(low, high, atol=0.1, rtol=0.1)


def test_files_that_are_no_model_are_refused(digits_run, tmp_path):
    content = (digits_run.path / "model.safetensors").read_bytes()
    bad = tmp_path / "bad.safetensors"
    flipped = bytearray(content)
    flipped[-5] ^= 1
    for damaged in (content[: len(content) // 2], bytes(flipped), b"", b"\x80\x04K\x01.", b"\xff" * 500):
        bad.write_bytes(damaged)
        with pytest.raises(InputError):
            _ = Run(bad).recipe, Run(bad).model
    for absent, got in (
        (tmp_path / "nowhere", "no file"),
        (bad / "nowhere", "no file"),
        (tmp_path, "a directory without model.safetensors"),
        (tmp_path / (300 * "x"), "file name too long"),
    ):
        with pytest.raises(InputError) as error:
            Run(absent)
        assert (error.value.argument, error.value.got) == (str(absent), got)


def test_what_must_not_be_read_is_not_called_absent_or_damaged(copied, monkeypatch):
    def denied(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    run = Run(copied.path)
    monkeypatch.setattr(Path, "open", denied)
    for use, path in ((lambda: run.model, run.model_file), (lambda: run.history, run.path / "metrics.jsonl")):
        error = refused(use)
        assert (error.argument, error.got) == (str(path), "permission denied")
    monkeypatch.setattr(Path, "stat", denied)
    monkeypatch.setattr(os.path, "isfile", lambda _: False)
    error = refused(Run, copied.path)
    assert (error.argument, error.got) == (str(copied.path), "permission denied")


def test_a_model_of_a_newer_version_is_refused(digits_run, tmp_path):
    tensors, metadata = tensor_files.read_tensors(digits_run.path / "model.safetensors")
    path = tmp_path / "new.safetensors"
    recipe = json.loads(metadata["recipe"])
    recipe["model"]["wavelets"] = 3
    for changes, word in (({"format": "99"}, "99"), ({"recipe": json.dumps(recipe)}, "wavelets"), ({"recipe": ""}, "")):
        tensor_files.write_tensors(path, tensors, metadata | changes)
        with pytest.raises(InputError) as error:
            _ = Run(path).recipe
        assert word in str(error.value)


def test_a_model_of_parts_of_ones_own_has_no_recipe(tmp_path):
    model = variate.build(np.random.default_rng(0).normal(size=(40, 3)))
    model.recipe = None
    with pytest.raises(InputError) as error:
        _ = Run(tmp_path, model=model).recipe
    assert "recipe" in error.value.expected


def test_recipe_and_data_are_read_without_torch(digits_run):
    code = f"""
import sys
from variate.runs import Run
from variate.runs.training import plan, train
run = Run({str(digits_run.path)!r})
assert (run.recipe.source, len(run.splits().test), len(run.all_rows())) == ("digits", 180, 1797)
assert run.held_out().part == "test part of digits" and run.history and run.evaluation is None
assert "torch" not in sys.modules
assert run.model.num_latents == 3
assert "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
