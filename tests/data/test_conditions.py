"""Conditions as they are typed, in the forms that the table has."""

import math

import pytest

from refusals import refused
from variate.config.schema import Aside, Column, Schema
from variate.data.conditions import conditions_of

COLUMNS = (
    Column("sex", "categorical", ("female", "male")),
    Column("age", "real"),
    Column("visits", "counts"),
    Column("member", "binary"),
    Column("alive", "binary", format="bool"),
    Column("class", "categorical", ("1", "2", "3")),
    Column("size", "categorical", ("10", "9", "XL")),
    Column("day", "real", format="date"),
    Column("pickup", "real", format="timestamp"),
    Column("hour", "real", format="time"),
    Column("born", "real", format="%d.%m.%Y"),
    Column("paid", "real", format="decimal-comma"),
    Column("odds", "real", format="percent"),
    Column("a=b", "real"),
    Column("a", "real"),
    Column("path", "categorical", ("a..b", "c")),
)
SCHEMA = Schema("table", (len(COLUMNS),), columns=COLUMNS, aside=(Aside("id", "counter", 0),))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("sex=female", 0, 0),
        ("sex= male ", 1, 1),
        ("age=30", 30, 30),
        ("age=-1.5", -1.5, -1.5),
        ("age=30..40", 30, 40),
        ("age=-5..-2.5", -5, -2.5),
        ("age=30..", 30, math.inf),
        ("age=..40", -math.inf, 40),
        ("age=1e2", 100, 100),
        ("visits=3", 3, 3),
        ("visits=2.5..4.5", 3, 4),
        ("visits=2.5..", 3, math.inf),
        ("visits=..4", -math.inf, 4),
        ("member=1", 1, 1),
        ("member=0..1", 0, 1),
        ("alive=true", 1, 1),
        ("alive=False", 0, 0),
        ("alive=1", 1, 1),
        ("class=2", 1, 1),
        ("class=2..3", 1, 2),
        ("class=..2", 0, 1),
        ("class=1.5..2.5", 1, 1),
        ("size=XL", 2, 2),
        ("day=1970-01-03", 2, 2),
        ("day=1970-01-03..1970-02-01", 2, 31),
        ("pickup=1970-01-02", 86_400, 172_800 - 1e-6),
        ("pickup=1970-01-02..1970-01-03", 86_400, 3 * 86_400 - 1e-6),
        ("pickup=1970-01-01 00:01:00", 60, 60),
        ("pickup=1970-01-01T00:01..", 60, math.inf),
        ("hour=01:00..02:30:01", 3600, 9001),
        ("born=03.01.1970", 2, 2),
        ("born=..03.01.1970", -math.inf, 2),
        ("paid=1.234,5", 1234.5, 1234.5),
        ("paid=1,5..2,5", 1.5, 2.5),
        ("odds=12%", 12, 12),
        ("odds=12", 12, 12),
        ("a=b=3", 3, 3),
        ("a=3", 3, 3),
        ("path=a..b", 0, 0),
    ],
)
def test_values_and_intervals_are_read_in_the_form_of_the_column(text, low, high):
    (found,) = conditions_of([text], SCHEMA)
    assert (found.low, found.high) == (low, high)
    assert found.text == text
    assert found.is_value == (low == high)
    assert text.startswith(f"{COLUMNS[found.place].name}=")


def test_several_conditions_keep_their_order():
    found = conditions_of(["age=3..", "sex=male"], SCHEMA)
    assert [own.place for own in found] == [1, 0]


@pytest.mark.parametrize(
    ("text", "argument", "remedy"),
    [
        ("sx=male", "given", "did you mean 'sex'?"),
        ("age", "given", "did you mean 'age'?"),
        ("id=3", "given", "leave it out"),
        ("sex=femal", "the condition on column 'sex'", "did you mean 'female'?"),
        ("sex=MALE", "the condition on column 'sex'", "did you mean 'male'?"),
        ("sex=a..b", "the condition on column 'sex'", ""),
        ("size=9..10", "the condition on column 'size'", ""),
        ("age=old", "the condition on column 'age'", ""),
        ("age=", "the condition on column 'age'", ""),
        ("age=..", "the condition on column 'age'", ""),
        ("age=1..2..3", "the condition on column 'age'", ""),
        ("age=4..3", "the condition on column 'age'", ""),
        ("visits=2.5", "the condition on column 'visits'", ""),
        ("visits=-3", "the condition on column 'visits'", ""),
        ("visits=..-1", "the condition on column 'visits'", ""),
        ("member=2", "the condition on column 'member'", ""),
        ("class=5..6", "the condition on column 'class'", ""),
        ("day=2020-13-01", "the condition on column 'day'", ""),
        ("day=01.02.2020", "the condition on column 'day'", ""),
        ("pickup=noon", "the condition on column 'pickup'", ""),
        ("hour=25:00", "the condition on column 'hour'", ""),
        ("born=2020-01-01", "the condition on column 'born'", ""),
    ],
)
def test_what_says_no_condition_is_refused_by_name(text, argument, remedy):
    error = refused(conditions_of, [text], SCHEMA)
    assert error.argument == argument
    assert error.remedy == remedy
    assert error.expected


def test_two_conditions_on_one_column_are_refused():
    error = refused(conditions_of, ["age=3..", "age=..4"], SCHEMA)
    assert error.argument == "given"
    assert "'age=3..'" in error.got
