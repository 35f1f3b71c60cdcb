import dataclasses
import math
from typing import get_args

import pytest

from variate import DataOptions, InputError, ModelOptions, Schema, TrainingOptions
from variate.choose import CONV_FROM, LIKELIHOODS, choose, choose_training, latents, width
from variate.recipe import Kind

IMAGE = Schema("pixels", (1, 28, 28), 256)
ROWS = (1, 7, 999, 1_000, 9_999, 10_000, 1_000_000)


def schema(kind, shape=(6,)):
    return Schema(kind, shape, levels=256 if kind == "pixels" else 0)


@pytest.mark.parametrize("num_rows", ROWS)
@pytest.mark.parametrize("kind", get_args(Kind))
def test_nothing_is_left_open(kind, num_rows):
    recipe = choose(schema(kind), num_rows).recipe
    assert "auto" not in dataclasses.astuple(recipe.model)
    unset = {f.name for f in dataclasses.fields(recipe.model) if getattr(recipe.model, f.name) is None}
    assert unset == {"sigma"}
    chosen = recipe.training
    assert None not in (chosen.epochs, chosen.batch_size, chosen.lr, chosen.clip)
    assert 1 <= chosen.batch_size <= num_rows
    assert chosen.epochs >= 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("binary", "bernoulli"),
        ("pixels", "discretized-logistic"),
        ("real", "gaussian"),
        ("counts", "negative-binomial"),
        ("table", "columns"),
    ],
)
def test_each_kind_of_data_has_its_likelihood_and_the_reason_names_it(kind, name):
    choice = choose(schema(kind), 100)
    assert choice.recipe.model.likelihood == name
    assert name in choice.reasons[0]
    assert LIKELIHOODS.keys() == set(get_args(Kind))


def test_what_the_user_chose_stays():
    model = ModelOptions(
        latent=5,
        posterior="full",
        likelihood="student-t",
        scale="fixed",
        sigma=2.0,
        mixtures=3,
        prior="vamp",
        components=9,
        network="mlp",
        width=33,
        depth=0,
    )
    training = TrainingOptions(epochs=2, batch_size=5, lr=0.1, clip=0.0, seed=4)
    data = DataOptions(kind="real")
    choice = choose(schema("real"), 50, "name", "hash", data, model, training)
    recipe = choice.recipe
    assert (recipe.model, recipe.training, recipe.data) == (model, training, data)
    assert (recipe.schema, recipe.source, recipe.fingerprint) == (schema("real"), "name", "hash")
    assert all("as asked" in reason for reason in choice.reasons)


def test_a_choice_made_again_changes_nothing():
    first = choose(IMAGE, 12_345).recipe
    again = choose(IMAGE, 12_345, model=first.model, training=first.training).recipe
    assert first == again


@pytest.mark.parametrize(
    ("shape", "network"),
    [
        ((1, CONV_FROM - 1, CONV_FROM - 1), "mlp"),
        ((1, CONV_FROM, 5), "conv"),
        ((3, 5, CONV_FROM), "conv"),
        ((1000,), "mlp"),
        ((1, 1, 1), "mlp"),
    ],
)
def test_large_images_get_convolutions(shape, network):
    choice = choose(schema("pixels", shape), 100)
    assert choice.recipe.model.network == network
    assert network in choice.reasons[1]


def test_convolutions_of_what_is_no_image_are_refused():
    with pytest.raises(InputError, match="'conv' needs images"):
        choose(schema("real"), 100, model=ModelOptions(network="conv"))


@pytest.mark.parametrize("size", [1, 2, 5, 64, 784, 3072, 10**6])
def test_latents_are_a_power_of_two_near_the_square_root(size):
    found = latents(Schema("real", (size,)))
    assert 2 <= found <= 128
    assert math.log2(found).is_integer()
    clipped = min(128, max(2, math.sqrt(size) + 1))
    assert clipped / math.sqrt(2) <= found <= clipped * math.sqrt(2)


@pytest.mark.parametrize("size", [1, 10, 784, 10**5])
def test_width_grows_with_rows_and_with_numbers(size):
    by_rows = [width(Schema("real", (size,)), n, conv=False) for n in ROWS]
    assert by_rows == sorted(by_rows)
    assert all(64 <= units <= 512 for units in by_rows)
    assert width(Schema("real", (2 * size,)), 10_000, False) >= width(Schema("real", (size,)), 10_000, False)


@pytest.mark.parametrize("num_rows", ROWS)
def test_steps_are_about_the_same_for_few_rows_and_many(num_rows):
    chosen = choose_training(num_rows, TrainingOptions())
    steps = chosen.epochs * num_rows / chosen.batch_size
    aim = 8_000 if num_rows >= 10_000 else 3_000
    assert abs(steps - aim) <= 0.5 * num_rows / chosen.batch_size + 1e-9


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("epochs", 0), ("lr", 0.0), ("clip", 0.0)])
def test_zero_is_not_taken_for_open(name, value):
    assert getattr(choose_training(100, TrainingOptions(**{name: value})), name) == value
