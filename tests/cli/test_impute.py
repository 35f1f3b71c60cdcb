"""`variate impute` and `variate sample --given`: what they print and write, and what they refuse."""

import csv

import pytest
import torch

from variate.cli.main import COMMANDS
from variate.runs import Run


@pytest.fixture
def gaps(tmp_path):
    (tmp_path / "gaps.csv").write_text(
        "height,member,visits,city,note\n170.25,1,,Oslo,a\n,0,12,,b\n160.00,,3,Rome,\n,,,,d\n"
    )
    return "gaps.csv"


def test_gaps_are_filled_and_told(table_run, variate_command, gaps, tmp_path):
    code, out, err = variate_command("impute", table_run.path, gaps, "-o", "filled.csv", "--samples", 200)
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.startswith("wrote 4 rows to filled.csv: 8 missing cells filled with the median")
    assert "'height' (2), 'member' (2), 'visits' (2), 'city' (2)" in first
    assert "of 200 importance draws" in second
    assert third.startswith("1 row without any value")
    rows = list(csv.reader((tmp_path / "filled.csv").read_text().splitlines()))
    assert rows[0] == ["height", "member", "visits", "city", "note"]
    assert [row[4] for row in rows[1:]] == ["a", "b", "", "d"]
    assert all(cell for row in rows[1:] for cell in row[:4])
    assert (rows[1][0], rows[3][0]) == ("170.25", "160.00")


def test_copies_repeat_by_seed_and_differ_by_number(table_run, variate_command, gaps, tmp_path):
    for name in ("a.csv", "b.csv"):
        arguments = ("--draws", 2, "--std", "--samples", 300, "--seed", 3, "--out", name)
        code, out, _ = variate_command("impute", table_run.path, gaps, *arguments)
        assert code == 0
        assert out.startswith(f"wrote 2 copies of 4 rows to {name}: 8 missing cells filled with draws")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["draw"] for row in rows] == ["1"] * 4 + ["2"] * 4
    assert rows[1]["height"] != rows[5]["height"]
    assert rows[1]["height_std"] == rows[5]["height_std"] != ""
    assert rows[0]["height_std"] == ""


def test_a_table_without_gaps_is_said_to_have_none(table_run, table_file, variate_command, tmp_path):
    code, out, _ = variate_command("impute", table_run.path)
    assert code == 0
    assert (
        out
        == "people.csv has no missing cells in the columns that the model knows; wrote them as they are to filled.csv\n"
    )
    assert (tmp_path / "filled.csv").read_bytes() == table_file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "a.npy"], "--out: "),
        (["--fill", "mean", "--draws", 2], "--fill: expected 'draw', with --draws"),
        (["--draws", 0], "--draws: "),
        (["--samples", 0], "--samples: "),
        (["--seed", -1], "--seed: "),
    ],
)
def test_options_that_cannot_be_used_are_named_as_flags(table_run, variate_command, gaps, tmp_path, arguments, words):
    code, out, err = variate_command("impute", table_run.path, gaps, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"variate: error: {words}")
    assert [path.name for path in tmp_path.iterdir()] == [gaps]


def test_models_and_files_without_a_table_are_refused(digits_run, table_run, variate_command, gaps, tmp_path):
    assert "got a table" in variate_command("impute", digits_run.path, gaps)[2]
    assert variate_command("impute", digits_run.path, "--std")[2].startswith("variate: error: --std: ")
    assert variate_command("impute", digits_run.path, "--draws", "2")[2].startswith("variate: error: --draws: ")
    assert variate_command("impute", table_run.path, "digits")[2].startswith("variate: error: DATA: ")
    (tmp_path / "filled.csv").write_text("mine")
    code, _, err = variate_command("impute", table_run.path, gaps)
    assert code == 2
    assert "--overwrite" in err
    assert (tmp_path / "filled.csv").read_text() == "mine"


def test_the_last_of_two_runs_over_a_file_may_be_the_file_itself(table_run, variate_command, gaps, tmp_path):
    code, out, _ = variate_command("impute", table_run.path, gaps, "-o", gaps, "--overwrite", "--samples", 300)
    assert code == 0
    assert "8 missing cells" in out
    assert "no missing cells" in variate_command("impute", table_run.path, gaps)[1]


def test_ctrl_c_leaves_nothing(table_run, variate_command, gaps, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("variate.evaluation.conditional.impute.fill_gaps", interrupted)
    assert variate_command("impute", table_run.path, gaps) == (130, "", "variate: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == [gaps]


def test_samples_meet_their_conditions(table_run, variate_command, tmp_path):
    conditions = ("city=Oslo", "height=170..175", "visits=5..")
    code, out, err = variate_command("sample", table_run.path, "-n", 50, "--given", *conditions, "--out", "s.csv")
    assert (code, err) == (0, "")
    assert "the conditions have probability 0.0" in out
    assert "effective sample size" in out
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(rows) == 50
    assert {row["city"] for row in rows} == {"Oslo"}
    assert all(170 <= float(row["height"]) <= 175 for row in rows)
    assert all(int(row["visits"]) >= 5 for row in rows)
    assert {row["member"] for row in rows} == {"0", "1"}
    found = variate_command("sample", table_run.path, "--given", "height=170.5", "--out", "t.csv")[1]
    assert "the conditions have probability 0.0" in found


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        (["town=Oslo"], "--given: expected a column that the model knows"),
        (["city=oslo"], "did you mean 'Oslo'?"),
        (["height=tall"], "the condition on column 'height': expected a number"),
        (["height"], "--given: expected NAME=VALUE"),
        (["height=900.."], "the condition on column 'height': expected values within the range of the data"),
        (["city=Oslo", "--temperature", "0.5"], "--temperature: expected 1, with --given"),
    ],
)
def test_conditions_that_cannot_be_used_are_refused(table_run, variate_command, tmp_path, conditions, words):
    code, out, err = variate_command("sample", table_run.path, "--given", *conditions)
    assert (code, out) == (2, "")
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_conditions_are_for_tables(digits_run, variate_command):
    assert variate_command("sample", digits_run.path, "--given", "a=1")[2].startswith("variate: error: --given: ")


def test_what_is_not_finite_is_refused(table_run, variate_command, gaps, tmp_path):
    run = Run(table_run.path)
    with torch.no_grad():
        for weight in run.model.parameters():  # finite, but what they give is not
            weight.copy_(torch.where(weight < 0, -1e30, 1e30))
    run.model.save(tmp_path / "model.safetensors")
    for arguments in (("impute", "model.safetensors", gaps), ("sample", "model.safetensors", "--given", "city=Oslo")):
        code, out, err = variate_command(*arguments)
        assert (code, out) == (2, ""), err
        assert "finite numbers" in err
    assert {path.name for path in tmp_path.iterdir()} == {gaps, "model.safetensors"}


def test_impute_is_a_command():
    assert "impute" in COMMANDS
