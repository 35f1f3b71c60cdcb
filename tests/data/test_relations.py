"""Rows that obey relations: each is checked against the relation itself, written out by hand."""

import numpy as np
import pytest
import torch

from refusals import refused
from variate import Column, Schema, obey, read
from variate.config.schema import Relation
from variate.data.relations import Usable, usable_relations

COLUMNS = (
    Column("net", "real", step=0.01, low=1.25, high=9.0),
    Column("tax", "real", step=0.01, low=0.1, high=2.0),
    Column("gross", "real", gaps=True, step=0.05, low=1.35, high=11.0),
    Column("left", "counts"),
    Column("level", "categorical", ("a", "b", "c")),
    Column("code", "categorical", ("x", "y", "z")),
    Column("size", "real"),
)
NET, TAX, GROSS, LEFT, LEVEL, CODE, SIZE = range(len(COLUMNS))
RNG = np.random.default_rng(0)
NAN = np.nan


def table(*relations):
    return Schema("table", (len(COLUMNS),), columns=COLUMNS, relations=relations)


def drawn(n=200):
    """Rows as they are drawn: no column has to do with another one."""
    money = np.round(RNG.uniform(1, 9, (n, 3)), 2)
    return np.column_stack([money, *(RNG.integers(0, top, n) for top in (9, 3, 3)), RNG.normal(size=n)])


def row(**cells):
    names = [column.name for column in COLUMNS]
    found = np.ones((1, len(names)))
    for name, value in cells.items():
        found[0, names.index(name)] = value
    return found


TOTAL = Relation(GROSS, (NET, TAX), factors=(1.0, 1.0), constant=-0.5)
CODES = Relation(CODE, (LEVEL,), keys=(0, 1, 2), values=(2, 0, 1))


def test_a_sum_is_computed_and_has_the_decimals_of_its_column():
    rows = drawn()
    found = obey(rows, table(TOTAL))
    assert found[:, GROSS].tolist() == [round(net + tax - 0.5, 2) for net, tax in rows[:, :2].tolist()]
    others = [place for place in range(len(COLUMNS)) if place != GROSS]
    assert np.array_equal(found[:, others], rows[:, others])


def test_the_rows_that_were_given_stay_as_they_are():
    rows = drawn()
    before = rows.copy()
    obey(rows, table(TOTAL, CODES))
    assert np.array_equal(rows, before)


def test_without_relations_nothing_changes():
    rows = drawn()
    rows[3, SIZE] = NAN
    np.testing.assert_array_equal(obey(rows, table()), rows)


def test_a_code_is_looked_up():
    rows = drawn()
    assert obey(rows, table(CODES))[:, CODE].tolist() == [(2, 0, 1)[int(level)] for level in rows[:, LEVEL]]


def test_a_value_without_a_pair_leaves_the_row_as_drawn():
    rows = drawn()
    found = obey(rows, table(Relation(CODE, (LEVEL,), keys=(1,), values=(2,))))
    assert found[:, CODE].tolist() == [2 if level == 1 else code for level, code in rows[:, [LEVEL, CODE]]]


def test_relations_are_chained():
    size = Relation(SIZE, (LEVEL,), keys=(0, 1, 2), values=(0.1, 0.25, -7.5))
    twice = Relation(GROSS, (SIZE,), factors=(2.0,))
    rows = drawn()
    found = obey(rows, table(size, twice))
    assert found[:, GROSS].tolist() == [2 * (0.1, 0.25, -7.5)[int(level)] for level in rows[:, LEVEL]]


def test_single_precision_is_enough_to_know_a_value():
    columns = (Column("a", "real", step=0.01, low=0.0, high=1.0), Column("b", "real", step=0.1, low=0.0, high=1.0))
    schema = Schema("table", (2,), columns=columns, relations=(Relation(1, (0,), keys=(0.1, 0.7), values=(0.3, 0.9)),))
    found = obey(torch.tensor([[0.1, 5.0], [0.7, 5.0], [0.2, 5.0]], dtype=torch.float32), schema)
    assert found.tolist() == np.float32([[0.1, 0.3], [0.7, 0.9], [0.2, 5.0]]).tolist()


def test_a_sum_that_its_column_cannot_hold_leaves_the_row_as_drawn():
    schema = table(Relation(LEFT, (NET, TAX), factors=(1.0, -1.0)))
    assert obey(row(net=2, tax=1, left=7), schema)[0, LEFT] == 1
    assert obey(row(net=1, tax=2, left=7), schema)[0, LEFT] == 7


@pytest.mark.parametrize(
    ("shares_gaps", "gaps", "cells", "expected"),
    [
        (True, True, {"net": NAN, "gross": 5}, NAN),
        (True, True, {"net": 2, "gross": NAN}, 2.5),
        (True, False, {"net": NAN, "gross": 5}, 5),
        (False, True, {"net": NAN, "gross": 5}, 5),
        (False, True, {"net": 2, "gross": NAN}, NAN),
        (False, True, {"net": 2, "gross": 5}, 2.5),
    ],
)
def test_gaps_of_a_sum(shares_gaps, gaps, cells, expected):
    relation = Relation(GROSS, (NET, TAX), factors=(1.0, 1.0), constant=-0.5, shares_gaps=shares_gaps)
    found = obey(row(tax=1, **cells), table(relation), gaps=gaps)
    np.testing.assert_equal(found[0, GROSS], expected)


@pytest.mark.parametrize(
    ("gaps", "cells", "expected"),
    [
        (True, {"level": NAN, "code": 1}, NAN),
        (True, {"level": NAN, "code": NAN}, NAN),
        (False, {"level": NAN, "code": 1}, 1),
        (True, {"level": 0, "code": NAN}, 2),
        (True, {"level": 1, "code": 1}, NAN),
        (False, {"level": 1, "code": 1}, 1),
    ],
)
def test_a_gap_is_a_value_of_its_own(gaps, cells, expected):
    relation = Relation(CODE, (LEVEL,), keys=(None, 0, 1), values=(None, 2, None))
    np.testing.assert_equal(obey(row(**cells), table(relation), gaps=gaps)[0, CODE], expected)


def test_what_is_masked_is_a_gap():
    rows = np.ma.masked_array(row(net=2, tax=1, gross=9), np.array([[True] + 6 * [False]]))
    found = obey(rows, table(TOTAL))
    assert np.isnan(found[0, NET])
    assert found[0, GROSS] == 9


def test_rows_of_another_shape_are_refused():
    assert refused(obey, np.zeros((2, 3)), table(TOTAL)).argument == "rows"


ALIKE = Relation(SIZE, (CODE,), keys=(0, 1, 2), values=(0.5, 1.5, 2.5))
COARSE = Relation(SIZE, (CODE,), keys=(0, 1, 2), values=(0.5, 1.5, 1.5))


@pytest.mark.parametrize(
    ("relations", "given", "expected", "left_out"),
    [
        ((CODES, ALIKE), (), (CODES, ALIKE), ()),
        ((CODES, ALIKE), (LEVEL,), (CODES, ALIKE), ()),
        ((CODES, ALIKE), (CODE,), (CODES.inverse, ALIKE), ()),
        ((CODES, ALIKE), (SIZE,), (ALIKE.inverse, CODES.inverse), ()),
        ((CODES, ALIKE), (SIZE, LEVEL), (ALIKE.inverse,), (CODE,)),
        ((CODES, ALIKE), (CODE, SIZE), (CODES.inverse,), (SIZE,)),
        ((CODES, COARSE), (SIZE,), (CODES,), (SIZE,)),
        ((TOTAL, CODES), (GROSS,), (CODES,), (GROSS,)),
        ((TOTAL, CODES), (NET, TAX), (TOTAL, CODES), ()),
    ],
)
def test_what_is_given_is_not_computed_but_decides_others_if_it_can(relations, given, expected, left_out):
    assert usable_relations(relations, set(given)) == Usable(expected, left_out)


def test_a_table_that_was_read_obeys_itself(tmp_path):
    """The relations of a table hold in its own rows, so that computing them anew changes nothing."""
    rng = np.random.default_rng(1)
    n = 400
    net, tax = np.round(rng.gamma(2, 20, n), 2), np.round(rng.gamma(2, 3, n), 2)
    level, gap = rng.integers(0, 4, n), rng.random(n) < 0.2
    lines = ["net,tax,gross,level,letter,inch"]
    for i in range(n):
        cells = "," if gap[i] else f"{level[i]},{'abcd'[level[i]]}"
        lines.append(f"{net[i]:.2f},{tax[i]:.2f},{net[i] + tax[i]:.2f},{cells},{float(net[i] / 2.54 + 1)!r}")
    (tmp_path / "orders.csv").write_text("\n".join(lines) + "\n")
    data = read(tmp_path / "orders.csv")
    rows = np.where(data.dataset.mask.all(), data.x.all(), NAN)
    assert {relation.place for relation in data.schema.relations} == {2, 4, 5}
    scrambled = rows.copy()
    scrambled[:, [2, 4, 5]] = rows[::-1, [2, 4, 5]]
    found = obey(scrambled, data.schema, gaps=True)
    np.testing.assert_array_equal(found[:, :5], rows[:, :5])
    np.testing.assert_allclose(found[:, 5], rows[:, 5], rtol=1e-14)
