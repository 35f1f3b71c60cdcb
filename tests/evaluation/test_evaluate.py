import math
from functools import partial

import numpy as np
import pytest
import torch

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, annealed_evidence, build, elbo, evaluate, from_arrays, log_evidence
from variate.evaluation import evaluate as module
from variate.runtime.random import some_rows
from variate.statistics import bits_per_dim, estimate


@pytest.mark.parametrize("family", ["full", "diagonal", "isotropic"])
def test_mean_elbo_is_evidence_minus_gap(family):
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    x = model.draw(3_000)
    result = evaluate(model.vae(family), x)
    evidence = model.log_evidence(x)
    # The rows are the same on both sides, so what differs is the noise of the draws.
    noise = elbo(model.vae(family), x, seed=1).elbo - (evidence - model.gap(family))
    error = noise.std().item() / math.sqrt(len(x))
    assert abs(result.elbo.value - (evidence.mean() - model.gap(family)).item()) <= 4 * error


def test_mean_elbo_is_the_entropy_of_the_data_within_its_own_standard_error():
    # E log p(x) = -entropy; rows drawn from the model, so the reported standard error must cover the distance.
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    covariance = model.W @ model.W.T + model.sigma**2 * torch.eye(6)
    exact = -torch.distributions.MultivariateNormal(model.mu, covariance).entropy().item()
    result = evaluate(model.vae("full"), model.draw(3_000))
    assert abs(result.elbo.value - exact) <= 4 * result.elbo.stderr
    assert result.elbo.stderr > 0


def test_parts_add_up_and_the_rate_is_its_closed_form():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("diagonal"), model.draw(200)
    result = evaluate(vae, x)
    assert result.elbo.value == pytest.approx(-result.distortion.value - result.rate.value)
    rates = vae.encoder(x).kl(vae.latent_prior())
    assert result.rate.value == pytest.approx(rates.mean().item())
    assert result.rate.stderr == pytest.approx(rates.std().item() / math.sqrt(200))


def test_stderr_is_the_sample_standard_deviation_over_root_n():
    values = np.random.default_rng(0).normal(size=37)
    found = estimate(torch.as_tensor(values))
    assert found.value == pytest.approx(values.mean())
    assert found.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(37))
    assert math.isnan(estimate(torch.ones(1)).stderr)


def test_means_are_taken_in_double_precision():
    values = torch.full((100_000,), 0.1, dtype=torch.float32)
    assert estimate(values).value == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_record_counts_every_row_whatever_the_batch_size(batch_size):
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("full"), model.draw(50)
    result = evaluate(vae, x, batch_size=batch_size)
    assert (result.num_rows, result.of_rows, result.dimensions, result.is_mass) == (50, 50, 6, False)
    rates = vae.encoder(x).kl(vae.latent_prior())
    assert result.rate.value == pytest.approx(rates.mean().item(), rel=1e-12)


def test_seed_says_the_draws_and_the_generator_is_left_alone():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("diagonal"), model.draw(50)
    vae.train()
    before = torch.get_rng_state()
    first, again, other = (evaluate(vae, x, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first == again
    assert first.distortion != other.distortion
    assert first.rate == other.rate
    assert vae.training


def test_importance_weighted_bounds_are_those_of_log_evidence():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("isotropic"), model.draw(40)
    result = evaluate(vae, x, 230)
    found = log_evidence(vae, x, 230, also=(10, 100))
    assert result.importance is not None
    assert list(result.importance.bounds) == [10, 100, 230]
    assert result.importance.bounds[230] == found.estimate
    assert result.importance.bounds[10] == estimate(found.bounds[10])
    assert result.importance.noise == found.noise
    assert result.importance.ess == pytest.approx(found.ess.mean().item())
    assert result.importance.reliable_noise == found.reliable_noise
    assert result.importance.unreliable == found.unreliable
    assert list(result.importance.flagged) == found.flagged.tolist()
    assert evaluate(vae, x).importance is None


def test_annealing_is_compared_on_its_own_rows(monkeypatch):
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("isotropic"), model.draw(40)
    monkeypatch.setattr(module, "annealed_evidence", partial(annealed_evidence, num_steps=20, num_chains=4))
    result = evaluate(vae, x, 100, annealed_rows=8)
    assert result.annealed is not None
    assert result.annealed.num_rows == 8
    annealed = annealed_evidence(vae, x, num_rows=8, num_steps=20, num_chains=4)
    assert result.annealed.bound == annealed.estimate
    weighted = log_evidence(vae, x, 100).log_evidence[annealed.which]
    assert result.annealed.over_importance == estimate(annealed.log_evidence - weighted)
    assert evaluate(vae, x).annealed is None


def test_flagged_rows_have_their_numbers_in_the_data_and_no_noise(monkeypatch):
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("diagonal"), model.draw(60)
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[3:] -= 0.5  # all scales are about e^0.5 times too small
    monkeypatch.setattr(module, "annealed_evidence", partial(annealed_evidence, num_steps=50, num_chains=4))
    result = evaluate(vae, x, 300, annealed_rows=30, num_rows=40, seed=1)
    which = some_rows(60, 40, 1)
    found = log_evidence(vae, x[which], 300, seed=1)
    assert result.importance.noise is None
    assert result.importance.reliable_noise == found.reliable_noise > 0
    assert list(result.importance.flagged) == which[found.flagged].tolist()
    assert len(result.importance.flagged) == result.importance.unreliable * 40 > 0
    # What annealing adds to flagged rows alone, computed anew.
    annealed = annealed_evidence(vae, x[which], num_rows=30, num_steps=50, num_chains=4, seed=1)
    over = annealed.log_evidence - found.log_evidence[annealed.which]
    flagged = torch.isin(annealed.which, found.flagged)
    assert result.annealed.num_flagged == flagged.sum()
    assert result.annealed.over_flagged == estimate(over[flagged])


def test_a_sub_sample_of_rows_says_of_how_many():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    result = evaluate(model.vae("full"), model.draw(40), num_rows=10)
    assert (result.num_rows, result.of_rows) == (10, 40)


def test_active_units_and_their_spread():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("full"), model.draw(400)
    result = evaluate(vae, x)
    assert result.active_units == (3.0, 0.0)
    assert result.latent == 3
    # A latent whose means have a variance of just 0.01 is active in about half of the resampled data.
    layer = vae.encoder.network.inner.layers[-1]
    with torch.no_grad():
        layer.weight[0] *= 0.1 / vae.embed(x).mean[:, 0].std(correction=0)
    assert 0.3 <= evaluate(vae, x).active_units.stderr <= 0.6


@pytest.mark.parametrize(
    ("nats", "dimensions", "bits"), [(math.log(2), 1, 1.0), (784 * math.log(256), 784, 8.0), (0.0, 5, 0.0)]
)
def test_bits_per_dim(nats, dimensions, bits):
    assert bits_per_dim(nats, dimensions) == pytest.approx(bits)


def test_a_uniform_model_of_pixels_costs_eight_bits():
    rows = np.random.default_rng(0).integers(0, 256, (40, 1, 5, 6), dtype=np.uint8)
    vae = build(rows, ModelOptions(latent=2, likelihood="categorical", width=8, depth=1))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        vae.likelihood.log_frequency.zero_()
    result = evaluate(vae, rows)
    assert result.is_mass
    assert result.dimensions == 30
    assert result.rate.value == 0
    assert bits_per_dim(-result.elbo.value, result.dimensions) == pytest.approx(8)


def test_the_terms_do_not_depend_on_the_batch_size():
    vae, x = LinearGaussian(dim=6, latent=3, sigma=0.5).vae("diagonal"), torch.randn(50, 6)
    whole, parts = evaluate(vae, x), evaluate(vae, x, batch_size=7)
    assert parts.elbo == pytest.approx(whole.elbo, rel=1e-12)
    assert parts.distortion == pytest.approx(whole.distortion, rel=1e-12)


def test_two_groups_of_latents_have_one_record():
    model = Ladder().double().make_exact()
    x = model.sample(500, seed=1)
    result = evaluate(model, x, 10)
    assert result.importance.bounds[10].value == pytest.approx(model.log_evidence(x).mean().item(), abs=1e-9)
    error = math.hypot(result.elbo.stderr, model.log_evidence(x).std().item() / math.sqrt(500))
    assert abs(result.elbo.value - model.log_evidence(x).mean().item()) <= 4 * error
    assert (result.latent, result.active_units) == (5, (5.0, 0.0))


def test_contexts_and_masks_reach_every_number():
    model, context = ConditionalLinear().double(), torch.randn(30, 2)
    x, mask = model.sample(30, context=context, seed=1), torch.rand(30, 8).argsort(1) < 4
    data = from_arrays(torch.where(mask, x, torch.nan).numpy(), mask=mask.numpy(), context=context.numpy())
    result = evaluate(model, data, 20)
    assert result.importance.bounds[20].value == pytest.approx(model.log_evidence(x, context, mask).mean().item())
    assert result.reconstruction.rmse.value < 2


@pytest.mark.parametrize(("argument", "value"), [("num_samples", 0), ("annealed_rows", -1), ("batch_size", 0)])
def test_no_rows_other_rows_and_impossible_numbers_are_refused(argument, value):
    vae = LinearGaussian(dim=6, latent=3, sigma=0.5).vae("full")
    assert refused(evaluate, vae, torch.zeros(0, 6)).got == "none"
    assert refused(evaluate, vae, torch.zeros(3, 5)).argument == "x"
    assert refused(evaluate, vae, torch.zeros(3, 6), **{argument: value}).argument == argument


def test_a_bound_that_is_not_finite_is_refused_with_the_number_of_its_row():
    vae = LinearGaussian(dim=6, latent=3, sigma=0.5).vae("full")
    x = torch.zeros(20, 6)
    x[13] = 1e200
    for num_rows in (20, 19):
        error = refused(evaluate, vae, x, num_rows=num_rows)
        assert (error.argument, error.expected) == ("the ELBO", "finite numbers")
        assert f"1 of {num_rows} rows, first in row 13" in error.got
