"""Rows written by the ending of the file."""

import csv

import numpy as np
import pytest
from PIL import Image

from examples import COLUMNS
from variate.config.schema import Schema
from variate.errors import InputError
from variate.reports.rows import grey_levels, rows_path, write_reconstructions, write_rows

IMAGES, VECTORS = Schema("pixels", (1, 4, 4), 256), Schema("real", (3,))
TABLE = Schema("table", (4,), columns=COLUMNS)


def test_images_become_pictures_and_other_rows_tables_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rows_path(None, "samples", IMAGES, False).name == "samples.png"
    assert rows_path(None, "samples", VECTORS, False).name == "samples.csv"
    assert rows_path("a.parquet", "samples", IMAGES, False).name == "a.parquet"
    for out, schema in (("a.txt", IMAGES), ("a.png", VECTORS)):
        with pytest.raises(InputError) as error:
            rows_path(out, "samples", schema, False)
        assert error.value.argument == "out"


def test_a_file_is_replaced_only_if_that_was_asked_for(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(InputError) as error:
        rows_path(str(path), "samples", IMAGES, False)
    assert error.value.argument == "out"
    assert rows_path(str(path), "samples", IMAGES, True) == path


@pytest.mark.parametrize(
    ("schema", "levels"),
    [(IMAGES, 256), (Schema("binary", (1, 4, 4), 17), 2), (Schema("real", (1, 4, 4)), 0)],
)
def test_images_are_shown_over_their_range(schema, levels):
    assert grey_levels(schema) == levels


def test_rows_are_written_by_the_ending(tmp_path):
    rows = np.arange(96, dtype=np.uint8).reshape(6, 1, 4, 4)
    for ending in (".npy", ".png", ".csv"):
        write_rows(tmp_path / f"a{ending}", rows, IMAGES)
    assert np.array_equal(np.load(tmp_path / "a.npy"), rows)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (3 * 66 + 2, 2 * 66 + 2)
    assert np.array_equal(np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1), rows.reshape(6, 16))


def test_a_table_is_written_with_its_names_and_categories(tmp_path):
    write_rows(tmp_path / "a.csv", np.array([[0.5, 2, 7, 1], [1.5, 0, 3, 0]]), TABLE)
    with (tmp_path / "a.csv").open() as file:
        found = list(csv.DictReader(file))
    assert found == [{"a": "0.5", "b": "z", "c": "7", "d": "1"}, {"a": "1.5", "b": "x", "c": "3", "d": "0"}]
    with pytest.raises(InputError) as error:
        write_rows(tmp_path / "a.npy", np.zeros((2, 4)), TABLE)
    assert error.value.argument == "out"


def test_reconstructions_are_below_their_originals_in_pictures_only(tmp_path):
    above = np.zeros((5, 1, 4, 4), dtype=np.uint8)
    below = np.full((5, 1, 4, 4), 255, dtype=np.uint8)
    write_reconstructions(tmp_path / "a.png", above, below, IMAGES)
    write_reconstructions(tmp_path / "a.npy", above, below, IMAGES)
    assert np.array_equal(np.load(tmp_path / "a.npy"), below)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[:2] == (2 * 66 + 2, 5 * 66 + 2)
    assert (pixels[2:66, 2:66] == 0).all()
    assert (pixels[68:132, 2:66] == 255).all()
