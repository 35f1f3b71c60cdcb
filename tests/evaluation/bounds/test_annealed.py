import math

import numpy as np
import pytest
import torch
import zuko
from torch.distributions import Exponential, Independent, MultivariateNormal, StudentT

from conditional_linear import ConditionalLinear
from examples import rng, table
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, build, from_arrays
from variate.evaluation.bounds import annealed, hmc
from variate.evaluation.bounds.annealed import annealed_evidence
from variate.evaluation.bounds.path import known_start
from variate.statistics import estimate

STARTS = ("prior", "posterior")
QUICK = {"num_steps": 12, "num_chains": 3, "leapfrog": 2}


@pytest.fixture
def short_pilot(monkeypatch):
    """For what must hold whatever the pilot finds."""
    monkeypatch.setattr(annealed, "PILOT_STEPS", 8)
    monkeypatch.setattr(annealed, "PILOT_WARMUP", 3)


def model_and_rows(likelihood, **options):
    """A model with weights that say something, and rows that it takes."""
    data = {
        "bernoulli": lambda: rng().integers(0, 2, (12, 4), dtype=np.uint8),
        "discretized-logistic": lambda: rng().integers(0, 256, (12, 1, 6, 5), dtype=np.uint8),
        "negative-binomial": lambda: rng().poisson(4, (12, 4)),
        "poisson": lambda: rng().poisson(4, (12, 4)),
        "gaussian": lambda: rng().normal(size=(12, 4)),
        "columns": table,
    }[likelihood]()
    chosen = {"latent": 2, "width": 8, "depth": 1, "components": 3, "likelihood": likelihood, **options}
    vae = build(data, ModelOptions(**chosen))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return vae, data.take(np.arange(12)).x if likelihood == "columns" else torch.as_tensor(data)


def by_grid(vae, x, low=-9.0, high=9.0, points=180):
    """Log p(x) of a model of two latents by a sum over the cells of a grid, independent of any draw."""
    width = (high - low) / points
    z = low + width * (torch.arange(points) + 0.5)
    with torch.no_grad():
        p_z, pieces = vae.latent_prior(), torch.cartesian_prod(z, z).unsqueeze(1).split(1000)
        parts = [p_z.log_prob(piece) + vae.likelihood(vae.decoder(piece)).log_prob(x) for piece in pieces]
    return torch.cat(parts).logsumexp(0) + 2 * math.log(width)


@pytest.mark.parametrize("start", STARTS)
def test_estimate_is_below_the_evidence_and_near_it(start):
    # 4 standard errors of 32 rows. The bias of the mean weight's logarithm is about (e^s2 - 1) / 2C.
    model = LinearGaussian(dim=15, latent=5, sigma=0.7)
    x = model.draw(32)
    steps = 200 if start == "prior" else 60
    found = annealed_evidence(model.vae("diagonal"), x, num_steps=steps, leapfrog=2, start=start, seed=1)
    below = estimate(model.log_evidence(x) - found.log_evidence)
    assert below.value >= -4 * below.stderr
    assert below.value - 4 * below.stderr <= 0.05
    assert below.stderr <= 0.05
    assert ((found.ess >= 1) & (found.ess <= 16 + 1e-9)).all()
    assert ((found.acceptance > 0.5) & (found.acceptance < 1)).all()


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("steps", [1, 3])
def test_mean_weight_is_the_evidence_however_few_the_temperatures(start, steps, short_pilot):
    # E[w] = p(x): 2000 equal rows, each with chains, streams and a pilot of its own. 4 standard errors.
    model = LinearGaussian(dim=2, latent=2, sigma=0.8)
    vae, x = model.vae("isotropic"), torch.tensor([[0.7, -1.0]]) + model.mu
    with torch.no_grad():  # a q(z|x) so wide, and beside p(z|x), that the weights have a variance, and a large one
        vae.encoder.network.inner.layers[-1].bias += torch.tensor([0.2, -0.2, math.log(2.5)])
    found = annealed_evidence(vae, x.expand(2000, 2), num_steps=steps, num_chains=4, leapfrog=2, start=start, seed=2)
    ratio = torch.exp(found.log_evidence - model.log_evidence(x))
    assert (ratio.mean() - 1).abs() <= 4 * ratio.std() / math.sqrt(2000)
    assert 0.01 < ratio.std() < 3  # so that the mean says something


def test_without_moves_it_is_importance_sampling():
    # T = 1 from an exact posterior: every weight is the evidence; from the prior: the mean likelihood of prior draws.
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    x = model.draw(6)
    exact = annealed_evidence(model.vae("full"), x, num_steps=1, start="posterior")
    torch.testing.assert_close(exact.log_evidence, model.log_evidence(x), atol=1e-9, rtol=0)
    torch.testing.assert_close(exact.ess, torch.full((6,), 16.0))
    assert exact.acceptance.isnan().all()


def test_an_exact_posterior_gives_the_evidence_at_every_temperature(short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    x = model.draw(6)
    found = annealed_evidence(model.vae("full"), x, **QUICK, start="posterior")
    torch.testing.assert_close(found.log_evidence, model.log_evidence(x), atol=1e-9, rtol=0)


def test_effective_sample_size_is_its_definition():
    log_w = torch.tensor([[0.0, 1.0, -math.inf], [0.0, 0.0, -math.inf], [-math.inf, -1.0, -math.inf]])
    w = log_w.exp()
    expected = (w.sum(0).square() / w.square().sum(0)).nan_to_num(0.0)
    torch.testing.assert_close(annealed.sample_size(log_w), expected)
    torch.testing.assert_close(annealed.log_mean(log_w), w.mean(0).log())


@pytest.mark.parametrize("start", STARTS)
def test_same_seed_same_numbers_and_the_generator_is_left_alone(start, short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae, x = model.vae("diagonal"), model.draw(5)
    before = torch.get_rng_state()
    first, again, other = (annealed_evidence(vae, x, **QUICK, start=start, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.log_evidence, other.log_evidence)


@pytest.mark.parametrize("start", STARTS)
def test_the_batch_size_changes_nothing(start, short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae, x = model.vae("diagonal"), model.draw(3)
    sizes = {"num_steps": 6, "num_chains": 3, "leapfrog": 1}
    whole = annealed_evidence(vae, x, **sizes, start=start)
    for size in (1, 7):
        parts = annealed_evidence(vae, x, **sizes, start=start, batch_size=size)
        torch.testing.assert_close(parts, whole, atol=1e-9, rtol=0)


def test_a_subsample_is_rows_of_the_whole(short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae, x = model.vae("diagonal"), model.draw(9)
    whole, some = annealed_evidence(vae, x, **QUICK), annealed_evidence(vae, x, **QUICK, num_rows=4)
    assert whole.which.tolist() == list(range(9))
    assert len(some.which) == 4
    assert (some.which.diff() > 0).all()
    for part, all_of_it in zip(some, whole, strict=True):
        torch.testing.assert_close(part, all_of_it[some.which], atol=1e-9, rtol=0)
    assert some.estimate == estimate(some.log_evidence)
    assert (some.value, some.stderr) == some.estimate


def test_rows_of_like_content_differ_in_their_draws(short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    found = annealed_evidence(model.vae("diagonal"), model.draw(1).expand(6, 5), **QUICK)
    assert len(found.log_evidence.unique()) == 6


@pytest.mark.parametrize("start", STARTS)
def test_steps_of_the_counted_chains_are_frozen_and_know_nothing_of_them(start, monkeypatch):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae, x, plain, strides = model.vae("diagonal"), model.draw(4), hmc.move, []

    def recorded(evaluate, point, drawn, stride, beta, steps):
        strides.append(stride)
        return plain(evaluate, point, drawn, stride, beta, steps)

    monkeypatch.setattr(hmc, "move", recorded)
    pilots, counted = annealed.PILOT_WARMUP + annealed.PILOT_STEPS - 1, []
    for chains in (1, 50):  # other draws, other chains: the steps must not notice
        annealed_evidence(vae, x, num_steps=30, num_chains=chains, leapfrog=2, start=start)
        assert len(strides) == pilots + 29
        assert {stride.shape for stride in strides} == {(4, 3)}
        counted.append(torch.stack(strides[pilots:]))
        strides.clear()
    torch.testing.assert_close(counted[0], counted[1], atol=0, rtol=0)


def test_pilot_finds_the_acceptance_aimed_at(monkeypatch):
    # Without the limit on trajectories, in 20 dimensions, where a step for it exists.
    model = LinearGaussian(dim=40, latent=20, sigma=0.5)
    monkeypatch.setattr(annealed, "LONGEST", 50.0)
    monkeypatch.setattr(hmc, "SHORTEST", 1.0)
    for start in STARTS:
        found = annealed_evidence(model.vae("diagonal"), model.draw(8), num_steps=60, num_chains=4, start=start)
        assert found.acceptance.mean().item() == pytest.approx(annealed.TARGET, abs=0.08)


def test_trajectories_are_limited_by_the_spread_of_the_chains(monkeypatch):
    # An encoder whose scales are wrong by any factor gives the trajectories of the right one: about LONGEST deviations.
    model, lengths = LinearGaussian(dim=60, latent=2, sigma=0.8), []
    x, plain = model.draw(4), hmc.move

    def recorded(evaluate, point, drawn, stride, beta, steps):
        lengths.append((stride * steps / model.S.diagonal().sqrt()).mean())
        return plain(evaluate, point, drawn, stride, beta, steps)

    monkeypatch.setattr(hmc, "move", recorded)
    for factor in (0.3, 1.0):
        vae = model.vae("isotropic")
        with torch.no_grad():
            vae.encoder.network.inner.layers[-1].bias[2:] += math.log(factor)
        annealed_evidence(vae, x, num_steps=10, num_chains=1, leapfrog=8)
        assert lengths[-1].item() == pytest.approx(annealed.LONGEST, rel=0.25)


@pytest.mark.parametrize(
    ("likelihood", "start", "options"),
    [
        ("bernoulli", "prior", {}),
        ("negative-binomial", "posterior", {"posterior": "isotropic"}),
        ("gaussian", "prior", {"prior": "mixture"}),
        ("gaussian", "posterior", {"prior": "mixture"}),
        ("gaussian", "prior", {"prior": "vamp", "posterior": "full"}),
        ("discretized-logistic", "prior", {}),
        ("columns", "posterior", {}),
    ],
)
def test_every_model_has_the_evidence_that_a_grid_finds(likelihood, start, options):
    # 12 rows, 4 standard errors below and above; the bias allowed is the linear model's.
    vae, x = model_and_rows(likelihood, **options)
    found = annealed_evidence(vae, x, num_steps=40, leapfrog=2, start=start)
    below = estimate(by_grid(vae, x) - found.log_evidence)
    assert below.stderr <= 0.05
    assert -4 * below.stderr <= below.value <= 0.05 + 4 * below.stderr
    assert all(parameter.grad is None and parameter.requires_grad for parameter in vae.parameters())


@pytest.mark.parametrize(
    ("make", "low"),
    [
        (lambda: zuko.flows.NSF(features=2, transforms=1, hidden_features=(4,)), -9.0),
        (lambda: MultivariateNormal(torch.ones(2), torch.tensor([[2.0, 0.9], [0.9, 0.5]])), -9.0),
        (lambda: Independent(StudentT(4.0, torch.zeros(2)), 1), -9.0),
        (lambda: Independent(Exponential(torch.ones(2)), 1), 0.0),
    ],
    ids=["flow", "multivariate", "heavy tails", "half-line"],
)
def test_every_prior_with_a_density_has_the_evidence_that_a_grid_finds(make, low):
    model = LinearGaussian(dim=4, latent=2, sigma=0.8)
    vae = model.vae("diagonal", make())
    x = vae.sample(12, seed=3)
    found = annealed_evidence(vae, x, num_steps=40, num_chains=32, leapfrog=2)
    below = estimate(by_grid(vae, x, low=low) - found.log_evidence)
    assert below.stderr <= 0.1
    assert -4 * below.stderr - 0.01 <= below.value <= 0.05 + 4 * below.stderr
    assert found.acceptance.isfinite().all()


def test_float32_models_and_their_mode_are_left_as_they_are():
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae, x = model.vae("diagonal").float().train(), model.draw(4).float()
    parameter = next(vae.parameters()).requires_grad_(False)
    found = annealed_evidence(vae, x, num_steps=100)
    below = estimate(model.log_evidence(x.double()) - found.log_evidence)
    assert found.log_evidence.dtype == torch.float64
    assert abs(below.value) <= 4 * below.stderr + 0.05
    assert vae.training
    assert not parameter.requires_grad
    assert all(p.grad is None for p in vae.parameters())


@pytest.mark.parametrize("argument", ["num_steps", "num_chains", "leapfrog", "batch_size", "num_rows"])
def test_numbers_that_are_not_positive_are_refused(argument):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    error = refused(annealed_evidence, model.vae("diagonal"), model.draw(4), **{argument: 0})
    assert (error.argument, error.got) == (argument, "0")


def test_a_start_that_there_is_not_and_no_rows_are_refused():
    error = refused(known_start, "middle")
    assert (error.argument, error.got) == ("start", "'middle'")
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    assert refused(annealed_evidence, model.vae("diagonal"), model.draw(4)[:0]).argument == "x"


@pytest.mark.parametrize("start", STARTS)
def test_two_groups_of_latents_have_their_evidence(start):
    # 32 rows, 4 standard errors below and above; the bias allowed is that of the linear model above.
    model = Ladder(s2=1.0, sigma=1.0).double().make_exact()
    with torch.no_grad():  # an encoder that is off: an exact one would hide mistakes
        model.top.bias += 0.2
        model.low_raw.diagonal().add_(-0.2)
    x = model.sample(32, seed=1)
    steps = 400 if start == "prior" else 40
    found = annealed_evidence(model, x, num_steps=steps, leapfrog=2, start=start, seed=1)
    below = estimate(model.log_evidence(x) - found.log_evidence)
    assert -4 * below.stderr <= below.value <= 0.05 + 4 * below.stderr
    assert below.stderr <= 0.07
    assert ((found.acceptance > 0.5) & (found.acceptance < 1)).all()


def test_two_groups_of_latents_with_an_exact_posterior_give_the_evidence_at_every_temperature(short_pilot):
    model = Ladder().double().make_exact()
    x = model.sample(6, seed=1)
    found = annealed_evidence(model, x, **QUICK, start="posterior")
    torch.testing.assert_close(found.log_evidence, model.log_evidence(x), atol=1e-9, rtol=0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("start", STARTS)
def test_contexts_and_masks_reach_every_density(start, masked, short_pilot):
    model = ConditionalLinear().double()
    context, mask = torch.randn(16, 2), torch.rand(16, 8).argsort(1) < 4
    x = model.sample(16, context=context, seed=1)
    data = from_arrays(x.numpy(), context=context.numpy(), mask=mask.numpy() if masked else None)
    exact = model.log_evidence(x, context, mask if masked else None)
    found = annealed_evidence(model, data, num_steps=60 if start == "prior" else 5, leapfrog=2, start=start)
    below = estimate(exact - found.log_evidence)
    if start == "posterior":
        torch.testing.assert_close(found.log_evidence, exact, atol=1e-9, rtol=0)
    assert -4 * below.stderr - 1e-9 <= below.value <= 0.1 + 4 * below.stderr
