import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from variate.config.recipe import DataOptions
from variate.data import read
from variate.data.readers.shards import ARRAYS, TABLES, kind_of, shards
from variate.data.storage.stream import Streamed
from variate.errors import InputError

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
    np.testing.assert_array_equal(resident.values, ROWS)
    assert isinstance(streamed, Streamed)
    assert (streamed.schema, streamed.notes, streamed.name) == (resident.schema, (), resident.name)
    np.testing.assert_array_equal(streamed.rows.take(np.arange(30)[::-1]), ROWS[::-1])
    assert len(streamed.sizes) == 4


@pytest.mark.parametrize("switch", ["on", "off"])
def test_empty_shards_have_no_rows_and_other_files_are_left_out(arrays, switch):
    np.save(arrays / "x-001b.npy", np.zeros((0, 4)))
    (arrays / "readme.txt").write_text("hello")
    (arrays / "_SUCCESS").write_text("")
    (arrays / ".hidden.npy").write_text("")
    found = read(str(arrays), DataOptions(stream=switch))
    rows = found.rows.take(np.arange(30)) if switch == "on" else found.values
    np.testing.assert_array_equal(rows, ROWS)
    assert found.notes == ("Left out: 1 file (.txt) that are no shards.",)


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (np.zeros((3, 5)), r"x-9\.npy holds rows of shape \(5,\), but x-000\.npy \(4,\); shards must be alike"),
        (np.zeros((3, 4), "f4"), r"x-9\.npy holds values of type float32, but x-000\.npy float64"),
        (np.zeros((3, 4), object), r"x-9\.npy holds Python objects, which are never unpickled"),
    ],
)
def test_arrays_that_differ_are_refused(arrays, switch, odd, message):
    np.save(arrays / "x-9.npy", odd, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read(str(arrays), DataOptions(stream=switch))


@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_shard_that_is_cut_short_is_refused(arrays, switch):
    file = arrays / "x-002.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"x-002\.npy is cut short"):
        read(str(arrays), DataOptions(stream=switch))


@pytest.mark.parametrize("switch", ["on", "off"])
def test_tables_that_differ_are_refused(tables, switch):
    for columns, message in [
        ({"a": [1.0], "b": [1.0], "c": [1.0]}, "differ in 'd double'"),
        ({"a": [1.0], "b": [1.0], "c": [1.0], "d": ["x"]}, "differ in 'd string'"),
        ({"b": [1.0], "a": [1.0], "c": [1.0], "d": [1.0]}, "come in another order"),
    ]:
        parquet.write_table(pa.table(columns), tables / "9.parquet")
        with pytest.raises(InputError, match=rf"columns of 9\.parquet are not those of 0\.parquet: they {message}"):
            read(str(tables), DataOptions(stream=switch))


def test_a_folder_of_images_stays_one(arrays, tables, tmp_path):
    assert (kind_of(arrays), kind_of(tables), kind_of(tmp_path)) == (ARRAYS, TABLES, None)
    (arrays / "pictures").mkdir()
    Image.fromarray(np.zeros((4, 4), "u1")).save(arrays / "pictures" / "a.png")
    assert kind_of(arrays) is None
    np.save(tables / "x.npy", ROWS)
    with pytest.raises(InputError, match=r"holds \.npy and \.parquet files; give a folder of one of them"):
        read(str(tables))


def test_a_file_is_its_own_only_shard(arrays):
    assert shards(arrays / "x-000.npy", ARRAYS) == ([arrays / "x-000.npy"], [])
