import copy
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch.distributions import MultivariateNormal, kl_divergence

from oracles import LinearGaussian
from variate import InputError, elbo
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.evaluation.diagnostics.surgery import (
    CANDIDATES,
    Fitted,
    affordable,
    better_prior,
    log_aggregate,
    pairwise_log_prob,
    surgery,
)
from variate.models import priors

FAMILIES = ("full", "diagonal", "isotropic")


def noisy(latent=2):
    """Exact posteriors that overlap a lot: the aggregate posterior is N(0, I) and the information small."""
    return LinearGaussian(dim=5, latent=latent, sigma=2.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_sum_to_the_rate_of_every_row_and_information_stays_below_its_ceiling(family):
    found = surgery(noisy().vae(family), noisy().draw(300), num_rows=None, seed=1)
    torch.testing.assert_close(found.information + found.hole, found.rate, atol=1e-12, rtol=0)
    assert found.information.max() <= found.ceiling == math.log(300)
    assert found.rate.dtype == torch.float64
    assert found.mean_rate.value == pytest.approx(found.mean_information.value + found.mean_hole.value, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 0.1, 3.0])
@pytest.mark.parametrize("full", [False, True])
def test_pairs_have_the_density_of_torchs_multivariate_normal(scale, full):
    loc, z = 5 + torch.randn(9, 3), 5 + torch.randn(4, 3)
    tril = scale * torch.randn(9, 3, 3).tril(-1) + torch.diag_embed(scale * torch.exp(torch.randn(9, 3)))
    tril = tril if full else torch.diag_embed(tril.diagonal(dim1=-2, dim2=-1))
    q = FullGaussian(loc, tril) if full else DiagonalGaussian(loc, tril.diagonal(dim1=-2, dim2=-1).log())
    oracle = MultivariateNormal(loc, scale_tril=tril).log_prob(z.unsqueeze(1))
    torch.testing.assert_close(pairwise_log_prob(q, z), oracle, rtol=1e-9, atol=1e-9)
    mean = oracle.logsumexp(1) - math.log(9)
    torch.testing.assert_close(log_aggregate(q, z, 3), mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_sharp_posteriors_far_from_the_origin_keep_their_digits(full):
    loc, scale = 1e3 + torch.randn(6, 3), 1e-3
    q = FullGaussian(loc, scale * torch.eye(3)) if full else DiagonalGaussian(loc, torch.full((6, 3), math.log(scale)))
    eps = torch.randn(6, 3)
    own = pairwise_log_prob(q, loc + scale * eps).diagonal()
    torch.testing.assert_close(own, StandardNormal(3).log_prob(eps) - 3 * math.log(scale), atol=1e-6, rtol=0)


def test_information_and_hole_of_an_exact_model_are_their_closed_forms():
    # With q = p(z|x) and x from the model, q(z) = p(z) = N(0, I), so hole = 0 and information = I(x; z), which is
    # E KL(N(m, S) || N(0, I)) = -1/2 log det S, since the variance of m is I - S.
    model = noisy()
    found = surgery(model.vae("full"), model.draw(2000), seed=2)
    exact = -0.5 * torch.logdet(model.S).item()
    # A finite N biases both by about E[q(z|x) / q(z)] / (2 N), far below a standard error.
    assert abs(found.mean_information.value - exact) <= 4 * found.mean_information.stderr
    assert abs(found.mean_hole.value) <= 4 * found.mean_hole.stderr + 5 / 2000
    assert not found.saturated
    assert 1 / 2000 < found.own_share < 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_hole_of_a_prior_that_does_not_fit_is_its_divergence(family):
    model = noisy()
    p_z = FullGaussian(torch.tensor([1.0, -0.5]), torch.tensor([[2.0, 0.0], [0.4, 0.8]]))
    vae, x = model.vae(family, p_z), model.draw(2000)
    found = surgery(vae, x, seed=3)
    # q(z) is Gaussian with the covariance of the posterior means plus that of q, whatever the family.
    gain = torch.linalg.solve(model.M, model.W.T)
    means = gain @ (model.W @ model.W.T + model.sigma**2 * torch.eye(5)) @ gain.T
    aggregate = MultivariateNormal(torch.zeros(2), means + vae.posterior(x[:1]).covariance_matrix[0].detach())
    exact = kl_divergence(aggregate, MultivariateNormal(p_z.loc, scale_tril=p_z.scale_tril)).item()
    assert exact > 0.5
    assert abs(found.mean_hole.value - exact) <= 4 * found.mean_hole.stderr + 5 / 2000


def test_drawn_rate_averages_to_the_closed_form():
    model = noisy()
    vae, x = model.vae("diagonal"), model.draw(2000)
    found, closed = surgery(vae, x, seed=4), kl_divergence(vae.posterior(x), vae.prior)
    assert abs(found.mean_rate.value - closed.mean().item()) <= 4 * found.mean_rate.stderr


def test_sharp_posteriors_saturate_at_log_n():
    model = LinearGaussian(dim=8, latent=4, sigma=0.01)
    found = surgery(model.vae("diagonal"), model.draw(400))
    assert found.saturated
    assert found.own_share == pytest.approx(1, abs=0.05)
    assert found.mean_information.value == pytest.approx(math.log(400), abs=0.1)
    assert found.information.max() <= math.log(400) + 1e-6


def test_a_single_row_has_no_information():
    found = surgery(noisy().vae("full"), noisy().draw(1))
    assert abs(found.information.item()) <= 1e-12
    assert found.own_share == pytest.approx(1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_surgery_does_not_depend_on_the_chunk(family, chunk):
    vae, x = noisy().vae(family), noisy().draw(50)
    vae.train()
    before = torch.get_rng_state()
    found = surgery(vae, x, num_rows=20, seed=5, chunk=chunk)
    again = surgery(vae, x, num_rows=20, seed=5)
    torch.testing.assert_close(tuple(found), tuple(again), atol=1e-10, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert vae.training
    assert len(found.which.unique()) == 20
    assert not torch.equal(found.which, surgery(vae, x, num_rows=20, seed=6).which)


def test_a_float32_model_has_the_same_parts():
    vae, x = noisy().vae("diagonal"), noisy().draw(200)
    single = surgery(copy.deepcopy(vae).float(), x.float())
    torch.testing.assert_close(tuple(single)[:3], tuple(surgery(vae, x))[:3], atol=1e-4, rtol=0)


def test_a_prior_that_is_right_cannot_be_bettered():
    model = noisy()
    found = better_prior(model.vae("full"), model.draw(4000), seed=1)
    # One diagonal Gaussian has 4 parameters here: its fit costs about 4 / (2 * 2000) nats.
    assert -0.02 - 4 * found.estimate.stderr <= found.estimate.value <= 4 * found.estimate.stderr
    assert found.gain.shape == found.which.shape == (1000,)


def test_gain_is_the_divergence_that_a_gaussian_removes():
    # q(z) = N(0, I) and p = N(m, A A^T): the best prior is q(z) itself, and its gain KL(q(z) || p).
    model = noisy()
    p_z = FullGaussian(torch.tensor([1.0, -0.5]), torch.tensor([[2.0, 0.0], [0.4, 0.8]]))
    found = better_prior(model.vae("full", p_z), model.draw(4000), seed=2)
    exact = kl_divergence(StandardNormal(2), p_z).item()
    assert abs(found.estimate.value - exact) <= 4 * found.estimate.stderr + 0.02


def split_rows(n):
    """Rows whose latents lie at two places, far apart."""
    model = LinearGaussian(dim=5, latent=2, sigma=0.3)
    z = 0.2 * torch.randn(n, 2) + 3 * torch.randint(2, (n, 1)) * torch.ones(2) - 1.5
    return model, z @ model.W.T + model.mu + model.sigma * torch.randn(n, 5)


def test_gain_of_two_clusters_is_that_of_the_mixture_and_it_is_the_change_of_the_elbo():
    model, x = split_rows(4000)
    vae = model.vae("diagonal")
    found = better_prior(vae, x, seed=3)
    assert "mixture" in found.name
    # The clusters' own moments, as a prior, in the ELBO of the same rows.
    q_z = vae.posterior(x)
    high = (q_z.loc.sum(-1) > 0).detach()
    loc, variance = torch.stack([q_z.loc[high].mean(0), q_z.loc[~high].mean(0)]), q_z.loc[high].var(0)
    shares = torch.stack([high.double().mean(), 1 - high.double().mean()])
    scales = 0.5 * (variance + q_z.variance[0]).log()
    oracle = priors.mixture(shares.log(), DiagonalGaussian(loc.detach(), scales.detach().expand_as(loc)))
    bounds = [elbo(model.vae("diagonal", p_z), x[found.which], 8).elbo.mean().item() for p_z in (None, oracle)]
    gain = bounds[1] - bounds[0]
    assert gain > 1
    assert abs(found.estimate.value - gain) <= 4 * found.estimate.stderr + 0.05


def test_choice_and_gain_depend_on_the_seed_alone():
    model, x = split_rows(300)
    vae = model.vae("full")
    before = torch.get_rng_state()
    found = better_prior(vae, x, num_rows=200, draws=2, seed=5)
    again = better_prior(vae, x, num_rows=200, draws=2, seed=5, chunk=13)
    torch.testing.assert_close(found.gain, again.gain, atol=1e-9, rtol=0)
    assert (found.name, len(found.which)) == (again.name, 50)
    assert torch.equal(found.which, again.which)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("components", "covariance"), CANDIDATES)
def test_fitted_densities_integrate_to_one(components, covariance):
    z = torch.cat([torch.randn(300, 2), 0.3 * torch.randn(300, 2) + 2]) * torch.tensor([1.0, 5.0])
    fitted = Fitted(z.reshape(2, 300, 2), components, covariance, seed=0)
    side = torch.linspace(-12, 12, 401)
    grid = torch.cartesian_prod(side, 5 * side)
    total = fitted.log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2 * 5
    assert total.item() == pytest.approx(1, abs=1e-3)
    assert fitted.log_prob(z.reshape(2, 300, 2)).shape == (2, 300)


def test_a_fit_that_does_not_converge_warns_of_nothing():
    z = (torch.arange(400) % 3).double().unsqueeze(1).expand(400, 2)  # fewer places than components
    with pytest.warns(ConvergenceWarning):
        GaussianMixture(32, covariance_type="diag", random_state=0).fit(z.numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Fitted(z, 32, "diag", seed=0).log_prob(z).isfinite().all()


@pytest.mark.parametrize(
    ("rows", "components", "covariance", "fits"),
    [
        (1, 1, "diag", True),
        (39, 1, "full", False),
        (40, 1, "full", True),
        (63, 8, "diag", False),
        (64, 8, "diag", True),
        (159, 4, "full", False),
        (160, 4, "full", True),
    ],
)
def test_candidates_need_eight_rows_a_component_and_four_a_direction(rows, components, covariance, fits):
    assert affordable(rows, components, covariance, latent=10) is fits


def test_gains_belong_to_the_rows_that_are_named():
    # Under a narrow prior far off, log p(z) differs from row to row by thousands of nats, and decides the gain.
    model = noisy()
    p_z = FullGaussian(torch.tensor([5.0, 5.0]), 0.05 * torch.eye(2))
    vae, x = model.vae("full", p_z), model.draw(400)
    found = better_prior(vae, x, draws=64)
    missed = -p_z.log_prob(vae.posterior(x[found.which]).sample((64,))).mean(0)
    assert np.corrcoef(found.gain, missed)[0, 1] > 0.95


def test_few_rows_leave_few_candidates_and_too_few_are_refused():
    model = LinearGaussian(dim=12, latent=10, sigma=0.5)
    found = better_prior(model.vae("diagonal"), model.draw(40))
    assert found.name == "one Gaussian with a diagonal covariance"
    assert found.gain.shape == (10,)
    with pytest.raises(InputError, match="at least 40 rows"):
        better_prior(model.vae("diagonal"), model.draw(39))


@pytest.mark.parametrize("arguments", [{"num_rows": 0}, {"chunk": 0}])
@pytest.mark.parametrize("function", [surgery, better_prior])
def test_impossible_numbers_are_refused(function, arguments):
    with pytest.raises(InputError, match="must be at least 1"):
        function(noisy().vae("full"), noisy().draw(50), **arguments)
    with pytest.raises(InputError, match="at least one row"):
        function(noisy().vae("full"), torch.zeros(0, 5))
