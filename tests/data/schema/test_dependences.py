import numpy as np
import pytest

from variate.config.schema import Column, Relation
from variate.data.schema.dependences import LEAST_ROWS, ROWS, dependences
from variate.errors import Option

RNG = np.random.default_rng(0)
N = 400
A, B, C = (np.round(RNG.normal(size=N), 2) for _ in range(3))
LEVEL = RNG.integers(0, 6, N).astype(float)


def found_in(**columns):
    coded = {"level": tuple("abcdef"), "code": tuple("abcdef")}
    found = [Column(name, "categorical" if name in coded else "real", coded.get(name, ())) for name in columns]
    return dependences(np.stack(list(columns.values()), 1), found)


def told(**columns):
    return found_in(**columns).notes


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": A, "b": B, "total": A + B}, "'total' = 'a' + 'b'"),
        ({"a": A, "b": B, "c": C, "d": 2 * A - B + 3}, "'d' = 2 'a' - 'b' + 3"),
        ({"a": A, "b": B, "copy": A}, "'copy' = 'a'"),
        ({"cm": A, "inch": A / 2.54}, "'inch' = 0.393701 'cm'"),
        ({"level": LEVEL, "code": 5 - LEVEL}, "'level' and 'code' say the same"),
        ({"level": LEVEL, "code": LEVEL // 2}, "'code' follows from 'level'"),
        ({"code": LEVEL // 2, "level": LEVEL}, "'code' follows from 'level'"),
    ],
)
def test_relations_are_named_with_what_to_leave_out(columns, words):
    (note,) = told(**columns)
    assert words in note
    assert note.count(" = ") + note.count("follows from") + note.count("say the same") == 1
    assert any(isinstance(part, Option) and part.name == "drop" for part in note.parts)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"net": A, "twice": 2 * A, "tax": B, "gross": A + B}, "'gross' = 'net' + 'tax'"),
        ({"twice": 2 * A, "net": A, "tax": B, "gross": A + B}, "'gross' = 'net' + 'tax'"),
        ({"a": A, "b": B, "c": C, "part": A + B, "whole": A + B + C}, "'whole' = 'c' + 'part'"),
        ({"a": A, "b": B, "sum": A + B, "double": 2 * A + 2 * B}, "'double' = 2 'sum'"),
        ({"a": A, "copy": A, "again": A}, "'again' = 'a'"),
    ],
)
def test_of_several_right_sums_the_shortest_and_plainest_is_told(columns, words):
    (note,) = told(**columns)
    assert words in note


def test_gaps_hide_no_sum():
    total = A + B
    total[::7] = np.nan
    (note,) = told(a=A, b=B, total=total)
    assert "'total' = 'a' + 'b'" in note


@pytest.mark.parametrize(
    "columns",
    [
        {"a": A, "b": B, "c": C},
        {"a": A, "b": A + 1e-4 * B},
        {"a": A, "b": np.full(N, 2.0)},
        {"level": LEVEL, "code": RNG.integers(0, 3, N).astype(float)},
        {"code": RNG.permutation(N).astype(float), "level": LEVEL},  # names of rows decide everything and say nothing
    ],
)
def test_others_are_not(columns):
    assert found_in(**columns) == ((), ())


def test_few_rows_prove_nothing():
    few = LEAST_ROWS - 1
    assert dependences(np.stack([A, A], 1)[:few], [Column("a", "real"), Column("b", "real")]) == ((), ())


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": A, "copy": A}, Relation(1, (0,), factors=(1.0,), shares_gaps=True)),
        (
            {"a": A, "b": B, "c": 2 * A - 0.1 * B + 3},
            Relation(2, (0, 1), factors=(2.0, -0.1), constant=3.0, shares_gaps=True),
        ),
        ({"level": LEVEL, "code": 5 - LEVEL}, Relation(1, (0,), keys=tuple(range(6)), values=(5, 4, 3, 2, 1, 0))),
        ({"code": LEVEL // 2, "level": LEVEL}, Relation(0, (1,), keys=tuple(range(6)), values=(0, 0, 1, 1, 2, 2))),
    ],
)
def test_relations_are_recorded_as_they_are_told(columns, expected):
    assert found_in(**columns).relations == (expected,)


def test_factors_that_no_decimals_say_are_as_exact_as_the_numbers():
    (relation,) = found_in(cm=A, inch=A / 2.54).relations
    assert relation.factors == (pytest.approx(1 / 2.54, rel=1e-14),)
    assert relation.constant == 0


def test_a_gap_decides_and_is_decided():
    level, code = LEVEL.copy(), LEVEL // 2
    level[::7], code[::7] = np.nan, np.nan
    (relation,) = found_in(level=level, code=code).relations
    assert dict(zip(relation.keys, relation.values, strict=True)) == {None: None, **{i: i // 2 for i in range(6)}}


@pytest.mark.parametrize(("of_total", "of_part", "shared"), [(7, 7, True), (7, 14, False), (14, 7, False)])
def test_whether_a_sum_shares_the_gaps_of_its_parts(of_total, of_part, shared):
    part, total = A.copy(), A + B
    part[::of_part], total[::of_total] = np.nan, np.nan
    (relation,) = found_in(a=part, b=B, total=total).relations
    assert relation.shares_gaps == shared


def test_relations_are_in_an_order_in_which_they_can_be_computed():
    few = LEVEL / 8
    relations = found_in(code=LEVEL // 2, double=2 * (few + A), a=A, b=few, level=LEVEL).relations
    assert [(relation.place, relation.sources) for relation in relations] == [(3, (1, 2)), (0, (3,)), (4, (3,))]


def test_of_a_circle_the_sum_is_kept():
    """b = 2 a + c decides a, and a and c decide b."""
    half, bit = LEVEL, RNG.integers(0, 2, N).astype(float)
    found = found_in(a=half, c=bit, b=2 * half + bit)
    assert "'a' follows from 'b'" in found.notes[0]
    assert found.relations == (Relation(2, (0, 1), factors=(2.0, 1.0), shares_gaps=True),)


def test_values_that_decide_nothing_in_rows_that_were_not_looked_at_are_left_out():
    level = np.tile(LEVEL, 3 * ROWS // N)
    code = level // 2
    row = int(np.flatnonzero(level[1::3] == 4)[0]) * 3 + 1
    code[row] = 0
    (relation,) = found_in(level=level, code=code).relations
    assert relation.keys == (0, 1, 2, 3, 5)
