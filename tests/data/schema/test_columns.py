import numpy as np
import pytest

from variate.config.recipe import Column
from variate.data.schema.columns import advice, as_text, conformed, described, is_numeral, is_textual, tell_column
from variate.data.schema.profiles import Raw, profile
from variate.errors import InputError

RNG = np.random.default_rng(0)


def numbers(values, name="c"):
    return Raw(name, np.asarray(values, float))


def text(values, name="c"):
    words, places = np.unique(values, return_inverse=True)
    return Raw(name, places.astype(float), tuple(map(str, words)))


def fitted(raw, kind, source):
    column = described(profile(raw, every=kind == "categorical"), kind, source)
    return column, conformed(raw, column, source)


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
def test_tell_column(raw, kind):
    assert tell_column(profile(raw)) == kind


def test_draws_of_any_count_model_spread_at_least_as_their_mean():
    # The bound behind the rule: Var x - E x = Var(rate) >= 0 for every mixture of Poisson distributions.
    for rates in (np.full(20_000, 3.0), RNG.gamma(2.0, 3.0, 20_000), RNG.choice([1.0, 50.0], 20_000)):
        counts = RNG.poisson(rates)
        stderr = np.std((counts - counts.mean()) ** 2 - counts) / np.sqrt(len(counts))
        assert abs(counts.var() - counts.mean() - rates.var()) < 4 * stderr + 0.05 * rates.var()
    assert tell_column(profile(numbers(RNG.poisson(RNG.gamma(2.0, 3.0, 500))))) == "counts"


def test_categories_are_sorted_and_coded():
    column, values = fitted(text(["pear", "fig", "fig", "apple"]), None, "x.csv")
    assert column == Column("c", "categorical", ("apple", "fig", "pear"))
    np.testing.assert_array_equal(values, [2, 1, 1, 0])


def test_words_in_any_order_get_the_same_codes():
    raw = Raw("c", np.array([0.0, 1, 2, 0]), ("pear", "apple", "fig"))
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
    ("raw", "kind", "message"),
    [
        (
            numbers([0, 2, 3]),
            "binary",
            "'c' of x.csv was to be binary, but row 1 (counting from 0) holds 2, and 1 others",
        ),
        (numbers([0, 0.5]), "counts", "row 1 (counting from 0) holds 0.5; mend"),
        (numbers([0, -1]), "counts", "holds -1"),
        (text(["a", "b"]), "real", "was to be real, but holds text such as 'a'"),
    ],
)
def test_kind_that_cannot_be(raw, kind, message):
    with pytest.raises(InputError) as error:
        fitted(raw, kind, "x.csv")
    assert message in str(error.value)


@pytest.mark.parametrize("rows", [20, 1001])
def test_identifiers_are_refused_unless_they_were_said_to_be_categories(rows):
    raw = text([f"id{row}" for row in range(rows)])
    with pytest.raises(InputError, match=f"has {rows:,} different texts in {rows:,} rows, which is an identifier"):
        fitted(raw, None, "x.csv")
    assert len(fitted(raw, "categorical", "x.csv")[0].categories) == rows


def test_few_rows_cannot_tell_an_identifier():
    assert fitted(text(["a", "b", "c"]), None, "x.csv")[0].kind == "categorical"


def test_too_many_categories_are_refused_even_where_they_repeat():
    with pytest.raises(InputError, match="has 1,001 different texts in 2,002 rows"):
        fitted(text([f"id{row % 1001}" for row in range(2002)]), None, "x.csv")


def test_conformed_takes_the_codes_of_the_model():
    column = Column("c", "categorical", ("z", "a", "m"))
    np.testing.assert_array_equal(conformed(text(["a", "z", "a"]), column, "x.csv"), [1, 0, 1])
    column = Column("c", "categorical", ("2", "1"))
    np.testing.assert_array_equal(conformed(numbers([1, 2, 2.0]), column, "x.csv"), [1, 0, 0])


def test_unseen_categories_are_named():
    column = Column("c", "categorical", ("a", "b"))
    with pytest.raises(InputError) as error:
        conformed(text(["a", "q", "q", "\x1b"]), column, "x.csv")
    message = "column 'c' of x.csv holds 'q', '?' in 3 rows, which the model has not seen; it knows a, b"
    assert message == str(error.value)


def test_conformed_checks_numbers():
    np.testing.assert_array_equal(conformed(numbers([0, 3]), Column("c", "counts"), "x"), [0, 3])
    with pytest.raises(InputError, match="was to be counts"):
        conformed(numbers([0, 3.5]), Column("c", "counts"), "x")


@pytest.mark.parametrize(
    ("categories", "textual"), [(("1", "2"), False), (("0.5",), False), (("01", "2"), True), (("a",), True)]
)
def test_is_textual(categories, textual):
    assert is_textual(Column("c", "categorical", categories)) == textual


@pytest.mark.parametrize("number", [0.0, -3.0, 2.0**53, 0.1, 1e300, 1e-300])
def test_as_text_names_a_number_exactly(number):
    assert float(as_text(number)) == number
    assert is_numeral(as_text(number))


@pytest.mark.parametrize("word", ["", "x", "nan", "inf", "1e5", "1.0", " 1"])
def test_is_numeral_only_of_the_name_a_number_would_have(word):
    assert not is_numeral(word)


def told(raw, kind=None):
    column, _ = fitted(raw, kind, "x.csv")
    return advice([profile(raw)], [column], [raw.name] if kind else [])


@pytest.mark.parametrize(
    "raw", [numbers(range(30)), numbers(range(7, 30), "row"), numbers([3, 5, 9, 100], "ID"), numbers([2, 4, 9], "")]
)
def test_columns_that_number_the_rows_are_noted(raw):
    assert any(f"Column {raw.name!r} only numbers the rows" in note for note in told(raw))


@pytest.mark.parametrize("raw", [numbers([3, 5, 9, 100]), numbers([5, 3, 9], "id"), numbers([0, 1])])
def test_other_columns_are_not(raw):
    assert not any("only numbers the rows" in note for note in told(raw))


def test_a_constant_real_column_is_noted():
    (note,) = told(numbers([0.5, 0.5, 0.5]))
    assert note.startswith("Column 'c' never changes, so its density has no upper bound")


def test_codes_that_could_be_counts_are_noted_unless_it_was_said():
    raw = numbers([0, 9, 0, 9, 5])
    (note,) = told(raw)
    assert note.startswith("The whole numbers of 'c' could be counts or codes")
    assert told(raw, "counts") == []
    assert told(numbers(RNG.poisson(50, 200) * 5)) == []
