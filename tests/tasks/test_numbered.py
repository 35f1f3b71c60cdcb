"""Rows by number, and groups of rows by what holds of them."""

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from small_runs import trained_run
from variate.runs import Run
from variate.tasks import numbered as module
from variate.tasks.numbered import group, group_rows, numbered


@pytest.fixture(scope="module")
def faces_run(tmp_path_factory):
    """A run on images in two folders."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    for name, number in (("smiling", 20), ("neutral", 25), ("neutral/old", 5)):
        (folder / "faces" / name).mkdir(parents=True, exist_ok=True)
        for place in range(number):
            Image.fromarray(rng.integers(256, size=(4, 4), dtype=np.uint8)).save(
                folder / "faces" / name / f"{place}.png"
            )
    return trained_run(folder / "faces", folder / "run")


def test_rows_come_in_the_order_of_their_numbers(table_run):
    rows = table_run.all_rows()
    assert np.array_equal(numbered(rows, [5, 0, 5]).x.all(), rows.x.all()[[5, 0, 5]])
    for wrong in (-1, 300, 10**9):
        assert refused(numbered, rows, [0, wrong]).argument == "rows"


def test_a_group_of_a_table_is_what_meets_every_condition(table_run):
    x = table_run.all_rows().x.all()
    names = [column.name for column in table_run.recipe.schema.columns]
    city, height, member = (x[:, names.index(name)] for name in ("city", "height", "member"))
    found = group(table_run, None, ("city=Bern", "height=165..", "member=1"), "plus")
    assert np.array_equal(found, np.flatnonzero((city == 0) & (height >= 165) & (member == 1)))


def test_a_missing_cell_meets_no_condition(table_run, tmp_path):
    (tmp_path / "x.csv").write_text("height,member,visits,city\n170,1,3,Bern\n,1,3,Bern\n170,1,3,\n")
    assert group(table_run, str(tmp_path / "x.csv"), ("height=..300",), "plus").tolist() == [0, 2]
    assert group(table_run, str(tmp_path / "x.csv"), ("city=Bern",), "plus").tolist() == [0, 1]


def test_conditions_are_looked_at_a_few_rows_at_a_time(table_run, monkeypatch):
    whole = group(table_run, None, ("city=Oslo",), "plus")
    monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", 8 * 4 * 70)
    assert np.array_equal(group(table_run, None, ("city=Oslo",), "plus"), whole)


def test_a_group_may_be_row_numbers(digits_run, table_run):
    for run in (digits_run, table_run):
        assert group(run, None, ("7", "3..5", "4"), "plus").tolist() == [3, 4, 5, 7]


def test_a_group_of_images_may_be_folders(faces_run):
    names = np.array(faces_run.named_rows()[1])
    for word, number in (("smiling", 20), ("neutral", 30), ("neutral/old", 5), ("neutral/", 30)):
        found = group(faces_run, None, (word,), "plus")
        assert len(found) == number
        assert all(name.startswith(word) for name in names[found])
    assert len(group(faces_run, None, ("smiling", "neutral/old"), "plus")) == 25


@pytest.mark.parametrize(
    ("words", "got"),
    [(("smilling",), "smilling"), (("0..50",), "0..50"), (("9..3",), "9..3"), (("50",), "50")],
)
def test_groups_of_images_that_are_not_there_are_refused(faces_run, words, got):
    error = refused(group, faces_run, None, words, "minus")
    assert error.argument == "minus"
    assert got in error.got


@pytest.mark.parametrize("words", [("city=Paris",), ("town=Bern",), ("city",), ("height=..1",)])
def test_conditions_that_cannot_be_used_name_the_option_or_the_column(table_run, words):
    error = refused(group, table_run, None, words, "plus")
    assert error.argument == "plus" or error.argument.startswith("the condition on column")


def test_a_group_without_rows_is_refused(table_run):
    rows = table_run.all_rows()
    tallest = rows.x.all()[:, 0].max()
    error = refused(group, table_run, None, ("city=Bern", f"height={tallest}", "visits=0"), "plus")
    assert error.argument == "plus"


def test_a_group_on_disk_is_thinned_out_evenly(digits_run, tmp_path, monkeypatch):
    rows = digits_run.all_rows().x.all()[:250]
    np.save(tmp_path / "rows.npy", rows)
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 2 * rows.nbytes - 1)
    monkeypatch.setattr(module, "SAMPLE_BYTES", 64 * 100)
    stored = Run(digits_run.path).all_rows(str(tmp_path / "rows.npy"))
    assert not stored.in_memory
    assert np.array_equal(group_rows(stored, np.arange(250)).x.all(), rows[np.arange(100) * 250 // 100])
    assert len(group_rows(digits_run.all_rows(), np.arange(1500))) == 1500
