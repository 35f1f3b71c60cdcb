import os

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import read
from variate.data.readers.shards import NPY_SUFFIXES, PARQUET_SUFFIXES, is_file_or_shards, shard_suffixes, shards

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(30, 4))
CUTS = [10, 11, 25]


@pytest.fixture
def arrays(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    for number, part in enumerate(np.split(ROWS, CUTS)):
        np.save(folder / f"x-{number:03d}.npy", part)
    return folder


@pytest.fixture
def tables(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    for number, part in enumerate(np.split(ROWS, CUTS)):
        parquet.write_table(pa.table({name: part[:, i] for i, name in enumerate("abcd")}), folder / f"{number}.parquet")
    return folder


@pytest.mark.parametrize("kind", ["arrays", "tables"])
def test_a_folder_of_shards_is_one_after_the_other(kind, request):
    folder = request.getfixturevalue(kind)
    resident, streamed = (read(str(folder), DataOptions(stream=switch)) for switch in ("auto", "on"))
    np.testing.assert_array_equal(resident.x.all(), ROWS)
    assert (resident.in_memory, streamed.in_memory) == (True, False)
    assert (streamed.schema, streamed.notes, streamed.name) == (resident.schema, (), resident.name)
    np.testing.assert_array_equal(streamed.x.take(np.arange(30)[::-1]), ROWS[::-1])
    assert len(streamed.sizes) == 4


@pytest.mark.parametrize("switch", ["on", "off"])
def test_empty_shards_have_no_rows_and_other_files_are_left_out(arrays, switch):
    np.save(arrays / "x-001b.npy", np.zeros((0, 4)))
    (arrays / "readme.txt").write_text("hello")
    (arrays / "_SUCCESS").write_text("")
    (arrays / ".hidden.npy").write_text("")
    found = read(str(arrays), DataOptions(stream=switch))
    np.testing.assert_array_equal(found.x.all(), ROWS)
    (note,) = found.notes
    assert "1 file (.txt)" in note


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize(
    ("odd", "expected", "got"),
    [
        (np.zeros((3, 5)), "shape (4,), as in x-000.npy", "shape (5,)"),
        (np.zeros((3, 4), "f4"), "type float64, as in x-000.npy", "type float32"),
        (np.zeros((3, 4), object), "numbers", "never unpickled"),
    ],
)
def test_arrays_that_differ_are_refused(arrays, switch, odd, expected, got):
    np.save(arrays / "x-9.npy", odd, allow_pickle=True)
    error = refused(read, str(arrays), DataOptions(stream=switch))
    assert error.argument == "x-9.npy"
    assert expected in error.expected
    assert got in error.got


@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_shard_that_is_cut_short_is_refused(arrays, switch):
    file = arrays / "x-002.npy"
    file.write_bytes(file.read_bytes()[:-1])
    assert refused(read, str(arrays), DataOptions(stream=switch)).argument == "x-002.npy"


def test_a_folder_of_images_stays_one(arrays, tables, tmp_path):
    assert [shard_suffixes(path) for path in (arrays, tables, tmp_path)] == [NPY_SUFFIXES, PARQUET_SUFFIXES, None]
    assert is_file_or_shards(arrays, NPY_SUFFIXES)
    assert not is_file_or_shards(arrays, PARQUET_SUFFIXES)
    (arrays / "pictures").mkdir()
    Image.fromarray(np.zeros((4, 4), "u1")).save(arrays / "pictures" / "a.png")
    assert shard_suffixes(arrays) is None
    np.save(tables / "x.npy", ROWS)
    assert refused(read, str(tables)).argument == str(tables)


def test_a_file_is_its_own_only_shard(arrays):
    assert shards(arrays / "x-000.npy", NPY_SUFFIXES) == ([arrays / "x-000.npy"], [])
    assert is_file_or_shards(arrays / "x-000.npy", NPY_SUFFIXES)


@pytest.mark.parametrize("kind", ["arrays", "tables"])
def test_what_is_not_read_is_named(kind, request):
    folder = request.getfixturevalue(kind)
    suffix = {"arrays": ".npy", "tables": ".parquet"}[kind]
    (folder / "part2").mkdir()
    (folder / "part2" / f"x{suffix}").write_bytes(b"")
    (folder / "_temporary").mkdir()
    os.mkfifo(folder / f"pipe{suffix}")
    (folder / f"zz{suffix}").symlink_to("nothing")
    found = read(folder)
    np.testing.assert_array_equal(found.x.all(), ROWS)
    below, odd = found.notes
    assert "part2" in below
    assert "_temporary" not in below
    assert f"pipe{suffix} (a pipe), zz{suffix} (a link to nothing)" in odd


def test_a_folder_that_cannot_be_read(arrays, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(os, "scandir", denied)
    error = refused(read, arrays)
    assert (error.argument, error.got) == (str(arrays), "Permission denied")
