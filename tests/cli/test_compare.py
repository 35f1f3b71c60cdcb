"""`variate compare`: what it prints and writes, and what it refuses."""

import json

import pytest
from PIL import Image


@pytest.fixture
def drawn(table_run, variate_command):
    assert variate_command("sample", table_run.path, "-n", 120, "--out", "drawn.csv")[0] == 0
    return "drawn.csv"


def test_it_prints_what_stands_out_and_writes_what_was_asked_for(table_file, drawn, variate_command, tmp_path):
    files = ("--json", "a.json", "--picture", "a.png")
    code, out, err = variate_command("compare", table_file, drawn, "--target", "city", *files)
    assert (code, err) == (0, "")
    assert out.startswith(f"drawn.csv (120 rows) beside {table_file} (300 rows)\n")
    for words in ("what stands out", "the table as a whole", "columns, the worst first", "accuracy for city"):
        assert words in out
    assert out.endswith("wrote a.json, a.png\n")
    read = json.loads((tmp_path / "a.json").read_text())
    assert read["synthetic"] == {"name": "drawn.csv", "rows": 120, "of_rows": 120}
    assert read["utility"]["target"] == "city"
    with Image.open("a.png") as picture:
        assert picture.width == 1200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.png", "drawn.csv"]
    code, _, err = variate_command("compare", table_file, drawn, *files)
    assert code == 2
    assert "--json" in err
    assert "--overwrite" in err
    again = variate_command("compare", table_file, drawn, "--target", "city", *files, "--overwrite")
    assert again == (0, out, "")


def test_a_model_says_what_it_remembers(table_run, table_file, drawn, variate_command):
    code, out, _ = variate_command("compare", table_file, drawn, "--model", table_run.path, "--rows", 100)
    assert code == 0
    assert "memory: " in out
    assert "rows that equal a training row" in out
    assert "nats per row" in out


def test_tables_are_read_as_the_options_say(table_file, drawn, variate_command):
    options = ("--drop", "city", "--columns", "visits", "real", "--missing", "0")
    code, out, _ = variate_command("compare", table_file, drawn, *options)
    assert code == 0
    assert "│ city" not in out
    assert "visits │ real" in out


REFUSED = {
    "no such table": (["nowhere.csv"], "nowhere.csv"),
    "other columns": (["other.csv"], "3 columns missing: height, visits, city"),
    "no table": (["digits"], "a table with named columns"),
    "one row": (["one.csv"], "at least 10 rows"),
    "an empty file": (["empty.csv"], "empty file"),
    "no such column": (["drawn.csv", "--target", "town"], "--target: expected one of city"),
    "no such model": (["drawn.csv", "--model", "nowhere"], "a run directory"),
    "options beside a model": (["drawn.csv", "--model", "MODEL", "--drop", "city"], "--drop: expected nothing"),
    "a picture of another kind": (["drawn.csv", "--picture", "a.jpg"], "--picture: expected a name that ends in .png"),
    "a record of another kind": (["drawn.csv", "--json", "a.txt"], "--json: expected a name that ends in .json"),
    "no rows to compare": (["drawn.csv", "--rows", "0"], "--rows: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_one_sentence(table_run, table_file, drawn, variate_command, tmp_path, case):
    arguments, words = REFUSED[case]
    (tmp_path / "one.csv").write_text("height,member,visits,city\n170,1,3,Bern\n")
    (tmp_path / "other.csv").write_text("member,a\n" + "1,2\n0,3\n" * 10)
    (tmp_path / "empty.csv").write_text("")
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments = [str(table_run.path) if word == "MODEL" else word for word in arguments]
    code, out, err = variate_command("compare", table_file, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("variate: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
