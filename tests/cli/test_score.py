"""`variate score`: what it prints and writes, and what it refuses."""

import csv
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import variate
from variate.cli.main import COMMANDS
from variate.runs import Run


@pytest.fixture
def run(table_run, tmp_path):
    shutil.copytree(table_run.path, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def digits(digits_run, tmp_path):
    shutil.copytree(digits_run.path, tmp_path / "digits")
    images = variate.read("digits").x.all()[:12].copy()
    images[4, 0] = 16 * (np.indices((8, 8)).sum(0) % 2)
    np.save(tmp_path / "images.npy", images)
    return tmp_path / "digits"


@pytest.fixture
def new(table_file, tmp_path):
    header, *lines = table_file.read_text().splitlines()
    lines[2], lines[3], lines[4] = "999.99,1,3,Oslo", ",,,", "170.00,1,3,Kiruna"
    (tmp_path / "new.csv").write_text("\n".join([header, *lines[:40]]) + "\n")
    return "new.csv"


def test_odd_rows_are_told_with_what_made_them_odd(run, new, variate_command):
    code, out, err = variate_command("score", run, new, "--fpr", 0.1, "--attribution")
    assert (code, err) == (0, "")
    assert "Kiruna" in out
    assert "scored 40 rows of new.csv by 'bound'" in out
    assert "ranked among 30 rows that the model was not fitted to (validation part of people.csv)" in out
    assert "1 row with a value that the column never had in training" in out
    assert "1 row without any known value" in out
    lines = out.splitlines()
    first = lines.index("the oddest 5 rows, counting rows from 0:") + 1
    assert lines[first].startswith("  row 2, score ")
    assert lines[first].endswith("odder than all 30 held-out rows")
    assert lines[first + 1] == "      'height' is 999.99: odder than all 30 held-out ones"
    assert "'city' is another value: a value that the column never had in training" in out
    found = pq.read_table("scores.parquet")
    names = ["height", "member", "visits", "city"]
    columns = ["score", "p_value", "odd", "bound", "rate", "unseen", "remainder", *(f"nats {name}" for name in names)]
    assert found.column_names == columns
    rows = found.to_pylist()
    assert f"flagged {sum(row['odd'] for row in rows)} of 40 rows" in out
    assert rows[2]["odd"]
    assert rows[3]["p_value"] == 1
    for row in rows:
        assert row["odd"] == (row["p_value"] <= 0.1)
        assert sum(row[f"nats {name}"] for name in names) - row["rate"] == pytest.approx(row["bound"], abs=1e-4)


def test_a_rate_that_needs_more_rows_is_said_and_not_refused(run, new, variate_command, tmp_path):
    code, out, _ = variate_command("score", run, new, "--fpr", 0.01, "-o", "s.csv", "--top", 0)
    assert code == 0
    assert "flagged 0 of 40 rows" in out
    assert "at this rate no row can be flagged: that takes 99 held-out rows, and there are only 30" in out
    assert "oddest" not in out
    first = next(csv.reader((tmp_path / "s.csv").read_text().splitlines()))
    assert first == ["score", "p_value", "odd", "bound", "rate", "unseen"]


def test_drift_and_recalibration(run, new, variate_command, tmp_path):
    text = (tmp_path / "new.csv").read_text().replace("Oslo", "Rome").replace("Bern", "Rome")
    (tmp_path / "moved.csv").write_text(text)
    code, out, _ = variate_command("score", run, "moved.csv", "--reference", "--recalibrate")
    assert code == 0
    assert "have the data changed?" in out
    assert "column 'city'" in out
    assert "from now on, p-values are ranks among rows of moved.csv" in out
    assert (
        "ranked among 40 rows that the model was not fitted to (moved.csv)"
        in (variate_command("score", run, new, "-o", "again.csv")[1])
    )
    code, _, err = variate_command("score", run, new, "-o", "third.csv", "--samples", 3)
    assert code == 2
    assert "--recalibrate" in err
    assert not (tmp_path / "third.csv").exists()


def test_the_model_s_own_rows_are_pointed_out(run, variate_command):
    code, out, _ = variate_command("score", run, "--method", "combined", "--top", 1)
    assert code == 0
    assert "most of these rows were trained on" in out
    assert "the oddest row, counting rows from 0:" in out
    for option in ("--reference", "--recalibrate"):
        code, _, err = variate_command("score", run, option, "-o", "other.csv")
        assert code == 2
        assert option in err


def test_odd_images_are_shown_above_maps_of_their_pixels(digits, variate_command, tmp_path):
    code, out, _ = variate_command("score", digits, "images.npy", "--attribution", "--top", 3, "-o", "odd.csv")
    assert code == 0
    assert "wrote odd.png" in out
    assert "  row 4, score " in out.splitlines()[3]
    with Image.open("odd.png") as picture:
        assert picture.size == (3 * 66 + 2, 2 * 66 + 2)
        below = np.asarray(picture)[70:130, 4:64].astype(int).sum(-1)
    assert below.min() == 60 + 0 + 40  # the oddest pixel of all is in the oddest image
    code, _, err = variate_command("score", digits, "images.npy", "--attribution", "--top", 0, "-o", "no.csv")
    assert code == 2
    assert "--top" in err
    assert not (tmp_path / "no.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fpr", 0], "--fpr"),
        (["--fpr", 1], "--fpr"),
        (["--samples", 0], "--samples"),
        (["--top", -1], "--top"),
        (["--method", "complexity"], "--method"),
        (["-o", "a.npy"], "--out"),
    ],
)
def test_options_that_cannot_be_used_are_named_as_flags(run, new, variate_command, tmp_path, options, words):
    before = sorted(path.name for path in tmp_path.iterdir())
    code, _, err = variate_command("score", run, new, *options)
    assert code == 2
    assert words in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_rows_that_are_none_and_rows_of_other_columns_are_refused(run, variate_command, tmp_path):
    (tmp_path / "none.csv").write_text("height,member,visits,city\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n3,4\n")
    for name in ("none.csv", "other.csv"):
        code, _, err = variate_command("score", run, name)
        assert code == 2, name
        assert err.startswith("variate: error: ")
        assert err.strip().count("\n") == 0
    assert not (tmp_path / "scores.parquet").exists()
    assert not (run / "calibration").exists()


def test_without_the_training_data_there_are_scores_alone(run, new, variate_command, monkeypatch):
    def gone(self):
        raise variate.InputError("people.csv", "the data that the model was trained on", "nothing")

    monkeypatch.setattr(Run, "splits", gone)
    code, out, _ = variate_command("score", run, new)
    assert code == 0
    assert "no p-values, since the held-out rows are not there: people.csv" in out
    assert "p_value" not in pq.read_table("scores.parquet").column_names
    assert variate_command("score", run, new, "--fpr", 0.1, "--overwrite")[0] == 2


def test_it_is_a_command():
    assert "score" in COMMANDS
