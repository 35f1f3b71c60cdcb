import decimal
import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import describe, fingerprint
from variate.data.readers.parquet import original_parquet, read_parquet
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
        "gaps": pa.array(np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)), from_pandas=True),
        "text-gaps": pa.array([None if row % 7 == 0 else "ab"[row % 2] for row in range(N)]),
        "late-gap": [*RNG.normal(size=N - 1), None],
        "spoiled": [str(row / 8) if row % 5 else "?" for row in range(N)],
        "comma": [f"{row % 50},5" for row in range(N)],
        "day": pa.array(RNG.integers(0, 9999, N).astype(np.int32)).cast(pa.date32()),
        "text-day": [f"{1 + row % 28:02}.{1 + row % 12:02}.2019" for row in range(N)],
        "key": [f"k{row}" for row in range(N)],
        "many": [f"w{row % 40 + (row % 3 > 0) * (row % 240)}" for row in range(N)],
        "empty": pa.nulls(N, pa.string()),
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
    notes = tuple(note for note in expected.notes if not note.startswith("Columns that follow"))
    schema = replace(expected.schema, relations=())  # which need all rows in memory
    assert (found.schema, found.notes, found.name) == (schema, notes, expected.name)
    np.testing.assert_array_equal(found.dataset.mask.all(), expected.dataset.mask.all())
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
    assert any("1 column that is not needed: new" in note for note in again.notes)
    np.testing.assert_array_equal(again.dataset.mask.all(), expected.dataset.mask.all())
    assert fingerprint(found) != fingerprint(again)  # another file
    parquet.write_table(TABLE.drop_columns(["codes"]), tmp_path / "v.parquet")
    error = refused(read_parquet, tmp_path / "v.parquet", ON, expected.schema)
    assert (error.argument, "1 column missing: codes" in error.expected) == ("v.parquet", True)


@pytest.mark.parametrize(
    ("columns", "options", "argument", "got"),
    [
        ({"a": [None] * 300}, {}, "t.parquet", "'a' (no value in any row)"),
        ({"a": [1.0] * 299 + [np.inf]}, {}, "column 'a' of row group 2 of t.parquet", "infinity"),
        ({"a": ["w"] * 300}, {}, "t.parquet", "one column, 'a', of text"),
        ({"a": [f"w{i}" for i in range(300)], "b": range(300)}, {}, "t.parquet", "'b' (only numbers the rows)"),
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


EXOTIC = {
    "list": ([[1], [2]], None),
    "struct": ([{"a": 1}, {"a": 2}], None),
    "map": ([[("k", 1)], [("l", 2)]], pa.map_(pa.string(), pa.int32())),
    "binary": ([b"\xff", b"\xfe"], None),
    "fixed": ([b"ab", b"cd"], pa.binary(2)),
    "deep": ([[[[[[[[1]]]]]]], [[[[[[[2]]]]]]]], None),
    "large": ([1e200, 2.5], None),
    "infinite": ([np.inf, 2.5], None),
}


@pytest.mark.parametrize("switch", ["off", "on"])
@pytest.mark.parametrize("name", EXOTIC)
def test_columns_of_other_types_are_refused_unless_they_are_dropped(tmp_path, name, switch):
    values, kind = EXOTIC[name]
    parquet.write_table(pa.table({"a": [0.5, 1], "b": pa.array(values, kind)}), tmp_path / "t.parquet")
    options = DataOptions(stream=switch)
    assert refused(read_parquet, tmp_path / "t.parquet", options, None).argument.startswith("column 'b' of ")
    kept = read_parquet(tmp_path / "t.parquet", DataOptions(stream=switch, drop=("b",)), None)
    assert kept.x.all().tolist() == [[0.5], [1]]


@pytest.mark.parametrize("switch", ["off", "on"])
@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", "é"], pa.large_string()),
        pa.array(["a", "b"], pa.string_view()),
        pa.array([decimal.Decimal("1.25"), decimal.Decimal(-3)], pa.decimal256(60, 2)),
        pa.array([1.5, 2], pa.float16()),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}', "1"])),
        pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())),
        pa.array([1, 2**50], pa.uint64()),
    ],
)
def test_columns_of_rare_types_are_read(tmp_path, values, switch):
    parquet.write_table(pa.table({"a": [0.5, 1], "b": values}), tmp_path / "t.parquet")
    source = read_parquet(tmp_path / "t.parquet", DataOptions(stream=switch), None)
    (_, column), (one, two) = source.schema.columns, source.x.all()[:, 1].tolist()
    found = [column.categories[int(code)] for code in (one, two)] if column.categories else [one, two]
    assert found == [str(value) if column.categories else float(value) for value in values.to_pylist()]


@pytest.mark.parametrize("switch", ["off", "on"])
def test_files_that_are_no_table_are_refused(tmp_path, switch):
    path, options = tmp_path / "t.parquet", DataOptions(stream=switch)

    def error():
        return refused(read_parquet, path, options, None)

    for content in (b"", b"PAR1", b"PAR1PAR1", b"PAR1" + bytes(8) + b"PARE", b"PAR1\xff\xff\xff\x7fPAR1", bytes(1000)):
        path.write_bytes(content)
        assert (error().argument, error().expected) == (str(path), "a complete Parquet file")
    parquet.write_table(pa.table({"abcd": [1.0]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"abcd", b"\xff\xfe\xff\xfe"))
    assert error().argument == str(path)
    parquet.write_table(pa.table({"a": [0.5], "b": ["abcd"]}), path, store_schema=False, write_statistics=False)
    path.write_bytes(path.read_bytes().replace(b"abcd", b"\xff\xfe\xff\xfe"))
    assert (error().argument, "UTF8" in error().got) == (str(path), True)
    parquet.write_table(pa.Table.from_arrays([pa.array([1])] * 2, ["a", "a"]), path)
    assert "more than one column 'a'" in error().got
    parquet.write_table(pa.table({"a": [1]}).select([]), path)
    assert (error().argument, error().got) == ("t.parquet", "none")


def test_text_that_repeats_is_one_text_in_memory(tmp_path):
    words = pa.DictionaryArray.from_arrays(np.zeros(300_000, np.int32), ["x" * 9000])
    parquet.write_table(
        pa.table({"a": np.arange(300_000.0) / 8, "b": words}), tmp_path / "t.parquet", store_schema=False
    )
    for source in both(tmp_path / "t.parquet"):  # three gigabytes, if they were written out
        (aside,) = (own for own in source.schema.aside if own.name == "b")
        assert (aside.kind, aside.value) == ("constant", "x" * 9000)


def mutated(whole, draw):
    """A file with some bytes changed, most of them in its footer, or cut off."""
    data = bytearray(whole)
    for _ in range(draw.choice([1, 1, 2, 5])):
        footer = max(0, len(data) - draw.choice([20, 600, len(data)]))
        place = draw.randrange(footer, len(data))
        kind = draw.randrange(4)
        if kind == 0:
            data[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[place] = draw.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            data[place : place + draw.choice([1, 4])] = bytes(draw.choice([0, 0xFF]) for _ in range(draw.randrange(6)))
        else:
            data = data[:place] if draw.random() < 0.2 else data
    return bytes(data) or b"P"


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_mutated_files_are_read_or_refused(tmp_path, compression):
    draw = random.Random(compression)
    table = pa.table({"a": np.arange(60) / 8, "b": ["x", "y", "z"] * 20, "c": [True, False] * 30, "d": range(60)})
    path = tmp_path / "t.parquet"
    parquet.write_table(table, path, row_group_size=25, compression=compression)
    whole, ends = path.read_bytes(), {True: 0, False: 0}
    for _ in range(60):
        path.write_bytes(mutated(whole, draw))
        for switch in ("off", "on"):
            try:
                ends[len(read_parquet(path, DataOptions(stream=switch), None).x.all()) > 0] += 1
            except InputError:
                ends[False] += 1
    assert min(ends.values()) > 10


def test_of_a_long_text_no_more_words_are_kept_than_need_be(tmp_path):
    columns = {"a": [f"w{i}" for i in range(12_000)], "b": np.arange(12_000) / 8}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=800)
    for source in both(tmp_path / "t.parquet"):
        assert [(own.name, own.kind) for own in source.schema.aside] == [("a", "text")]


def test_more_than_the_machine_holds(file, monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: 10)
    assert refused(read_parquet, file, DataOptions(stream="off"), None).argument == "t.parquet"
    assert refused(read_parquet, file, DataOptions(stream="on"), None).argument == "row group 0 of t.parquet"


def test_auto_streams_what_takes_more_than_half_of_the_memory(file, monkeypatch):
    size = 8 * N * len(TABLE.column_names)
    for limit, in_memory in ((2 * size, True), (2 * size - 1, False)):
        monkeypatch.setattr(memory, "physical", lambda limit=limit: limit)
        assert read_parquet(file, DataOptions(), None).in_memory == in_memory


def test_odd_texts_that_are_close_together_are_missing_as_they_are_in_memory(tmp_path):
    cells = [str(row / 8) for row in range(400)]
    cells[350:362] = ["unfit"] * 12  # 3 % of the cells, and a sixth of a row group
    parquet.write_table(pa.table({"a": cells, "b": RNG.normal(size=400)}), tmp_path / "t.parquet", row_group_size=70)
    expected, found = both(tmp_path / "t.parquet")
    np.testing.assert_array_equal(found.x.all(), expected.x.all())
    np.testing.assert_array_equal(found.dataset.mask.all(), expected.dataset.mask.all())


def test_a_table_as_it_came_has_the_types_of_its_file(file):
    schema = read_parquet(file, DataOptions(), None).schema
    pieces = list(original_parquet(file, DataOptions(), schema).pieces())
    assert pa.concat_tables([piece.table for piece in pieces]).equals(TABLE)
    assert sum(len(piece.rows) for piece in pieces) == N
