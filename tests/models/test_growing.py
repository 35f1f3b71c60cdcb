"""A model that grew knows what it knew: bit for bit where nothing grew, and by a formula where something did."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import variate
from examples import COLUMNS, rng, table
from refusals import refused
from variate import ModelOptions, Schema, build, elbo, from_arrays, grow
from variate.config.schema import Column
from variate.data.storage.in_memory import InMemory

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # models of few steps

SMALL = {"latent": 2, "width": 8, "depth": 2, "components": 3}
OLD = tuple(
    replace(own, low=low, high=high)
    for own, low, high in zip(COLUMNS, (-3.0, None, 0.0, None), (3.0, None, 30.0, None), strict=True)
)
UNSEEN = 1 / 32
"""Probability of names never seen, after 30 rows."""


def made(columns=OLD, **options):
    """A model of the table with weights that do something, and its rows."""
    data = table().replace(schema=Schema("table", (4,), columns=columns))
    model = build(data, ModelOptions(**{**SMALL, **options}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return model, data


def schema_of(**changes):
    """The table's schema with some columns changed."""
    columns = tuple(replace(own, **changes.get(own.name, {})) for own in OLD)
    return Schema("table", (4,), columns=columns)


def read_by(model, data):
    """Rows of a smaller schema, as reading them with the model's schema gives them."""
    return data.replace(schema=model.recipe.schema)


def log_px(model, batch, z, column=None):
    """log p(x|z) of each row, or of one column of it."""
    p_x = model.decode([z], batch.context)
    elements = p_x.log_prob_elements(batch.x)
    return elements.sum(-1) if column is None else elements[..., column]


OPTIONS = [
    {},
    {"likelihood": "columns", "prior": "mixture", "posterior": "full"},
    {"prior": "vamp", "network": "plain", "posterior": "isotropic"},
    {"likelihood": "student-t", "depth": 0},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_without_growth_every_row_has_its_nats_bit_for_bit(options):
    model, data = made(**options)
    grown = grow(model, data.schema)
    assert grown is not model
    for one, other in zip(elbo(model, data), elbo(grown, read_by(grown, data)), strict=True):
        assert torch.equal(one, other)
    with torch.no_grad():
        next(grown.parameters()).add_(1)
    assert not torch.equal(next(grown.parameters()), next(model.parameters()))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    "more", [("new",), ("new", "two", "a", "b", "c", "d")]
)  # of the second size the group is another
def test_new_categories_take_at_most_the_mass_of_names_never_seen_from_the_others(options, more):
    two = (*OLD[:3], replace(OLD[3], kind="categorical", categories=("k", "l")))
    model, data = made(two, **options)
    columns = (two[0], replace(two[1], categories=(*two[1].categories, *more)), *two[2:])
    grown = grow(model, Schema("table", (4,), columns=columns))
    batch, z = data.all(), torch.randn(5, 30, 2)
    of_names = range(3, 3 + len(more))
    new = sum(
        log_px(grown, batch._replace(x=batch.x.index_fill(1, torch.tensor([1]), float(code))), z, 1).exp()
        for code in of_names
    )
    q = new / (1 - UNSEEN)
    assert (q > 0).all()
    assert (q <= UNSEEN * (1 + 1e-6)).all()
    change = log_px(grown, batch, z, 1) - log_px(model, batch, z, 1)
    torch.testing.assert_close(change, torch.log1p(-q), rtol=0, atol=1e-6)
    for column in (0, 2, 3):
        torch.testing.assert_close(log_px(grown, batch, z, column), log_px(model, batch, z, column))
    before, after = (own.encoder(batch.x) for own in (model, grown))
    torch.testing.assert_close(after.mean, before.mean)
    torch.testing.assert_close(grown.latent_prior().log_prob(z[:, 0]), model.latent_prior().log_prob(z[:, 0]))
    lost = elbo(grown, read_by(grown, data)).elbo - elbo(model, data).elbo
    assert (lost <= 1e-6).all()
    assert (lost >= math.log1p(-UNSEEN) - 1e-6).all()


def test_a_new_category_is_at_first_to_the_encoder_a_cell_without_a_value():
    model, data = made()
    grown = grow(model, schema_of(b={"categories": ("x", "y", "z", "new")}))
    x = data.all().x.index_fill(1, torch.tensor([1]), 3.0)
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, 1] = False
    torch.testing.assert_close(grown.encoder(x).mean, model.encoder(x, mask).mean)


def test_wider_ranges_and_first_gaps_leave_rows_within_the_range_as_they_were():
    model, data = made()
    grown = grow(model, schema_of(a={"high": 9.0, "gaps": True}, c={"gaps": True}, d={"gaps": True}))
    old, new = elbo(model, data).elbo, elbo(grown, read_by(grown, data)).elbo
    assert (new <= old + 1e-9).all()
    assert (new >= old - 0.05).all()
    assert grown.encoder.inputs.shape[0] == model.encoder.inputs.shape[0] + 3


def test_a_wider_range_can_be_learned_which_numbers_outside_of_one_cannot():
    model, data = made()
    far = data.all().x.clone()
    far[:, 0] = torch.linspace(6, 8, len(far))
    schema = schema_of(a={"high": 9.0})
    found = []
    for own, start in ((model.recipe.schema, model), (schema, grow(model, schema))):
        rows = from_arrays(far.numpy(), schema=own)
        variate.fit(start, rows, epochs=100, lr=1e-2, ema=0, compile="off")
        found.append(elbo(start, rows).elbo.mean())
    assert found[1] > found[0] + 2


def test_a_model_of_gaps_gets_an_output_for_a_column_that_had_none():
    columns = (replace(OLD[0], gaps=True), *OLD[1:])
    data = table().replace(schema=Schema("table", (4,), columns=columns))
    x, mask = data.all().x.numpy(), np.ones((30, 4), bool)
    mask[::4, 0] = False
    data = from_arrays(x, schema=data.schema, mask=mask)
    model = build(data, ModelOptions(**SMALL, gaps="model"))
    larger = tuple(replace(own, gaps=own.name in "ab") for own in columns)
    grown = grow(model, Schema("table", (4,), columns=larger))
    change = elbo(grown, read_by(grown, data)).elbo - elbo(model, data).elbo
    torch.testing.assert_close(change, torch.full_like(change, math.log(0.999)), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("before", "after"), [(3, 5), (3, 18), (14, 17), (17, 20)])
@pytest.mark.parametrize("network", ["conv", "mlp"])
def test_conditions_grow_and_what_is_known_of_the_old_ones_stays(network, before, after):
    images = rng().integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(60) % before
    data = from_arrays(images, condition={"label": np.char.add("label ", labels.astype(str))})
    model = build(data, ModelOptions(**SMALL, network=network, prior="vamp"))
    old = model.recipe.schema
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    names = (*old.conditions[0].categories, *(f"new {i}" for i in range(after - before)))
    schema = replace(old, conditions=(replace(old.conditions[0], categories=names),))
    grown = grow(model, schema)
    one, other = elbo(model, data).elbo, elbo(grown, read_by(grown, data)).elbo
    torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-7)
    p = grown.conditions.log_prob.exp()
    torch.testing.assert_close(p.sum(), torch.ones(()))
    assert (p[before:] == p.min()).all()
    counted = grow(model, data.replace(schema=schema)).conditions.log_prob.exp()
    assert counted[-1] == pytest.approx(1 / after / 61)


@pytest.mark.parametrize(("before", "after"), [(10, 12), (15, 20), (17, 20)])
def test_a_new_condition_is_told_from_others_after_some_training(before, after):
    values = rng().integers(0, 60, (200, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(200) % before
    data = from_arrays(values, condition={"label": np.char.add("label ", labels.astype(str))})
    model = build(data, ModelOptions(**SMALL, network="conv"))
    old = model.recipe.schema
    names = (*old.conditions[0].categories, *(f"new {i}" for i in range(after - before)))
    schema = replace(old, conditions=(replace(old.conditions[0], categories=names),))
    is_new = np.arange(200) % 2 == 0
    context = np.where(is_new, after - 1, data.context.all()[:, 0])[:, None]
    bright = np.where(is_new[:, None, None, None], values + 190, values).astype(np.uint8)
    rows = data.replace(x=InMemory(bright), context=InMemory(context), schema=schema)
    grown = grow(model, rows)
    variate.fit(grown, rows, epochs=60, batch_size=50, lr=1e-2, ema=0.9, compile="off")
    with torch.no_grad():
        z = torch.zeros(1, 2, 2)
        means = grown.decode([z], torch.tensor([[0.0], [after - 1.0]])).mean.mean((-1, -2, -3))[0]
    assert means[1] > means[0] + 50


def test_a_grown_model_trains_on_the_new_category_and_goes_through_a_file(tmp_path):
    model, _ = made()
    schema = schema_of(b={"categories": ("x", "y", "z", "new")})
    data = table(300).replace(schema=schema)
    x = data.all().x.clone()
    x[::2, 1] = 3
    data = from_arrays(x.numpy(), schema=schema)
    grown = grow(model, data)
    start = elbo(grown, read_by(grown, data)).elbo.mean()
    variate.fit(grown, data, epochs=60, lr=1e-2, ema=0.9, compile="off")
    assert elbo(grown, read_by(grown, data)).elbo.mean() > start + 1
    drawn = grown.sample(2_000)[:, 1]
    assert abs((drawn == 3).double().mean() - 0.5) < 0.1
    grown.save(tmp_path / "model.safetensors")
    again = variate.load(tmp_path / "model.safetensors")
    assert again.recipe.schema == schema
    assert torch.equal(elbo(again, data).elbo, elbo(grown, read_by(grown, data)).elbo)


@pytest.mark.parametrize(
    "schema",
    [
        Schema("real", (4,)),
        Schema("table", (3,), columns=OLD[:3]),
        Schema("table", (4,), columns=(*OLD[:3], Column("e", "binary"))),
        schema_of(b={"categories": ("x", "z", "y", "new")}),
        schema_of(b={"categories": ("x", "y")}),
        schema_of(a={"high": 2.0}),
        schema_of(a={"step": 0.5}),
        schema_of(d={"kind": "counts"}),
        replace(schema_of(), conditions=(Column("c2", "binary"),)),
    ],
)
def test_a_schema_that_did_not_grow_out_of_the_models_is_refused(schema):
    model, _ = made()
    assert refused(grow, model, schema).argument == "data"


def test_what_cannot_grow_is_refused():
    model, data = made()
    model.recipe = None
    assert refused(grow, model, data).argument == "model"
