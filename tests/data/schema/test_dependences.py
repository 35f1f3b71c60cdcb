import numpy as np
import pytest

from variate.config.schema import Column
from variate.data.schema.dependences import LEAST_ROWS, dependence_notes
from variate.errors import Option

RNG = np.random.default_rng(0)
N = 400
A, B, C = (np.round(RNG.normal(size=N), 2) for _ in range(3))
LEVEL = RNG.integers(0, 6, N).astype(float)


def told(**columns):
    coded = {"level": tuple("abcdef"), "code": tuple("abcdef")}
    found = [Column(name, "categorical" if name in coded else "real", coded.get(name, ())) for name in columns]
    return dependence_notes(np.stack(list(columns.values()), 1), found)


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
    assert told(**columns) == []


def test_few_rows_prove_nothing():
    few = LEAST_ROWS - 1
    assert dependence_notes(np.stack([A, A], 1)[:few], [Column("a", "real"), Column("b", "real")]) == []
