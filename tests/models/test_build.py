import dataclasses
import itertools
import json
import math
from typing import get_args

import numpy as np
import pytest
import torch

import variate
from examples import rng, table
from refusals import refused
from small_models import DATA, make
from variate import (
    Batch,
    DataOptions,
    InputError,
    ModelOptions,
    Recipe,
    Schema,
    TrainingOptions,
    build,
    from_arrays,
    likelihoods,
    split,
)
from variate.config.defaults import choose
from variate.config.parts import (
    LIKELIHOODS,
    NETWORKS,
    POSTERIORS,
    PRIORS,
    LikelihoodName,
    NetworkName,
    PosteriorName,
    PriorName,
    load_part,
)
from variate.config.recipe import ActivationName
from variate.data.dataset import Dataset
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.distributions import DiagonalGaussian, FullGaussian, IsotropicGaussian
from variate.models import posteriors, priors
from variate.models.build import composed, fit_scaling, from_recipe, outline, training_bytes
from variate.networks import ACTIVATIONS, MLP, ColumnInputs, ConvDecoder, ConvEncoder, PlainMLP, Standardize
from variate.runtime import memory, tensor_files

SMALL = ModelOptions(latent=2, width=8, depth=1, components=3)


def reals(n=30):
    return 3 + 2 * rng().normal(size=(n, 4))


def pixels(n=30, side=5):
    return rng().integers(0, 256, (n, 1, side, side), dtype=np.uint8)


def test_every_name_of_the_recipe_has_its_object():
    assert LIKELIHOODS.keys() == set(get_args(LikelihoodName)) - {"auto"}
    assert POSTERIORS.keys() == set(get_args(PosteriorName))
    assert PRIORS.keys() == set(get_args(PriorName))
    assert NETWORKS.keys() == set(get_args(NetworkName)) - {"auto"}
    assert ACTIVATIONS.keys() == set(get_args(ActivationName))
    paths = [*(part.path for part in (*LIKELIHOODS.values(), *NETWORKS.values())), *POSTERIORS.values()]
    assert all(callable(load_part(path)) for path in (*paths, *PRIORS.values()))


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("bernoulli", lambda: rng().integers(0, 2, (30, 4)), likelihoods.Bernoulli),
        ("quantized-gaussian", pixels, likelihoods.QuantizedGaussian),
        ("discretized-logistic", pixels, likelihoods.DiscretizedLogistic),
        ("categorical", pixels, likelihoods.Categorical),
        ("gaussian", reals, likelihoods.Gaussian),
        ("student-t", reals, likelihoods.StudentT),
        ("poisson", lambda: rng().poisson(4, (30, 4)), likelihoods.Poisson),
        ("negative-binomial", lambda: rng().poisson(4, (30, 4)), likelihoods.NegativeBinomial),
        ("columns", table, likelihoods.Columns),
    ],
)
def test_names_become_likelihoods(name, data, kind):
    vae = build(data(), dataclasses.replace(SMALL, likelihood=name))
    assert type(vae.likelihood) is kind
    assert vae.likelihood is vae.decoder.likelihood
    assert vae.recipe.model.likelihood == name
    assert vae.sample(2, seed=0).shape == (2, *vae.event_shape)


@pytest.mark.parametrize(("posterior", "prior"), list(itertools.product(get_args(PosteriorName), get_args(PriorName))))
def test_names_become_posteriors_and_priors(posterior, prior):
    vae = build(reals(), dataclasses.replace(SMALL, posterior=posterior, prior=prior))
    kinds = {"isotropic": IsotropicGaussian, "diagonal": DiagonalGaussian, "full": FullGaussian}
    assert type(vae.encode(Batch(torch.zeros(1, 4)))) is kinds[posterior]
    assert isinstance(vae.encoder.family, posteriors.PosteriorFamily)
    assert type(vae.latent_prior) is {"normal": priors.Normal, "mixture": priors.Mixture, "vamp": priors.Vamp}[prior]
    assert vae.prior(0, vae.start(None, (1, 1))).from_noise(
        torch.randn(1, 3, *vae.groups[0].prior_noise_shape)
    ).shape == (1, 3, 2)
    assert vae.groups[0].shape == vae.groups[0].noise_shape == (2,)
    assert vae.latent == vae.num_latents == 2


def test_names_become_networks():
    mlp = build(pixels(), dataclasses.replace(SMALL, network="mlp"))
    assert isinstance(mlp.encoder.network.inner, MLP)
    plain = build(pixels(), dataclasses.replace(SMALL, network="plain"))
    assert isinstance(plain.encoder.network.inner, PlainMLP)
    assert isinstance(plain.decoder.network.inner, PlainMLP)
    conv = build(pixels(), dataclasses.replace(SMALL, network="conv"))
    assert isinstance(conv.encoder.network.inner, ConvEncoder)
    assert isinstance(conv.decoder.network.inner, ConvDecoder)
    assert isinstance(conv.encoder.inputs, Standardize)
    assert isinstance(build(table(), SMALL).encoder.inputs, ColumnInputs)


@pytest.mark.parametrize("network", sorted(NETWORKS))
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_activation_is_all_that_its_name_changes(name, network):
    silu, vae = (
        build(pixels(), dataclasses.replace(SMALL, network=network, depth=2, activation=a)) for a in ("silu", name)
    )
    for key, tensor in silu.state_dict().items():
        assert torch.equal(tensor, vae.state_dict()[key]), key
    for ours, theirs in ((vae.encoder, silu.encoder), (vae.decoder, silu.decoder)):
        found, usual = (
            [type(m) for m in n.network.modules() if m.__module__.endswith("activation")] for n in (ours, theirs)
        )
        assert found == [ACTIVATIONS[name]] * len(usual)
        assert len(usual) >= 2


def test_the_autoencoder_of_burda_et_al_is_what_its_options_give():
    """784 -> 200 -> 200 -> (50 means, 50 log-scales), and 50 -> 200 -> 200 -> 784, tanh between."""
    options = ModelOptions(latent=50, network="plain", width=200, depth=2, activation="tanh")
    torch.set_default_dtype(torch.float32)
    vae = build(Schema("binary", (1, 28, 28), levels=256), options)
    shapes = [tuple(p.shape) for p in vae.parameters()]
    there = [(200, 784), (200,), (200, 200), (200,), (100, 200), (100,)]
    back = [(200, 50), (200,), (200, 200), (200,), (784, 200), (784,)]
    assert shapes == there + back
    x = torch.randint(0, 2, (3, 1, 28, 28), dtype=torch.uint8)
    (w0, b0, w1, b1, w2, b2), (v0, c0, v1, c1, v2, c2) = (list(m.parameters()) for m in (vae.encoder, vae.decoder))
    h = torch.tanh(torch.tanh(x.flatten(1).float() @ w0.T + b0) @ w1.T + b1) @ w2.T + b2
    q_z = vae.encode(Batch(x))
    torch.testing.assert_close(q_z.mean, h[:, :50])
    log_scale = 10 * torch.tanh(h[:, 50:] / 10)  # the one difference: bounded, and the identity near 0
    torch.testing.assert_close(q_z.variance.sqrt(), log_scale.exp())
    logits = torch.tanh(torch.tanh(q_z.mean @ v0.T + c0) @ v1.T + c1) @ v2.T + c2
    found = vae.decode((q_z.mean.unsqueeze(0),)).mean.squeeze(0)
    torch.testing.assert_close(found, logits.sigmoid().reshape(3, 1, 28, 28))
    assert vae.prior(0, vae.start(None, (1, 1))).is_standard


def test_a_file_of_before_there_were_activations_still_loads(tmp_path):
    vae = build(reals(), SMALL)
    recipe = json.loads(vae.recipe.to_json())
    del recipe["model"]["activation"], recipe["training"]["schedule"]
    path = tmp_path / "old.safetensors"
    tensor_files.write_tensors(path, vae.state_dict(), {"format": "1", "recipe": json.dumps(recipe)})
    again = variate.load(path)
    assert again.recipe == vae.recipe
    x = torch.as_tensor(reals())
    assert torch.equal(again.embed(x).mean, vae.embed(x).mean)
    assert torch.equal(again.reconstruct(x), vae.reconstruct(x))


@pytest.mark.parametrize("scale", ["fixed", "shared", "dimension", "conditional"])
@pytest.mark.parametrize("name", ["gaussian", "student-t", "quantized-gaussian", "discretized-logistic"])
def test_scale_and_sigma_reach_the_likelihood(name, scale):
    sigma = 2.5 if scale == "fixed" else None
    data = reals() if name in ("gaussian", "student-t") else pixels()
    vae = build(data, dataclasses.replace(SMALL, likelihood=name, scale=scale, sigma=sigma))
    if scale == "fixed":
        # sigma is a standard deviation in the data's units, but for Student's t, whose scale it is: df starts at 10.
        factor = math.sqrt(10 / 8) if name == "student-t" else 1
        p_x = vae.decode((torch.zeros(1, 1, 2),))
        drawn = p_x.sample((20_000,), torch.Generator().manual_seed(1)).double().std(0).squeeze(0)
        if name in ("gaussian", "student-t"):
            torch.testing.assert_close(drawn, torch.full_like(drawn, 2.5 * factor), rtol=0.05, atol=0)
        else:  # rounding to grey levels adds the 1/12 of a uniform bin
            torch.testing.assert_close(drawn, torch.full_like(drawn, math.sqrt(2.5**2 + 1 / 12)), rtol=0.05, atol=0)
    trained = sum(p.numel() for p in vae.decoder.likelihood.scale.parameters())
    events = np.prod(vae.event_shape)
    assert trained == {"fixed": 0, "shared": 1, "dimension": events, "conditional": 0}[scale]


def test_building_leaves_the_generator_alone_and_the_seed_says_the_weights():
    before = torch.get_rng_state()
    models = [build(reals(), SMALL, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (m.encoder.network.inner.layers[0].weight for m in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_scalings_are_those_of_the_rows():
    rows = torch.as_tensor(reals())
    vae = build(rows.numpy(), SMALL)
    torch.testing.assert_close(vae.encoder.inputs.offset, rows.mean(0))
    torch.testing.assert_close(vae.decoder.likelihood.offset, rows.mean(0))
    torch.testing.assert_close(vae.decoder.likelihood.unit, rows.std(0, correction=0))
    untouched = build(Schema("real", (4,)), SMALL)
    assert (untouched.encoder.inputs.offset == 0).all()


def test_rows_splits_arrays_and_schemas_build_the_same_model():
    array = reals()
    rows = from_arrays(array)
    parts = split(rows)
    shapes = {name: p.shape for name, p in build(array, SMALL).state_dict().items()}
    for data in (rows, Source(rows), parts, rows.schema, torch.as_tensor(array)):
        vae = build(data, SMALL)
        assert {name: p.shape for name, p in vae.state_dict().items()} == shapes
        assert vae.recipe.schema == rows.schema
    expected = parts.train.all().x.double().mean(0)
    torch.testing.assert_close(build(parts, SMALL).encoder.inputs.offset, expected)


def test_scaling_of_grey_rows_whose_bits_are_drawn_anew_is_that_of_bits():
    grey = from_arrays(rng().integers(0, 256, (400, 1, 6, 5), dtype=np.uint8))
    parts = split(grey, DataOptions(binarize="dynamic"))
    vae = build(parts, SMALL)
    assert parts.train.transforms
    assert vae.recipe.schema.kind == "binary"
    p = parts.train.all().x / 255
    torch.testing.assert_close(vae.encoder.inputs.offset, p.mean(0))
    bits = (torch.rand(p.shape) < p).to(torch.uint8)
    assert 0.5 < vae.encoder.inputs(bits).std() < 2
    torch.testing.assert_close(vae.likelihood.mean_logit.sigmoid(), p.mean(0), atol=0.01, rtol=0)


@pytest.mark.parametrize("likelihood", DATA)
def test_scalings_are_those_of_what_is_observed(likelihood):
    # Every element of every row is observed once, in the row or in its copy: its values are those of the whole rows.
    data = DATA[likelihood]()
    whole = data if isinstance(data, Dataset) else from_arrays(data)
    seen = rng().random(whole.x.all().shape) < 0.5
    rows, mask = np.concatenate([whole.x.all()] * 2), np.concatenate([seen, ~seen])
    options = dataclasses.replace(SMALL, likelihood=likelihood)
    plain, gaps, zeros = (
        dict(build(Dataset(InMemory(x), whole.schema, mask=observed), options).named_buffers())
        for x, observed in (
            (rows, None),
            (np.where(mask, rows, rows.max()), InMemory(mask)),
            (np.where(mask, rows, 0), None),
        )
    )
    for name, buffer in plain.items():
        torch.testing.assert_close(gaps[name], buffer, rtol=1e-12, atol=0)
    assert any(not torch.equal(zeros[name], buffer) for name, buffer in plain.items())


def test_masked_rows_build_what_a_mask_beside_them_builds():
    rows, gaps = reals(), rng().random((30, 4)) < 0.3
    found, meant = build(np.ma.array(rows, mask=gaps), SMALL), build(from_arrays(rows, mask=~gaps), SMALL)
    assert all(torch.equal(a, b) for a, b in zip(found.state_dict().values(), meant.state_dict().values(), strict=True))
    assert not torch.equal(found.likelihood.offset, build(rows, SMALL).likelihood.offset)


def test_numbers_whose_spread_no_float_holds_are_refused():
    rows = reals()
    rows[3, 1] = 1e200
    with pytest.raises(InputError) as error:
        build(rows, SMALL)
    assert error.value.argument == "data"
    vae = build(reals(), SMALL)
    with pytest.raises(InputError) as error:
        fit_scaling(vae.float(), from_arrays(rows))
    assert error.value.argument == "data"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_are_not_built(dtype):
    torch.set_default_dtype(dtype)  # the fixture sets it back
    with pytest.raises(InputError) as error:
        build(reals(), SMALL)
    assert str(dtype).endswith(error.value.got)


def test_a_model_built_in_inference_mode_can_be_trained():
    with torch.inference_mode():
        vae = build(reals(), SMALL)
    assert not any(tensor.is_inference() for tensor in (*vae.parameters(), *vae.buffers()))


def test_scaling_needs_rows_of_the_model():
    vae = build(reals(), SMALL)
    for rows in (rng().normal(size=(5, 3)), rng().integers(0, 2, (5, 4))):
        with pytest.raises(InputError) as error:
            fit_scaling(vae, from_arrays(rows))
        assert error.value.argument in ("data", "x")


@pytest.mark.parametrize(
    ("options", "argument", "got"),
    [
        ({"latent": 0}, "latent", "0"),
        ({"width": 0}, "width", "0"),
        ({"depth": -1}, "depth", "-1"),
        ({"prior": "vamp", "components": 0}, "components", "0"),
        ({"likelihood": "columns"}, "likelihood", "columns"),
        ({"likelihood": "quantized-gaussian"}, "levels", "0"),
        ({"network": "conv"}, "network", "conv"),
        ({"scale": "fixed"}, "sigma", "None"),
        ({"sigma": 1.0}, "sigma", "1.0"),
        ({"scale": "fixed", "sigma": -1.0}, "sigma", "-1.0"),
    ],
)
def test_what_does_not_go_together_is_refused(options, argument, got):
    with pytest.raises(InputError) as error:
        build(reals(), dataclasses.replace(SMALL, **options))
    assert error.value.argument == argument
    assert got in error.value.got


def test_a_table_has_no_optimal_scale():
    with pytest.raises(InputError) as error:
        build(table(), dataclasses.replace(SMALL, scale="optimal"))
    assert (error.value.argument, error.value.got) == ("scale", "'optimal'")


@pytest.mark.parametrize("option", ["likelihood", "posterior", "prior", "network", "activation"])
def test_unknown_names_are_refused_with_the_nearest(option):
    name = getattr(dataclasses.replace(SMALL, likelihood="gaussian", network="mlp"), option)
    with pytest.raises(InputError) as error:
        dataclasses.replace(SMALL, **{option: name[:-1] + "x"})
    assert error.value.argument == option
    assert name in error.value.expected
    assert name in error.value.remedy


@pytest.mark.parametrize(
    ("model", "argument", "got"),
    [
        (SMALL, "likelihood", "'auto'"),
        (ModelOptions(2, likelihood="gaussian", network="mlp"), "width", "None"),
        (ModelOptions(2, likelihood="gaussian", width=8, depth=1), "network", "'auto'"),
        (ModelOptions(likelihood="gaussian", network="mlp", width=8, depth=1), "latent", "None"),
    ],
)
def test_a_recipe_with_open_options_is_refused(model, argument, got):
    with pytest.raises(InputError) as error:
        from_recipe(Recipe(Schema("real", (4,)), model=model))
    assert (error.value.argument, error.value.got) == (argument, got)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros((0, 3)), "0"),
        (np.array([[1.0, np.inf]] * 5), "infinity"),
        (np.zeros((5, 8, 6, 3), dtype=np.uint8), "(5, 8, 6, 3)"),
        (np.array([["a", "b"]] * 5), ""),
    ],
)
def test_data_that_cannot_be_used_are_refused(data, words):
    with pytest.raises(InputError) as error:
        build(data, SMALL)
    assert error.value.argument == "data"
    assert words in error.value.got


def test_public_names_reach_the_same_functions():
    assert variate.build is build


def test_networks_of_ones_own(tmp_path):
    def networks(ends):
        encoding = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(math.prod(ends.inputs), ends.posterior))
        decoding = torch.nn.Sequential(
            torch.nn.Linear(ends.latent, math.prod(ends.likelihood)), torch.nn.Unflatten(1, ends.likelihood)
        )
        return encoding, decoding

    data = pixels()
    vae = build(data, SMALL, networks=networks)
    assert isinstance(vae.encoder.network.inner, torch.nn.Sequential)
    assert variate.elbo(vae, torch.from_numpy(data)).elbo.shape == (len(data),)
    vae.save(tmp_path / "own.safetensors")
    with pytest.raises(InputError) as error:
        variate.load(tmp_path / "own.safetensors")
    assert "into" in error.value.remedy
    again = variate.load(tmp_path / "own.safetensors", into=build(data, SMALL, networks=networks, seed=9))
    for name, tensor in vae.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def complete(schema, **options):
    """A complete recipe."""
    return choose(schema, 10_000, model=ModelOptions(**options)).recipe


ALL = list(itertools.product(get_args(LikelihoodName)[1:], get_args(PosteriorName), get_args(PriorName)))


@pytest.mark.parametrize(("likelihood", "posterior", "prior"), ALL)
def test_an_outline_has_the_names_shapes_and_types_of_the_model(likelihood, posterior, prior):
    vae, _ = make(likelihood, posterior=posterior, prior=prior)
    found, expected = outline(vae.recipe).state_dict(), vae.state_dict()
    assert {tensor.device.type for tensor in found.values()} == {"meta"}
    assert [(n, t.shape, t.dtype) for n, t in found.items()] == [(n, t.shape, t.dtype) for n, t in expected.items()]


@pytest.mark.parametrize("network", sorted(NETWORKS))
@pytest.mark.parametrize("scale", ["shared", "dimension", "conditional"])
def test_an_outline_of_every_network_and_scale(network, scale):
    vae, _ = make("discretized-logistic", network=network, scale=scale, mixtures=2)
    found, expected = outline(vae.recipe).state_dict(), vae.state_dict()
    assert [(n, t.shape, t.dtype) for n, t in found.items()] == [(n, t.shape, t.dtype) for n, t in expected.items()]


def test_outlining_changes_no_weights():
    recipe = complete(Schema("real", (4,)), latent=2, width=8, depth=2, prior="mixture")
    torch.manual_seed(3)
    plain = composed(recipe).state_dict()
    torch.manual_seed(3)
    assert all(torch.equal(tensor, plain[name]) for name, tensor in from_recipe(recipe).state_dict().items())


@pytest.mark.parametrize("options", [{"largest": 15}, {"calls": 20}])
def test_an_outline_has_limits(options):
    recipe = complete(Schema("real", (4,)), latent=2, width=4, depth=1, prior="normal")
    outline(recipe, largest=16, calls=1_000)
    assert refused(outline, recipe, **options).argument == "the model"


def test_what_training_takes_is_counted():
    torch.set_default_dtype(torch.float32)
    schema, options = Schema("real", (4,)), {"latent": 3, "width": 10, "depth": 1, "scale": "shared"}
    weights = (4 * 10 + 10) + (10 * 6 + 6) + (3 * 10 + 10) + (10 * 4 + 4) + 1
    scalings = 4 * (4 + 4) + 8 * (4 + 4)  # of inputs in float32, of the likelihood in float64
    recipe = complete(schema, **options)
    cpu, averaging = TrainingOptions(device="cpu"), {"ema": 0.0}
    for training, copies in ((cpu, 7), (dataclasses.replace(cpu, **averaging), 6), (TrainingOptions(device="cuda"), 1)):
        assert training_bytes(dataclasses.replace(recipe, training=training)) == copies * (4 * weights + scalings)


ABSURD = {
    "width": ModelOptions(latent=2, width=2**16, depth=8),
    "latent": ModelOptions(latent=2**16, width=2**16, depth=1, posterior="full"),
    "components": ModelOptions(latent=2**16, width=1, depth=1, components=2**16, prior="mixture"),
}


@pytest.mark.parametrize("option", ABSURD)
def test_models_that_cannot_be_trained_are_refused_before_memory_is_taken(option, monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: 8 * memory.GIB)
    error = refused(build, Schema("real", (4,)), ABSURD[option])
    assert (error.argument, option in error.remedy) == ("the model", True)
    assert "8.0 GiB" in error.expected
    assert "components" not in refused(build, Schema("real", (4,)), ABSURD["width"]).remedy


def test_a_model_that_fits_is_built(monkeypatch):
    recipe = complete(Schema("real", (4,)), latent=2, width=8, depth=1)
    monkeypatch.setattr(memory, "tightest", lambda: memory.MemoryLimit(training_bytes(recipe), "of a test"))
    assert from_recipe(recipe).recipe == recipe
    monkeypatch.setattr(memory, "tightest", lambda: memory.MemoryLimit(training_bytes(recipe) - 1, "of a test"))
    assert refused(from_recipe, recipe).argument == "the model"


def test_a_shortage_while_building_is_a_sentence(monkeypatch):
    def short(_recipe, _networks):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000000 bytes.")

    recipe = complete(Schema("real", (4,)), latent=2, width=8, depth=1)
    monkeypatch.setattr("variate.models.build.training_bytes", lambda _recipe: 0)
    monkeypatch.setattr("variate.models.build.composed", short)
    assert refused(from_recipe, recipe).argument == "the model"
