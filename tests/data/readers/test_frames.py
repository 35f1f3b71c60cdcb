"""Tables in memory, against the same table in a file and against what their libraries say of their types."""

import datetime
import inspect

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather

from frames import N, OnlyExchanged, OnlyStream, arrow
from refusals import refused
from variate import Column, DataOptions, read
from variate.data.readers.frames import NAME, as_arrow, original_frame

pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=30), RNG.normal(size=30)
EXCHANGED = ("age", "weight", "city")
"""Columns of types that the dataframe protocol has."""

MAKERS = {
    "arrow": lambda table: table,
    "a reader": lambda table: table.to_reader(),
    "a batch": lambda table: table.combine_chunks().to_batches()[0],
    "chunks": lambda table: pa.concat_tables([table.slice(0, 7), table.slice(7)]),
    "a stream": OnlyStream,
    "pandas": lambda table: table.to_pandas(),
    "pandas of Arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "nullable pandas": lambda table: table.to_pandas().convert_dtypes(),
    "polars": pl.from_arrow,
}


def pandas_of(**more):
    return pd.DataFrame({"a": A, "b": B} | more)


def assert_same(found, expected):
    assert found.schema == expected.schema
    assert np.array_equal(found.x.all(), expected.x.all())
    assert np.array_equal(found.dataset.mask.all(), expected.dataset.mask.all())
    assert found.notes == expected.notes


@pytest.mark.parametrize("maker", MAKERS)
def test_a_table_in_memory_is_read_as_the_file_of_the_same_table_is(tmp_path, maker):
    feather.write_feather(arrow(), tmp_path / "table.feather")
    expected = read(tmp_path / "table.feather")
    assert [column.kind for column in expected.schema.columns] == [
        "counts",
        "real",
        "real",
        "categorical",
        "binary",
    ] + ["real"] * 4
    assert_same(read(MAKERS[maker](arrow())), expected)


@pytest.mark.parametrize(
    "make", [OnlyExchanged, lambda table: OnlyExchanged(table.to_pandas(integer_object_nulls=True))]
)
def test_the_dataframe_protocol_is_taken_for_the_types_that_it_has(make):
    table = arrow(gaps=False).select(EXCHANGED)
    found, expected = read(make(table)), read(table)
    assert found.schema == expected.schema
    assert np.array_equal(found.x.all(), expected.x.all())


def test_whole_numbers_with_gaps_stay_whole():
    frame = pandas_of(n=pd.array([1, None, 3] * 10, "Int64"), big=pd.array([2**60, None, 1] * 10, "Int64"))
    source = read(frame)
    assert source.schema.columns[2] == Column("n", "categorical", ("1", "3"), gaps=True)
    assert source.schema.aside[0].kind == "identifier"  # which no float64 would hold
    assert source.dataset.mask.all()[:, 2].tolist() == [True, False, True] * 10


def test_categorical_columns_keep_their_categories_and_their_order():
    frame = pandas_of(
        size=pd.Categorical(["S", "L", None] * 10, ["S", "M", "L"], ordered=True),
        grade=pd.Categorical(["2", "1", "2"] * 10, ["2", "1"]),
        cylinders=pd.Categorical([4, 8, 4] * 10, [8, 6, 4]),
        marked=pd.Categorical(["x", "?", "y"] * 10, ["y", "?", "x"]),
    )
    source = read(frame)
    size, grade, cylinders, marked = source.schema.columns[2:]
    assert size == Column("size", "categorical", ("S", "M", "L"), gaps=True, ordered=True)
    assert grade == Column("grade", "categorical", ("2", "1"), format="number", ordered=False)
    assert cylinders == Column("cylinders", "categorical", ("8", "6", "4"), ordered=False)
    assert marked == Column("marked", "categorical", ("y", "x"), gaps=True, ordered=False)
    assert source.x.all()[:3, 2:].tolist() == [[0, 0, 2, 1], [2, 1, 0, 0], [0, 0, 2, 0]]
    assert "No row has these categories, which stay possible: 'M' of 'size'; '6' of 'cylinders'." in source.notes
    as_asked = read(frame, DataOptions(columns=(("size", "categorical"), ("cylinders", "counts"))))
    assert as_asked.schema.columns[2] == size
    assert as_asked.schema.columns[4].kind == "counts"


def test_categories_are_read_for_a_model_by_their_names():
    trained = read(pandas_of(size=pd.Categorical(["S", "L"] * 15, ["S", "M", "L"], ordered=True)))
    other = read(pandas_of(size=["M", "S"] * 15), schema=trained.schema)
    assert other.x.all()[:2, 2].tolist() == [1, 0]


def test_categories_of_polars_are_listed_by_an_enum_and_not_by_its_text_cache():
    frame = pl.DataFrame({"a": A, "b": B, "e": ["L", "S", "L"] * 10, "c": ["y", "x", "x"] * 10})
    frame = frame.with_columns(e=pl.col("e").cast(pl.Enum(["S", "M", "L"])), c=pl.col("c").cast(pl.Categorical))
    enum, cached = read(frame).schema.columns[2:]
    assert enum == Column("e", "categorical", ("S", "M", "L"), ordered=True)
    assert cached == Column("c", "categorical", ("x", "y"))


def test_of_more_categories_than_a_model_has_codes_for_the_rarest_are_pooled():
    words = [f"{word:03}x" for word in range(300)]
    cells = pd.Categorical([*words, *words, "000x"], words[::-1])
    (_, column) = read(pd.DataFrame({"a": RNG.normal(size=601), "word": cells})).schema.columns
    assert (column.pooled, len(column.categories), column.ordered) == (True, 256, None)


def test_an_index_is_left_out_with_a_note_and_kept_in_what_is_written_again():
    frame = pandas_of().set_index(pd.Index(range(5, 35), name="id"))
    source = read(frame)
    assert [column.name for column in source.schema.columns] == ["a", "b"]
    assert source.notes[0] == "Left out: the index 'id'; reset_index() makes it a column."
    assert read(pandas_of().iloc[3:]).notes == read(pandas_of()).notes == ()
    (piece,) = original_frame(frame, DataOptions(), source.schema).pieces()
    pd.testing.assert_frame_equal(piece.table.to_pandas(), frame)


def test_cells_of_several_types_are_read_as_in_a_text_file(tmp_path):
    days = [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 5), None] * 10
    frame = pandas_of(mixed=[3, "4", 5.5, None, "n/a"] * 6, huge=[2**70, 1, 2] * 10, days=days)
    before = frame.copy()
    source = read(frame)
    assert source.notes[0] == (
        "Values of several types in one column, read as the texts of their cells: 'mixed', 'huge', 'days'."
    )
    frame[["a", "b", "mixed"]].to_csv(tmp_path / "table.csv", index=False)
    assert np.array_equal(source.x.all()[:, 2], read(tmp_path / "table.csv").x.all()[:, 2])
    assert source.schema.columns[-1].categories == ("2020-01-01", "2020-01-01 05:00:00")
    pd.testing.assert_frame_equal(frame, before)


def test_periods_are_the_times_at_which_they_begin():
    months = pd.period_range("2000", periods=30, freq="M")
    column = read(pandas_of(month=months)).schema.columns[2]
    assert (column.format, column.low) == ("timestamp", datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC).timestamp())


def test_names_that_are_no_text_become_text():
    source = read(pd.DataFrame(np.c_[A, B]))
    assert [column.name for column in source.schema.columns] == ["0", "1"]
    assert source.notes[0] == "Names of columns that are no text were taken as text: 0, 1."


LEVELS = pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])
REFUSED = {
    "one name twice": (lambda: pd.DataFrame(np.c_[A, B], columns=["a", "a"]), NAME, "more than one column 'a'"),
    "one text twice": (lambda: pd.DataFrame(np.c_[A, B], columns=[0, "0"]), NAME, "more than one column '0'"),
    "levels": (lambda: pd.DataFrame(np.c_[A, B], columns=LEVELS), NAME, "names of 2 levels"),
    "no rows": (lambda: pandas_of()[:0], NAME, "2 columns and no rows"),
    "no rows of polars": (lambda: pl.DataFrame({"a": A})[:0], NAME, "1 column and no rows"),
    "no columns": (lambda: pd.DataFrame(index=range(3)), NAME, "none"),
    "no columns of polars": (pl.DataFrame, NAME, "none"),
    "infinity": (lambda: pandas_of(c=np.inf), "column 'c' of the table", "infinity in 30 rows"),
    "lists": (lambda: pandas_of(c=[[1]] * 30), "column 'c' of the table", "list<"),
    "lists of polars": (lambda: pl.DataFrame({"a": A, "c": [[1]] * 30}), "column 'c' of the table", "list<"),
    "lists and text": (lambda: pandas_of(c=[[1], "x"] * 15), "column 'c' of the table", "object, which Arrow"),
    "records": (lambda: pandas_of(c=[{"x": 1}] * 30), "column 'c' of the table", "struct<"),
    "complex": (lambda: pandas_of(c=[1j] * 30), "column 'c' of the table", "complex128"),
    "bytes": (lambda: pandas_of(c=[b"x", b"y"] * 15), "column 'c' of the table", "bytes that are not UTF-8 text"),
    "intervals": (lambda: pandas_of(c=pd.interval_range(0, 30)), "column 'c' of the table", "struct<"),
    "sparse": (lambda: pandas_of(c=pd.arrays.SparseArray([0.0] * 30)), "column 'c' of the table", "Sparse"),
    "several": (lambda: pandas_of(c=[1j] * 30, d=pd.arrays.SparseArray([0.0] * 30)), NAME, "2 columns of something"),
    "no table in it": (lambda: OnlyStream(pl.Series("a", A)), NAME, "OnlyStream (Cannot import schema"),
    "nothing in it": (lambda: OnlyExchanged(3), NAME, "OnlyExchanged ("),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_of_numbers_dates_and_text_is_refused_in_a_sentence(case):
    make, argument, got = REFUSED[case]
    error = refused(read, make())
    assert error.argument == argument
    assert got in error.got
    assert error.remedy


def test_columns_that_are_dropped_may_hold_anything():
    frame = pandas_of(c=[1j] * 30, d=[[1]] * 30, e=pd.arrays.SparseArray([0.0] * 30))
    assert len(read(frame, DataOptions(drop=("c", "d", "e"))).schema.columns) == 2


@pytest.mark.parametrize(
    ("option", "value"), [("delimiter", ";"), ("stream", "on"), ("size", (2, 2)), ("header", True)]
)
def test_options_of_files_are_refused(option, value):
    assert refused(read, arrow(), DataOptions(**{option: value})).argument == option


def test_options_of_tables_are_used():
    source = read(arrow(), DataOptions(split_by="city", missing=("Oslo",), drop=("age",)))
    assert source.key.name == "city"
    assert "age" not in [column.name for column in source.schema.columns]
    assert len({None if np.isnan(value) else value for value in source.key.values}) == 2


@pytest.mark.parametrize(
    "make", [lambda: pl.Series("a", A), lambda: pd.Series(A), lambda: pl.DataFrame({"a": A}).lazy()]
)
def test_a_column_or_a_plan_is_no_table(make):
    assert refused(inspect.unwrap(read), make()).argument == "source"  # without the tests' own check of types


def test_text_of_polars_is_in_types_that_arrow_computes_with():
    frame = pl.DataFrame({"text": ["x", None], "enum": pl.Series(["b", "a"], dtype=pl.Enum(["a", "b"]))})
    found = as_arrow(frame).table
    assert found.column("text").to_pylist() == ["x", None]
    assert found.column("enum").to_pylist() == ["b", "a"]
    assert found.schema.field("enum").metadata  # by which polars knows its own type again
    assert pl.from_arrow(found).schema == frame.schema


def test_a_table_as_it_came_is_the_table():
    schema = read(arrow()).schema
    (piece,) = original_frame(pl.from_arrow(arrow()), DataOptions(), schema).pieces()
    assert pl.from_arrow(piece.table).equals(pl.from_arrow(arrow()))
    assert len(piece.rows) == N


def test_decimals_are_the_numbers_that_a_text_file_has(tmp_path):
    csv.write_csv(arrow().select(["paid", "weight"]), tmp_path / "table.csv")
    found, expected = read(arrow().select(["paid", "weight"])), read(tmp_path / "table.csv")
    assert np.array_equal(found.x.all(), expected.x.all())
    assert found.schema.columns[0].step == 0.01
