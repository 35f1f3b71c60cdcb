import datetime

import numpy as np
import pyarrow as pa
import pytest

from refusals import refused
from variate.data.schema.arrow_columns import each_column, listed_categories, raw_column, raw_columns, refuse_one_text
from variate.data.schema.columns import Listed
from variate.errors import Option


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        (pa.array([1.5, -2], pa.float32()), [1.5, -2]),
        (pa.array([1, 2**53]), [1, 2**53]),
        (pa.array([True, False]), [1, 0]),
        (pa.array([3, 200], pa.uint8()), [3, 200]),
        (pa.array(["1.25", "-1.00"]).cast(pa.decimal128(5, 2)), [1.25, -1]),
        (pa.array(["8.71", "-0.14"]).cast(pa.decimal128(5, 2)), [8.71, -0.14]),  # to the last bit
        (pa.array([7, 7, 9]).dictionary_encode(), [7, 7, 9]),
        (pa.array([1.5, -2], pa.float16()), [1.5, -2]),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())), [1, 0]),
    ],
)
def test_numbers_of_every_type(column, numbers):
    raw = raw_column("b", pa.chunked_array([column]), "x")
    assert (raw.name, raw.words) == ("b", None)
    np.testing.assert_array_equal(raw.numbers, numbers)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_is_positions_among_its_words(kind):
    column = pa.chunked_array([pa.array(["b", "a"], kind), pa.array(["b", "é"], kind)])
    raw = raw_column("b", column, "x")
    assert [raw.words[int(place)] for place in raw.numbers] == ["b", "a", "b", "é"]


@pytest.mark.parametrize(
    ("values", "got", "remedy"),
    [
        (pa.array([[1], [2]]), "values of type list", "drop=['b']"),
        (pa.array([b"a", b"b"]), "not UTF-8", "drop=['b']"),
        (pa.array([b"a", b"b"], pa.large_binary()), "not UTF-8", "drop=['b']"),
        (pa.array([b"a", b"b"], pa.binary(1)), "fixed_size_binary", "drop=['b']"),
        (pa.array([{"c": 1}, {"c": 2}]), "values of type struct", "drop=['b']"),
        (pa.array([[("k", 1)]] * 2, pa.map_(pa.string(), pa.int8())), "values of type map", "drop=['b']"),
        (pa.array([None, pa.MonthDayNano([1, 2, 3])]), "values of type month_day_nano_interval", "drop=['b']"),
        (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 2, pa.binary(16))),
            "values of",
            "drop=['b']",
        ),
        (pa.array([np.inf, 1]), "infinity in 1 row", "missing=['inf']"),
    ],
)
def test_columns_that_are_refused(values, got, remedy):
    error = refused(raw_columns, pa.table({"a": [1, 2], "b": values}), "x.csv")
    assert error.argument == "column 'b' of x.csv"
    assert got in error.got
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("column", "native", "numbers"),
    [
        (pa.array([datetime.date(1970, 1, 3), None]), "date", [2, np.nan]),
        (pa.array([86_400_000, None], pa.date64()), "date", [1, np.nan]),
        (pa.array([datetime.datetime(1970, 1, 2, 0, 0, 1, 500_000), None]), "timestamp", [86_401.5, np.nan]),
        (pa.array([90, None], pa.timestamp("s", "Europe/Zurich")), "timestamp", [90, np.nan]),
        (pa.array([datetime.time(1, 0, 2), None]), "time", [3602, np.nan]),
        (pa.array([True, None]), "bool", [1, np.nan]),
    ],
)
def test_dates_times_and_switches_are_numbers(column, native, numbers):
    raw = raw_column("b", pa.chunked_array([column]), "x")
    assert (raw.native, raw.words) == (native, None)
    np.testing.assert_array_equal(raw.numbers, numbers)


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        (pa.array([1, None]), [False, True]),
        (pa.array([1.0, float("nan")]), [False, True]),
        (pa.array(["a", None]).dictionary_encode(), [False, True]),
        (pa.array(["a", "?", " ? ", ""]), [False, True, True, False]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None])), [False, True]),
        (pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array([1.5, np.nan])), [False, True]),
        (pa.array([1.5, np.nan]).dictionary_encode(), [False, True]),
        (pa.nulls(2), [True, True]),
        (pa.nulls(2, pa.string()), [True, True]),
    ],
)
def test_missing_cells_are_nan(column, missing):
    assert np.isnan(raw_column("b", pa.chunked_array([column]), "x").numbers).tolist() == missing


@pytest.mark.parametrize(
    ("column", "missing"),
    [(pa.array([1.5, -999, 0]), [False, True, False]), (pa.array(["none", "-999", "a"]), [True, True, False])],
)
def test_what_the_user_says_is_missing_is(column, missing):
    raw = raw_column("b", pa.chunked_array([column]), "x", ("none", "-999"))
    assert np.isnan(raw.numbers).tolist() == missing


def test_whole_numbers_that_float64_does_not_hold_are_said_to_be_so():
    assert raw_column("b", pa.chunked_array([pa.array([2**53 + 1, 1, None])]), "x").native == "inexact"
    assert raw_column("b", pa.chunked_array([pa.array([2**53, 1, None])]), "x").native == ""


@pytest.mark.parametrize("words", [["w", "v"], pa.array(["w", "v"]).dictionary_encode()])
def test_one_column_of_text_is_no_table(words):
    error = refused(refuse_one_text, pa.table({"a": words}), "x.csv")
    assert (error.argument, "'a'" in error.got) == ("x.csv", True)
    refuse_one_text(pa.table({"a": words, "b": words}), "x.csv")
    refuse_one_text(pa.table({"a": [1]}), "x.csv")


def test_words_are_those_that_occur_each_once():
    pieces = [([2, 0, 2], ["b", "unused", "a"]), ([0, 1, 2], ["a", "a", "c"]), ([], ["z"])]
    column = pa.chunked_array(
        [pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), words) for codes, words in pieces]
    )
    raw = raw_column("b", column, "x")
    assert sorted(raw.words) == ["a", "b", "c"]
    assert [raw.words[int(place)] for place in raw.numbers] == ["a", "b", "a", "a", "a", "c"]


def test_a_long_text_in_every_row_takes_the_memory_of_one():
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**6, np.int32)), ["x" * 10**6])
    raw = raw_column("b", pa.chunked_array([words]), "x")  # a terabyte, if it were written out
    assert (len(raw.words), raw.numbers.any()) == (1, False)


def test_columns_are_used_one_after_the_other():
    seen = []
    table = pa.table({"a": [1, 2], "b": pa.array(["x", "y"])})
    each_column(table, "x.csv", lambda number, raw: seen.append((number, raw.name, raw.words)))
    assert seen == [(0, "a", None), (1, "b", ("x", "y"))]


def test_what_is_wrong_with_several_columns_is_one_error():
    table = pa.table({"a": [[1], [2]], "b": [1, 2], "": pa.array([pa.MonthDayNano([0, 0, 1])] * 2)})
    error = refused(each_column, table, "x.csv", lambda *_: None)
    assert error.argument == "x.csv"
    assert "'a' (values of type list" in error.got
    assert "(no name) (values of type month_day_nano_interval" in error.got
    assert Option("drop", ["a", ""]) in error.remedy.parts


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_seconds(unit):
    cells = pa.array([datetime.timedelta(minutes=90), None, datetime.timedelta(0)], pa.duration(unit))
    raw = raw_column("b", pa.chunked_array([cells]), "x")
    assert raw.native == "duration"
    np.testing.assert_array_equal(raw.numbers, [5400, np.nan, 0])


def test_ordered_dictionaries_list_categories_and_others_where_it_is_said():
    def dictionary(values, ordered=False):
        return pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(values), ordered=ordered)

    table = pa.table(
        {
            "text": ["a", "b", "c"],
            "ordered": dictionary(["y", "?", "x", "-"], ordered=True),
            "numbers": dictionary([2, 1, 7], ordered=True),
            "plain": dictionary(["y", "x"]),
            "floats": dictionary([0.5, 2.0]),
            "many": dictionary([str(number) for number in range(257)], ordered=True),
            "dates": dictionary([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)], ordered=True),
        }
    )
    found = listed_categories(table, ("-",))
    assert found == {"ordered": Listed(("y", "x"), True, True), "numbers": Listed(("2", "1", "7"), True, False)}
    more = {"plain": Listed(("y", "x"), False, True), "floats": Listed(("0.5", "2"), False, False)}
    assert listed_categories(table, ("-",), every_dictionary=True) == found | more


def test_dictionaries_of_several_chunks_are_joined():
    one, two = (
        pa.DictionaryArray.from_arrays([0, 1], pa.array(words), ordered=True) for words in (["b", "a"], ["c", "a"])
    )
    (listed,) = listed_categories(pa.table({"a": pa.chunked_array([one, two])})).values()
    assert listed.names == ("b", "a", "c")


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        ([1.0, np.inf], "inf"),
        ([1.0, -np.inf], "-inf"),
        ([1.0, -999.0], "-999"),
        ([datetime.date(2021, 3, 4), datetime.date(9999, 12, 31)], "9999-12-31"),
        ([datetime.datetime(2021, 3, 4, 7), datetime.datetime(1900, 1, 1)], "1900-01-01 00:00:00"),
        ([datetime.datetime(2021, 3, 4, 7), datetime.datetime(1900, 1, 1)], "1900-01-01"),
    ],
)
def test_numbers_and_dates_that_say_that_a_value_is_missing(values, mark):
    (found,) = raw_columns(pa.table({"a": values}), "x.csv", [mark, "2021-03-05", "a text"])
    assert np.isnan(found.numbers).tolist() == [False, True]
