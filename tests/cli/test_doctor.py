"""`variate doctor`: what it says and what it writes."""

import shutil

import numpy as np
import pytest

import variate
from small_runs import FAST
from variate.runs import Run

pytestmark = pytest.mark.usefixtures("short_trials")


def test_it_says_what_is_wrong_and_what_to_do(digits_run, variate_command, tmp_path):
    shutil.copytree(digits_run.path, tmp_path / "run")
    code, out, err = variate_command("doctor", "run")
    assert code == 0, err
    assert out.startswith("test part of digits: ELBO")
    assert "bits/dim" in out.splitlines()[0]
    first = out[out.index("  1. ") :].splitlines()
    assert "nats per row" in first[0]
    assert first[1].strip().startswith("because")
    assert first[2].strip().startswith("change")
    assert "--epochs" in out
    assert "what was measured, nats per row" in out
    assert "train-test gap" in out
    assert "nan" not in out
    saved = Run("run").diagnosis
    assert saved["data"]["part"] == "test part of digits"
    (undertrained,) = [finding for finding in saved["findings"] if finding["name"] == "under-training"]
    assert undertrained["alarm"]
    assert undertrained["title"] in out
    assert "epochs" in undertrained["advice"]
    assert "--" not in undertrained["advice"]
    assert {line["kind"] for line in saved["quantities"]} == {"cost"}
    assert len(saved["active"]) == 3


def test_other_data_and_a_run_whose_training_rows_changed(variate_command, tmp_path):
    digits = variate.read("digits").x.all()
    np.save("rows.npy", digits[:200])
    assert variate_command("train", "rows.npy", *FAST)[0] == 0
    np.save("others.npy", digits[200:300])
    code, out, err = variate_command("doctor", "runs/rows", "others.npy")
    assert code == 0, err
    assert out.startswith("others.npy: ELBO")
    assert "steps of training" in out
    np.save("rows.npy", digits[300:500])
    code, _, err = variate_command("doctor", "runs/rows")
    assert code == 2
    assert "changed since" in err
    assert "DATA" in err
    code, out, err = variate_command("doctor", "runs/rows", "others.npy")
    assert code == 0, err
    assert "training rows are not available" in out


def test_bits_that_are_drawn_anew_and_a_table(table_run, variate_command, tmp_path):
    assert variate_command("train", "digits", "--binarize", "dynamic", *FAST)[0] == 0
    code, out, err = variate_command("doctor", "runs/digits")
    assert code == 0, err
    assert "train-test gap" in out
    shutil.copytree(table_run.path, tmp_path / "table")
    code, out, err = variate_command("doctor", "table")
    assert code == 0, err
    assert "bits/dim" in out.splitlines()[0]  # all of its columns have a grid
