import dataclasses
from typing import get_args

import pytest

from variate import DataOptions, InputError, ModelOptions, Schema, TrainingOptions
from variate.config.defaults import (
    CONV_FROM,
    ENOUGH_STEPS,
    LEAST_EPOCHS,
    LEAST_STEPS,
    MOST_EPOCHS,
    OF_KIND,
    WORK,
    choose,
    choose_training,
    latents,
    mixtures,
    width,
)
from variate.config.parts import LIKELIHOODS
from variate.config.schema import Column, Kind

IMAGE = Schema("pixels", (1, 28, 28), 256)
ROWS = (1, 7, 999, 1_000, 9_999, 10_000, 1_000_000)


def schema(kind, shape=(6,)):
    return Schema(kind, shape, levels=256 if kind == "pixels" else 0)


@pytest.mark.parametrize("num_rows", ROWS)
@pytest.mark.parametrize("kind", get_args(Kind))
def test_nothing_is_left_open(kind, num_rows):
    recipe = choose(schema(kind), num_rows).recipe
    open_fields = {f.name for f in dataclasses.fields(recipe.model) if getattr(recipe.model, f.name) == "auto"}
    assert open_fields == (
        set() if LIKELIHOODS[recipe.model.likelihood].scale else {"scale"}
    )  # there is no scale to choose
    unset = {f.name for f in dataclasses.fields(recipe.model) if getattr(recipe.model, f.name) is None}
    assert unset == {"sigma"}
    chosen = recipe.training
    assert None not in (chosen.batch_size, chosen.lr, chosen.clip)
    assert 1 <= chosen.batch_size <= num_rows
    assert chosen.epochs is None  # needs the model's cost, which only the built model tells


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("binary", "bernoulli"),
        ("pixels", "discretized-logistic"),
        ("real", "gaussian"),
        ("counts", "negative-binomial"),
        ("table", "quantile-logistic"),
    ],
)
def test_each_kind_of_data_has_its_likelihood_and_the_reason_names_it(kind, name):
    choice = choose(schema(kind), 100)
    assert choice.recipe.model.likelihood == name
    assert name in choice.reasons[0]
    assert OF_KIND.keys() == set(get_args(Kind))


def test_what_the_user_chose_stays():
    model = ModelOptions(
        latent=5,
        posterior="full",
        likelihood="student-t",
        scale="fixed",
        sigma=2.0,
        mixtures=1,
        prior="vamp",
        components=9,
        network="mlp",
        width=33,
        depth=0,
        activation="relu",
    )
    training = TrainingOptions(epochs=2, batch_size=5, lr=0.1, schedule="constant", clip=0.0, kl_warmup=1.0, seed=4)
    data = DataOptions(kind="real")
    given = dataclasses.replace(model, mixtures=None)  # there is nothing to mix in a Student-t
    choice = choose(schema("real"), 50, "name", "hash", data, given, training)
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


@pytest.mark.parametrize("num_rows", ROWS)
@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_plain_network_has_the_sizes_of_a_residual_one(kind, num_rows):
    residual, plain = (choose(schema(kind), num_rows, model=ModelOptions(network=n)).recipe for n in ("mlp", "plain"))
    assert dataclasses.replace(plain.model, network="mlp") == residual.model
    assert plain.training == residual.training


def test_convolutions_of_what_is_no_image_are_refused():
    with pytest.raises(InputError) as raised:
        choose(schema("real"), 100, model=ModelOptions(network="conv"))
    assert (raised.value.argument, raised.value.got) == ("network", "'conv'")


@pytest.mark.parametrize(("option", "name"), [("network", "convv"), ("likelihood", "gausian")])
def test_unknown_names_are_refused_with_the_ones_that_are_known(option, name):
    with pytest.raises(InputError) as raised:
        ModelOptions(**{option: name})
    assert (raised.value.argument, raised.value.got) == (option, repr(name))
    assert "did you mean" in raised.value.remedy


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1,), 1), ((2,), 1), ((5,), 3), ((8, 8), 16), ((28, 28), 32), ((3, 32, 32), 64), ((100, 100, 100), 128)],
)
def test_latents_grow_as_the_cube_root_and_are_at_most_half_the_numbers(shape, expected):
    assert latents(Schema("real", shape)) == expected


def columns(number):
    return Schema("table", (number,), columns=tuple(Column(f"column {i}", "real") for i in range(number)))


@pytest.mark.parametrize(("number", "expected"), [(1, 1), (5, 5), (9, 9), (15, 10), (26, 12), (10_000, 87)])
def test_a_table_has_no_more_latents_than_columns(number, expected):
    assert latents(columns(number)) == expected


@pytest.mark.parametrize(("num_rows", "expected"), [(3, 3), (300, 64), (6_000, 128), (12_000, 256), (10**7, 512)])
def test_a_tables_batch_grows_with_its_rows(num_rows, expected):
    assert choose_training(num_rows, TrainingOptions(), "table").batch_size == expected


def test_the_weight_of_the_rate_rises_over_a_tenth_of_a_run_on_a_table_and_nowhere_else():
    assert choose_training(100, TrainingOptions(epochs=30), "table").kl_warmup == pytest.approx(3)
    assert choose_training(100, TrainingOptions(epochs=30), "real").kl_warmup == 0
    assert choose_training(100, TrainingOptions(epochs=30, kl_warmup=0), "table").kl_warmup == 0
    assert choose_training(100, TrainingOptions(), "table").kl_warmup is None  # the length of the run is open


@pytest.mark.parametrize(
    ("levels", "num_rows", "expected"), [(256, 10_000, 3), (256, 9_999, 1), (16, 10_000, 1), (0, 10_000, 1)]
)
def test_mixtures_want_rows_and_levels(levels, num_rows, expected):
    assert mixtures(Schema("pixels", (1, 8, 8), levels), num_rows, "discretized-logistic") == expected


@pytest.mark.parametrize("size", [1, 10, 784, 10**5])
def test_width_grows_with_rows_and_with_numbers(size):
    by_rows = [width(Schema("real", (size,)), n) for n in ROWS]
    assert by_rows == sorted(by_rows)
    assert all(64 <= units <= 512 for units in by_rows)
    assert width(Schema("real", (2 * size,)), 10_000) >= width(Schema("real", (size,)), 10_000)


@pytest.mark.parametrize("num_rows", ROWS)
@pytest.mark.parametrize("cost", [10, 10**5, 10**9])
def test_epochs_are_what_the_work_affords_within_limits(num_rows, cost):
    chosen = choose_training(num_rows, TrainingOptions(), "real", cost)
    steps = chosen.epochs * num_rows / chosen.batch_size
    assert steps >= LEAST_STEPS
    assert chosen.epochs >= LEAST_EPOCHS
    assert steps >= min(ENOUGH_STEPS, WORK / (cost * chosen.batch_size))
    if steps > ENOUGH_STEPS + num_rows / chosen.batch_size:  # not held up by the least number of steps
        assert chosen.epochs <= MOST_EPOCHS
        assert chosen.epochs == LEAST_EPOCHS or cost * num_rows * (chosen.epochs - 1) <= WORK


def test_a_cheaper_model_trains_no_shorter():
    costs = (10**9, 10**7, 10**6, 10**5, 10)
    epochs = [choose_training(60_000, TrainingOptions(), "real", cost).epochs for cost in costs]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 2


def test_zero_is_not_taken_for_open():
    assert choose_training(100, TrainingOptions(clip=0.0), "real").clip == 0


@pytest.mark.parametrize(
    ("kind", "options", "likelihood"),
    [
        ("binary", {"scale": "shared"}, "'bernoulli'"),
        ("counts", {"scale": "fixed", "sigma": 1.0}, "'negative-binomial'"),
        ("counts", {"sigma": 1.0}, "'negative-binomial'"),
        ("real", {"mixtures": 2}, "'gaussian'"),
    ],
)
def test_options_that_would_be_ignored_are_refused(kind, options, likelihood):
    with pytest.raises(InputError) as raised:
        choose(schema(kind), 50, model=ModelOptions(**options))
    assert raised.value.argument == next(iter(options))
    assert likelihood in raised.value.expected
