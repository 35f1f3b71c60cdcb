import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import Column
from variate.data.schema.columns import (
    LARGEST,
    LONGEST_CATEGORY,
    column_called,
    column_notes,
    column_of,
    column_values,
    columns_of,
    is_number_name,
    is_textual,
    misfits,
    number_name,
    tell_column_kind,
)
from variate.data.schema.profiles import RawColumn, profile
from variate.errors import Option

RNG = np.random.default_rng(0)


def numbers(values, name="c"):
    return RawColumn(name, np.asarray(values, float))


def text(values, name="c"):
    words, places = np.unique(values, return_inverse=True)
    return RawColumn(name, places.astype(float), tuple(map(str, words)))


def fitted(raw, kind, source):
    column = column_of(profile(raw, every=kind == "categorical"), kind, source)
    return column, column_values(raw, column, source)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (text(["a", "b", "a"]), "categorical"),
        (numbers([0, 1, 1, 0]), "binary"),
        (numbers([1, 1, 1]), "binary"),
        (numbers([0.5, 1, 2]), "real"),
        (numbers([-1, 0, 5]), "categorical"),
        (numbers(np.arange(-15, 15)), "real"),
        (numbers([0, 0, 9, 1, 30]), "counts"),
        (numbers([0, 0, 2]), "counts"),  # variance 8/9, mean 6/9
        (numbers([1, 2, 3, 2]), "categorical"),
        (numbers([7, 7, 7]), "categorical"),
        (numbers(np.arange(1950, 2025)), "real"),
    ],
)
def test_tell_column_kind(raw, kind):
    assert tell_column_kind(profile(raw)) == kind


def test_draws_of_any_count_model_spread_at_least_as_their_mean():
    # The bound behind the rule: Var x - E x = Var(rate) >= 0 for every mixture of Poisson distributions.
    for rates in (np.full(20_000, 3.0), RNG.gamma(2.0, 3.0, 20_000), RNG.choice([1.0, 50.0], 20_000)):
        counts = RNG.poisson(rates)
        stderr = np.std((counts - counts.mean()) ** 2 - counts) / np.sqrt(len(counts))
        assert abs(counts.var() - counts.mean() - rates.var()) < 4 * stderr + 0.05 * rates.var()
    assert tell_column_kind(profile(numbers(RNG.poisson(RNG.gamma(2.0, 3.0, 500))))) == "counts"


def test_categories_are_sorted_and_coded():
    column, values = fitted(text(["pear", "fig", "fig", "apple"]), None, "x.csv")
    assert column == Column("c", "categorical", ("apple", "fig", "pear"))
    np.testing.assert_array_equal(values, [2, 1, 1, 0])


def test_words_in_any_order_get_the_same_codes():
    raw = RawColumn("c", np.array([0.0, 1, 2, 0]), ("pear", "apple", "fig"))
    column, values = fitted(raw, None, "x.csv")
    assert [column.categories[int(code)] for code in values] == ["pear", "apple", "fig", "pear"]


def test_numbers_as_categories_are_ordered_by_size():
    column, values = fitted(numbers([10, 9, 10.5, 9]), "categorical", "x.csv")
    assert column.categories == ("9", "10", "10.5")
    np.testing.assert_array_equal(values, [1, 0, 2, 0])


@pytest.mark.parametrize("kind", ["real", "counts"])
def test_kind_that_was_said(kind):
    column, values = fitted(numbers([0, 1, 1]), kind, "x.csv")
    assert column == Column("c", kind)
    np.testing.assert_array_equal(values, [0, 1, 1])


@pytest.mark.parametrize(
    ("raw", "kind", "got"),
    [
        (numbers([0, 2, 3]), "binary", "2 in row 1 (counting from 0), and 1 others"),
        (numbers([0, 0.5]), "counts", "0.5 in row 1"),
        (numbers([0, -1]), "counts", "-1"),
        (text(["a", "b"]), "real", "text such as 'a'"),
    ],
)
def test_kind_that_cannot_be(raw, kind, got):
    error = refused(fitted, raw, kind, "x.csv")
    assert error.argument == "column 'c' of x.csv"
    assert kind in error.expected
    assert got in error.got


@pytest.mark.parametrize("rows", [20, 1001])
def test_identifiers_are_refused_unless_they_were_said_to_be_categories(rows):
    raw = text([f"id{row}" for row in range(rows)])
    error = refused(fitted, raw, None, "x.csv")
    assert error.argument == "column 'c' of x.csv"
    assert f"{rows:,} different texts in {rows:,} rows" in error.got
    assert [p for p in error.remedy.parts if isinstance(p, Option)] == [
        Option("drop", ["c"]),
        Option("columns", [("c", "categorical")]),
    ]
    assert len(fitted(raw, "categorical", "x.csv")[0].categories) == rows


def test_all_columns_that_cannot_be_used_are_named_in_one_error():
    words = [f"id{row}" for row in range(30)]
    found = [profile(raw) for raw in (text(words, "a"), numbers(range(30), "b"), text(words, ""), text(words, "c"))]
    error = refused(columns_of, found, {"c": "categorical"}, "x.csv")
    assert error.argument == "x.csv"
    assert "2 columns of something else: 'a' (30 different texts" in error.got
    assert "(no name) (30 different" in error.got
    assert Option("drop", ["a", ""]) in error.remedy.parts
    assert [column.kind for column in columns_of(found[1:2], {}, "x.csv")] == ["counts"]


@pytest.mark.parametrize(
    ("words", "example"),
    [
        (["12,5", "7,25"], "12,5"),
        (["1.200,5", "-7,25", "8"], "-7,25"),
        ([f"{row},5" for row in range(18)] + ["a"], "0,5"),
    ],
)
def test_decimal_commas_are_refused_unless_they_were_said_to_be_categories(words, example):
    error = refused(fitted, text(words), None, "x.csv")
    assert (error.argument, error.expected) == ("column 'c' of x.csv", "numbers with a decimal point")
    assert repr(example) in error.got
    assert fitted(text(words), "categorical", "x.csv")[0].kind == "categorical"


@pytest.mark.parametrize("words", [["a,5", "b,7"], ["7", "8", "9,5"], ["7,5", "a"]])
def test_other_texts_with_commas_are_categories(words):
    assert fitted(text(words), None, "x.csv")[0].kind == "categorical"


def test_long_texts_are_no_categories_unless_it_was_said():
    raw = text(["a", "b" * (LONGEST_CATEGORY + 1)])
    assert "10,001 characters" in refused(fitted, raw, None, "x.csv").got
    assert fitted(raw, "categorical", "x.csv")[0].kind == "categorical"


@pytest.mark.parametrize("value", [1e200, -1e200, 2 * LARGEST])
@pytest.mark.parametrize("kind", ["real", None])
def test_numbers_beyond_float32_are_refused(value, kind):
    error = refused(fitted, numbers([0.5, value, 1]), kind, "x.csv")
    assert error.argument == "column 'c' of x.csv"
    assert f"{value:g}" in error.got
    assert Option("drop", ["c"]) in error.remedy.parts
    assert refused(column_values, numbers([0.5, value]), Column("c", "real"), "x").argument == "column 'c' of x"
    fitted(numbers([0.5, LARGEST, -LARGEST]), kind, "x.csv")


def test_long_cells_and_names_are_cut():
    error = refused(column_values, text(["x" * 10**6]), Column("c", "real"), "x.csv")
    assert len(error.got) < 100
    assert len(column_called("y" * 10**6)) < 100
    assert column_called("") == "the column without a name"


def test_few_rows_cannot_tell_an_identifier():
    assert fitted(text(["a", "b", "c"]), None, "x.csv")[0].kind == "categorical"


def test_too_many_categories_are_refused_even_where_they_repeat():
    raw = text([f"id{row % 1001}" for row in range(2002)])
    assert "1,001 different texts in 2,002 rows" in refused(fitted, raw, None, "x.csv").got


def test_column_values_takes_the_codes_of_the_model():
    column = Column("c", "categorical", ("z", "a", "m"))
    np.testing.assert_array_equal(column_values(text(["a", "z", "a"]), column, "x.csv"), [1, 0, 1])
    column = Column("c", "categorical", ("2", "1"))
    np.testing.assert_array_equal(column_values(numbers([1, 2, 2.0]), column, "x.csv"), [1, 0, 0])


def test_unseen_categories_are_named():
    column = Column("c", "categorical", ("a", "b"))
    error = refused(column_values, text(["a", "q", "q", "\x1b"]), column, "x.csv")
    assert error.argument == "column 'c' of x.csv"
    assert "a, b" in error.expected
    assert "'q', '\\x1b' in 3 rows" in error.got


@pytest.mark.parametrize(
    ("column", "values", "bad"),
    [
        (Column("c", "categorical", ("a", "b")), [0, 1, 2, -1, 0.5, np.nan], [2, 3, 4, 5]),
        (Column("c", "counts"), [0, 7, -1, 0.5, np.nan], [2, 3, 4]),
        (Column("c", "binary"), [0, 1, 2, np.nan], [2, 3]),
        (Column("c", "real"), [0.5, -3, np.inf, np.nan], [2, 3]),
    ],
)
def test_misfits_are_what_a_column_cannot_hold(column, values, bad):
    assert misfits(np.array(values, float), column).tolist() == bad


def test_column_values_checks_numbers():
    np.testing.assert_array_equal(column_values(numbers([0, 3]), Column("c", "counts"), "x"), [0, 3])
    assert "counts" in refused(column_values, numbers([0, 3.5]), Column("c", "counts"), "x").expected


@pytest.mark.parametrize(
    ("categories", "textual"), [(("1", "2"), False), (("0.5",), False), (("01", "2"), True), (("a",), True)]
)
def test_is_textual(categories, textual):
    assert is_textual(Column("c", "categorical", categories)) == textual


@pytest.mark.parametrize("number", [0.0, -3.0, 2.0**53, 0.1, 1e300, 1e-300])
def test_number_name_names_a_number_exactly(number):
    assert float(number_name(number)) == number
    assert is_number_name(number_name(number))


@pytest.mark.parametrize("word", ["", "x", "nan", "inf", "1e5", "1.0", " 1"])
def test_is_number_name_only_of_the_name_a_number_would_have(word):
    assert not is_number_name(word)


def told(raw, kind=None):
    column, _ = fitted(raw, kind, "x.csv")
    return column_notes([profile(raw)], [column], [raw.name] if kind else [])


@pytest.mark.parametrize(
    "raw", [numbers(range(30)), numbers(range(7, 30), "row"), numbers([3, 5, 9, 100], "ID"), numbers([2, 4, 9], "")]
)
def test_columns_that_number_the_rows_are_noted(raw):
    (note,) = [note for note in told(raw) if "numbers the rows" in note]
    assert Option("drop", [raw.name]) in note.parts


@pytest.mark.parametrize("raw", [numbers([3, 5, 9, 100]), numbers([5, 3, 9], "id"), numbers([0, 1])])
def test_other_columns_are_not(raw):
    assert not any("numbers the rows" in note for note in told(raw))


def test_a_constant_real_column_is_noted():
    (note,) = told(numbers([0.5, 0.5, 0.5]))
    assert "'c' never changes" in note
    assert Option("drop", ["c"]) in note.parts


def test_columns_that_measure_nothing_are_noted_together():
    raws = [numbers(range(9), "a"), numbers(range(5, 14), ""), numbers([0.5] * 9, "c"), numbers([0.5] * 9, "d")]
    found = [profile(raw) for raw in raws]
    counters, constants = column_notes(found, columns_of(found, {}, "x.csv"), ["a", ""])[:2]
    assert "'a', (no name) only number the rows" in counters
    assert Option("drop", ["a", ""]) in counters.parts
    assert "'c', 'd' never change" in constants


def test_codes_that_could_be_counts_are_noted_unless_it_was_said():
    raw = numbers([0, 9, 0, 9, 5])
    (note,) = told(raw)
    assert "'c' could be counts or codes" in note
    assert Option("columns") in note.parts
    assert told(raw, "counts") == []
    assert told(numbers(RNG.poisson(50, 200) * 5)) == []
