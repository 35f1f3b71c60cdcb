import ast
import dataclasses
import inspect
import json
import subprocess
import sys
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from variate import Column, DataOptions, InputError, ModelOptions, Recipe, Schema, TrainingOptions
from variate.config import recipe

TABLE = Schema("table", (2,), columns=(Column("a", "real"), Column("b", "categorical", ("x", "ÿ"))))
FULL = Recipe(
    schema=TABLE,
    source="data.csv",
    fingerprint="0123456789ab",
    data=DataOptions(
        kind="table",
        columns=(("a", "counts"), ("b", "binary")),
        formats=(("a", "decimal-comma"),),
        drop=("c", "d e"),
        missing=("-9",),
        delimiter=";",
        header=False,
        encoding="cp1252",
        size=(3, 4),
        mode="RGB",
        mask_folder="masks",
        transparency="missing",
        binarize="fixed",
        validation=0.2,
        test=0.3,
        split_seed=9,
        split_by="c",
        split_time="f",
        condition=("g",),
        weight="h",
        labels="i",
        stream="on",
    ),
    model=ModelOptions(
        latent=3,
        posterior="full",
        likelihood="columns",
        scale="fixed",
        sigma=0.1,
        mixtures=5,
        gaps="model",
        prior="vamp",
        components=7,
        network="mlp",
        width=11,
        depth=2,
        activation="tanh",
    ),
    training=TrainingOptions(
        epochs=3,
        batch_size=17,
        lr=1e-3,
        lr_warmup=0.1,
        schedule="burda",
        clip=0.0,
        ema=0.9,
        patience=3,
        bound="dreg",
        samples=5,
        beta=0.5,
        free_bits=0.25,
        kl_warmup=2.0,
        precision="bfloat16",
        compile="off",
        device="cuda",
        threads=2,
        seed=12,
    ),
    compared_latents=(2, 3, 6),
    start=recipe.Start("/runs/digits/model.safetensors", "0123456789ab"),
)


def test_the_full_recipe_leaves_no_default_untested():
    for part in (FULL.data, FULL.model, FULL.training):
        for field in dataclasses.fields(part):
            assert getattr(part, field.name) != field.default, field.name


def refused(text):
    with pytest.raises(InputError) as error:
        Recipe.from_json(text)
    assert error.value.argument == "the recipe"
    return error.value


def test_every_field_comes_back():
    assert Recipe.from_json(FULL.to_json()) == FULL


OPTIONS = (DataOptions, ModelOptions, TrainingOptions)


def literals():
    """Every option whose values are names, with each of its names."""
    for owner, part in zip(("data", "model", "training"), OPTIONS, strict=True):
        for name, hint in get_type_hints(part).items():
            if get_origin(hint) is Literal:
                for value in get_args(hint):
                    yield owner, name, value


@pytest.mark.parametrize(("owner", "name", "value"), list(literals()))
def test_every_name_comes_back_and_an_unknown_one_does_not(owner, name, value):
    part = dataclasses.replace(getattr(FULL, owner), **{name: value})
    changed = dataclasses.replace(FULL, **{owner: part})
    assert Recipe.from_json(changed.to_json()) == changed
    plain = json.loads(FULL.to_json())
    plain[owner][name] = f"{value}x"
    assert f"{owner}.{name}" in refused(json.dumps(plain)).got


def test_defaults_come_back():
    short = Recipe(Schema("real", (3,)))
    assert Recipe.from_json(short.to_json()) == short
    assert Recipe.from_json('{"schema": {"kind": "real", "shape": [3]}}') == short


WRITTEN_BEFORE = (
    '{"schema":{"kind":"real","shape":[5],"levels":0,"columns":[]},"source":"","fingerprint":"","data":{"kind":null,'
    '"columns":[],"drop":[],"size":null,"mode":"auto","binarize":"off","validation":0.1,"test":0.1,"split_seed":0},'
    '"model":{"latent":2,"posterior":"diagonal","likelihood":"gaussian","scale":"dimension","sigma":null,"mixtures":1,'
    '"prior":"normal","components":64,"network":"mlp","width":8,"depth":2},"training":{"epochs":null,"batch_size":60,'
    '"lr":0.002,"lr_warmup":0.02,"clip":1.0,"ema":0.999,"patience":20,"bound":"elbo","samples":1,"beta":1.0,'
    '"free_bits":0.0,"kl_warmup":0.0,"precision":"auto","compile":"auto","device":"auto","threads":null,"seed":0}}'
)
"""A recipe in a file that was written before there were activations and schedules to choose from."""


def test_a_recipe_of_before_the_new_options_takes_what_was_built_then():
    found = Recipe.from_json(WRITTEN_BEFORE)
    assert (found.model.activation, found.training.schedule) == ("silu", "cosine")
    again = json.loads(found.to_json())
    assert again["data"].pop("stream") == "auto"
    assert (again["data"].pop("missing"), again["data"].pop("formats")) == ([], [])
    assert [again["schema"].pop(name) for name in ("aside", "relations", "conditions")] == [[], [], []]
    assert again["data"].pop("condition") == []
    assert again["data"].pop("transparency") == "kept"
    new = ("delimiter", "header", "encoding", "split_by", "split_time", "mask_folder", "weight", "labels")
    assert [again["data"].pop(name) for name in new] == [None] * len(new)
    assert again["model"].pop("gaps") == "given"
    assert again.pop("compared_latents") == []
    assert again.pop("start") is None
    del again["model"]["activation"], again["training"]["schedule"]
    assert again == json.loads(WRITTEN_BEFORE)


def damaged(path, value):
    plain = json.loads(FULL.to_json())
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("news",), 1),
        (("model", "news"), 1),
        (("schema", "kind"), "pictures"),
        (("schema", "shape"), "abc"),
        (("schema", "shape"), [2.5]),
        (("schema", "shape"), [True]),
        (("schema", "columns"), [{"name": "a"}]),
        (("schema", "columns"), [{"name": "a", "kind": "text"}]),
        (("data", "drop"), "abc"),
        (("data", "size"), [1, 2, 3]),
        (("data", "columns"), [["a", "text"]]),
        (("data", "validation"), "0.1"),
        (("model", "latent"), 3.7),
        (("model", "latent"), "3"),
        (("compared_latents",), [2.5]),
        (("model", "components"), None),
        (("training", "seed"), "5"),
        (("training", "seed"), True),
        (("training", "device"), 3),
        (("training", "beta"), None),
        (("training",), None),
        (("source",), 5),
    ],
)
def test_unknown_fields_and_other_types_are_refused(path, value):
    error = refused(damaged(path, value))
    assert "upgrade" in error.remedy
    assert path[-1] in error.got


def test_whole_numbers_pass_as_floats():
    assert Recipe.from_json(damaged(("training", "lr"), 1)).training.lr == 1.0


@pytest.mark.parametrize("text", ["", "{", "hello", "[]", "3", "null", '"text"', "{}"])
def test_what_is_no_recipe_is_refused(text):
    refused(text)


def test_digest_is_stable_from_run_to_run():
    code = "from variate import Recipe, Schema; print(Recipe(Schema('pixels', (1, 28, 28), 256), 'digits').digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert digests == {Recipe(Schema("pixels", (1, 28, 28), 256), "digits").digest}
    assert len(digests.pop()) == 12


def test_digest_tells_every_option():
    changed = [dataclasses.replace(FULL, source="other"), dataclasses.replace(FULL, schema=Schema("real", (2,)))]
    for owner in ("data", "model", "training"):
        part = getattr(FULL, owner)
        for field in dataclasses.fields(part):
            other = dataclasses.replace(part, **{field.name: field.default})
            changed.append(dataclasses.replace(FULL, **{owner: other}))
    digests = {r.digest for r in [FULL, *changed]}
    assert len(digests) == len(changed) + 1


def test_recipes_are_values():
    assert hash(FULL) == hash(Recipe.from_json(FULL.to_json()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.model.latent = 4


@pytest.mark.parametrize(("shape", "size", "image"), [((3,), 3, False), ((2, 4, 5), 40, True)])
def test_size_is_the_number_of_numbers(shape, size, image):
    assert Schema("real", shape).size == size
    assert Schema("real", shape).is_image is image


@pytest.mark.parametrize(
    ("argument", "shape", "columns"),
    [
        ("shape", (), ()),
        ("columns", (2,), (Column("a", "real"), Column("a", "counts"))),
        ("columns", (1,), (Column("\ud800", "real"),)),
        ("columns", (1,), (Column("a", "categorical", ("\udcff",)),)),
    ],
)
def test_schemas_that_no_rows_have_are_refused(argument, shape, columns):
    with pytest.raises(InputError) as caught:
        Schema("table" if columns else "real", shape, columns=columns)
    assert caught.value.argument == argument


def test_every_option_says_what_it_is():
    classes = {node.name: node for node in ast.parse(inspect.getsource(recipe)).body if isinstance(node, ast.ClassDef)}
    for part in OPTIONS:
        body = classes[part.__name__].body[1:]
        assert [ast.unparse(field.target) for field in body[::2]] == [field.name for field in dataclasses.fields(part)]
        assert all(isinstance(said, ast.Expr) and len(ast.literal_eval(said.value)) > 10 for said in body[1::2])
