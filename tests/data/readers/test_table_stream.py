import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from variate.config.recipe import DataOptions
from variate.data import fingerprint, read
from variate.data.readers import table_stream
from variate.data.rows import describe
from variate.data.storage.stream import Streamed
from variate.errors import InputError
from variate.runtime import memory

RNG = np.random.default_rng(0)
N = 500
TABLE = pa.table(
    {
        "id": np.arange(N),
        "real": RNG.normal(size=N),
        "bits": RNG.integers(0, 2, N),
        "late-bits": np.r_[np.zeros(N - 1, int), 1],
        "flag": RNG.integers(0, 2, N).astype(bool),
        "counts": RNG.negative_binomial(2, 0.1, N),
        "few-counts": RNG.choice([0, 2], N),
        "codes": RNG.integers(1, 5, N),
        "late-code": np.r_[np.full(N - 1, 3), 4],
        "late-half": np.r_[np.full(N - 1, 3.0), 4.5],
        "years": RNG.integers(1950, 2020, N),
        "negative": RNG.integers(-3, 3, N),
        "constant": np.full(N, 0.25),
        "city": RNG.choice(["Rome", "Oslo", "Bern", "01"], N),
        "late-word": ["a"] * (N - 1) + ["b"],
        "dictionary": pa.array(RNG.choice(["x", "y"], N)).dictionary_encode(),
        "decimal": pa.array(RNG.integers(0, 99, N)).cast(pa.decimal128(20, 0)),
    }
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(TABLE, path, row_group_size=70)
    return path


def both(path, **options):
    return (read(str(path), DataOptions(stream=switch, **options)) for switch in ("off", "on"))


@pytest.mark.parametrize(
    "options",
    [{}, {"drop": ("id", "city")}, {"columns": (("years", "categorical"), ("bits", "real"), ("codes", "counts"))}],
)
def test_a_streamed_table_is_the_one_that_is_read(file, options):
    expected, found = both(file, **options)
    assert isinstance(found, Streamed)
    assert (found.schema, found.notes, found.name) == (expected.schema, expected.notes, expected.name)
    assert {column.kind for column in found.schema.columns} == {"real", "binary", "counts", "categorical"}
    index = RNG.integers(0, N, 900)
    np.testing.assert_array_equal(found.rows.take(index), expected.values[index])
    assert describe(found) == f"{describe(expected)}, read from disk as needed"


def test_a_model_finds_its_columns(file, tmp_path):
    expected, found = both(file)
    parquet.write_table(
        TABLE.select(TABLE.column_names[::-1]).append_column("new", TABLE["real"]), tmp_path / "u.parquet"
    )
    again = read(str(tmp_path / "u.parquet"), DataOptions(stream="on"), schema=expected.schema)
    np.testing.assert_array_equal(again.rows.take(np.arange(N)), expected.values)
    assert again.notes == ("1 column that the model does not know were left out: new.",)
    assert fingerprint(found) != fingerprint(again)  # another file
    parquet.write_table(TABLE.drop_columns(["codes"]), tmp_path / "v.parquet")
    with pytest.raises(InputError, match=r"v\.parquet lacks 1 column that the model needs: codes"):
        read(str(tmp_path / "v.parquet"), DataOptions(stream="on"), schema=expected.schema)


def test_decoded_groups_are_kept_while_there_is_room(file, monkeypatch):
    _, found = both(file)
    decoded = []
    decode = found.rows._decode
    monkeypatch.setattr(found.rows, "_decode", lambda number: decoded.append(number) or decode(number))
    found.rows.take(np.arange(N)[::-1])
    found.rows.take(np.arange(N))
    assert decoded == list(range(8))
    monkeypatch.setattr(table_stream, "CACHE_BYTES", 2 * 70 * 8 * len(TABLE.column_names))
    found.rows.take(np.array([0]))
    assert len(found.rows._decoded) == 2
    found.rows.take(np.array([100, 0]))
    assert decoded[8:] == [1]
    assert sorted(found.rows._decoded) == [0, 1]


def test_blocks_are_row_groups_but_small_ones_together(monkeypatch):
    assert table_stream.blocks(np.array([0, 300, 700, 1000])).tolist() == [0, 300, 700, 1000]
    assert table_stream.blocks(np.array([0, 100, 200, 300, 700, 800])).tolist() == [0, 300, 800]
    assert table_stream.blocks(np.array([0, 100])).tolist() == [0, 100]


@pytest.mark.parametrize(("room", "at_once"), [(10**9, 64), (8 * 300 * 7, 4), (1, 1)])
def test_as_many_groups_are_mixed_as_there_is_room_for(tmp_path, monkeypatch, room, at_once):
    monkeypatch.setattr(table_stream, "POOL_BYTES", room)
    parquet.write_table(pa.table({"a": RNG.normal(size=3000)}), tmp_path / "t.parquet", row_group_size=300)
    found = read(str(tmp_path / "t.parquet"), DataOptions(stream="on"))
    assert found.rows.bounds.tolist() == list(range(0, 3001, 300))
    assert found.rows.at_once == at_once


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {"a": [1.0, None] * 150},
            {},
            "row group 0 of t.parquet has missing cells in 1 column of its 100 rows: a (50)",
        ),
        ({"a": [1.0] * 299 + [np.inf]}, {}, "column 'a' of row group 2 of t.parquet holds infinity"),
        ({"a": [f"w{i}" for i in range(300)], "b": range(300)}, {}, "has 300 different texts in 300 rows"),
        ({"a": ["w"] * 300}, {}, "t.parquet has one column, 'a', and it is text"),
        ({"a": [0] * 299 + [5]}, {"columns": (("a", "binary"),)}, "was to be binary, but row 99"),
        ({"a": [0.0] * 300}, {"drop": ("a",)}, "--drop names every column of t.parquet"),
        ({"a": [0.0] * 300}, {"drop": ("b",)}, "--drop names 'b', which is no column of t.parquet"),
        ({"a": [0.0] * 300}, {"kind": "real"}, "is a table, whose columns have a kind each"),
        ({"a": []}, {}, "no rows; give at least one row"),
    ],
)
def test_what_no_streamed_table_may_hold(tmp_path, columns, options, message):
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=100)
    with pytest.raises(InputError) as error:
        read(str(tmp_path / "t.parquet"), DataOptions(stream="on", **options))
    assert message in str(error.value)


def test_an_identifier_is_refused_before_it_is_remembered(tmp_path):
    columns = {"a": [f"w{i}" for i in range(5000)], "b": range(5000)}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=800)
    with pytest.raises(InputError, match=r"column 'a' of t\.parquet has 1,600 different texts in 1,600 rows"):
        read(str(tmp_path / "t.parquet"), DataOptions(stream="on"))


def test_damaged_files_are_refused(file):
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="is no whole Parquet file"):
        read(str(file), DataOptions(stream="on"))


def test_auto_streams_what_takes_more_than_half_of_the_memory(file, monkeypatch):
    size = 8 * N * len(TABLE.column_names)
    for limit, streamed in ((2 * size, False), (2 * size - 1, True)):
        monkeypatch.setattr(memory, "physical", lambda limit=limit: limit)
        assert isinstance(read(str(file)), Streamed) == streamed
