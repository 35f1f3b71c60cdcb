import datetime

import numpy as np
import pytest

from table_notes import notes_of
from variate.errors import Option

AGES = list(range(18, 78))
DAY = datetime.date(2021, 3, 4)
DAYS = [DAY + datetime.timedelta(days) for days in range(0, 600, 10)]
MORNINGS = [datetime.datetime(day.year, day.month, day.day, 7) for day in DAYS]


@pytest.mark.parametrize(
    ("cells", "is_said"),
    [
        ([*AGES, -1, -1], True),
        ([*np.linspace(0.25, 80, 57), -1.0], True),
        ([*AGES, -1, -2], False),
        ([*AGES, -3], False),
        ([-1, 0, 1, 2] * 15, False),  # categories
        ([-1, *(n * n for n in range(15))], False),  # too few
    ],
)
def test_minus_one_among_numbers_from_0_may_be_a_gap(cells, is_said):
    notes = [note for note in notes_of(age=cells) if "only negative" in note]
    assert len(notes) == is_said
    assert all(Option("missing", ["-1"]) in note.parts for note in notes)


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        ([*DAYS, datetime.date(9999, 12, 31)], "9999-12-31"),
        ([datetime.date(1900, 1, 1), *DAYS], "1900-01-01"),
        ([datetime.date(1900, 1, 2), *DAYS], None),
        ([*DAYS, datetime.date(2021, 12, 31)], None),
        (
            [datetime.datetime(1970, 1, 1), *(datetime.datetime(d.year, d.month, d.day, 7) for d in DAYS)],
            "1970-01-01 00:00:00",
        ),
        (["31.12.2999", *(f"{d:%d.%m.%Y}" for d in DAYS)], "31.12.2999"),
        (["31.12.2999 00:00", *(f"{d:%d.%m.%Y 08:00}" for d in DAYS)], "31.12.2999 00:00"),
        ([datetime.time(0), *[datetime.time(h) for h in range(20, 24)] * 5], None),
        (["31.12.2999", "04.03.2021"], None),  # no spread to compare with
    ],
)
def test_the_first_or_last_day_of_a_far_year_may_be_a_gap(cells, mark):
    notes = [note for note in notes_of(until=cells) if "all other dates" in note]
    assert len(notes) == (mark is not None)
    assert all(Option("missing", [mark]) in note.parts for note in notes)


@pytest.mark.parametrize(
    ("name", "is_said"),
    [
        ("id", True),
        ("customer_id", True),
        ("PassengerId", True),
        ("userID", True),
        ("zip", True),
        ("Home ZIP", True),
        ("paid", False),
        ("humid", False),
        ("id_count", False),
        ("idle", False),
        ("7", False),
        ("", False),
    ],
)
def test_numbers_that_are_names_by_their_own_name_are_pointed_out(name, is_said):
    cells = [11, 5, 29, 17] * 5 + [n * n for n in range(30)]
    notes = [note for note in notes_of(**{name: cells}) if "quantities" in note]
    assert len(notes) == is_said
    assert all(Option("drop", [name]) in note.parts for note in notes)
    assert not notes_of({name: "real"}, **{name: cells})


def test_decimals_are_quantities_whatever_their_name():
    assert not notes_of(id=[n / 8 for n in range(50)])
