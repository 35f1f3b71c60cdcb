import csv as csv_of_python
import errno
import os

import numpy as np
import pytest
from pyarrow import csv, parquet

from refusals import refused
from variate.config.schema import Column, Schema
from variate.data.schema.origin import named_columns
from variate.data.writers import TABLE_ENDINGS, new_path, write_array, write_pieces, write_table
from variate.errors import Option

TABLE = Schema(
    "table",
    (4,),
    columns=(
        Column("height", "real"),
        Column("color", "categorical", ("red", "grün", 'a "b", c')),
        Column("visits", "counts"),
        Column("smokes", "binary"),
    ),
)
ROWS = np.array([[1.5, 2, 7, 0], [-0.1, 0, 0, 1], [1e-300, 1, 2.9999999, 1]])


def read(path):
    table = parquet.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
    return table.to_pydict()


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_table_rows_come_back_under_their_names_with_their_categories(tmp_path, ending):
    path = tmp_path / f"rows{ending}"
    write_table(path, named_columns(ROWS, TABLE))
    assert read(path) == {
        "height": [1.5, -0.1, 1e-300],
        "color": ['a "b", c', "red", "grün"],
        "visits": [7, 0, 3],
        "smokes": [0, 1, 1],
    }


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".npy"])
def test_numbers_come_back_bit_for_bit(tmp_path, ending):
    values = np.random.default_rng(0).normal(size=(5, 3))
    path = tmp_path / f"z{ending}"
    write_table(path, {f"z{i}": column for i, column in enumerate(values.T)})
    found = np.load(path, allow_pickle=False) if ending == ".npy" else np.stack(list(read(path).values()), 1)
    assert np.array_equal(found, values)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".npy"])
def test_pieces_make_the_table_that_is_written_at_once(tmp_path, ending):
    table = {f"z{i}": column for i, column in enumerate(np.random.default_rng(0).normal(size=(50, 3)).T)}
    write_table(tmp_path / f"whole{ending}", table)
    pieces = ({name: values[start : start + 17] for name, values in table.items()} for start in range(0, 50, 17))
    write_pieces(tmp_path / f"pieces{ending}", pieces, 50)
    if ending == ".parquet":
        assert read(tmp_path / "pieces.parquet") == read(tmp_path / "whole.parquet")
    else:
        assert (tmp_path / f"pieces{ending}").read_bytes() == (tmp_path / f"whole{ending}").read_bytes()


def test_images_are_columns_in_reading_order():
    images = np.arange(2 * 1 * 2 * 3).reshape(2, 1, 2, 3)
    named = named_columns(images, Schema("pixels", (1, 2, 3), 256))
    assert list(named) == [f"x{i}" for i in range(6)]
    assert np.array_equal(np.stack(list(named.values()), 1), images.reshape(2, 6))


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_names_and_categories_of_any_text_come_back(tmp_path, ending):
    names = ("a,b", 'say "x"', "two\nlines", " ", "é\x1b[31m", "x" * 100_000)
    categories = ("a\0", "a", "two\nlines", "y" * 100_000)
    schema = Schema("table", (6,), columns=tuple(Column(name, "categorical", categories) for name in names))
    path = tmp_path / f"rows{ending}"
    write_table(path, named_columns(np.tile(np.arange(4.0)[:, None], 6), schema))
    if ending == ".parquet":
        assert read(path) == {column: list(categories) for column in names}
    else:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv_of_python.reader(file)
        assert header == list(names)
        assert rows == [[category] * 6 for category in categories]


@pytest.mark.parametrize("ending", TABLE_ENDINGS)
def test_a_name_that_is_no_utf8_is_written(tmp_path, ending):
    path = tmp_path / f"caf\udce9{ending}"
    write_table(path, {"a": np.arange(3.0)})
    assert path.stat().st_size
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_text_does_not_go_into_npy(tmp_path):
    error = refused(write_table, tmp_path / "rows.npy", named_columns(ROWS, TABLE))
    assert (error.argument, error.remedy) == ("out", "use .parquet or .csv")
    assert not list(tmp_path.iterdir())


def test_arrays_come_back(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 5), dtype=np.uint8)
    write_array(tmp_path / "x.npy", array)
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert np.array_equal(found, array)
    assert found.dtype == np.uint8


def test_objects_are_not_pickled_and_the_old_file_stays(tmp_path):
    path = tmp_path / "x.npy"
    write_array(path, np.arange(3))
    with pytest.raises(ValueError, match="allow_pickle"):
        write_array(path, np.array([object()]))
    assert np.array_equal(np.load(path), np.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("name", ["z.parquet", "z.CSV", "z.npy"])
def test_new_paths_are_taken(tmp_path, name):
    assert new_path(str(tmp_path / name), TABLE_ENDINGS, overwrite=False) == tmp_path / name


@pytest.mark.parametrize("name", ["z", "z.txt", "z.png", "z.npz", "csv"])
def test_other_endings_are_refused(tmp_path, name):
    error = refused(new_path, str(tmp_path / name), TABLE_ENDINGS, overwrite=True)
    assert (error.argument, error.got) == ("out", repr(str(tmp_path / name)))
    assert ".parquet or .csv or .npy" in error.expected


def test_what_is_there_is_kept_unless_asked_otherwise(tmp_path):
    path = tmp_path / "z.csv"
    path.write_text("old")
    error = refused(new_path, str(path), TABLE_ENDINGS, overwrite=False)
    assert (error.argument, "exists" in error.got) == ("out", True)
    assert Option("overwrite", True) in error.remedy.parts
    assert new_path(str(path), TABLE_ENDINGS, overwrite=True) == path
    assert path.read_text() == "old"


def test_directories_and_places_that_cannot_be_written_to_are_refused_before_any_work(tmp_path, monkeypatch):
    folder, file = tmp_path / "folder.csv", tmp_path / "file.csv"
    folder.mkdir()
    file.write_text("old")
    error = refused(new_path, str(folder), TABLE_ENDINGS, overwrite=True)
    assert (error.argument, "directory" in error.got) == ("out", True)
    error = refused(new_path, str(file / "z.csv"), TABLE_ENDINGS, overwrite=False)
    assert error.argument == str(file / "z.csv")
    assert error.got.lower() == os.strerror(errno.ENOTDIR).lower()
    error = refused(new_path, str(tmp_path / ("z" * 300 + ".csv")), TABLE_ENDINGS, overwrite=False)
    assert error.got.lower() == os.strerror(errno.ENAMETOOLONG).lower()
    assert new_path(str(tmp_path / "new" / "z.csv"), TABLE_ENDINGS, overwrite=False).name == "z.csv"
    monkeypatch.setattr(os, "access", lambda *_: False)
    error = refused(new_path, str(tmp_path / "new" / "z.csv"), TABLE_ENDINGS, overwrite=False)
    assert error.got.lower() == os.strerror(errno.EACCES).lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.csv", "folder.csv"]


@pytest.mark.parametrize("name", ["z.parquet", "z.csv", "z.npy"])
def test_a_disk_that_is_full_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, name):
    path = tmp_path / name
    write_table(path, {"a": np.arange(3)})
    before = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    error = refused(write_table, path, {"a": np.arange(5)})
    assert error.argument == str(path)
    assert error.got.lower() == os.strerror(errno.ENOSPC).lower()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]
