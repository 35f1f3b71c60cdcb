import numpy as np
import pytest

from refusals import refused
from variate.config.schema import Aside, Column
from variate.data.schema.column_notes import column_notes, unseen_notes
from variate.data.schema.columns import LARGEST, LONGEST_CATEGORY, MOST_CATEGORIES, decide, decide_all
from variate.data.schema.fits import misfits
from variate.data.schema.naming import column_called
from variate.data.schema.number_formats import is_number_name, number_text
from variate.data.schema.origin import as_they_came
from variate.data.schema.profiles import RawColumn, joined_profile, profile
from variate.data.schema.values import column_values, is_textual, unseen_categories
from variate.errors import Option

RNG = np.random.default_rng(0)


def numbers(values, name="c"):
    return RawColumn(name, np.asarray(values, float))


def text(values, name="c"):
    """A column of text; None is a gap."""
    words = tuple(sorted({value for value in values if value is not None}))
    places = {word: place for place, word in enumerate(words)} | {None: np.nan}
    return RawColumn(name, np.array([places[value] for value in values], float), words)


def decided(raw, kind=None):
    return decide(profile(raw, every=kind == "categorical"), kind, 3, "x.csv")


def fitted(raw, kind=None, source="x.csv"):
    column = decided(raw, kind)
    return column, column_values(raw, column, source)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (text(["a", "b", "a"]), "categorical"),
        (numbers([0, 1, 1, 0]), "binary"),
        (numbers([0.5, 1, 2]), "real"),
        (numbers([-1, 0, 5]), "categorical"),
        (numbers([*np.arange(-15, 15), 3]), "real"),
        (numbers([0, 0, 9, 1, 30]), "counts"),
        (numbers([0, 0, 2]), "counts"),  # variance 8/9, mean 6/9
        (numbers([1, 2, 3, 2]), "categorical"),
        (numbers([*np.arange(1950, 2025), 1950]), "real"),
        (numbers([1, np.nan, 0, 1]), "binary"),
    ],
)
def test_the_kind_of_a_column(raw, kind):
    found = decided(raw)
    assert (found.name, found.kind, found.gaps) == ("c", kind, bool(np.isnan(raw.numbers).any()))
    is_quantity = kind in ("real", "counts")
    expected = (np.nanmin(raw.numbers), np.nanmax(raw.numbers)) if is_quantity else (None, None)
    assert (found.low, found.high) == expected


@pytest.mark.parametrize(
    ("values", "step", "atoms"),
    [
        ([0.5, 1, 2.25], 0.01, ()),
        (np.arange(0, 3000, 50), 50, ()),
        ([100, 200, -400, 0.5], 0.1, ()),  # too few for their divisor to be no chance
        (RNG.normal(size=50), 0, ()),
        ([*RNG.normal(size=50), *[0.0] * 30, *[1 / 3] * 2], 0, (0.0,)),
        ([*RNG.normal(size=20), *[1 / 3] * 9], 0, (1 / 3,)),
        (np.full(9, 1 / 3), 0, (1 / 3,)),
        (np.full(9, 2.0), 0, (2.0,)),
    ],
)
def test_grid_and_atoms_of_quantities(values, step, atoms):
    found = decided(numbers(values), "real")
    assert (found.step, found.atoms) == (step, atoms)


def test_draws_of_any_count_model_spread_at_least_as_their_mean():
    # The bound behind the rule: Var x - E x = Var(rate) >= 0 for every mixture of Poisson distributions.
    for rates in (np.full(20_000, 3.0), RNG.gamma(2.0, 3.0, 20_000), RNG.choice([1.0, 50.0], 20_000)):
        counts = RNG.poisson(rates)
        stderr = np.std((counts - counts.mean()) ** 2 - counts) / np.sqrt(len(counts))
        assert abs(counts.var() - counts.mean() - rates.var()) < 4 * stderr + 0.05 * rates.var()
    assert decided(numbers(RNG.poisson(RNG.gamma(2.0, 3.0, 500)))).kind == "counts"


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
    assert column == Column("c", kind, step=1, low=0, high=1)
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


@pytest.mark.parametrize(
    ("raw", "aside"),
    [
        (text([f"id{row}" for row in range(20)]), Aside("c", "identifier", 3)),
        (text([f"id{row}" for row in range(30)] + ["id0"]), Aside("c", "text", 3)),
        (text([f"w{row % 90}" for row in range(100)]), Aside("c", "text", 3)),
        (text(["a", "b" * (LONGEST_CATEGORY + 1), "a"]), Aside("c", "text", 3)),
        (text([f"w{row}" for row in range(11_000)]), Aside("c", "text", 3)),
        (text(["a"] * 39 + [None]), Aside("c", "constant", 3, "a")),
        (numbers([0.5] * 39 + [np.nan]), Aside("c", "constant", 3, "0.5", format="")),
        (numbers([7, 7, 7]), Aside("c", "constant", 3, "7", format="")),
        (text(["7,5", "7,5"]), Aside("c", "constant", 3, "7.5", format="decimal-comma")),
        (numbers(range(7, 30)), Aside("c", "counter", 3, format="")),
        (numbers([3, 5, 9, 100], "ID"), Aside("ID", "counter", 3, format="")),
        (numbers([2, 4, 9], ""), Aside("", "counter", 3, format="")),
        (numbers([np.nan, np.nan]), Aside("c", "empty", 3)),
        (text([None, None]), Aside("c", "empty", 3)),
    ],
)
def test_columns_that_say_nothing_about_a_row_are_set_aside(raw, aside):
    assert decided(raw) == aside
    assert decided(raw, "categorical").kind == "categorical"


@pytest.mark.parametrize(
    "raw",
    [
        numbers([3, 5, 9, 100]),
        numbers([5, 3, 9], "id"),
        numbers([1, 2, np.nan, 4]),
        text(["a", "b", "c"]),  # few rows cannot tell an identifier
        text([f"w{row % 50}" for row in range(100)]),
        numbers([7]),
    ],
)
def test_other_columns_are_not(raw):
    assert isinstance(decided(raw), Column)


@pytest.mark.parametrize(
    ("cells", "form", "values"),
    [
        (["1.5", "?", "-2", "n/a", None], "number", [1.5, np.nan, -2, np.nan, np.nan]),
        (["12,5", "7,25"], "decimal-comma", [12.5, 7.25]),
        (["1.200,5", "-7,25", "8"], "decimal-comma-point", [1200.5, -7.25, 8]),
        (["1200,5", "-7,25", "8.000"], "decimal-comma", [1200.5, -7.25, 8000]),
        (["1'200,5", "8"], "decimal-comma-apostrophe", [1200.5, 8]),
        (["1 200.5", "8"], "grouped-blank", [1200.5, 8]),
        (["1,234.5", "1234"], "grouped-or-not", [1234.5, 1234]),
        (["168 cm", "70.5 cm", "n/a"], "{number} cm", [168, 70.5, np.nan]),
        (["$1,243.56", "-$5"], "${grouped}", [1243.56, -5]),
        (["36,02 €", "1.200,00 €"], "{decimal-comma-point} €", [36.02, 1200]),
        (["1,234.5", "17"], "grouped", [1234.5, 17]),
        (["12%", "7.5%"], "percent", [12, 7.5]),
        (["24.12.2019", "01.01.1970"], "%d.%m.%Y", [18254, 0]),
        (["12/24/2019", "01/02/1970"], "%m/%d/%Y", [18254, 1]),
        (["24/12/2019", "01/02/1970"], "%d/%m/%Y", [18254, 31]),
        (["18:30", "00:01"], "%H:%M", [66_600, 60]),
    ],
)
def test_texts_that_are_numbers_or_dates(cells, form, values):
    column, found = fitted(text(cells))
    assert (column.format, column.gaps) == (form, np.isnan(values).any())
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    "cells",
    [
        ["007", "12", "12"],  # a zero before other digits is no number's
        ["1.5", "a", "b", "2"],
        ["31.02.2019", "1.5", "a"],
        ["a,5", "b,7"],
        ["7,5", "a"],
        ["yes", "no", "yes"],
    ],
)
def test_other_texts_are_categories(cells):
    column = decided(text(cells))
    assert (column.kind, column.format) == ("categorical", "")


def test_a_few_odd_texts_among_numbers_are_gaps():
    cells = [*(str(row / 8) for row in range(57)), "broken", "broken", "?"]
    column, found = fitted(text(cells))
    assert (column.kind, column.gaps, np.isnan(found).sum()) == ("real", True, 3)
    assert decided(text([*cells, "broken", "broken"])).kind == "text"  # 4 of 61 cells are too many


def test_the_rarest_of_many_categories_are_pooled():
    cells = [f"w{row % 400}" for row in range(1000)] + ["w399"] * 9
    column, found = fitted(text(cells))
    assert (len(column.categories), column.categories[-1], column.pooled) == (MOST_CATEGORIES, "other", True)
    assert "w399" in column.categories
    read = [column.categories[int(code)] for code in found]
    assert all(word in (cell, "other") for word, cell in zip(read, cells, strict=True))
    np.testing.assert_array_equal(column_values(text(["never seen"]), column, "x"), [MOST_CATEGORIES - 1])
    assert len(decided(text(cells), "categorical").categories) == 400


def test_whole_numbers_beyond_2_to_the_53_are_set_aside():
    raw = RawColumn("c", np.array([2.0**60, 3, 4]), native="inexact")
    found = joined_profile(profile(numbers([1, 2])), profile(raw))
    assert decide(found, None, 3, "x.csv") == Aside("c", "identifier", 3, format="inexact")
    assert "beyond 2^53" in refused(decided, raw, "real").got


def test_all_columns_that_cannot_be_used_are_named_in_one_error():
    found = [profile(numbers([1, 1e200], name)) for name in ("a", "")]
    error = refused(decide_all, found, {}, {"a": 0, "": 1}, "x.csv")
    assert error.argument == "x.csv"
    assert "2 columns of something else: 'a' (1e+200), (no name) (1e+200)" in error.got
    assert Option("drop", ["a", ""]) in error.remedy.parts


def test_a_column_is_needed():
    raws = [numbers([1, 1, 1], "a"), text([f"w{row}" for row in range(3)], "b"), numbers(range(3), "c")]
    places = {"a": 0, "b": 1, "c": 2}
    assert len(decide_all(map(profile, raws), {}, places, "x.csv")) == 3
    error = refused(decide_all, map(profile, raws[::2]), {}, places, "x.csv")
    assert error.argument == "x.csv"
    assert "'a' (no second value in any row), 'c' (only numbers the rows)" in error.got


@pytest.mark.parametrize("value", [1e200, -1e200, 2 * LARGEST])
@pytest.mark.parametrize("kind", ["real", None])
def test_numbers_beyond_float32_are_refused(value, kind):
    error = refused(fitted, numbers([0.5, value, 1]), kind, "x.csv")
    assert error.argument == "column 'c' of x.csv"
    assert f"{value:g}" in error.got
    assert Option("drop", ["c"]) in error.remedy.parts
    assert refused(column_values, numbers([0.5, value]), Column("c", "real"), "x").argument == "column 'c' of x"
    fitted(numbers([0.5, LARGEST, -LARGEST]), kind)


def test_long_cells_and_names_are_cut():
    error = refused(column_values, text(["x" * 10**6]), Column("c", "real"), "x.csv")
    assert len(error.got) < 100
    assert len(column_called("y" * 10**6)) < 100
    assert column_called("") == "the column without a name"


def test_column_values_takes_the_codes_of_the_model():
    column = Column("c", "categorical", ("z", "a", "m"))
    np.testing.assert_array_equal(column_values(text(["a", "z", "a"]), column, "x.csv"), [1, 0, 1])
    column = Column("c", "categorical", ("2", "1"))
    np.testing.assert_array_equal(column_values(numbers([1, 2, 2.0]), column, "x.csv"), [1, 0, 0])


def test_unseen_categories_have_a_code_of_their_own_and_are_named():
    column = Column("c", "categorical", ("a", "b"))
    raw = text(["a", "q", "q", "\x1b", None])
    np.testing.assert_array_equal(column_values(raw, column, "x.csv"), [0, 2, 2, 2, np.nan])
    assert unseen_categories(raw, column) == {"q": 2, "\x1b": 1}
    (note,) = unseen_notes({"b": {}, "c": unseen_categories(raw, column)})
    assert "'c'" in note
    assert "'\\x1b' (1), 'q' (2)" in note
    assert unseen_categories(numbers([1, 2, 7]), Column("c", "categorical", ("1", "2"))) == {"7": 1}
    pooled = Column("c", "categorical", ("a", "other"), pooled=True)
    np.testing.assert_array_equal(column_values(raw, pooled, "x.csv"), [0, 1, 1, 1, np.nan])
    assert unseen_categories(raw, pooled) == {}


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
def test_number_text_names_a_number_exactly(number):
    assert float(number_text(number)) == number
    assert is_number_name(number_text(number))


@pytest.mark.parametrize("word", ["", "x", "nan", "inf", "1e5", "1.0", " 1"])
def test_is_number_name_only_of_the_name_a_number_would_have(word):
    assert not is_number_name(word)


def told(*raws, **asked):
    found = [profile(raw, every=asked.get(raw.name) == "categorical") for raw in raws]
    places = {raw.name: place for place, raw in enumerate(raws)}
    notes = column_notes(found, decide_all(found, asked, places, "x.csv"), asked)
    return [note for note in notes if not note.startswith(STEPS)]


STEPS = "Samples keep the ranges of numbers and their steps"


def test_steps_and_recurring_numbers_are_noted():
    amounts = numbers([*RNG.normal(size=40), *[0.0] * 20], "amount")
    raws = [numbers([0.25, 1.5, 7, *range(40)], "a"), REAL, numbers([5, 7, 1.25, *range(40)], "b"), amounts]
    found = [profile(raw) for raw in raws]
    places = {raw.name: place for place, raw in enumerate(raws)}
    (note,) = column_notes(found, decide_all(found, {}, places, "x.csv"), {})
    assert note == f"{STEPS}: 'a', 'b' (0.25); 'real' (0.125); 'amount' (often 0)."


REAL = numbers([0.5, 1, 0.25, 0.125] * 8, "real")


def test_columns_that_are_set_aside_are_noted_together():
    raws = [numbers(range(32), "a"), numbers([0.5] * 32, "b"), text([f"w{row}" for row in range(32)], ""), REAL]
    (note,) = told(*raws)
    for words in ("'a' (only numbers the rows)", "'b' (no second value", "(no name) (a text of its own"):
        assert words in note
    assert Option("columns", [("a", "real")]) in note.parts


def test_what_was_taken_for_a_gap_is_noted():
    odd, gaps = told(text([*(str(row / 8) for row in range(30)), "?", "n/a"], "a"), REAL)
    assert "'?' (1 cell), 'n/a' (1 cell)" in odd
    assert Option("columns", [("a", "categorical")]) in odd.parts
    assert "1 column of 32 rows: 'a' (2)" in gaps


def test_dates_and_decimal_commas_are_noted():
    comma, date = told(text(["7,5", "8,5", "9,5"], "a"), text(["24.12.2019", "25.12.2019", "24.12.2019"], "b"))
    assert "numbers with decimal commas: 'a'" in comma
    assert "dates such as 24.12.2019: 'b'" in date


def test_numbers_that_may_mean_a_gap_are_noted():
    (note,) = told(numbers([*np.linspace(0, 5, 40), -999, -999], "a"))
    assert "-999 in 'a'" in note
    assert Option("missing", ["-999"]) in note.parts
    (note,) = told(numbers([*np.linspace(0, 5, 40), 9999], "a"))
    assert Option("missing", ["9999"]) in note.parts
    assert told(numbers([*np.linspace(0, 900, 40), 999], "a")) == []


def test_pooled_categories_are_noted():
    (note,) = told(text([f"w{row % 400}" for row in range(1000)], "a"))
    assert "255 most frequent of the 400 categories of 'a'" in note


def test_codes_that_could_be_counts_are_noted_unless_it_was_said():
    raw = numbers([0, 9, 0, 9, 5])
    (note,) = told(raw)
    assert "'c' could be counts or codes" in note
    assert Option("columns") in note.parts
    assert told(raw, c="counts") == []
    assert told(numbers(RNG.poisson(50, 200) * 5)) == []


def test_text_that_is_nearly_numbers_is_noted():
    limits = ["<0.1"] * 12 + ["<0.05"] + [f"{n / 10}" for n in range(1, 31)]
    for times in (1, 3):  # set aside, and categories
        *_, note = told(text(limits * times, "a"), numbers([1.5, 2.25] * 10, "b"))
        assert f"'a' was taken for text, since {13 * times} of its {43 * times} cells are no numbers" in note
        assert f"'<0.05' ({times}), '<0.1' ({12 * times})" in note
        assert Option("missing", ["<0.05", "<0.1"]) in note.parts
    units = [f"{n} {unit}" for n in range(30) for unit in ("kg", "g", "kg")]
    (note,) = told(text(units * 2, "a"))
    assert "numbers with something around them, such as '0 " in note
    for codes in (
        [f"A{n % 40}" for n in range(200)],
        [f"{n % 40}{'ABC'[n % 3]}" for n in range(500)],
        ["1-2", "<5"] * 30,
    ):
        assert not told(text(codes, "a"))


@pytest.mark.parametrize(
    ("raw", "value", "form"),
    [
        (text(["x", None, None]), "x", ""),
        (numbers([5, np.nan, np.nan]), "5", "number"),
        (text(["1.5", "n/a", None]), "1.5", "number"),
        (RawColumn("c", np.array([1, np.nan, np.nan]), native="bool"), "1", "bool"),
        (RawColumn("c", np.array([18254, np.nan, np.nan]), native="date"), "18254", "date"),
    ],
)
def test_a_column_of_ticks_has_two_categories_and_no_gaps(raw, value, form):
    column, found = fitted(raw)
    assert column == Column("c", "categorical", ("", value), format=form, blank=True)
    np.testing.assert_array_equal(found, [1, 0, 0])
    back = as_they_came(found, column)
    assert back.mask.tolist() == [False, True, True]
    alone = as_they_came(np.array([float(value)]), Column("c", "real", format=form))[0] if form else value
    assert back[0] == alone
    note, *others = told(raw)
    assert len(others) == (raw.words == ("1.5", "n/a"))  # what was taken for missing
    assert note.startswith("Empty cells of 'c' (2 of 3), whose only value is ")
    assert Option("drop", ["c"]) in note.parts


def test_few_gaps_in_a_constant_are_no_ticks():
    column = decide(profile(text(["x"] * 39 + [None])), None, 3, "x.csv")
    assert column == Aside("c", "constant", 3, "x")
    assert decide(profile(text(["", None, None])), None, 3, "x.csv").kind == "constant"


def test_spellings_and_rows_of_totals_are_noted():
    (note,) = told(text(["Oslo", "OSLO", "oslo", "Riga", "new  york", "New York"] * 5, "a"))
    assert "'a' that differ only in capitals or blanks are kept apart: 'OSLO', 'Oslo', 'oslo', and 1 other" in note
    (note,) = told(text(["north", "south"] * 9 + ["Total"], "a"))
    assert "One row has 'Total' in 'a'" in note
    assert not told(text(["north", "Total"] * 9, "a"))
    assert not told(text(["north", "south", "rest"] * 9, "a"))


def test_identifiers_beyond_2_53_are_called_numbers_and_no_kind_is_offered():
    large = RawColumn("id", np.array([2.0**53 + 8 * row for row in range(20)]), native="inexact")
    *_, note = told(large, numbers([0, 1] * 10, "b"))
    assert note.endswith("'id' (whole numbers beyond 2^53, as identifiers have).")
