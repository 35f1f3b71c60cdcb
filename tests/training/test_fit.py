import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import variate
from oracles import LinearGaussian
from variate import InputError, ModelOptions, NonFiniteError, VariateWarning
from variate.runtime import files
from variate.training.state import CHECKPOINT
from variate.training.step import Step

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


@pytest.fixture(scope="module")
def digits():
    return variate.split(variate.read("digits"), variate.DataOptions())


def small(data, seed=0):
    torch.set_default_dtype(torch.float32)
    return variate.build(data, ModelOptions(latent=4, width=16, depth=2), seed=seed)


SHORT = {"epochs": 12, "batch_size": 100, "precision": "float32", "compile": "off"}


def test_linear_vae_reaches_the_likelihood_of_probabilistic_pca():
    # Tipping & Bishop (1999): W = U (Lambda - sigma^2)^(1/2), sigma^2 = mean of the discarded eigenvalues.
    dim, latent, n = 8, 3, 400
    model = LinearGaussian(dim=dim, latent=latent, sigma=0.5, seed=3)
    x = model.draw(n)
    eigenvalues, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    noise = eigenvalues[: dim - latent].mean()
    W = vectors[:, -latent:] * (eigenvalues[-latent:] - noise).sqrt()
    best = torch.distributions.MultivariateNormal(x.mean(0), W @ W.T + noise * torch.eye(dim)).log_prob(x).mean()

    options = ModelOptions(latent=latent, depth=0, posterior="full", scale="shared", likelihood="gaussian")
    x = x * 1.0
    vae = variate.build(x / 1.0, options)
    # One shared sigma in the data's units needs one unit for all dimensions.
    vae.decoder.likelihood.unit.fill_(float(x.std()))
    variate.fit(vae, x, epochs=4000, batch_size=n, lr=2e-2, precision="float32", compile="off", patience=0, samples=2)
    torch.manual_seed(0)
    reached = torch.stack([variate.elbo(vae, x, num_samples=50).elbo.mean() for _ in range(4)]).mean()
    assert reached <= best + 0.002
    assert best - reached < 0.01


def test_same_seed_same_numbers_and_the_users_generators_are_left_alone(digits):
    torch.manual_seed(123)
    np.random.seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = small(digits), small(digits)
    histories = [variate.fit(vae, digits.train, digits.validation, **SHORT) for vae in (first, second)]
    assert histories[0] == histories[1]
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()
    other = small(digits)
    assert variate.fit(other, digits.train, digits.validation, seed=1, **SHORT) != histories[0]


def test_training_improves_the_validation_elbo_and_keeps_the_best(digits):
    vae = small(digits)
    history = variate.fit(vae, digits.train, digits.validation, **SHORT | {"epochs": 40})
    elbos = [record["validation_elbo"] for record in history.records]
    assert history.best_elbo == max(elbos) > elbos[0] + 5
    assert history.records[elbos.index(max(elbos))]["step"] == history.best_step
    assert history.stopped == "finished"
    assert not vae.training
    for record in history.records:
        assert record["train_elbo"] == pytest.approx(-record["train_distortion"] - record["train_rate"])


def test_early_stopping_keeps_the_best_weights(digits):
    vae = small(digits)
    few = digits.train[:60]
    history = variate.fit(
        vae, few, digits.validation, epochs=4000, batch_size=60, lr=2e-2, patience=3, precision="float32", compile="off"
    )
    assert history.stopped == "early"
    assert history.records[-1]["step"] > history.best_step
    from variate.runtime.random import mix
    from variate.training.validation import validate

    again = validate(vae, torch.from_numpy(digits.validation), mix(0, "validation"))
    assert again["elbo"] == pytest.approx(history.best_elbo, rel=1e-6)


def test_resuming_a_run_that_stopped_early_changes_nothing(digits, tmp_path):
    options = {"epochs": 4000, "batch_size": 60, "lr": 2e-2, "patience": 3, "precision": "float32", "compile": "off"}
    rows = digits.train[:60]
    first = variate.fit(small(digits), rows, digits.validation, run=tmp_path, **options)
    before = (tmp_path / CHECKPOINT).read_bytes(), (tmp_path / "model.safetensors").read_bytes()
    again = variate.fit(small(digits), rows, digits.validation, run=tmp_path, resume=True, **options)
    assert again == first
    assert before == ((tmp_path / CHECKPOINT).read_bytes(), (tmp_path / "model.safetensors").read_bytes())


def test_unknown_option_and_impossible_values_are_refused(digits):
    vae = small(digits)
    for options, words in [
        ({"epoch": 3}, "no option 'epoch'; did you mean 'epochs'"),
        ({"batch_size": 10**6}, "batch_size must be between 1 and the 1437 training rows"),
        ({"epochs": -1}, "epochs and lr must be positive"),
        ({"lr": -1.0}, "epochs and lr must be positive"),
        ({"ema": 1.0}, "ema and lr_warmup"),
        ({"device": "cuda"}, "sees no GPU"),
    ]:
        with pytest.raises(InputError, match=words):
            variate.fit(vae, digits.train, **options)
    with pytest.raises(InputError, match="at least one row"):
        variate.fit(vae, digits.train[:0])
    with pytest.raises(InputError, match="must have shape"):
        variate.fit(vae, digits.train[:, 0])


@pytest.mark.parametrize(("option", "name", "meant"), [("bound", "elboo", "elbo"), ("schedule", "cosin", "cosine")])
def test_unknown_names_are_refused_before_training(option, name, meant, tmp_path):
    # From an interpreter of its own: the tests' type checker would be quicker to refuse them.
    code = f"""
import numpy, variate
rows = numpy.random.default_rng(0).normal(size=(50, 4))
vae = variate.build(rows, variate.ModelOptions(latent=2, width=8, depth=1))
variate.fit(vae, rows, run={str(tmp_path / "run")!r}, {option}={name!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"InputError: {option} {name!r} is unknown; did you mean {meant!r}" in done.stderr
    assert not (tmp_path / "run").exists()


def test_nonfinite_loss_stops_before_the_step_and_names_row_term_and_layer(digits):
    rows = torch.randn(50, 6)
    vae = variate.build(rows, ModelOptions(latent=2, width=8, depth=1))
    rows[17, 3] = 1e200  # finite, but its square is not
    before = {k: v.clone() for k, v in vae.state_dict().items()}
    vae.encoder.inputs.unit[3] = 1e190
    with pytest.raises(NonFiniteError, match=r"step 0 was taken: the distortion of row 17 is not finite"):
        variate.fit(vae, rows, epochs=3, batch_size=50)
    for name, tensor in vae.state_dict().items():
        if name != "encoder.inputs.unit":
            assert torch.equal(tensor, before[name]), name


def test_nonfinite_layer_is_named(digits):
    vae = small(digits)

    class Bad(torch.nn.Module):
        def forward(self, x):
            return torch.where(torch.arange(len(x)).reshape(-1, 1) == 3, torch.nan, x)

    vae.decoder.network.inner.layers.insert(1, Bad())
    with pytest.raises(NonFiniteError, match=r"first in layer decoder\.network\.inner\.layers\.1 \(Bad\)"):
        variate.fit(vae, digits.train, **SHORT)


def test_nonfinite_gradient_with_finite_loss_names_row_and_layer(digits):
    vae = small(digits)

    class Kink(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return torch.where(torch.arange(len(gradient)).reshape(-1, 1) == 3, torch.inf, gradient)

    class Bad(torch.nn.Module):
        def forward(self, x):
            return Kink.apply(x)

    vae.decoder.network.inner.layers.insert(1, Bad())
    with pytest.raises(
        NonFiniteError, match=r"gradient of row \d+ is not, first in layer decoder\.network\.inner\.layers\.0"
    ):
        variate.fit(vae, digits.train, **SHORT)


RUN = textwrap.dedent(
    """
    import sys, torch, variate
    from variate import ModelOptions
    data = variate.split(variate.read("digits"), variate.DataOptions())
    vae = variate.build(data, ModelOptions(latent=4, width=16, depth=2))
    out, resume = sys.argv[1], sys.argv[2] == "resume"
    options = dict(epochs=60, batch_size=100, precision="float32", compile="off", threads=1)
    variate.fit(vae, data.train, data.validation, run=out, resume=resume, checkpoint_seconds=0.05, **options)
    """
)


@contextmanager
def running(out, mode):
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(out), mode]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(out, mode):
    with running(out, mode) as process:
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors


def test_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(whole, "new")
    for wanted, mode in ((60, "new"), (350, "resume")):  # killed twice, in different epochs
        with running(killed, mode) as process:
            deadline = time.monotonic() + 200
            while process.poll() is None and time.monotonic() < deadline:
                if (killed / CHECKPOINT).exists() and steps_done(killed) >= wanted:
                    break
                time.sleep(0.005)
            assert process.poll() is None, "the run ended before it could be killed"
    assert wanted <= steps_done(killed) < steps_done(whole)
    finish(killed, "resume")

    expected, found = files.read_tensors(whole / CHECKPOINT), files.read_tensors(killed / CHECKPOINT)
    assert expected[1] == found[1]  # step, best so far, records
    assert expected[0].keys() == found[0].keys()
    assert {name.split(".")[0] for name in found[0]} == {"model", "average", "best", "optimizer", "totals"}
    for name, tensor in expected[0].items():
        assert torch.equal(tensor, found[0][name]), name
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


def steps_done(run):
    return json.loads(files.read_tensors(run / CHECKPOINT)[1]["progress"])["step"]


def test_interrupt_leaves_a_usable_model(digits, tmp_path, monkeypatch):
    take = Step.__call__

    def interrupted_once(step):
        take(step)
        if step.state.progress.step == 70:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Step, "__call__", interrupted_once)
    vae = small(digits)
    history = variate.fit(vae, digits.train, digits.validation, run=tmp_path, **SHORT | {"epochs": 30})
    assert history.stopped == "interrupted"
    assert steps_done(tmp_path) == 70
    assert torch.isfinite(variate.load(tmp_path).embed(digits.test).mean).all()
    with pytest.raises(InputError, match="of other data or options"):
        variate.fit(small(digits), digits.train, digits.validation, run=tmp_path, resume=True, **SHORT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = variate.fit(
        small(digits), digits.train, digits.validation, run=tmp_path, resume=True, **SHORT | {"epochs": 30}
    )
    monkeypatch.undo()
    whole = variate.fit(small(digits), digits.train, digits.validation, **SHORT | {"epochs": 30})
    assert again == whole


def test_a_run_from_before_an_option_existed_can_be_resumed(digits, tmp_path):
    first = variate.fit(small(digits), digits.train, digits.validation, run=tmp_path, **SHORT)
    tensors, metadata = files.read_tensors(tmp_path / CHECKPOINT)
    recipe = json.loads(metadata["identity"])
    del recipe["training"]["schedule"], recipe["model"]["activation"]
    files.write_tensors(tmp_path / CHECKPOINT, tensors, metadata | {"identity": json.dumps(recipe)})
    again = variate.fit(small(digits), digits.train, digits.validation, run=tmp_path, resume=True, **SHORT)
    assert again == first
    recipe["training"]["schedule"] = "constant"
    files.write_tensors(tmp_path / CHECKPOINT, tensors, metadata | {"identity": json.dumps(recipe)})
    with pytest.raises(InputError, match="other data or options"):
        variate.fit(small(digits), digits.train, digits.validation, run=tmp_path, resume=True, **SHORT)


def test_collapsed_latents_are_on_record(digits):
    vae = variate.build(digits, ModelOptions(latent=30, width=16, depth=2))
    history = variate.fit(vae, digits.train, digits.validation, epochs=40)
    last = [record["collapsed"] for record in history.records if record["step"] == history.best_step]
    means = vae.embed(digits.validation).mean.double().var(0, correction=0)
    assert last == [(means <= 0.01).nonzero().flatten().tolist()]


def test_resume_without_a_checkpoint_is_refused(digits, tmp_path):
    with pytest.raises(InputError, match="no file"):
        variate.fit(small(digits), digits.train, run=tmp_path, resume=True, **SHORT)


def test_saved_model_is_the_one_in_memory_and_metrics_are_the_history(digits, tmp_path):
    vae = small(digits)
    history = variate.fit(vae, digits.train, digits.validation, run=tmp_path, **SHORT)
    loaded = variate.load(tmp_path)
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in vae.state_dict().items())
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == history.records


def test_collapsed_latents_are_reported(digits):
    vae = variate.build(digits, ModelOptions(latent=30, width=16, depth=2))
    with pytest.warns(VariateWarning, match="latents are collapsed .*latent="):
        history = variate.fit(vae.double(), digits.train, epochs=40, batch_size=100, beta=20.0)
    assert any("collapsed" in sentence for sentence in history.warnings)


def test_warmup_longer_than_the_run_is_reported(digits):
    with pytest.warns(VariateWarning, match="within its KL warm-up"):
        variate.fit(small(digits), digits.train, **SHORT | {"epochs": 2}, kl_warmup=50.0)


def test_sigma_at_its_floor_is_reported():
    torch.manual_seed(0)
    x = torch.randn(200, 3)
    rows = torch.cat([x, torch.zeros(200, 1)], 1)
    vae = variate.build(rows, ModelOptions(latent=2, depth=0))
    with pytest.warns(VariateWarning, match="sigma is at its floor in 1 of 4"):
        variate.fit(vae, rows, epochs=1000, batch_size=100, lr=2e-2)


def test_optimal_sigma_is_frozen_at_the_training_residual():
    model = LinearGaussian(dim=6, latent=2, sigma=0.4, seed=2)
    x = model.draw(600)
    vae = variate.build(x, ModelOptions(latent=2, width=16, depth=1, scale="optimal"))
    variate.fit(vae, x, epochs=150, batch_size=100, lr=1e-2)
    likelihood = vae.decoder.likelihood
    with torch.no_grad():
        residual = torch.stack(
            [
                ((x - vae.likelihood(vae.posterior(x).rsample()).mean) / likelihood.unit).square().mean()
                for _ in range(50)
            ]
        )
    frozen = (2 * likelihood.scale.log_scale).exp()
    assert abs(float(frozen - residual.mean())) < 4 * float(residual.std())
    per_row = [variate.elbo(vae, x[:k]).distortion.shape for k in (1, 5)]
    assert per_row == [(1,), (5,)]


def test_dynamic_binarization_draws_anew_and_matches_the_grey_level(digits):
    parts = variate.split(variate.read("digits"), variate.DataOptions(binarize="dynamic"))
    assert parts.redraw
    vae = variate.build(parts.schema, ModelOptions(latent=4, width=16, depth=2)).float()
    history = variate.fit(vae, parts.train, parts.validation, levels=parts.schema.levels, **SHORT | {"epochs": 40})
    assert math.isfinite(history.best_elbo)
    assert history.records[-1]["validation_elbo"] > history.records[0]["validation_elbo"]
    assert vae.sample(3, seed=0).unique().tolist() in ([0.0, 1.0], [0, 1])


@pytest.mark.parametrize("bound", ["iwae", "dreg"])
def test_importance_weighted_objectives_train(digits, bound):
    history = variate.fit(small(digits), digits.train, digits.validation, bound=bound, samples=3, **SHORT)
    first, last = history.records[0], history.records[-1]
    assert last["train_objective"] > first["train_objective"]
    assert last["train_objective"] >= last["train_elbo"]  # IWAE >= ELBO
