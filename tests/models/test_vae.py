import itertools
import json
import os
import pickle
from typing import get_args

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from examples import rng, table
from oracles import LinearGaussian
from variate import (
    VAE,
    Decoder,
    Encoder,
    InputError,
    ModelOptions,
    build,
    elbo,
    files,
    likelihoods,
    load,
    posteriors,
    priors,
)
from variate.config.recipe import FORMAT, Posterior, Prior
from variate.data import Rows
from variate.models.vae import evaluating
from variate.networks import MLP, Standardize

DATA = {
    "bernoulli": lambda: rng().integers(0, 2, (20, 4), dtype=np.uint8),
    "quantized-gaussian": lambda: rng().integers(0, 256, (20, 1, 6, 5), dtype=np.uint8),
    "discretized-logistic": lambda: rng().integers(0, 256, (20, 3, 6, 5), dtype=np.uint8),
    "categorical": lambda: rng().integers(0, 256, (20, 1, 6, 5), dtype=np.uint8),
    "gaussian": lambda: rng().normal(size=(20, 4)),
    "student-t": lambda: rng().normal(size=(20, 4)),
    "poisson": lambda: rng().poisson(4, (20, 4)),
    "negative-binomial": lambda: rng().poisson(4, (20, 4)),
    "columns": table,
}


def make(likelihood="gaussian", **options):
    """A model with weights that say something, and the rows that it was built for."""
    data = DATA[likelihood]()
    options = {"latent": 2, "width": 8, "depth": 1, "components": 3, "likelihood": likelihood, **options}
    vae = build(data, ModelOptions(**options))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return vae, torch.as_tensor(data.values if isinstance(data, Rows) else data)


@pytest.mark.parametrize("family", ["full", "diagonal", "isotropic"])
@pytest.mark.parametrize("batch_size", [1, 3, 20, 1024])
def test_embedding_is_the_posterior_in_the_order_of_the_rows(family, batch_size):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae(family), model.draw(20)
    found = vae.embed(x, batch_size=batch_size)
    gain = torch.linalg.solve(model.M, model.W.T)
    torch.testing.assert_close(found.mean, (x - model.mu) @ gain.T)
    if family == "full":
        torch.testing.assert_close(found.std, model.S.diagonal().sqrt().expand(20, 3))
    assert torch.equal(vae.embed(x, batch_size=batch_size).mean, found.mean)
    assert not found.mean.requires_grad


@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_reconstruction_is_the_mean_at_the_posterior_mean(batch_size):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("diagonal"), model.draw(20)
    gain = torch.linalg.solve(model.M, model.W.T)
    expected = (x - model.mu) @ gain.T @ model.W.T + model.mu
    torch.testing.assert_close(vae.reconstruct(x, batch_size=batch_size), expected)


def test_samples_have_the_moments_of_the_evidence():
    model, n = LinearGaussian(dim=4, latent=2, sigma=0.5), 20_000
    x = model.vae("full").sample(n, seed=1)
    covariance = model.W @ model.W.T + model.sigma**2 * torch.eye(4)
    assert ((x.mean(0) - model.mu).abs() <= 4 * (covariance.diagonal() / n).sqrt()).all()
    residual = x - model.mu
    products = residual.unsqueeze(-1) * residual.unsqueeze(-2)
    assert ((products.mean(0) - covariance).abs() <= 4 * products.std(0) / n**0.5).all()


def test_temperature_scales_the_spread_of_the_latents():
    model, n = LinearGaussian(dim=4, latent=2, sigma=0.5), 20_000
    x = model.vae("full").sample(n, temperature=0.5, mean=True, seed=1)
    covariance = 0.25 * model.W @ model.W.T
    residual = x - model.mu
    products = residual.unsqueeze(-1) * residual.unsqueeze(-2)
    assert ((products.mean(0) - covariance).abs() <= 4 * products.std(0) / n**0.5).all()


@pytest.mark.parametrize("prior", get_args(Prior))
def test_temperature_zero_leaves_only_the_means_of_the_prior(prior):
    vae, _ = make(prior=prior)
    x = vae.sample(50, temperature=0.0, mean=True, seed=1)
    p_z = vae.prior
    centres = p_z.mean.unsqueeze(0) if prior == "normal" else p_z.component_distribution.mean
    with torch.no_grad():
        allowed = vae.likelihood(centres).mean
    assert torch.cdist(x, allowed).min(1).values.max() < 1e-6
    assert len(x.unique(dim=0)) <= len(allowed)


@pytest.mark.parametrize("mean", [True, False])
def test_seed_says_the_samples_and_the_generator_is_left_alone(mean):
    vae, _ = make()
    before = torch.get_rng_state()
    first, again, other = (vae.sample(5, mean=mean, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    unseeded = vae.sample(5, mean=mean)
    assert not torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(unseeded, vae.sample(5, mean=mean))


def test_means_of_samples_do_not_depend_on_the_batch_size():
    vae, _ = make()
    torch.testing.assert_close(vae.sample(20, mean=True, seed=1, batch_size=3), vae.sample(20, mean=True, seed=1))


@pytest.mark.parametrize("likelihood", DATA)
def test_samples_are_rows_that_the_model_takes(likelihood):
    vae, rows = make(likelihood)
    x = vae.sample(9, seed=1, batch_size=4)
    assert x.shape == (9, *rows.shape[1:])
    assert torch.equal(vae.rows(x), x)
    assert vae.reconstruct(rows).shape == rows.shape
    with torch.no_grad():
        assert elbo(vae, x).elbo.isfinite().all()


@pytest.mark.parametrize(
    "arguments", [{"n": 0}, {"n": -1}, {"n": 2, "temperature": -0.1}, {"n": 2, "temperature": float("nan")}]
)
def test_impossible_samples_are_refused(arguments):
    vae, _ = make()
    with pytest.raises(InputError, match=r"n must be|temperature must"):
        vae.sample(**arguments)


def test_modes_are_put_back_and_dropout_is_off():
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("full"), model.draw(20)
    vae.encoder.network.inner = nn.Sequential(vae.encoder.network.inner, nn.Dropout(0.9))
    vae.train()
    first = vae.embed(x)
    assert vae.training
    assert vae.encoder.network.inner[1].training
    assert torch.equal(first.mean, vae.embed(x).mean)
    vae.eval()
    vae.embed(x)
    assert not vae.training
    vae.train()

    def fail():
        with evaluating(vae):
            assert not vae.training
            assert not torch.is_grad_enabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert vae.training
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("likelihood", DATA)
def test_bfloat16_networks_give_float32_densities(likelihood):
    vae, rows = make(likelihood)
    vae = vae.float()
    exact = elbo_of(vae, rows)
    vae.set_precision(torch.bfloat16)
    z = torch.zeros(3, 2, dtype=torch.float32)
    found = elbo_of(vae, rows)
    for term in found:
        assert term.dtype in (torch.float32, torch.float64)
    assert vae.posterior(rows).mean.dtype == torch.float32
    assert vae.likelihood(z).log_prob(rows[:3]).dtype in (torch.float32, torch.float64)
    assert any(not torch.equal(a, b) for a, b in zip(exact, found, strict=True))  # it did run in bfloat16
    torch.testing.assert_close(found.elbo, exact.elbo, rtol=0.1, atol=1.0)
    vae.set_precision(None)
    assert all(torch.equal(a, b) for a, b in zip(exact, elbo_of(vae, rows), strict=True))


def elbo_of(vae, rows):
    torch.manual_seed(1)
    with torch.no_grad():
        return elbo(vae, rows)


def test_bfloat16_runs_the_layers_in_bfloat16():
    vae, rows = make()
    vae = vae.float()
    seen = []
    layer = vae.encoder.network.inner.layers[0]
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    vae.set_precision(torch.bfloat16)
    vae.embed(rows)
    assert seen == [torch.bfloat16]


def test_draws_have_any_batch_shape():
    vae, _ = make()
    z = torch.randn(3, 5, 2)
    flat = vae.likelihood(z.reshape(15, 2)).mean
    torch.testing.assert_close(vae.likelihood(z).mean, flat.reshape(3, 5, 4))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((3, 5)), r"shape \(N, 4\), got \(3, 5\)"),
        (np.zeros(4), r"shape \(N, 4\), got \(4,\)"),
        (np.zeros((2, 2, 4)), r"shape \(N, 4\)"),
        (np.array([[0.0] * 4, [0, np.nan, 0, 0], [np.inf] * 4]), "NaN or Inf in 2 rows, the first at index 1"),
        (np.zeros((3, 4), dtype=np.int64), "gaussian is a density of real numbers"),
        (np.array([["a"] * 4]), "numbers"),
        (np.array([[None] * 4]), "numbers"),
    ],
)
def test_rows_of_another_kind_are_refused(x, words):
    vae, _ = make()
    for method in (vae.rows, vae.embed, vae.reconstruct):
        with pytest.raises(InputError, match=words):
            method(x)


@pytest.mark.parametrize("likelihood", ["bernoulli", "quantized-gaussian", "negative-binomial", "columns"])
def test_rows_that_the_likelihood_is_none_of_are_refused(likelihood):
    vae, rows = make(likelihood)
    with pytest.raises(InputError, match="x holds"):
        vae.rows(rows.double() + 0.5)


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
        expected = vae.posterior(torch.as_tensor(plain)).mean
    torch.testing.assert_close(vae.embed(x).mean, expected)


def test_bits_may_be_booleans():
    vae, rows = make("bernoulli")
    assert torch.equal(vae.embed(rows.numpy().astype(bool)).mean, vae.embed(rows).mean)
    assert torch.equal(vae.embed(rows.bool()).mean, vae.embed(rows).mean)


def test_no_rows_have_no_embedding():
    vae, _ = make()
    assert vae.embed(np.zeros((0, 4))).mean.shape == (0, 2)
    assert vae.reconstruct(np.zeros((0, 4))).shape == (0, 4)


COMBINATIONS = list(itertools.product(DATA, get_args(Posterior), get_args(Prior)))


@pytest.mark.parametrize(("likelihood", "posterior", "prior"), COMBINATIONS)
def test_saved_model_comes_back_bit_for_bit(tmp_path, likelihood, posterior, prior):
    vae, rows = make(likelihood, posterior=posterior, prior=prior)
    path = tmp_path / "model.safetensors"
    vae.save(path)
    twin = load(path)
    same_state(vae, twin)
    assert twin.recipe == vae.recipe
    assert not twin.training
    for found, expected in zip(elbo_of(twin, rows), elbo_of(vae.eval(), rows), strict=True):
        assert torch.equal(found, expected)
    assert torch.equal(twin.sample(3, seed=1), vae.sample(3, seed=1))


def same_state(one, other):
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype, name
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("scale", ["fixed", "shared", "dimension", "conditional"])
def test_every_network_and_scale_comes_back(tmp_path, network, scale):
    sigma = 3.0 if scale == "fixed" else None
    vae, rows = make("discretized-logistic", network=network, scale=scale, sigma=sigma, mixtures=2)
    vae.save(tmp_path / "model.safetensors")
    twin = load(tmp_path)  # a directory that holds it
    same_state(vae, twin)
    assert torch.equal(elbo_of(twin, rows).elbo, elbo_of(vae, rows).elbo)


def test_optimal_scale_comes_back(tmp_path):
    vae, rows = make("gaussian", scale="optimal")
    vae.decoder.likelihood.freeze(torch.tensor(0.3))
    vae.save(tmp_path / "m.safetensors")
    twin = load(tmp_path / "m.safetensors")
    assert torch.equal(elbo_of(twin, rows).elbo, elbo_of(vae.eval(), rows).elbo)


def test_loading_leaves_the_generator_alone(tmp_path):
    vae, _ = make()
    vae.save(tmp_path / "m.safetensors")
    before = torch.get_rng_state()
    load(tmp_path / "m.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def rewritten(path, **changes):
    tensors, metadata = files.read_tensors(path)
    files.write_tensors(path, changes.pop("tensors", tensors), {**metadata, **changes})


def saved(tmp_path, **options):
    vae, _ = make(**options)
    path = tmp_path / "model.safetensors"
    vae.save(path)
    return path


def test_newer_formats_are_refused(tmp_path):
    path = saved(tmp_path)
    rewritten(path, format=str(FORMAT + 1))
    with pytest.raises(InputError, match=f"format {FORMAT + 1}, but this variate reads up to {FORMAT}"):
        load(path)


@pytest.mark.parametrize("version", ["", "one", "-1", "1.5"])
def test_files_without_a_version_are_no_models(tmp_path, version):
    path = saved(tmp_path)
    rewritten(path, format=version)
    with pytest.raises(InputError, match="holds no variate model"):
        load(path)


def test_tensors_that_are_no_model_are_refused(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    files.write_tensors(path, {"w": torch.zeros(2)}, {"step": "3"})
    with pytest.raises(InputError, match="holds no variate model"):
        load(path)
    safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="not written by variate"):
        load(path)
    with pytest.raises(InputError, match="no file"):
        load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(news=1),
        lambda r: r["model"].update(likelihood="auto"),
        lambda r: r["model"].update(latent=None),
        lambda r: r["model"].update(posterior="banana"),
        lambda r: r["model"].update(width=9),
        lambda r: r["schema"].update(shape=[5]),
    ],
    ids=["field", "open", "latent", "name", "width", "shape"],
)
def test_recipes_that_do_not_fit_are_refused(tmp_path, change):
    path = saved(tmp_path)
    recipe = json.loads(files.read_tensors(path)[1]["recipe"])
    change(recipe)
    rewritten(path, recipe=json.dumps(recipe))
    with pytest.raises(InputError):
        load(path)


def test_missing_and_surplus_weights_are_refused(tmp_path):
    path = saved(tmp_path)
    tensors, _ = files.read_tensors(path)
    name = next(iter(tensors))
    for changed in ({k: v for k, v in tensors.items() if k != name}, {**tensors, "more": torch.zeros(1)}):
        rewritten(path, tensors=changed)
        with pytest.raises(InputError, match="do not fit the model"):
            load(path)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["BOMB"],))


@pytest.mark.parametrize("write", [lambda b, p: p.write_bytes(pickle.dumps(b)), torch.save], ids=["pickle", "torch"])
def test_loading_never_unpickles(tmp_path, monkeypatch, write):
    monkeypatch.setenv("BOMB", str(tmp_path / "bang"))
    path = tmp_path / "model.safetensors"
    write(Bomb(), path)
    with pytest.raises(InputError, match="no safetensors file"):
        load(path)
    assert not (tmp_path / "bang").exists()


def custom(width=6):
    """A model of one's own networks."""
    family = posteriors.Diagonal(2)
    network = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, family.num_outputs))
    return VAE(
        Encoder(Standardize((4,)), network, family),
        Decoder(MLP((2,), (1, 4), width=width, depth=1), likelihoods.Gaussian((4,))),
        priors.Mixture(2, 3),
    )


def test_custom_networks_are_saved_and_loaded_into_a_model(tmp_path):
    vae, rows = custom(), torch.as_tensor(rng().normal(size=(20, 4)))
    vae.fit_scaling(rows)
    path = tmp_path / "model.safetensors"
    vae.save(path)
    with pytest.raises(InputError, match=r"custom networks: build it and pass it as load\(path, into=vae\)"):
        load(path)
    twin = custom()
    assert load(path, into=twin) is twin
    same_state(vae, twin)
    assert torch.equal(elbo_of(vae, rows).elbo, elbo_of(twin, rows).elbo)
    with pytest.raises(InputError, match="do not fit the model"):
        load(path, into=custom(width=7))


def test_a_save_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    path = saved(tmp_path)
    content = path.read_bytes()
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("disk full")))
    vae, _ = make(latent=3)
    with pytest.raises(OSError, match="disk full"):
        vae.save(path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
