import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import variate
from oracles import LinearGaussian
from refusals import refused
from variate import Batch, InputError, ModelOptions, NonFiniteError, VariateWarning
from variate.config.run_files import CHECKPOINT
from variate.errors import Option, spoken
from variate.runtime import tensor_files
from variate.runtime.distributed import Processes
from variate.training import health
from variate.training.trainer import Trainer

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
    vae.likelihood.unit.fill_(float(x.std()))
    variate.fit(vae, x, epochs=800, batch_size=n, lr=3e-2, precision="float32", compile="off", patience=0, samples=2)
    reached = variate.elbo(vae, x, num_samples=200).elbo.mean()
    assert reached <= best + 0.002
    assert best - reached < 0.01


def test_same_seed_same_numbers_and_the_users_generators_are_left_alone(digits):
    torch.manual_seed(123)
    np.random.seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = small(digits), small(digits)
    options = SHORT | {"epochs": 4}
    histories = [variate.fit(vae, digits, **options) for vae in (first, second)]
    assert histories[0] == histories[1]
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()
    other = small(digits)
    assert variate.fit(other, digits, seed=1, **options) != histories[0]


def test_training_improves_the_validation_elbo_and_keeps_the_best(digits):
    vae = small(digits)
    history = variate.fit(vae, digits, **SHORT | {"epochs": 40})
    elbos = [record["validation_elbo"] for record in history.records]
    assert history.best_bound == max(elbos) > elbos[0] + 5
    assert history.records[elbos.index(max(elbos))]["step"] == history.best_step
    assert history.stopped == "finished"
    assert not vae.training
    for record in history.records:
        assert record["train_elbo"] == pytest.approx(-record["train_distortion"] - record["train_rate"])


def test_early_stopping_keeps_the_best_weights(digits):
    vae = small(digits)
    few = digits.train.select(np.arange(60))
    history = variate.fit(
        vae, few, digits.validation, epochs=4000, batch_size=60, lr=2e-2, patience=3, precision="float32", compile="off"
    )
    assert history.stopped == "early"
    assert history.records[-1]["step"] > history.best_step
    from variate.runtime.random import mix
    from variate.training.validation import validate

    again = validate(vae, digits.validation, mix(0, "validation"), Processes())
    assert again["elbo"] == pytest.approx(history.best_bound, rel=1e-6)


@pytest.mark.parametrize("bound", ["iwae", "dreg"])
def test_the_bound_that_is_maximised_chooses_the_weights(digits, bound):
    history = variate.fit(small(digits), digits, bound=bound, samples=5, **SHORT)
    bounds = [record["validation_iwae"] for record in history.records]
    best = bounds.index(max(bounds))
    assert (history.best_bound, history.best_step) == (bounds[best], history.records[best]["step"])
    assert all(record["validation_iwae"] > record["validation_elbo"] for record in history.records)
    elbo = variate.fit(small(digits), digits, samples=5, **SHORT)
    assert not any("validation_iwae" in record for record in elbo.records)


def test_patience_begins_after_the_warm_up(digits):
    few = digits.train.select(np.arange(60))
    options = {"batch_size": 60, "lr": 2e-2, "patience": 3, "precision": "float32", "compile": "off", "epochs": 4000}
    plain = variate.fit(small(digits), few, digits.validation, **options)
    warm = variate.fit(small(digits), few, digits.validation, kl_warmup=600, **options)
    assert plain.records[-1]["step"] < 600 < warm.records[-1]["step"]
    assert (plain.stopped, warm.stopped) == ("early", "early")


def test_resuming_a_run_that_stopped_early_changes_nothing(digits, tmp_path):
    options = {"epochs": 4000, "batch_size": 60, "lr": 2e-2, "patience": 3, "precision": "float32", "compile": "off"}
    rows = digits.train.select(np.arange(60))
    first = variate.fit(small(digits), rows, digits.validation, run=tmp_path, **options)
    before = (tmp_path / CHECKPOINT).read_bytes(), (tmp_path / "model.safetensors").read_bytes()
    again = variate.fit(small(digits), rows, digits.validation, run=tmp_path, resume=True, **options)
    assert again == first
    assert before == ((tmp_path / CHECKPOINT).read_bytes(), (tmp_path / "model.safetensors").read_bytes())


def test_unknown_option_and_impossible_values_are_refused(digits):
    vae = small(digits)
    for options, word in [
        ({"epoch": 3}, "'epochs'"),
        ({"batch_size": 10**6}, "1437"),
        ({"epochs": -1}, "from 1"),
        ({"lr": -1.0}, "above 0"),
        ({"ema": 1.0}, "below 1"),
        ({"beta": -1.0}, "from 0"),
        ({"free_bits": 0.1, "bound": "iwae"}, "'iwae'"),
        ({"device": "cuda"}, "'cuda'"),
    ]:
        with pytest.raises(InputError) as raised:
            variate.fit(vae, digits.train, **options)
        assert raised.value.argument == next(iter(options))
        assert word in str(raised.value)
    for rows, word in [(np.zeros((0, 1, 8, 8), np.uint8), "none"), (np.zeros((9, 8, 8), np.uint8), "(9, 8, 8)")]:
        with pytest.raises(InputError) as raised:
            variate.fit(vae, rows)
        assert raised.value.argument == "train"
        assert word in raised.value.got


def test_more_draws_than_fit_in_memory_are_refused_before_any_is_made(digits):
    with pytest.raises(InputError) as raised:
        variate.fit(small(digits), digits.train, samples=10**7)
    assert raised.value.argument == "a training step"
    assert "samples" in raised.value.remedy


@pytest.mark.parametrize(("option", "name", "meant"), [("bound", "elboo", "elbo"), ("schedule", "cosin", "cosine")])
def test_unknown_names_are_refused_before_training(option, name, meant, digits, tmp_path):
    with pytest.raises(InputError) as raised:
        variate.fit(small(digits), digits.train, run=tmp_path / "run", **{option: name})
    assert (raised.value.argument, raised.value.got) == (option, repr(name))
    assert repr(meant) in raised.value.remedy
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
    variate.fit(vae, data, run=out, resume=resume, checkpoint_seconds=0.05, **eval(sys.argv[3]))
    """
)
LONG = {"epochs": 40, "batch_size": 100, "precision": "float32", "compile": "off", "threads": 1}


@contextmanager
def running(out, mode):
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(out), mode, repr(LONG)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(digits, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    variate.fit(small(digits), digits, run=whole, **LONG)
    for wanted, mode in ((60, "new"), (250, "resume")):  # killed twice, in different epochs
        with running(killed, mode) as process:
            deadline = time.monotonic() + 200
            while process.poll() is None and time.monotonic() < deadline:
                if (killed / CHECKPOINT).exists() and steps_done(killed) >= wanted:
                    break
                time.sleep(0.005)
            assert process.poll() is None, "the run ended before it could be killed"
    assert wanted <= steps_done(killed) < steps_done(whole)
    variate.fit(small(digits), digits, run=killed, resume=True, **LONG)

    expected, found = tensor_files.read_tensors(whole / CHECKPOINT), tensor_files.read_tensors(killed / CHECKPOINT)
    assert expected[1] == found[1]  # step, best so far, records
    assert expected[0].keys() == found[0].keys()
    assert {name.split(".")[0] for name in found[0]} == {"model", "average", "best", "optimizer", "totals"}
    for name, tensor in expected[0].items():
        assert torch.equal(tensor, found[0][name]), name
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


def steps_done(run):
    return json.loads(tensor_files.read_tensors(run / CHECKPOINT)[1]["progress"])["step"]


def test_interrupt_leaves_a_usable_model(digits, tmp_path, monkeypatch):
    take = Trainer.step

    def interrupted_once(trainer):
        take(trainer)
        if trainer.state.progress.step == 70:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Trainer, "step", interrupted_once)
    vae, handler = small(digits), signal.getsignal(signal.SIGINT)
    options = SHORT | {"epochs": 10}
    history = variate.fit(vae, digits, run=tmp_path, **options)
    assert history.stopped == "interrupted"
    assert steps_done(tmp_path) == 70
    assert torch.isfinite(variate.load(tmp_path).embed(digits.test).mean).all()
    with pytest.raises(InputError) as raised:
        variate.fit(small(digits), digits, run=tmp_path, resume=True, **SHORT)
    assert raised.value.argument == "resume"
    assert signal.getsignal(signal.SIGINT) is handler
    again = variate.fit(small(digits), digits, run=tmp_path, resume=True, **options)
    monkeypatch.undo()
    whole = variate.fit(small(digits), digits, **options)
    assert again == whole


def test_a_run_from_before_an_option_existed_can_be_resumed(digits, tmp_path):
    first = variate.fit(small(digits), digits, run=tmp_path, **SHORT)
    tensors, metadata = tensor_files.read_tensors(tmp_path / CHECKPOINT)
    recipe = json.loads(metadata["identity"])
    del recipe["training"]["schedule"], recipe["model"]["activation"]
    tensor_files.write_tensors(tmp_path / CHECKPOINT, tensors, metadata | {"identity": json.dumps(recipe)})
    again = variate.fit(small(digits), digits, run=tmp_path, resume=True, **SHORT)
    assert again == first
    recipe["training"]["schedule"] = "constant"
    tensor_files.write_tensors(tmp_path / CHECKPOINT, tensors, metadata | {"identity": json.dumps(recipe)})
    with pytest.raises(InputError) as raised:
        variate.fit(small(digits), digits, run=tmp_path, resume=True, **SHORT)
    assert raised.value.argument == "resume"


def test_collapsed_latents_are_on_record(digits):
    vae = variate.build(digits, ModelOptions(latent=30, width=16, depth=2))
    history = variate.fit(vae, digits, **SHORT | {"epochs": 15})
    last = [record["collapsed"] for record in history.records if record["step"] == history.best_step]
    means = vae.embed(digits.validation).mean.double().var(0, correction=0)
    assert last == [(means <= 0.01).nonzero().flatten().tolist()]


def test_resume_without_a_checkpoint_is_refused(digits, tmp_path):
    with pytest.raises(InputError) as raised:
        variate.fit(small(digits), digits, run=tmp_path, resume=True, **SHORT)
    assert raised.value.got == "no file"


def test_saved_model_is_the_one_in_memory_and_metrics_are_the_history(digits, tmp_path):
    vae = small(digits)
    history = variate.fit(vae, digits, run=tmp_path, **SHORT)
    loaded = variate.load(tmp_path)
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in vae.state_dict().items())
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == history.records


def test_collapsed_latents_are_reported(digits):
    vae = variate.build(digits, ModelOptions(latent=30, width=16, depth=2))
    with pytest.warns(VariateWarning, match="collapsed"):
        history = variate.fit(vae.double(), digits.train, epochs=10, batch_size=100, beta=20.0)
    (sentence,) = [sentence for sentence in history.warnings if "collapsed" in sentence]
    assert "kl_warmup or free_bits" in sentence
    assert "--kl_warmup or --free_bits" in spoken(sentence, lambda option: option.as_flag(f"--{option.name}"))


def latents_said(varies, default, searched=False):
    return [str(sentence) for sentence in health.on_latents(varies, default, searched)]


def test_collapsed_latents_are_reported_where_their_number_was_chosen():
    assert latents_said([True] * 4, 4) == latents_said([True] * 4, 9) == []
    (said,) = latents_said([True, False, True, True], 9)
    assert said.startswith("1 of 4 latents is collapsed (no variation with x): 1; latent=3 is enough")


def test_collapsed_latents_of_the_default_number_are_reported_where_hardly_any_is_left():
    assert latents_said([True] + [False] * 7, 8) == latents_said([False], 1) == []
    (said,) = latents_said([True] + [False] * 8, 9)
    assert "8 of 9 latents are collapsed (no variation with x): 1, 2, 3, 4, 5, 6, 7, 8; latent=1 is enough" in said


def test_a_number_that_a_search_found_is_not_called_too_large():
    assert latents_said([True, False, True], 3, searched=True) == []
    (said,) = latents_said([True] + [False] * 8, 9, searched=True)
    assert "is enough" not in said
    assert "kl_warmup" in said
    (said,) = latents_said([False] * 9, 9)
    assert "0, 1, 2, 3, 4, 5, 6, 7 ...; if the elements of a row have to do with one another" in said


def test_the_default_number_of_latents_is_that_of_the_rows(digits, monkeypatch):
    means = torch.arange(64.0)[:, None] * torch.tensor([1.0] * 4 + [0.0] * 12)
    monkeypatch.setattr(health, "posterior_means", lambda model, data: means)
    vae, options = variate.build(digits, ModelOptions(width=16, depth=2)), variate.TrainingOptions()
    assert vae.recipe.model.latent == means.shape[1], "16 for rows of 64 pixels"
    assert not list(health.warnings(vae, digits.train, 64, options, 10, "finished"))
    means = means[:, :15]
    (said,) = health.warnings(vae, digits.train, 64, options, 10, "finished")
    assert said.startswith("11 of 15 latents are collapsed")


def test_warmup_longer_than_the_run_is_reported(digits):
    with pytest.warns(VariateWarning, match="within its KL warm-up"):
        variate.fit(small(digits), digits.train, **SHORT | {"epochs": 2}, kl_warmup=50.0)


def test_sigma_at_its_floor_is_reported():
    torch.manual_seed(0)
    rows = torch.cat([torch.randn(100, 3), torch.zeros(100, 1)], 1)
    vae = variate.build(rows, ModelOptions(latent=2, depth=0))
    with pytest.warns(VariateWarning, match="sigma is at its floor in 1 of 4"):
        variate.fit(vae, rows, epochs=800, batch_size=100, lr=5e-2)


def test_optimal_sigma_is_frozen_at_the_training_residual():
    model = LinearGaussian(dim=6, latent=2, sigma=0.4, seed=2)
    x = model.draw(600)
    vae = variate.build(x, ModelOptions(latent=2, width=16, depth=1, scale="optimal"))
    variate.fit(vae, x, epochs=60, batch_size=100, lr=1e-2)
    likelihood, q_z = vae.likelihood, vae.encode(Batch(x))
    with torch.no_grad():
        means = [vae.decode((q_z.sample((1,)),)).mean.squeeze(0) for _ in range(50)]
        residual = torch.stack([((x - mean) / likelihood.unit).square().mean() for mean in means])
    frozen = (2 * likelihood.scale.log_scale).exp()
    assert abs(float(frozen - residual.mean())) < 4 * float(residual.std())
    per_row = [variate.elbo(vae, x[:k]).distortion.shape for k in (1, 5)]
    assert per_row == [(1,), (5,)]


def test_dynamic_binarization_draws_anew_and_matches_the_grey_level(digits):
    parts = variate.split(variate.read("digits"), variate.DataOptions(binarize="dynamic"))
    assert parts.train.transforms
    vae = variate.build(parts.schema, ModelOptions(latent=4, width=16, depth=2)).float()
    history = variate.fit(vae, parts, **SHORT | {"epochs": 20})
    assert math.isfinite(history.best_bound)
    assert history.records[-1]["validation_elbo"] > history.records[0]["validation_elbo"]
    assert vae.sample(3, seed=0).unique().tolist() in ([0.0, 1.0], [0, 1])


@pytest.mark.parametrize("bound", ["iwae", "dreg"])
def test_importance_weighted_objectives_train(digits, bound):
    history = variate.fit(small(digits), digits, bound=bound, samples=3, **SHORT)
    first, last = history.records[0], history.records[-1]
    assert last["train_objective"] > first["train_objective"]
    assert last["train_objective"] >= last["train_elbo"]  # IWAE >= ELBO


def test_two_fits_in_two_threads_give_the_models_of_one_after_the_other(digits):
    cases = [
        ({"posterior": "full"}, {"samples": 2}),
        ({"prior": "mixture", "components": 4}, {"bound": "iwae", "samples": 3}),
    ]
    torch.set_default_dtype(torch.float32)

    def trained(case):
        model, training = case
        vae = variate.build(digits, ModelOptions(latent=4, width=16, depth=2, **model))
        return vae, lambda: variate.fit(vae, digits, threads=1, **SHORT | {"epochs": 4} | training)

    apart, together = [trained(case) for case in cases], [trained(case) for case in cases]
    require_equal(apart, together)


def require_equal(apart, together):
    """Runs each fit of one list after the other, and all of the other list in threads at once."""
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    one_by_one = [fit() for _, fit in apart]
    with ThreadPoolExecutor(len(together)) as pool:
        at_once = list(pool.map(lambda pair: pair[1](), together))
    assert one_by_one == at_once
    for (expected, _), (found, _) in zip(apart, together, strict=True):
        assert all(torch.equal(v, found.state_dict()[k]) for k, v in expected.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    with ThreadPoolExecutor(1) as pool:
        assert [torch.get_num_threads(), pool.submit(torch.get_num_threads).result()] == [threads, threads]


def with_dropout(data):
    """A model whose decoder draws from torch's global generator."""
    vae = small(data)
    vae.decoder.network.inner.layers.insert(1, torch.nn.Dropout(0.3))
    return vae


BRIEF = SHORT | {"epochs": 2}
"""29 steps."""


@pytest.fixture
def often(monkeypatch):
    """A validation every 15 steps."""
    monkeypatch.setattr("variate.training.trainer.CHECK_STEPS", 15)


@pytest.fixture(scope="module")
def whole(digits):
    """An undisturbed brief run: its history and its model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("variate.training.trainer.CHECK_STEPS", 15)
        vae = small(digits)
        history = variate.fit(vae, digits, **BRIEF)
    assert [record["step"] for record in history.records] == [15, 29]
    return history, vae.state_dict()


def test_fits_whose_networks_draw_give_the_same_models_in_threads_as_alone(digits, often):
    cases = [{"threads": 1}, {"threads": 2, "seed": 3}]

    def trained(case):
        vae = with_dropout(digits)
        return vae, lambda: variate.fit(vae, digits, **BRIEF | {"epochs": 1} | case)

    require_equal([trained(case) for case in cases], [trained(case) for case in cases])


def test_a_run_with_dropout_repeats_and_can_be_resumed_bit_for_bit(digits, often, whole, tmp_path, monkeypatch):
    vae, resumed = with_dropout(digits), with_dropout(digits)
    history = variate.fit(vae, digits, **BRIEF)
    assert history.records != whole[0].records
    at_step(monkeypatch, 20, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert variate.fit(with_dropout(digits), digits, run=tmp_path, **BRIEF).stopped == "interrupted"
    torch.manual_seed(5)  # which the draws do not depend on
    assert variate.fit(resumed, digits, run=tmp_path, resume=True, **BRIEF) == history
    assert all(torch.equal(v, resumed.state_dict()[k]) for k, v in vae.state_dict().items())


def at_step(monkeypatch, number, what):
    """Does something when a number of steps has been taken."""
    take = Trainer.step

    def stepped(trainer):
        take(trainer)
        if trainer.state.progress.step == number:
            what()

    monkeypatch.setattr(Trainer, "step", stepped)


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_second_fit_into_the_same_directory_is_refused(digits, often, whole, tmp_path, monkeypatch):
    run, errors = tmp_path / "run", []

    def again():
        for resume in (False, True):
            errors.append(refused(variate.fit, small(digits), digits, run=run, resume=resume, **BRIEF))

    at_step(monkeypatch, 20, again)
    history = variate.fit(small(digits), digits, run=run, **BRIEF)
    assert [error.argument for error in errors] == ["run", "run"]
    assert str(run) in errors[0].got
    assert lines(run) == history.records == whole[0].records


def test_a_refused_fit_leaves_no_directory(digits, tmp_path):
    refused(variate.fit, small(digits), digits, run=tmp_path / "a" / "run", **BRIEF | {"batch_size": 10**6})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", [shutil.rmtree, lambda run: run.rename(run.with_name("moved"))])
def test_a_directory_that_is_removed_or_renamed_is_written_again(digits, often, whole, tmp_path, monkeypatch, how):
    run = tmp_path / "run"
    at_step(monkeypatch, 20, lambda: how(run))
    with pytest.warns(VariateWarning, match="removed"):
        history = variate.fit(small(digits), digits, run=run, checkpoint_seconds=1e6, **BRIEF)
    assert lines(run) == history.records == whole[0].records
    loaded = variate.load(run).state_dict()
    assert all(torch.equal(v, loaded[k]) for k, v in whole[1].items())
    assert steps_done(run) == 29
    assert any("removed" in sentence for sentence in history.warnings)


def test_another_run_in_the_place_of_a_removed_one_is_left_alone(digits, often, tmp_path, monkeypatch):
    run = tmp_path / "run"

    def replace():
        shutil.rmtree(run)
        run.mkdir()
        (run / "model.safetensors").write_text("another's")

    at_step(monkeypatch, 20, replace)
    assert refused(variate.fit, small(digits), digits, run=run, **BRIEF).argument == str(run)
    assert [path.name for path in run.rglob("*")] == ["model.safetensors"]
    assert (run / "model.safetensors").read_text() == "another's"


@pytest.mark.parametrize(("which", "steps"), [("state", 0), ("model", 29), ("metrics", 0)])
def test_a_full_disk_ends_a_run_that_can_be_resumed(digits, often, whole, tmp_path, monkeypatch, which, steps):
    run, opened, is_full = tmp_path / "run", Path.open, []

    def open_or_fail(path, mode="r", *arguments, **named):
        if is_full and which in path.name and mode != "rb":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return opened(path, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", open_or_fail)
    at_step(monkeypatch, 20, lambda: is_full.append(True))
    error = refused(variate.fit, small(digits), digits, run=run, checkpoint_seconds=1e6, **BRIEF)
    assert which in error.argument
    assert error.got.lower() == os.strerror(errno.ENOSPC).lower()
    assert Option("resume", True) in error.remedy.parts
    assert steps_done(run) == steps  # the last that could be saved
    assert not list(run.rglob("*.part"))
    monkeypatch.setattr(Path, "open", opened)
    assert variate.fit(small(digits), digits, run=run, resume=True, **BRIEF) == whole[0]


def test_nothing_is_said_of_resuming_where_nothing_was_written(digits, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    error = refused(variate.fit, small(digits), digits, run=tmp_path / "run", **BRIEF)
    assert error.argument.endswith("state.safetensors")
    assert "resume" not in str(error)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_directory_to_resume_is_needed_and_must_be_a_path():
    # From an interpreter of its own: the tests' type checker would be quicker to refuse them.
    code = """
import numpy, variate
rows = numpy.random.default_rng(0).normal(size=(50, 4))
vae = variate.build(rows, variate.ModelOptions(latent=2, width=8, depth=1))
for options in ({"resume": True}, {"run": 3}, {"run": b"run"}, {"run": ["run"]}, {"run": "a\\0b"}, {"run": True}):
    try:
        variate.fit(vae, rows, **options)
    except variate.InputError as error:
        print(error.argument)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["run"] * 6
