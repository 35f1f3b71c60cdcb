from dataclasses import replace

import numpy as np
import pytest
import torch

from examples import rng, table
from frames import arrow
from oracles import LinearGaussian, LinearLadder
from refusals import refused
from small_models import make
from variate import (
    Batch,
    Column,
    DataOptions,
    InputError,
    ModelOptions,
    build,
    elbo,
    fit,
    from_arrays,
    read,
    split,
)
from variate.data.dataset import Dataset
from variate.data.storage.in_memory import InMemory
from variate.models.build import default_networks
from variate.models.checked import as_dataset, check_weights, expected, filled


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((3, 5)), "(3, 5)"),
        (np.zeros(4), "(4,)"),
        (np.array(3.0), "()"),
        (np.zeros((2, 2, 4)), "(2, 2, 4)"),
        (np.array([[0.0] * 4, [0, -np.inf, 0, 0], [np.inf] * 4]), "2 of 3 rows, first in row 1"),
        (np.zeros((3, 4), dtype=np.int64), "int64"),
        (np.array([["a"] * 4]), "dtype"),
        (np.array([[None] * 4]), "dtype"),
        (np.zeros((0, 4)), "none"),
    ],
)
def test_rows_of_another_kind_are_refused(x, words):
    vae, _ = make()
    for method in (vae.dataset, vae.embed, vae.reconstruct, lambda rows: elbo(vae, rows)):
        with pytest.raises(InputError) as error:
            method(x)
        assert error.value.argument == "x"
        assert words in error.value.got


def test_errors_say_which_shape_is_expected_and_call_the_data_by_its_name():
    vae, _ = make()
    with pytest.raises(InputError) as error:
        vae.dataset(np.zeros((3, 5)), "test rows")
    assert error.value.argument == "test rows"
    assert "(N, 4)" in error.value.expected


@pytest.mark.parametrize("likelihood", ["bernoulli", "quantized-gaussian", "negative-binomial", "columns"])
def test_rows_that_are_not_data_of_the_likelihood_are_refused(likelihood):
    vae, rows = make(likelihood)
    with pytest.raises(InputError) as error:
        vae.dataset(rows.double() + 0.5)
    assert error.value.argument == "x" or error.value.argument.startswith("column")


@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x[::-1],
        lambda x: np.asfortranarray(x),
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.float32),
        lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
        lambda x: np.concatenate([x, x], 1)[:, :4],
        lambda x: torch.as_tensor(x),
        lambda x: torch.as_tensor(x).requires_grad_(),
    ],
    ids=["reversed", "fortran", "big-endian", "float32", "read-only", "strided", "tensor", "gradient"],
)
def test_arrays_of_any_layout_are_rows(layout):
    vae, rows = make()
    x = layout(rows.numpy())
    plain = np.array(x.tolist())
    with torch.no_grad():
        found = vae.encode(Batch(torch.as_tensor(plain))).mean
    torch.testing.assert_close(vae.embed(x).mean, found)


def test_bits_may_be_booleans():
    vae, rows = make("bernoulli")
    assert torch.equal(vae.embed(rows.numpy().astype(bool)).mean, vae.embed(rows).mean)
    assert torch.equal(vae.embed(rows.bool()).mean, vae.embed(rows).mean)
    assert vae.dataset(rows.bool()).all().x.dtype == torch.uint8


def test_rows_keep_their_own_type():
    vae, rows = make("poisson")
    for dtype in (torch.uint8, torch.int32, torch.int64):
        assert vae.dataset(rows.to(dtype)).all().x.dtype == dtype


def test_splits_stand_for_their_test_part():
    model = LinearGaussian(dim=4, latent=2, sigma=0.5)
    vae, parts = model.vae("full"), split(from_arrays(model.draw(60).numpy()))
    assert torch.equal(vae.dataset(parts).all().x, parts.test.all().x)
    torch.testing.assert_close(elbo(vae, parts), elbo(vae, parts.test.all().x))


def test_of_rows_on_disk_a_sample_is_taken(tmp_path):
    x = rng().normal(size=(30, 4))
    np.save(tmp_path / "x.npy", x)
    data = read(str(tmp_path / "x.npy"), DataOptions(stream="on")).dataset
    assert not data.in_memory
    vae, _ = make()
    found = vae.dataset(data)
    assert found.in_memory
    assert sorted(found.all().x[:, 0].tolist()) == sorted(x[:, 0].tolist())


def grey(n=500):
    return from_arrays(np.tile(np.linspace(0, 255, 25).astype(np.uint8).reshape(1, 1, 5, 5), (n, 1, 1, 1)))


def test_bits_that_training_redraws_are_drawn_once_from_the_grey_levels():
    # The levels are the same in every row, so that the bits of an element are draws of one coin.
    parts = split(grey(), DataOptions(binarize="dynamic"))
    vae = build(parts, ModelOptions(latent=2, width=8, depth=1))
    assert parts.train.transforms
    found = vae.dataset(parts.train)
    assert not found.transforms
    bits, p = found.all().x.double(), parts.train.all().x.double() / 255
    assert set(bits.unique().tolist()) == {0, 1}
    error = (p[0] * (1 - p[0]) / len(p)).sqrt()
    assert ((bits.mean(0) - p[0]).abs() <= 4 * error).all()
    assert torch.equal(vae.dataset(parts.train).all().x, found.all().x)
    other = as_dataset(parts.train, vae, seed=1)
    assert not torch.equal(other.all().x, found.all().x)
    torch.testing.assert_close(expected(parts.train).double(), p)
    assert torch.equal(expected(found), found.all().x)


def test_what_is_not_observed_may_be_anything():
    vae, rows = make()
    x, mask = rows.numpy().copy(), rng().random(rows.shape) < 0.6
    x[~mask] = np.nan
    schema = from_arrays(rows.numpy()).schema
    data = Dataset(InMemory(x), schema, mask=InMemory(mask))
    assert len(vae.dataset(data)) == len(rows)
    x[mask.nonzero()[0][0], mask.nonzero()[1][0]] = np.nan
    with pytest.raises(InputError) as error:
        vae.dataset(data)
    assert f"1 of {len(rows)} rows, first in row 0" in error.value.got


def test_a_masked_array_is_rows_with_gaps():
    vae, rows = make()
    mask = rng().random(rows.shape) < 0.6
    hidden = np.where(mask, rows.numpy(), np.nan)
    found = vae.dataset(np.ma.array(hidden, mask=~mask))
    assert torch.equal(found.all().mask, torch.as_tensor(mask))
    meant = from_arrays(hidden, mask=mask)
    assert torch.equal(elbo(vae, np.ma.array(hidden, mask=~mask)).elbo, elbo(vae, meant).elbo)
    assert not torch.equal(elbo(vae, meant).elbo, elbo(vae, np.nan_to_num(hidden)).elbo)
    with pytest.raises(InputError) as error:
        vae.dataset(np.ma.array(hidden, mask=True))
    assert (error.value.argument, error.value.got) == ("x", "none")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.uint8, torch.int64])
def test_gaps_are_filled_so_that_each_element_is_distributed_as_it_was_observed(dtype):
    n = 400
    rows = (100 * torch.rand(n, 2, 3)).to(dtype)
    mask = torch.rand(n, 2, 3) < torch.tensor([[0.9, 0.5, 0.1], [1.0, 1.0, 0.5]])
    mask[:, 1, 0] = False
    holes = torch.where(mask, rows, -1 if dtype.is_signed else 255)
    found = filled(holes, mask)
    assert (found.dtype, found.shape) == (dtype, rows.shape)
    assert torch.equal(found[mask], rows[mask])
    assert (found[:, 1, 0] == 0).all()  # of which nothing is known
    for element in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)]:
        observed, own = (
            part.double().sort().values for part in (rows[:, *element][mask[:, *element]], found[:, *element])
        )
        share = torch.linspace(0, 1, 9, dtype=torch.float64)
        between = observed.diff().max()  # quantiles lie between the same observed values, give or take one
        assert ((own.quantile(share) - observed.quantile(share)).abs() <= 2 * between).all()
        assert set(own.tolist()) <= set(observed.tolist())
        assert (own.mean() - observed.mean()).abs() < observed.std() / len(observed)
    half = found[: n // 2, 0, 2].double()  # 9 of 10 are filled, in no order
    assert (half.mean() - found[:, 0, 2].double().mean()).abs() < 5 * half.std() / (n // 2) ** 0.5


def test_a_table_of_other_columns_is_refused():
    vae, rows = make("columns")
    schema = table().schema
    for columns in (schema.columns[::-1], (*schema.columns[:3], Column("d", "real"))):
        other = Dataset(InMemory(rows.numpy()), replace(schema, columns=columns))
        with pytest.raises(InputError) as error:
            vae.dataset(other)
        assert error.value.argument == "x"
        assert "a, b, c, d" in error.value.expected


def test_numbers_that_the_model_s_type_cannot_hold_are_refused():
    vae, rows = make()
    rows[2, 1] = 1e200
    assert len(vae.dataset(rows)) == len(rows)  # in float64
    with pytest.raises(InputError) as error:
        vae.float().dataset(rows)
    assert f"1 of {len(rows)} rows, first in row 2" in error.value.got
    assert "float32" in error.value.expected


def test_of_rows_that_training_transforms_the_first_is_checked():
    parts = split(grey(), DataOptions(binarize="dynamic"))
    other = build(rng().integers(0, 2, (20, 4)), ModelOptions(latent=2, width=8, depth=1))
    with pytest.raises(InputError) as error:
        fit(other, parts, epochs=1)
    assert error.value.argument == "train"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda vae: vae.half(), "float16"),
        (lambda vae: vae.decoder.bfloat16(), "bfloat16"),
        (lambda vae: vae.to("meta"), "meta"),
        (lambda vae: vae.encoder.to("meta"), "meta"),
        (lambda vae: vae.encoder.inputs.offset.fill_(torch.nan), "encoder.inputs.offset"),
        (lambda vae: vae.decoder.network.requires_grad_(False).inner.layers[0].weight.fill_(torch.inf), "decoder."),
    ],
)
def test_models_that_cannot_be_computed_with_are_refused(change, words):
    vae, rows = make()
    change(vae)
    for call in (check_weights, lambda model: model.dataset(rows), lambda model: model.sample(2)):
        with pytest.raises(InputError) as error:
            call(vae)
        assert error.value.argument == "model"
        assert words in error.value.got
    with pytest.raises(InputError):
        check_weights(torch.nn.Identity())


@pytest.mark.parametrize("takes", [True, False])
def test_a_context_is_needed_or_refused_as_the_model_was_built(takes):
    n = 3
    model = LinearLadder() if takes else LinearGaussian(dim=5, latent=2, sigma=0.5).vae("full")
    x, context = rng().normal(size=(n, 5)), np.zeros((n, 2))
    right = from_arrays(x, context=context) if takes else from_arrays(x)
    wrong = from_arrays(x) if takes else from_arrays(x, context=context)
    assert len(model.dataset(right)) == n
    with pytest.raises(InputError) as error:
        model.dataset(wrong)
    assert "context" in error.value.expected


def test_a_table_of_another_schema_is_refused():
    vae, rows = make("columns")
    bad = rows.clone()
    bad[4, 1] = 7  # there are three categories
    with pytest.raises(InputError):
        vae.dataset(bad)
    assert len(vae.dataset(table())) == 30


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_a_table_in_memory_is_read_as_the_model_takes_it():
    source = read(arrow())
    vae = build(source, ModelOptions(latent=2, width=8, depth=1))
    rows = arrow().select(arrow().column_names[::-1])
    assert torch.equal(elbo(vae, rows).elbo, elbo(vae, source.dataset).elbo)
    again = build(arrow(), ModelOptions(latent=2, width=8, depth=1))
    assert torch.equal(elbo(again, rows).elbo, elbo(vae, rows).elbo)
    fit(vae, arrow(), arrow(), epochs=1, compile="off", precision="float32")


def test_a_table_is_refused_by_a_model_of_none_and_by_one_that_does_not_know_its_columns():
    vae, _ = make("gaussian")
    error = refused(vae.embed, arrow())
    assert (error.argument, error.remedy) == ("x", "give its numbers alone as an array")
    own = build(
        read(arrow()),
        ModelOptions(latent=2),
        networks=lambda ends: default_networks(ModelOptions(width=8, depth=1, network="mlp"))(ends),
    )
    assert "schema=" in refused(own.embed, arrow()).remedy
