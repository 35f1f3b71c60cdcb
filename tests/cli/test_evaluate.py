"""`variate evaluate`: its table and its record."""

import functools
import json
import math
import shutil

import pytest

import variate
from variate.evaluation.bounds.annealed import annealed_evidence
from variate.evaluation.probes.rows import probe_labels
from variate.runs import Run


def test_it_says_what_the_library_measures(digits_run, variate_command, tmp_path, monkeypatch):
    short = functools.partial(annealed_evidence, num_steps=50)
    monkeypatch.setattr("variate.evaluation.evaluate.annealed_evidence", short)
    options = ("--samples", 40, "--ais", 3, "--rows", 40, "--seed", 3)
    code, out, _ = variate_command("evaluate", digits_run.path, *options, "--out", "record.json")
    assert code == 0
    result = variate.evaluate(digits_run.model, digits_run.splits(), 40, annealed_rows=3, num_rows=40, seed=3)
    for value, stderr in (result.elbo, result.rate, *result.importance.bounds.values(), result.annealed.bound):
        assert f"{value:,.2f} ± {stderr:.2f}" in out
    assert "bits/dim" in out
    assert "test part of digits: 40 of 180 rows" in out
    record = json.loads((tmp_path / "record.json").read_text())
    recipe = digits_run.recipe
    assert (record["variate"], record["recipe"], record["seed"]) == (variate.__version__, recipe.digest, 3)
    assert record["model"] == str(digits_run.path)
    assert record["data"] == {"source": "digits", "part": "test part of digits", "fingerprint": recipe.fingerprint}
    assert (record["rows"], record["of_rows"]) == (40, 180)
    values = {line["name"]: line for line in record["quantities"]}
    assert values["ELBO"]["value"] == result.elbo.value
    assert values["IW-40"]["stderr"] == result.importance.bounds[40].stderr
    assert values["ELBO"]["bits_per_dim"] == pytest.approx(-result.elbo.value / (64 * math.log(2)))
    assert {line["kind"] for line in values.values()} == {"bound", "part of ELBO", "no likelihood"}


def test_the_record_goes_beside_the_model(digits_run, variate_command, tmp_path):
    shutil.copytree(digits_run.path, tmp_path / "copy")
    code, out, _ = variate_command("evaluate", "copy", "--samples", 1, "--rows", 50)
    assert code == 0
    assert "wrote copy/evaluation.json" in out
    record = Run("copy").evaluation
    assert (record["rows"], record["of_rows"]) == (50, 180)
    assert "importance" not in record
    code, out, _ = variate_command("evaluate", "copy/model.safetensors", "digits", "--samples", 10)
    assert code == 0
    assert "IW-10" in out
    assert Run("copy/model.safetensors").evaluation["rows"] == 180


def test_labels_are_told_from_embeddings(digits_run, variate_command, tmp_path):
    code, out, _ = variate_command("evaluate", digits_run.path, "--samples", 1, "--labels", "label", "--out", "l.json")
    assert code == 0
    assert "'label' told from embeddings: accuracy on 180 held-out rows, learned from 1,437 training rows" in out
    splits = digits_run.splits("label")
    found = probe_labels(digits_run.model, splits.train, splits.test)
    assert f"{found.embeddings.linear.value:.3f}  ± {found.embeddings.linear.stderr:.3f}" in out
    record = json.loads((tmp_path / "l.json").read_text())
    values = {line["name"]: line["value"] for line in record["quantities"]}
    assert values["label: accuracy, 10 nearest embeddings"] == found.embeddings.nearest.value
    assert record["labels"]["score"] == "accuracy"
    code, _, err = variate_command("evaluate", digits_run.path, "--labels", "colour")
    assert code == 2
    assert "--labels: expected" in err


def test_a_table_trained_with_labels_is_judged_by_them(table_file, variate_command):
    code, out, err = variate_command("train", table_file, "--epochs", 2, "--width", 16, "--labels", "city")
    assert code == 0, err
    assert "'city' told from embeddings: accuracy on 30 held-out rows" in out
    code, out, _ = variate_command("evaluate", "runs/people", "--samples", 1)
    assert code == 0
    assert "'city' told from embeddings" in out
    shutil.copy(table_file, "other.csv")
    code, out, _ = variate_command("evaluate", "runs/people", "other.csv", "--samples", 1)
    assert code == 0
    assert "told from embeddings" not in out
    code, out, _ = variate_command("evaluate", "runs/people", "--samples", 1, "--labels", "height")
    assert code == 0
    assert "R2, linear probe" in out
    assert "the model has seen 'height'" in out


def test_labels_that_teach_nothing_are_no_end_of_a_training(table_file, variate_command, tmp_path):
    lines = table_file.read_text().splitlines()
    rows = [f"{line},{number + 0.5 if number < 2 else ''}" for number, line in enumerate(lines[1:])]
    (tmp_path / "odd.csv").write_text("\n".join([f"{lines[0]},odd", *rows]))
    code, _, err = variate_command("train", "odd.csv", "--epochs", 1, "--width", 8, "--labels", "odd", "--out", "run")
    assert code == 0, err
    assert (tmp_path / "run" / "samples.csv").exists()
    code, _, err = variate_command("evaluate", "run", "--samples", 1)
    assert code == 2
    assert "labels: expected" in err
