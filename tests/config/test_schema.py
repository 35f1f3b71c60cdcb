"""Relations between the columns of a table: what a file may say of them."""

import dataclasses
import json

import pytest

from refusals import refused
from variate import Column, InputError, Recipe, Schema
from variate.config.schema import LARGEST, MOST_PAIRS, Relation

COLUMNS = (
    Column("a", "real"),
    Column("b", "real"),
    Column("c", "counts"),
    Column("level", "categorical", ("x", "y", "z")),
    Column("bit", "binary"),
)
DOUBLE = Relation(1, (0,), factors=(2.0,), constant=3.0)
SUM = Relation(2, (0, 1), factors=(1.0, -1.0), shares_gaps=True)
COARSE = Relation(4, (3,), keys=(None, 0, 1, 2), values=(None, 0, 1, 1))
SCHEMA = Schema("table", (5,), columns=COLUMNS, relations=(DOUBLE, SUM, COARSE))


def test_relations_come_back_from_a_file():
    recipe = Recipe(SCHEMA)
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_of_before_relations_has_none():
    plain = json.loads(Recipe(SCHEMA).to_json())
    del plain["schema"]["relations"]
    assert Recipe.from_json(json.dumps(plain)).schema == dataclasses.replace(SCHEMA, relations=())


@pytest.mark.parametrize(
    "changes",
    [
        {"place": -1},
        {"place": 5},
        {"sources": [5]},
        {"sources": [-1]},
        {"sources": []},
        {"sources": [1]},
        {"sources": [0, 0], "factors": [1.0, 1.0]},
        {"factors": [1.0, 1.0]},
        {"factors": []},
        {"factors": [None]},
        {"factors": [1e38]},
        {"factors": ["2"]},
        {"constant": -1e38},
        {"shares_gaps": 1},
        {"keys": [1.0], "values": [1.0]},
        {"values": [1.0]},
        {"keys": [1.0], "values": [], "factors": []},
        {"keys": [1.0, 1.0], "values": [1.0, 2.0], "factors": []},
        {"keys": [None, None], "values": [1.0, 2.0], "factors": []},
        {"keys": list(range(MOST_PAIRS + 1)), "values": list(range(MOST_PAIRS + 1)), "factors": []},
    ],
)
def test_a_broken_relation_in_a_file_is_refused(changes):
    plain = json.loads(Recipe(SCHEMA).to_json())
    plain["schema"]["relations"][0].update(changes)
    with pytest.raises(InputError) as error:
        Recipe.from_json(json.dumps(plain))
    assert error.value.argument == "the recipe"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(number):
    text = Recipe(SCHEMA).to_json().replace('"constant":3.0', f'"constant":{number}')
    assert number in text
    refused(Recipe.from_json, text)


@pytest.mark.parametrize(
    "relations",
    [
        (SUM, DOUBLE),  # what is computed later decides what is computed earlier
        (DOUBLE, Relation(0, (1,), factors=(0.5,))),
        (DOUBLE, DOUBLE),
        (Relation(0, (3,), factors=(1.0,)),),
        (Relation(3, (0,), factors=(1.0,)),),
        (Relation(3, (0,), keys=(1.0,), values=(3.0,)),),
        (Relation(0, (3,), keys=(0.5,), values=(3.0,)),),
        (Relation(4, (0,), keys=(0.0,), values=(2.0,)),),
        (Relation(2, (0,), keys=(0.0,), values=(-1.0,)),),
    ],
)
def test_relations_that_do_not_fit_the_columns_or_one_another_are_refused(relations):
    assert refused(dataclasses.replace, SCHEMA, relations=relations).argument == "relations"


def test_no_other_data_have_relations():
    assert refused(Schema, "real", (5,), relations=(DOUBLE,)).argument == "relations"


def test_an_inverse_turns_a_relation_around():
    assert Relation(1, (0,), factors=(4.0,), constant=2.0).inverse == Relation(0, (1,), factors=(0.25,), constant=-0.5)
    pairs = Relation(1, (0,), keys=(None, 1.0), values=(5.0, None))
    assert pairs.inverse == Relation(0, (1,), keys=(5.0, None), values=(None, 1.0))
    assert pairs.inverse.inverse == pairs


@pytest.mark.parametrize(
    "relation", [SUM, COARSE, *(Relation(1, (0,), factors=(f,), constant=LARGEST) for f in (0.0, 1e-300, 0.5))]
)
def test_what_cannot_be_turned_around_has_no_inverse(relation):
    assert relation.inverse is None
