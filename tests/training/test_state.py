"""A checkpoint is a file too: damaged or hostile, it is refused in a sentence, and nothing of it is taken."""

import json
import math

import pytest
import torch

from hostile_models import HEADERS
from refusals import refused
from small_models import make
from variate import NonFiniteError, TrainingOptions, fit
from variate.config.run_files import CHECKPOINT
from variate.runtime import tensor_files
from variate.runtime.distributed import Processes
from variate.training import saved_recipe
from variate.training.state import State
from variate.training.weights import WeightVector


def state(**options):
    vae, _ = make(prior="mixture", **options)
    return State(vae, TrainingOptions(ema=0.9), Processes())


def content(of):
    """Copies of all that a checkpoint of a state holds."""
    return {name: tensor.clone() for name, tensor in of._tensors().items()}, of.progress


@pytest.fixture
def run(tmp_path):
    """A run with a checkpoint, and what its identity is."""
    one = state()
    one.progress.step, one.progress.best_bound, one.progress.best_step = 7, -3.5, 5
    one.progress.records = [{"step": 5, "validation_elbo": -3.5, "collapsed": [1]}, {"step": 7, "collapsed": []}]
    one.totals += 2.5
    identity = one.model.recipe.to_json()
    one.save(tmp_path, identity)
    return tmp_path, identity, one


def changed(run, tensors=None, **metadata):
    """The checkpoint with other tensors and strings, its checksum right."""
    path = run / CHECKPOINT
    found, strings = tensor_files.read_tensors(path)
    tensor_files.write_tensors(path, {**found, **(tensors or {})}, strings | metadata)


def test_a_state_comes_back(run):
    folder, identity, one = run
    other = state()
    with torch.no_grad():
        other.weights.vector.add_(1)
    other.restore(folder, identity)
    for name, tensor in one._tensors().items():
        assert torch.equal(tensor, other._tensors()[name]), name
    assert other.progress == one.progress
    assert saved_recipe(folder) == one.model.recipe


def refused_and_untouched(folder, identity):
    """The error on restoring, which leaves the state as it was."""
    other = state()
    with torch.no_grad():
        other.weights.vector.add_(1)
    before = content(other)
    error = refused(other.restore, folder, identity)
    after = content(other)
    assert before[1] == after[1]
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    return error


@pytest.mark.parametrize("kind", HEADERS)
def test_damaged_files_are_refused(run, kind):
    folder, identity, _ = run
    path = folder / CHECKPOINT
    path.write_bytes(HEADERS[kind](path.read_bytes()))
    assert refused_and_untouched(folder, identity).argument == str(path)
    assert refused(saved_recipe, folder).argument == str(path)


@pytest.mark.parametrize(
    "name", ["model.encoder.network.inner.layers.0.weight", "best.latent_prior.loc", "totals", "optimizer.mean"]
)
@pytest.mark.parametrize("how", ["shape", "kind", "absent", "broadcast"])
def test_tensors_of_another_model_are_refused(run, name, how):
    folder, identity, one = run
    own = one._tensors()[name]
    other = {"shape": torch.zeros(3, 1, 2), "kind": own.long(), "broadcast": own.flatten()[:1].clone()}
    if how == "absent":
        tensors, strings = tensor_files.read_tensors(folder / CHECKPOINT)
        del tensors[name]
        tensor_files.write_tensors(folder / CHECKPOINT, tensors, strings)
    else:
        changed(folder, {name: other[how]})
    assert refused_and_untouched(folder, identity).argument == str(folder / CHECKPOINT)


@pytest.mark.parametrize("part", ["model", "average", "best", "optimizer", "totals"])
def test_what_is_not_finite_is_refused(run, part):
    folder, identity, one = run
    name = next(name for name, tensor in one._tensors().items() if name.startswith(part) and tensor.is_floating_point())
    bad = one._tensors()[name].clone()
    bad.view(-1)[0] = math.nan
    changed(folder, {name: bad})
    assert refused_and_untouched(folder, identity).argument == str(folder / CHECKPOINT)


@pytest.mark.parametrize(
    "change",
    [
        {"step": -1}, {"step": 6}, {"step": "7"}, {"step": 7.0}, {"step": True}, {"best_step": 8}, {"best_step": -1},
        {"checks_since_best": -1}, {"best_bound": math.nan}, {"best_bound": math.inf}, {"best_bound": None},
        {"records": 3}, {"records": [3]}, {"records": [{}]}, {"records": [{"step": 7}, {"step": 5}]},
        {"records": [{"step": 5}, {"step": 5}]}, {"records": [{"step": 0}]}, {"records": [{"step": None}]}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_progress_that_no_run_has_made_is_refused(run, change):
    folder, identity, _ = run
    old = json.loads(tensor_files.read_tensors(folder / CHECKPOINT)[1]["progress"])
    changed(folder, progress=json.dumps(old | change))
    assert str(folder / CHECKPOINT) in refused_and_untouched(folder, identity).argument


@pytest.mark.parametrize("text", ["", "null", "[" * 100_000, '{"step":' + "9" * 5_000 + "}"])
def test_strings_that_are_no_progress_and_no_recipe_are_refused(run, text):
    folder, identity, _ = run
    changed(folder, progress=text)
    assert str(folder / CHECKPOINT) in refused_and_untouched(folder, identity).argument
    changed(folder, identity=text)
    assert str(folder / CHECKPOINT) in refused(saved_recipe, folder).argument
    assert refused_and_untouched(folder, identity).argument == "resume"


def test_weights_that_are_not_finite_any_more_are_not_written():
    one = state()
    one.check_finite()
    with torch.no_grad():
        one.weights.vector[3] = math.inf
    with pytest.raises(NonFiniteError, match="lower lr"):
        one.check_finite()


def test_a_run_whose_last_step_is_too_large_leaves_finite_files(tmp_path, monkeypatch):
    move = WeightVector.move

    def last_too_large(weights, step, lr):
        move(weights, step, lr)
        if step == 3:
            weights.vector[0] = weights.average_vector[0] = math.inf

    monkeypatch.setattr(WeightVector, "move", last_too_large)
    vae, rows = make()
    with pytest.raises(NonFiniteError, match="after step 4"):
        fit(vae, rows, run=tmp_path, epochs=1, batch_size=5, compile="off", precision="float32")
    files = list(tmp_path.rglob("*.safetensors"))
    assert len(files) == 2
    for file in files:
        assert all(tensor.isfinite().all() for tensor in tensor_files.read_tensors(file)[0].values())
