import json
from pathlib import Path

import pytest

from refusals import refused
from variate import InputError, Recipe, Schema
from variate.config.model_file import of_file, parse_recipe, recipe_in
from variate.config.recipe import FORMAT
from variate.config.schema import Column
from variate.runtime.tensor_header import TensorEntry, TensorHeader

PATH = Path("a.safetensors")
TABLE = Recipe(Schema("table", (2,), columns=(Column("a", "real"), Column("b", "categorical", ("x", "y", "z")))))


def header(**strings):
    return TensorHeader({"w": TensorEntry("float32", (100,), 0, 400)}, strings, 0)


def test_the_recipe_is_that_of_the_file_and_custom_parts_have_none():
    assert recipe_in(PATH, header(format="1", recipe=TABLE.to_json())) == TABLE
    assert recipe_in(PATH, header(format="01", recipe="")) is None


@pytest.mark.parametrize("version", ["", "one", "-1", "1.5", "\u0661", " 1"])
def test_a_format_is_a_number(version):
    assert refused(recipe_in, PATH, header(format=version, recipe="")).argument == str(PATH)
    assert refused(recipe_in, PATH, header(format="1")).argument == str(PATH)


@pytest.mark.parametrize("version", [str(FORMAT + 1), "9" * 5_000, "0" * 5_000 + "7"])
def test_newer_formats_are_refused_whatever_their_length(version):
    error = refused(recipe_in, PATH, header(format=version, recipe=""))
    assert (error.argument, error.expected) == (str(PATH), f"a format up to {FORMAT}")


def test_a_list_longer_than_the_file_can_hold_is_not_looked_at(monkeypatch):
    columns = tuple(Column(f"c{i}", "real") for i in range(1_000))
    text = Recipe(Schema("table", (len(columns),), columns=columns)).to_json()
    parts = text.count("{") + text.count("[")
    size = 4 * (parts - 1_000)
    assert parse_recipe(PATH, text, size).schema.columns == columns
    monkeypatch.setattr(Recipe, "from_json", None)
    assert str(PATH) in refused(parse_recipe, PATH, text, size - 4).argument


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"schema":' + "9" * 5_000 + "}", "null", "[]", '{"schema": null}', "{",
     '{"schema": {"columns": {}}}', '{"schema": {"columns": [3, {"categories": 7}]}}',
     json.dumps({**json.loads(TABLE.to_json()), "more": 1})],
)  # fmt: skip
def test_what_is_no_recipe_is_refused_with_the_name_of_the_file(text):
    error = refused(parse_recipe, PATH, text, 100)
    assert error.argument == f"{PATH}, the recipe"


def test_an_error_about_a_part_names_the_file_too():
    error = of_file(PATH, InputError("latent", "less", "more", "lower it"))
    assert (error.argument, error.expected, error.got, error.remedy) == (
        "a.safetensors, latent",
        "less",
        "more",
        "lower it",
    )
