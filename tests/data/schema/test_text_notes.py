import datetime

import pytest

from table_notes import notes_of
from variate.errors import Option

DAYS = [datetime.date(2021, 1, 1) + datetime.timedelta(3 * day) for day in range(60)]


def dates(*forms, days=DAYS):
    return [day.strftime(forms[number % len(forms)]) for number, day in enumerate(days)]


@pytest.mark.parametrize(
    "forms", [("%Y-%m-%d", "%d.%m.%Y"), ("%d/%m/%Y", "%m/%d/%Y"), ("%d.%m.%Y", "%b %d, %Y", "%Y-%m-%d")]
)
def test_dates_in_several_forms_are_called_so(forms):
    cells = dates(*forms)
    (note,) = notes_of(day=cells, size=[0.5, 1.25] * 30)
    assert "'day' was taken for text, since its cells are dates in several forms" in note
    shown = [cell for cell in cells if repr(cell) in note]
    assert len(shown) == len(forms)


def test_other_texts_are_no_dates():
    assert not notes_of(day=[f"{day:%a %d %B}" for day in DAYS], size=[0.5, 1.25] * 30)
    assert not notes_of(day=[*dates("%Y-%m-%d", "%d.%m.%Y", days=DAYS[:50]), *"abcdefghij"], size=[0.5, 1.25] * 30)


def test_what_stands_around_numbers_is_shown():
    plain = [f"{number}.5" for number in range(30)]
    (note,) = notes_of(share=[*plain, *(f"{cell}%" for cell in plain)], size=[0.5, 1.25] * 30)
    assert "such as '0.5%'; where it is the same" in note
    assert not notes_of(address=[f"10.0.{n}.1" for n in range(60)], size=[0.5, 1.25] * 30), "nothing stands around"


def test_signs_of_gaps_that_became_categories_are_pointed_out():
    columns = {"city": ["Oslo", "-", "Riga", "unknown"] * 9, "plan": ["", "a", "b", "none"] * 9}
    (note,) = notes_of(**columns)
    assert "'-' (9), 'unknown' (9) in 'city', '' (9) in 'plan'" in note
    assert Option("missing", ["-", "unknown", ""]) in note.parts
    assert not notes_of({"city": "categorical", "plan": "categorical"}, **columns), "as the user said"


def test_invisible_characters_make_another_spelling():
    (note,) = notes_of(city=["Oslo", "\u200bOslo", "Riga"] * 9)
    assert "are kept apart: 'Oslo', '\\u200bOslo'." in note


def test_names_among_the_cells_are_pointed_out():
    sizes, cities = ["0.5", "1.25"] * 30, ["Oslo", "Riga"] * 30
    (note,) = notes_of(size=[*sizes, "size"], city=[*cities, "city"])
    assert note.startswith("The names of the columns stand among the cells of 'size', 'city'")
    assert not notes_of(size=[*sizes, "2.5"], city=[*cities, "city"]), "one may be a category"
