import itertools
import json
import math
import os
import pickle
import random
from pathlib import Path
from typing import get_args

import pyarrow
import pytest
import safetensors.torch
import torch
import zuko
from campaign.campaigns.models import spoiled_model
from torch import nn

from examples import rng
from hostile_models import KINDS, RECIPES, recipe
from oracles import LinearGaussian, LinearLadder
from small_models import DATA, make
from variate import VAE, Batch, Decoder, Encoder, InputError, ModelOptions, build, elbo, likelihoods, load
from variate.config.parts import PosteriorName, PriorName
from variate.config.recipe import FORMAT, Recipe
from variate.config.run_files import MODEL_FILE
from variate.distributions.quantile_map import MOST_KNOTS
from variate.models import load as loading
from variate.models import posteriors, priors
from variate.networks import MLP, Standardize
from variate.objectives import terms
from variate.runs import Run
from variate.runtime import files, tensor_files

OLD = Path(__file__).parent / "data"
"""Models of format 1 as version 0.1.0 wrote them, for digits, and what it computed from them."""


def same_state(one, other):
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype, name
        assert torch.equal(tensor, second[name]), name


def same_elbo(one, other, rows):
    for found, expected in zip(elbo(one, rows, seed=1), elbo(other, rows, seed=1), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("prior", get_args(PriorName))
def test_a_file_of_format_1_gives_what_it_gave(prior):
    torch.set_default_dtype(torch.float32)
    recorded, _ = tensor_files.read_tensors(OLD / "format-1-outputs.safetensors")
    vae, x = load(OLD / f"format-1-{prior}.safetensors"), recorded["x"]

    def same(found, name):
        torch.testing.assert_close(found, recorded[f"{prior}.{name}"], rtol=1e-5, atol=1e-5)

    mean, std = vae.embed(x)
    same(mean, "mean")
    same(std, "std")
    same(vae.reconstruct(x[:2]), "reconstruction")
    with torch.no_grad():
        found = terms(vae.infer(Batch(x), [recorded["noise"]]))
    for name, values in found._asdict().items():
        same(values, name)
    assert vae.recipe.model.prior == prior
    assert vae.dtype == torch.float32


def test_a_file_of_format_1_comes_back_from_a_save_unchanged(tmp_path):
    torch.set_default_dtype(torch.float32)
    path = OLD / "format-1-vamp.safetensors"
    load(path).save(tmp_path / "again.safetensors")
    old, new = tensor_files.read_tensors(path), tensor_files.read_tensors(tmp_path / "again.safetensors")
    assert old[0].keys() == new[0].keys()
    assert all(torch.equal(tensor, new[0][name]) for name, tensor in old[0].items())
    assert Recipe.from_json(old[1]["recipe"]) == Recipe.from_json(new[1]["recipe"])


COMBINATIONS = list(itertools.product(DATA, get_args(PosteriorName), get_args(PriorName)))


@pytest.mark.parametrize(("likelihood", "posterior", "prior"), COMBINATIONS)
def test_saved_model_comes_back_bit_for_bit(tmp_path, likelihood, posterior, prior):
    vae, rows = make(likelihood, posterior=posterior, prior=prior)
    path = tmp_path / "model.safetensors"
    vae.save(path)
    twin = load(path)
    same_state(vae, twin)
    assert twin.recipe == vae.recipe
    assert not twin.training
    same_elbo(twin, vae.eval(), rows)
    assert torch.equal(twin.sample(3, seed=1), vae.sample(3, seed=1))


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("scale", ["fixed", "shared", "dimension", "conditional"])
def test_every_network_and_scale_comes_back(tmp_path, network, scale):
    sigma = 3.0 if scale == "fixed" else None
    vae, rows = make("discretized-logistic", network=network, scale=scale, sigma=sigma, mixtures=2)
    vae.save(tmp_path / MODEL_FILE)
    twin = load(tmp_path)  # a directory that holds it
    same_state(vae, twin)
    same_elbo(twin, vae, rows)


def test_a_small_model_of_a_table_of_categories_comes_back(tmp_path):
    # Its file has fewer elements than a tensor that building it makes on the way.
    vae = build(pyarrow.table({"a": ["x", "y"] * 10, "b": ["u", "u", "v", "v"] * 5}), ModelOptions(latent=1, width=4))
    assert sum(tensor.numel() for tensor in vae.state_dict().values()) < MOST_KNOTS
    vae.save(tmp_path / "m.safetensors")
    same_state(vae, load(tmp_path / "m.safetensors"))


def test_optimal_scale_comes_back(tmp_path):
    vae, rows = make("gaussian", scale="optimal")
    vae.likelihood.freeze(torch.tensor(0.3))
    vae.save(tmp_path / "m.safetensors")
    same_elbo(load(tmp_path / "m.safetensors"), vae.eval(), rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_of_the_weights_is_that_of_the_file(tmp_path, dtype):
    vae, _ = make()
    vae.to(dtype).save(tmp_path / "m.safetensors")
    torch.set_default_dtype(torch.float32)
    assert load(tmp_path / "m.safetensors").dtype == dtype


@pytest.mark.parametrize("around", [torch.inference_mode, lambda: torch.device("meta")])
def test_a_model_loaded_inside_modes_of_torch_is_like_any_other(tmp_path, around):
    vae, rows = make()
    vae.save(tmp_path / "model.safetensors")
    with around():
        again = load(tmp_path / "model.safetensors")
    assert not any(tensor.is_inference() or tensor.is_meta for tensor in (*again.parameters(), *again.buffers()))
    same_state(vae, again)
    same_elbo(vae, again, rows)


def test_loading_leaves_the_generator_alone(tmp_path):
    vae, _ = make()
    vae.save(tmp_path / "m.safetensors")
    before = torch.get_rng_state()
    load(tmp_path / "m.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def rewritten(path, **changes):
    tensors, metadata = tensor_files.read_tensors(path)
    tensor_files.write_tensors(path, changes.pop("tensors", tensors), {**metadata, **changes})


def saved(tmp_path, **options):
    vae, _ = make(**options)
    path = tmp_path / "model.safetensors"
    vae.save(path)
    return path


def refused(path, into=None):
    """The error on loading a file, which names it."""
    with pytest.raises(InputError) as error:
        load(path, into=into)
    assert error.value.argument.startswith(str(path)) or Path(path).is_dir()
    return error.value


def test_newer_formats_are_refused(tmp_path):
    path = saved(tmp_path)
    rewritten(path, format=str(FORMAT + 1))
    error = refused(path)
    assert error.argument == str(path)
    assert str(FORMAT) in error.expected
    assert str(FORMAT + 1) in error.got
    assert "pip install" in error.remedy


@pytest.mark.parametrize("version", ["", "one", "-1", "1.5"])
def test_files_without_a_version_are_no_models(tmp_path, version):
    path = saved(tmp_path)
    rewritten(path, format=version)
    assert "format" in refused(path).got


def test_tensors_that_are_no_model_are_refused(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    tensor_files.write_tensors(path, {"w": torch.zeros(2)}, {"step": "3"})
    assert "recipe" in refused(path).got
    safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    assert "checksum" in refused(path).got
    error = refused(tmp_path)
    assert error.got == "no file"
    assert error.argument == str(tmp_path / MODEL_FILE)


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
    recipe = json.loads(tensor_files.read_tensors(path)[1]["recipe"])
    change(recipe)
    rewritten(path, recipe=json.dumps(recipe))
    refused(path)


def test_missing_and_surplus_weights_are_refused(tmp_path):
    path = saved(tmp_path)
    tensors, _ = tensor_files.read_tensors(path)
    name = next(iter(tensors))
    for changed in ({k: v for k, v in tensors.items() if k != name}, {**tensors, "more": torch.zeros(1)}):
        rewritten(path, tensors=changed)
        error = refused(path)
        assert error.argument == str(path)
        assert "weights" in error.expected


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["BOMB"],))


@pytest.mark.parametrize("write", [lambda b, p: p.write_bytes(pickle.dumps(b)), torch.save], ids=["pickle", "torch"])
def test_loading_never_unpickles(tmp_path, monkeypatch, write):
    monkeypatch.setenv("BOMB", str(tmp_path / "bang"))
    path = tmp_path / "model.safetensors"
    write(Bomb(), path)
    assert "safetensors" in refused(path).expected
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
    error = refused(path)
    assert error.argument == str(path)
    assert "into=" in error.remedy
    twin = custom()
    assert load(path, into=twin) is twin
    assert not twin.training
    same_state(vae, twin)
    same_elbo(vae.eval(), twin, rows)
    assert "weights" in refused(path, into=custom(width=7)).expected


def test_a_file_with_a_recipe_is_loaded_into_a_model_too(tmp_path):
    vae, rows = make()
    vae.save(tmp_path / "m.safetensors")
    twin, _ = make()
    assert load(tmp_path / "m.safetensors", into=twin) is twin
    same_elbo(vae.eval(), twin, rows)


def test_a_flow_is_loaded_by_its_present_and_by_its_former_names(tmp_path):
    model, path = LinearGaussian(dim=4, latent=3, sigma=0.6), tmp_path / "flow.safetensors"

    def flow():
        return model.vae("diagonal", zuko.flows.MAF(features=3, transforms=2, hidden_features=(8,)))

    vae, x = flow(), model.draw(5)
    vae.save(path)
    for renaming in (("", ""), ("latent_prior.distribution.", "latent_prior.")):
        tensors, _ = tensor_files.read_tensors(path)
        rewritten(path, tensors={name.replace(*renaming): tensor for name, tensor in tensors.items()})
        twin = flow()
        assert not torch.equal(elbo(twin, x).elbo, elbo(vae, x).elbo)
        load(path, into=twin)
        same_state(vae, twin)
        same_elbo(vae.eval(), twin, x)


def test_a_model_of_another_kind_is_saved_and_loaded_into_one(tmp_path):
    model, twin = LinearLadder(seed=1), LinearLadder(seed=2)
    model.save(tmp_path / "ladder.safetensors")
    assert "into=" in refused(tmp_path / "ladder.safetensors").remedy
    assert load(tmp_path / "ladder.safetensors", into=twin) is twin
    same_state(model, twin)
    x, context = torch.randn(4, 5), torch.randn(4, 2)
    assert torch.equal(twin.log_evidence(x, context), model.log_evidence(x, context))


def test_a_save_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    path = saved(tmp_path)
    content = path.read_bytes()
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("disk full")))
    vae, _ = make(latent=3)
    with pytest.raises(InputError) as error:
        vae.save(path)
    assert (error.value.argument, error.value.got) == (str(path), "disk full")
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A small model of pixels in float32, as bytes."""
    torch.set_default_dtype(torch.float32)
    pixels = rng().integers(0, 17, (20, 1, 8, 8)).astype("uint8")
    vae = build(pixels, ModelOptions(latent=4, width=16, depth=1, network="mlp"))
    path = tmp_path_factory.mktemp("good") / "model.safetensors"
    vae.save(path)
    assert load(path).recipe == vae.recipe
    return path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_are_refused_before_memory_is_taken(good, tmp_path, monkeypatch, kind):
    torch.set_default_dtype(torch.float32)
    path = tmp_path / "model.safetensors"
    path.write_bytes(KINDS[kind](good))
    monkeypatch.setattr(loading, "built", None)
    if not kind.startswith("weights"):
        monkeypatch.setattr(tensor_files.TensorFile, "_tensor", None)
    refused(path)


@pytest.mark.parametrize("kind", RECIPES)
def test_hostile_files_are_refused_for_a_run(good, tmp_path, kind):
    path = tmp_path / "model.safetensors"
    path.write_bytes(RECIPES[kind](good))
    with pytest.raises(InputError) as error:
        _ = Run(path).recipe, Run(path).model
    assert str(path) in error.value.argument


def test_mutated_files_are_models_or_refused(good, tmp_path):
    torch.set_default_dtype(torch.float32)
    path, source, loaded = tmp_path / "model.safetensors", random.Random(1), 0
    for _ in range(150):
        path.write_bytes(spoiled_model(source, good)[0])
        try:
            vae = load(path)
        except InputError as error:
            named = error.argument.startswith(str(path))
        else:
            loaded += 1
            named = all(tensor.isfinite().all() for tensor in vae.state_dict().values())
        assert named
    assert loaded > 5  # options of training, for instance, may have other values


def test_building_costs_no_more_than_the_file_holds(good, tmp_path, monkeypatch):
    """A recipe of many layers is left after as many of them as the file has tensors."""
    calls = []
    block = nn.Linear.reset_parameters
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda layer: (calls.append(0), block(layer)))
    path = tmp_path / "model.safetensors"
    path.write_bytes(recipe(model__depth=1_000)(good))
    refused(path)
    assert len(calls) < 300


def test_damage_is_called_damage_whatever_it_looks_like(good, tmp_path):
    path = tmp_path / "model.safetensors"
    for place in (good.index(b"discretized-logistic"), good.index(b"width"), good.index(b"encoder.inputs")):
        damaged = good[:place] + b"x" + good[place + 1 :]
        path.write_bytes(damaged)
        assert refused(path).got == "damaged content"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_loaded_in_full(tmp_path, dtype):
    torch.set_default_dtype(torch.float32)
    vae, _ = make()
    vae.to(dtype).save(tmp_path / "m.safetensors")
    twin = load(tmp_path / "m.safetensors")
    assert twin.dtype == torch.float32
    for name, tensor in vae.named_parameters():
        assert torch.equal(tensor.float(), dict(twin.named_parameters())[name])


def spoilt(vae, path, change):
    """The model's file with its tensors changed, the checksum right."""
    vae.save(path)
    tensors, metadata = tensor_files.read_tensors(path)
    change(tensors)
    tensor_files.write_tensors(path, tensors, metadata)


def set_last(value):
    def change(tensors):
        tensors[max(tensors)].view(-1)[-1] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_last(math.nan),
        lambda tensors: tensors.update({max(tensors): tensors[max(tensors)][:1]}),
        lambda tensors: tensors.update({max(tensors): tensors[max(tensors)].long()}),
        lambda tensors: tensors.pop(max(tensors)),
        lambda tensors: tensors.update({"z": torch.zeros(1)}),
    ],
    ids=["nan", "shape", "kind", "missing", "surplus"],
)
def test_a_model_that_does_not_take_the_weights_keeps_its_own(tmp_path, change):
    for vae, twin in ((custom(), custom()), (LinearLadder(seed=1), LinearLadder(seed=2))):
        spoilt(vae, tmp_path / "m.safetensors", change)
        before = {name: tensor.clone() for name, tensor in twin.state_dict().items()}
        twin.train()
        refused(tmp_path / "m.safetensors", into=twin)
        assert twin.training
        assert all(torch.equal(tensor, before[name]) for name, tensor in twin.state_dict().items())
        assert twin.dtype == torch.float64


def test_masks_of_ones_own_are_loaded_and_scalings_that_are_infinite_are_not(tmp_path):
    model, twin = custom(), custom()
    for own, fill in ((model, -math.inf), (twin, 0.0)):
        own.register_buffer("mask", torch.tensor([0.0, fill]))
    model.save(tmp_path / "own.safetensors")
    assert load(tmp_path / "own.safetensors", into=twin).mask[1] == -math.inf
    vae, _ = make()
    spoilt(vae, tmp_path / "m.safetensors", lambda tensors: tensors["encoder.inputs.unit"].fill_(math.inf))
    assert "encoder.inputs.unit" in refused(tmp_path / "m.safetensors").got


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = saved(tmp_path)

    def refuse(*_arguments, **_named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refused(path).got == "permission denied"


def test_a_shortage_of_memory_is_a_sentence(tmp_path, monkeypatch):
    path = saved(tmp_path)

    def short(_recipe):
        raise MemoryError

    monkeypatch.setattr(loading, "built", short)
    assert "memory" in refused(path).remedy
