import math

import pytest
import torch
import zuko

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, Schema, build
from variate.config.schema import Column
from variate.evaluation.bounds import annealed, hmc, sandwich
from variate.evaluation.bounds.annealed import annealed_evidence
from variate.evaluation.bounds.sandwich import evidence_sandwich
from variate.statistics import estimate

STARTS = ("prior", "posterior")
QUICK = {"num_steps": 12, "num_chains": 3, "leapfrog": 2}
COLUMNS = (
    Column("a", "real"),
    Column("b", "categorical", ("x", "y", "z")),
    Column("c", "counts"),
    Column("d", "binary"),
)
SCHEMAS = {
    "bernoulli": Schema("binary", (4,)),
    "discretized-logistic": Schema("pixels", (1, 6, 5), levels=256),
    "quantized-gaussian": Schema("pixels", (1, 6, 5), levels=256),
    "categorical": Schema("pixels", (4,), levels=256),
    "gaussian": Schema("real", (4,)),
    "student-t": Schema("real", (4,)),
    "poisson": Schema("counts", (4,)),
    "negative-binomial": Schema("counts", (4,)),
    "columns": Schema("table", (4,), columns=COLUMNS),
}


@pytest.fixture
def short_pilot(monkeypatch):
    """For what must hold whatever the pilot finds."""
    monkeypatch.setattr(annealed, "PILOT_STEPS", 8)
    monkeypatch.setattr(annealed, "PILOT_WARMUP", 3)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("sigma", [2.0, 0.2])
def test_the_evidence_lies_between_the_bounds_and_they_are_near(start, sigma):
    # 4 standard errors of 32 rows; a mean gap of at most 0.05 nats, with a standard error of at most 0.07.
    model = LinearGaussian(dim=12, latent=4, sigma=sigma)
    steps, chains = {("prior", 0.2): (350, 16), ("prior", 2.0): (100, 16)}.get((start, sigma), (40, 16))
    settings = {"num_steps": steps, "num_chains": chains, "leapfrog": 2, "start": start}
    found = evidence_sandwich(model.vae("diagonal"), num_rows=32, **settings, seed=4)
    exact = model.log_evidence(found.rows)
    below, above = estimate(exact - found.lower), estimate(found.upper - exact)
    assert below.value >= -4 * below.stderr
    assert above.value >= -4 * above.stderr
    assert found.gap.stderr <= 0.07
    assert found.gap.value - 4 * found.gap.stderr <= 0.05
    assert found.gap.value == pytest.approx(below.value + above.value)
    assert (found.lower_estimate, found.upper_estimate) == (estimate(found.lower), estimate(found.upper))
    assert ((found.acceptance > 0.5) & (found.acceptance < 1)).all()


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("steps", [1, 3])
def test_mean_weight_up_the_path_is_one_over_the_evidence(start, steps, short_pilot):
    # E[w' p(x)] = 1 over exact posterior draws, however few the temperatures: 1200 rows, 4 standard errors.
    # From the prior with T = 1 it is the harmonic mean of p(x|z): its fourth moment is finite if p(z|x) is wide enough;
    # from q(z|x), if that is narrower than p(z|x).
    model = LinearGaussian(dim=2, latent=2, sigma=6.0)
    assert torch.linalg.eigvalsh(model.S).min() > 0.75
    vae = model.vae("isotropic")
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias += torch.tensor([0.2, -0.2, math.log(0.8)])
    found = evidence_sandwich(vae, num_rows=1200, num_steps=steps, num_chains=4, leapfrog=2, start=start, seed=5)
    exact = model.log_evidence(found.rows)
    for ratio in (torch.exp(exact - found.upper), torch.exp(found.lower - exact))[: 2 if start == "prior" else 1]:
        assert (ratio.mean() - 1).abs() <= 4 * ratio.std() / math.sqrt(1200)
        assert 0.01 < ratio.std() < 3  # so that the mean says something


@pytest.mark.parametrize("start", STARTS)
def test_the_pilot_sees_x_and_not_the_exact_draw(start, monkeypatch, short_pilot):
    # With other exact draws for the same rows, the chains down and the steps of both are the same bit for bit.
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae, plain_simulate, plain_move = model.vae("diagonal"), sandwich.simulate, hmc.move
    strides, found = [], []

    def recorded(evaluate, point, drawn, stride, beta, steps):
        strides.append(stride)
        return plain_move(evaluate, point, drawn, stride, beta, steps)

    monkeypatch.setattr(hmc, "move", recorded)
    for shift in (0.0, 0.3):
        moved = lambda *args, by=shift: plain_simulate(*args)._replace(z=plain_simulate(*args).z + by)  # noqa: E731
        monkeypatch.setattr(sandwich, "simulate", moved)
        found.append((evidence_sandwich(vae, num_rows=4, **QUICK, start=start), torch.stack(strides)))
        strides.clear()
    (one, steps), (other, other_steps) = found
    assert torch.equal(steps, other_steps)
    assert torch.equal(one.lower, other.lower)
    assert not torch.equal(one.upper, other.upper)
    down, up = steps[-22:-11], steps[-11:]
    assert torch.equal(down, up.flip(0))
    assert len(down.unique(dim=0)) == 11


def test_the_lower_bound_is_the_annealed_evidence_of_the_rows(short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae = model.vae("diagonal")
    found = evidence_sandwich(vae, num_rows=5, **QUICK, seed=3)
    torch.testing.assert_close(found.lower, annealed_evidence(vae, found.rows, **QUICK, seed=3).log_evidence)


def test_an_exact_posterior_leaves_no_gap(short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    found = evidence_sandwich(model.vae("full"), num_rows=5, **QUICK, start="posterior")
    torch.testing.assert_close(found.lower, found.upper, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.lower, model.log_evidence(found.rows), atol=1e-9, rtol=0)


@pytest.mark.parametrize("start", STARTS)
def test_same_seed_same_numbers_whatever_the_batch_size_is_and_the_generator_is_left_alone(start, short_pilot):
    model = LinearGaussian(dim=5, latent=3, sigma=0.6)
    vae = model.vae("diagonal")
    before = torch.get_rng_state()
    first, again, other = (evidence_sandwich(vae, num_rows=4, **QUICK, start=start, seed=s) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.upper, other.upper)
    parts = evidence_sandwich(vae, num_rows=4, **QUICK, start=start, seed=1, batch_size=7)
    torch.testing.assert_close(parts, first, atol=1e-9, rtol=0)
    fewer = evidence_sandwich(vae, num_rows=2, **QUICK, start=start, seed=1)
    for part, whole in zip(fewer, first, strict=True):
        torch.testing.assert_close(part, whole[:2], atol=1e-9, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("likelihood", "posterior", "prior"),
    [
        (name, ("diagonal", "full", "isotropic")[i % 3], ("normal", "vamp", "mixture")[i // 3])
        for i, name in enumerate(SCHEMAS)
    ],
)
def test_every_model_takes_its_own_rows_and_has_its_bounds_in_order(likelihood, posterior, prior, short_pilot):
    options = ModelOptions(2, posterior, likelihood, prior=prior, components=3, width=8, depth=1)
    vae = build(SCHEMAS[likelihood], options, seed=1)
    vae.fit_scaling(vae.sample(40, seed=2))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    found = evidence_sandwich(vae, num_rows=8, num_steps=15, num_chains=4, leapfrog=2, seed=1)
    assert torch.equal(vae.dataset(found.rows).all().x, found.rows)
    assert found.lower.isfinite().all()
    assert found.upper.isfinite().all()
    assert found.gap.value >= -4 * found.gap.stderr
    assert found.gap.stderr < 3
    assert all(parameter.grad is None and parameter.requires_grad for parameter in vae.parameters())


@pytest.mark.parametrize("flow", [zuko.flows.NSF, zuko.flows.MAF])
def test_a_flow_has_its_bounds_in_order(flow, short_pilot):
    model = LinearGaussian(dim=4, latent=2, sigma=0.8)
    vae = model.vae("diagonal", flow(features=2, transforms=1, hidden_features=(4,)))
    found = evidence_sandwich(vae, num_rows=8, num_steps=15, num_chains=4, leapfrog=2)
    assert found.lower.isfinite().all()
    assert found.upper.isfinite().all()
    assert found.gap.value >= -4 * found.gap.stderr
    assert found.gap.stderr < 1
    assert all(parameter.grad is None for parameter in vae.parameters())


@pytest.mark.parametrize("argument", ["num_rows", "num_steps", "num_chains", "leapfrog", "batch_size"])
def test_numbers_that_are_not_positive_are_refused(argument):
    vae = LinearGaussian(dim=4, latent=2, sigma=0.8).vae("diagonal")
    error = refused(evidence_sandwich, vae, **{argument: 0})
    assert (error.argument, error.got) == (argument, "0")


@pytest.mark.parametrize("context", [None, torch.zeros(3, 2)])
def test_contexts_that_do_not_fit_are_refused(context):
    model = ConditionalLinear().double()
    assert refused(evidence_sandwich, model, num_rows=4, **QUICK, context=context).argument == "context"
    vae = LinearGaussian(dim=4, latent=2, sigma=0.8).vae("diagonal")
    assert refused(evidence_sandwich, vae, num_rows=3, **QUICK, context=torch.zeros(3, 2)).argument == "context"


def test_bounds_of_two_groups_of_latents_hold_their_evidence():
    # 4 standard errors of 24 rows.
    model = Ladder(s2=1.0, sigma=1.0).double().make_exact()
    with torch.no_grad():
        model.top.bias += 0.2
    found = evidence_sandwich(model, num_rows=24, num_steps=100, num_chains=8, leapfrog=2, seed=4)
    exact = model.log_evidence(found.rows)
    below, above = estimate(exact - found.lower), estimate(found.upper - exact)
    assert -4 * below.stderr <= below.value <= 0.5
    assert -4 * above.stderr <= above.value <= 0.5


def test_bounds_given_a_context_hold_the_evidence_given_it(short_pilot):
    model, context = ConditionalLinear().double(), torch.randn(6, 2)
    found = evidence_sandwich(model, num_rows=6, **QUICK, start="posterior", context=context)
    exact = model.log_evidence(found.rows, context)
    torch.testing.assert_close(found.lower, exact, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.upper, exact, atol=1e-9, rtol=0)
