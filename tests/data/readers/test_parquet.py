import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import describe, fingerprint
from variate.data.readers.parquet import read_parquet
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
ON = DataOptions(stream="on")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(TABLE, path, row_group_size=70)
    return path


def both(path, **options):
    return (read_parquet(path, DataOptions(stream=switch, **options), None) for switch in ("off", "on"))


@pytest.mark.parametrize(
    "options",
    [{}, {"drop": ("id", "city")}, {"columns": (("years", "categorical"), ("bits", "real"), ("codes", "counts"))}],
)
def test_a_table_on_disk_is_the_one_in_memory(file, options):
    expected, found = both(file, **options)
    assert (expected.in_memory, found.in_memory) == (True, False)
    assert (found.schema, found.notes, found.name) == (expected.schema, expected.notes, expected.name)
    assert {column.kind for column in found.schema.columns} == {"real", "binary", "counts", "categorical"}
    index = RNG.integers(0, N, 900)
    np.testing.assert_array_equal(found.x.take(index), expected.x.take(index))
    assert describe(found) == f"{describe(expected)}, read from disk as needed"


def test_a_model_finds_its_columns(file, tmp_path):
    expected, found = both(file)
    other = TABLE.select(TABLE.column_names[::-1]).append_column("new", TABLE["real"])
    parquet.write_table(other, tmp_path / "u.parquet")
    again = read_parquet(tmp_path / "u.parquet", ON, expected.schema)
    np.testing.assert_array_equal(again.x.all(), expected.x.all())
    (note,) = again.notes
    assert "1 column that the model does not know: new" in note
    assert fingerprint(found) != fingerprint(again)  # another file
    parquet.write_table(TABLE.drop_columns(["codes"]), tmp_path / "v.parquet")
    error = refused(read_parquet, tmp_path / "v.parquet", ON, expected.schema)
    assert (error.argument, "1 column missing: codes" in error.expected) == ("v.parquet", True)


@pytest.mark.parametrize(
    ("columns", "options", "argument", "got"),
    [
        ({"a": [1.0, None] * 150}, {}, "row group 0 of t.parquet", "1 column of its 100 rows: a (50)"),
        ({"a": [1.0] * 299 + [np.inf]}, {}, "column 'a' of row group 2 of t.parquet", "infinity"),
        ({"a": [f"w{i}" for i in range(300)], "b": range(300)}, {}, "column 'a' of t.parquet", "300 different texts"),
        ({"a": ["w"] * 300}, {}, "t.parquet", "one column, 'a', of text"),
        ({"a": [0] * 299 + [5]}, {"columns": (("a", "binary"),)}, "column 'a' of row group 2 of t.parquet", "row 99"),
        ({"a": [0.0] * 300}, {"drop": ("a",)}, "drop", "every column of t.parquet"),
        ({"a": [0.0] * 300}, {"drop": ("b",)}, "drop", "'b'"),
        ({"a": [0.0] * 300}, {"kind": "real"}, "kind", "'real'"),
        ({"a": []}, {}, "t.parquet", "no rows"),
    ],
)
def test_tables_that_are_refused_on_disk(tmp_path, columns, options, argument, got):
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=100)
    error = refused(read_parquet, tmp_path / "t.parquet", DataOptions(stream="on", **options), None)
    assert error.argument == argument
    assert got in error.got


def test_an_identifier_is_refused_before_all_of_it_is_kept(tmp_path):
    columns = {"a": [f"w{i}" for i in range(5000)], "b": range(5000)}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=800)
    assert "1,600 different texts in 1,600 rows" in refused(read_parquet, tmp_path / "t.parquet", ON, None).got


def test_more_than_the_machine_holds(file, monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: 10)
    assert refused(read_parquet, file, DataOptions(stream="off"), None).argument == "t.parquet"


def test_auto_streams_what_takes_more_than_half_of_the_memory(file, monkeypatch):
    size = 8 * N * len(TABLE.column_names)
    for limit, in_memory in ((2 * size, True), (2 * size - 1, False)):
        monkeypatch.setattr(memory, "physical", lambda limit=limit: limit)
        assert read_parquet(file, DataOptions(), None).in_memory == in_memory
