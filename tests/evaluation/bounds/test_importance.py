import math
from itertools import pairwise

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import RenyiELBO
from scipy import stats
from sklearn.decomposition import PCA
from torch.distributions import Independent, MultivariateNormal, Normal

import variate
from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, annealed_evidence, build, elbo, from_arrays, log_evidence
from variate.data.batch import Batch
from variate.distributions import DiagonalGaussian, FullGaussian
from variate.models.network import evaluating


@pytest.mark.parametrize("sigma", [0.2, 2.0])
def test_bound_of_5000_draws_is_the_evidence_within_three_standard_errors(sigma):
    model = LinearGaussian(dim=30, latent=10, sigma=sigma)
    x = model.draw(100)
    found = log_evidence(model.vae("diagonal"), x, 5000)
    exact = model.log_evidence(x)
    value, stderr = found.estimate
    assert abs(value - exact.mean().item()) <= 3 * stderr
    # The same rows stand on both sides, so a sharper statement holds: a twentieth of the diagonal gap.
    assert 0 <= (exact - found.log_evidence).mean() <= model.gap("diagonal") / 10
    assert found.log_evidence.mean() > elbo(model.vae("diagonal"), x, 100).elbo.mean()


@pytest.mark.parametrize("sigma", [0.2, 2.0])
def test_exact_posterior_gives_the_evidence_with_equal_weights(sigma):
    model = LinearGaussian(dim=30, latent=10, sigma=sigma)
    x = model.draw(20)
    found = log_evidence(model.vae("full"), x, 200)
    assert torch.allclose(found.log_evidence, model.log_evidence(x), atol=1e-8)
    assert torch.allclose(found.ess, torch.full((20,), 200.0))
    assert found.noise <= 1e-6
    assert found.unreliable == 0


def test_evidence_of_a_linear_model_is_that_of_scikit_learns_probabilistic_pca():
    model = LinearGaussian(dim=12, latent=4, sigma=0.7)
    x = model.draw(2000)
    pca = PCA(n_components=4).fit(x.numpy())
    values, vectors = torch.from_numpy(pca.explained_variance_), torch.from_numpy(pca.components_)
    noise = torch.tensor(pca.noise_variance_)
    model.W, model.mu = vectors.T * (values - noise).sqrt(), torch.from_numpy(pca.mean_)
    model.sigma = noise.sqrt().item()
    model.M = model.W.T @ model.W + noise * torch.eye(4)
    model.S = noise * torch.linalg.inv(model.M)
    found = log_evidence(model.vae("full"), x[:50], 100)
    assert torch.allclose(found.log_evidence, torch.from_numpy(pca.score_samples(x[:50].numpy())), atol=1e-8)


def test_evidence_agrees_with_scipys_quadrature_of_the_joint():
    # One latent and a nonlinear decoder: the integral over z on a grid is exact to many digits.
    rows = torch.randn(8, 3)
    vae = build(rows.numpy(), ModelOptions(latent=1, width=16, depth=2)).double()
    grid = torch.linspace(-9, 9, 20_001)
    with torch.no_grad():
        log_joint = vae.likelihood(vae.decoder(grid[:, None, None])).log_prob(rows) + vae.latent_prior().log_prob(
            grid[:, None, None]
        )
    exact = torch.logsumexp(log_joint, 0) + math.log(grid[1] - grid[0])
    found = log_evidence(vae, rows, 20_000)
    errors = (1 / found.ess - 1 / 20_000).sqrt()
    assert ((found.log_evidence - exact).abs() <= 4 * errors + 1e-4).all()


def test_bound_agrees_with_pyros_on_the_same_model_and_rows():
    model = LinearGaussian(dim=8, latent=3, sigma=0.5)
    vae, x = model.vae("diagonal"), model.draw(40)

    def joint(x):
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(3), torch.ones(3)).expand([len(x), 3]).to_event(1))
            pyro.sample("x", dist.Normal(z @ model.W.T + model.mu, model.sigma).to_event(1), obs=x)

    def guide(x):
        q_z = vae.encoder(x)
        with pyro.plate("rows", len(x)):
            pyro.sample("z", dist.Normal(q_z.loc, q_z.variance.sqrt()).to_event(1))

    K, repeats = 50, 40
    pyro.set_rng_seed(0)
    bound = RenyiELBO(alpha=0, num_particles=K, vectorize_particles=True, max_plate_nesting=1)
    with torch.no_grad():
        theirs = -torch.tensor([bound.loss(joint, guide, x) for _ in range(repeats)]) / len(x)
    ours = torch.stack([log_evidence(vae, x, K, seed=seed).log_evidence.mean() for seed in range(repeats)])
    error = math.sqrt((theirs.var() + ours.var()).item() / repeats)
    assert abs((theirs.mean() - ours.mean()).item()) <= 4 * error


@pytest.mark.parametrize("batch_size", [1, 7, 100, 10**6])
def test_the_batch_size_changes_nothing(batch_size):
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    vae, x = model.vae("diagonal"), model.draw(5)
    first, second = (log_evidence(vae, x, 130, also=(10,), batch_size=size) for size in (None, batch_size))
    assert torch.allclose(first.log_evidence, second.log_evidence, rtol=1e-9)
    assert torch.allclose(first.bounds[10], second.bounds[10], rtol=1e-9)
    assert torch.allclose(first.ess, second.ess, rtol=1e-9)
    assert torch.allclose(first.khat, second.khat, rtol=1e-6)


def test_a_sub_sample_of_rows_says_which_and_has_the_same_values():
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    vae, x = model.vae("diagonal"), model.draw(30)
    everything, some = log_evidence(vae, x, 50), log_evidence(vae, x, 50, num_rows=7)
    assert len(some.which) == 7
    assert some.which.tolist() == sorted(set(some.which.tolist()))
    assert torch.allclose(some.log_evidence, everything.log_evidence[some.which], rtol=1e-12)
    assert everything.which.tolist() == list(range(30))


def test_the_same_seed_gives_the_same_bits_and_leaves_the_generator_alone():
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    vae, x = model.vae("diagonal"), model.draw(9)
    vae.train()
    before = torch.get_rng_state()
    first, again, other = (log_evidence(vae, x, 50, seed=seed).log_evidence for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert vae.training


@pytest.mark.parametrize("sigma", [0.2, 1.0])
def test_the_bound_does_not_fall_with_the_number_of_draws(sigma):
    model = LinearGaussian(dim=10, latent=5, sigma=sigma)
    x = model.draw(200)
    found = log_evidence(model.vae("isotropic"), x, 1000, also=(1, 10, 100))
    bounds = [*found.bounds.values(), found.log_evidence]
    for lower, higher in pairwise(bounds):
        gain = higher - lower
        assert gain.mean() >= -3 * gain.std() / math.sqrt(200)
    exact = model.log_evidence(x) - model.gap("isotropic")
    noise = bounds[0] - exact
    assert abs(noise.mean()) <= 4 * noise.std() / math.sqrt(200)


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")
@pytest.mark.parametrize("options", [{}, {"posterior": "full", "prior": "mixture", "components": 4}])
def test_the_bound_does_not_fall_on_trained_models(options):
    torch.set_default_dtype(torch.float32)
    data = variate.split(variate.read("digits"))
    vae = build(data, ModelOptions(latent=8, width=64, depth=1, **options))
    variate.fit(vae, data, epochs=4)
    found = log_evidence(vae, data, 300, also=(1, 10, 100))
    for lower, higher in pairwise([*found.bounds.values(), found.log_evidence]):
        gain = higher - lower
        assert gain.mean() >= -3 * gain.std() / math.sqrt(len(gain))
    assert (found.log_evidence - found.bounds[1]).mean() > 0.2  # a real model leaves something to gain


def test_noise_covers_the_distance_between_seeds():
    # Scales a tenth too small leave weights with k = 1 - 0.9^2 = 0.19.
    model = LinearGaussian(dim=10, latent=4, sigma=1.0)
    vae, x = model.vae("full"), model.draw(20)
    narrow = narrowed(vae, x, 0.9)
    found = [log_evidence(vae, x, 500, proposal=narrow, seed=seed) for seed in range(60)]
    means = torch.stack([evidence.log_evidence.mean() for evidence in found])
    told = torch.tensor([evidence.noise for evidence in found if evidence.noise is not None])
    assert len(told) >= 57
    # The ratio of a standard deviation from 60 numbers to the truth has a standard error of 1 / sqrt(2 * 59).
    assert abs(means.std() / told.square().mean().sqrt() - 1) <= 4 / math.sqrt(2 * 59) + 0.15


def narrowed(vae, x, scale):
    """Proposals for a linear model whose scales are too small by a factor s, so that k = 1 - s^2."""
    with torch.no_grad():
        exact = vae.encoder(x)
        return FullGaussian(exact.loc, scale * exact.scale_tril)


@pytest.mark.parametrize("scale", [0.75, 0.6, 0.4])
def test_noise_of_rows_that_are_not_flagged_covers_that_they_were_not(scale):
    # k = 0.44, 0.64 and 0.84: from a few flagged rows to most; against the mean over seeds of each row.
    model = LinearGaussian(dim=6, latent=2, sigma=1.0)
    vae, x = model.vae("full"), model.draw(50)
    found = [log_evidence(vae, x, 200, proposal=narrowed(vae, x, scale), seed=seed) for seed in range(40)]
    expected = torch.stack([evidence.log_evidence for evidence in found]).mean(0)
    errors, told = [], []
    for evidence in found:
        sound = ~torch.isin(torch.arange(50), evidence.flagged)
        errors.append((evidence.log_evidence - expected)[sound].mean().abs())
        told.append(evidence.reliable_noise)
        assert (evidence.noise is None) == (len(evidence.flagged) > 0)
    covered = torch.stack(errors) <= 2 * torch.tensor(told)
    assert covered.double().mean() >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 40)


def test_flagged_rows_are_numbered_as_in_the_data_and_can_be_annealed_alone():
    model = LinearGaussian(dim=6, latent=2, sigma=1.0)
    vae, data = model.vae("full"), model.draw(60)
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[2:4] -= 0.5  # scales that are about e^0.5 times too small
    found = log_evidence(vae, data, 200, num_rows=40, seed=3)
    assert 0 < len(found.flagged) < 40
    assert found.unreliable == len(found.flagged) / 40
    assert found.flagged.tolist() == [n for n, k in zip(found.which.tolist(), found.khat, strict=True) if k > 0.7]
    assert torch.equal(found.row_noise.isnan(), torch.isin(found.which, found.flagged))
    assert torch.equal(found.excess > 0, torch.isin(found.which, found.flagged))
    annealed = annealed_evidence(vae, vae.dataset(data).select(found.flagged.numpy()), num_steps=50, num_chains=8)
    exact = model.log_evidence(data[found.flagged])
    assert (annealed.log_evidence - exact).abs().mean() < 0.2


def test_a_row_whose_weights_are_not_finite_is_flagged():
    model = LinearGaussian(dim=6, latent=2, sigma=1.0)
    x = model.draw(5)
    x[3] = 1e200
    found = log_evidence(model.vae("full"), x, 100)
    assert not found.log_evidence[3].isfinite()
    assert (found.flagged.tolist(), found.unreliable, found.noise) == ([3], 0.2, None)
    assert found.reliable_noise <= 1e-6


def test_a_few_draws_do_not_tell_their_noise():
    model = LinearGaussian(dim=6, latent=2, sigma=1.0)
    vae, x = model.vae("full"), model.draw(10)
    for num_samples in (1, 20, 99):
        found = log_evidence(vae, x, num_samples)
        assert (found.noise, found.reliable_noise, found.unreliable) == (None, None, 0)
    assert log_evidence(vae, x, 100).noise <= 1e-6


def test_a_given_proposal_is_drawn_from():
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    x = model.draw(12)
    exact = model.vae("full").encoder(x)
    found = log_evidence(model.vae("isotropic"), x, 20, proposal=exact, batch_size=30)
    assert torch.allclose(found.log_evidence, model.log_evidence(x), atol=1e-8)
    assert torch.equal(log_evidence(model.vae("isotropic"), x, 20, proposal=[exact]).ess, found.ess)
    assert refused(log_evidence, model.vae("full"), x[:3], 20, proposal=exact).argument == "proposal"
    error = refused(log_evidence, model.vae("full"), x, 20, proposal=[exact, exact])
    assert (error.argument, error.got) == ("proposal", "2")


def test_any_prior_with_a_density_will_do():
    model = LinearGaussian(dim=6, latent=3, sigma=0.8)
    x = model.draw(50)
    shifted = Independent(Normal(torch.tensor([1.0, -1.0, 0.5]), torch.tensor([0.5, 1.0, 2.0])), 1)
    covariance = model.W @ torch.diag(shifted.variance) @ model.W.T + model.sigma**2 * torch.eye(6)
    exact = MultivariateNormal(model.mu + model.W @ shifted.mean, covariance).log_prob(x)
    wide = DiagonalGaussian(torch.zeros(50, 3), torch.zeros(50, 3))
    found = log_evidence(model.vae("full", shifted), x, 20_000, proposal=wide)
    assert ((found.log_evidence - exact).abs() <= 5 * (1 / found.ess).sqrt()).double().mean() > 0.9


def test_k_hat_warns_of_a_bad_encoder():
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    x = model.draw(20)
    good = log_evidence(model.vae("full"), x, 500)
    narrow = model.vae("full").encoder(x)
    narrow = DiagonalGaussian(narrow.loc + 0.5, narrow.variance.log() / 2 - 2)
    bad = log_evidence(model.vae("full"), x, 500, proposal=narrow)
    assert good.unreliable == 0
    assert bad.unreliable > 0.9


def test_memory_is_set_by_the_batch_size(monkeypatch):
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    vae, x = model.vae("diagonal"), model.draw(40)
    sizes = []
    inner = vae.decoder.forward
    monkeypatch.setattr(vae.decoder, "forward", lambda z: sizes.append(z.shape[:-1].numel()) or inner(z))
    log_evidence(vae, x, 300, batch_size=250)
    assert max(sizes) <= 250
    assert sum(sizes) == 40 * 300


@pytest.mark.parametrize(
    ("argument", "value"), [("num_samples", 0), ("batch_size", 0), ("num_rows", 0), ("also", (30,)), ("also", (2000,))]
)
def test_what_cannot_be_is_refused(argument, value):
    model = LinearGaussian(dim=6, latent=3, sigma=0.3)
    assert refused(log_evidence, model.vae("full"), model.draw(3), **{argument: value}).argument == argument
    assert refused(log_evidence, model.vae("full"), torch.zeros(0, 6)).argument == "x"


def test_scipys_normal_is_the_evidence_of_a_model_without_latents():
    # A decoder that ignores z: log p(x) is the density itself and every weight is p(z) / q(z).
    model = LinearGaussian(dim=4, latent=2, sigma=0.9)
    model.W = torch.zeros(4, 2)
    model.M = model.sigma**2 * torch.eye(2)
    model.S = torch.eye(2)
    x = model.draw(10)
    expected = stats.norm.logpdf(x.numpy(), model.mu.numpy(), model.sigma).sum(1)
    assert torch.allclose(log_evidence(model.vae("diagonal"), x, 10).log_evidence, torch.from_numpy(expected))


def test_two_groups_of_latents_with_an_exact_posterior_have_equal_weights():
    model = Ladder().double().make_exact()
    x = model.sample(20, seed=1)
    found = log_evidence(model, x, 50)
    torch.testing.assert_close(found.log_evidence, model.log_evidence(x), atol=1e-9, rtol=0)
    torch.testing.assert_close(found.ess, torch.full((20,), 50.0))


def test_two_groups_of_latents_have_their_evidence_whatever_the_encoder_is():
    model = Ladder(s2=1.0, sigma=1.0).double().make_exact()
    with torch.no_grad():
        model.top.bias += 0.3
        model.low_raw.diagonal().add_(0.2)
    x = model.sample(50, seed=1)
    found = log_evidence(model, x, 5000, also=(1,))
    errors = (1 / found.ess - 1 / 5000).sqrt()
    assert ((found.log_evidence - model.log_evidence(x)).abs() <= 4 * errors + 1e-3).all()
    assert (model.log_evidence(x) - found.bounds[1]).mean() > 0.1


def test_proposals_of_two_groups_are_drawn_from():
    model = Ladder(s2=1.0, sigma=1.0).double().make_exact()
    x = model.sample(10, seed=1)
    with evaluating(model):
        top = model.posterior(0, (), model.encode(Batch(x)))
        wide = DiagonalGaussian(model.mean_path(Batch(x))[1].squeeze(0), torch.zeros(10, 3))
    found = log_evidence(model, x, 20_000, proposal=[top, wide])
    assert ((found.log_evidence - model.log_evidence(x)).abs() <= 5 * (1 / found.ess).sqrt()).all()


@pytest.mark.parametrize("context", [0, 2])
def test_every_weight_is_the_evidence_of_the_observed_half_of_a_row(context):
    model = ConditionalLinear(context=context).double()
    given = torch.randn(30, context) if context else None
    x, mask = 3 * torch.randn(30, 8), torch.rand(30, 8).argsort(1) < 4
    hidden = torch.where(mask, x, torch.nan)
    with evaluating(model):
        draws = model.infer(Batch(hidden, mask, given), [torch.randn(7, 30, 3)])
    exact = model.log_evidence(x, given, mask)
    torch.testing.assert_close(draws.log_weights, exact.expand(7, 30), atol=1e-9, rtol=0)
    data = from_arrays(hidden.numpy(), mask=mask.numpy(), context=None if given is None else given.numpy())
    found = log_evidence(model, data, 30, num_rows=20)
    torch.testing.assert_close(found.log_evidence, exact[found.which], atol=1e-9, rtol=0)


def test_a_row_without_an_observed_element_has_probability_one():
    model = ConditionalLinear(context=0).double()
    x, mask = torch.randn(2, 8), torch.arange(16).reshape(2, 8) < 8
    found = log_evidence(model, from_arrays(x.numpy(), mask=mask.numpy()), 10).log_evidence
    torch.testing.assert_close(found, model.log_evidence(x, mask=mask), atol=1e-9, rtol=0)
    assert abs(found[1].item()) <= 1e-9


def test_evidence_given_a_context_is_its_closed_form_whatever_the_proposal_is():
    model = ConditionalLinear(sigma=1.0).double()
    context = torch.randn(20, 2)
    x = model.sample(20, context=context, seed=1)
    data = from_arrays(x.numpy(), context=context.numpy())
    wide = DiagonalGaussian((context @ model.U.T).detach(), torch.zeros(20, 3))
    found = log_evidence(model, data, 20_000, proposal=wide)
    exact = model.log_evidence(x, context)
    assert ((found.log_evidence - exact).abs() <= 5 * (1 / found.ess).sqrt()).all()
    assert (exact - model.log_evidence(x, context.flip(0))).abs().mean() > 0.1  # so the context matters
    assert refused(log_evidence, model, x).argument == "x"
