import copy
import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal, kl_divergence

from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, build, elbo
from variate.distributions import FullGaussian
from variate.evaluation.diagnostics.latents import active_units, latent_rates
from variate.models import priors
from variate.statistics import ACTIVE

FAMILIES = ("full", "diagonal", "isotropic")


def model(latent=3):
    return LinearGaussian(dim=6, latent=latent, sigma=0.6)


@pytest.mark.parametrize("family", ["diagonal", "isotropic"])
def test_rates_of_independent_latents_sum_to_the_rate(family):
    vae, x = model().vae(family), model().draw(50)
    rate = vae.encoder(x).kl(vae.latent_prior()).mean()
    torch.testing.assert_close(latent_rates(vae, x).sum(), rate.detach(), atol=1e-9, rtol=0)


def test_rates_of_correlated_latents_sum_to_less_by_their_total_correlation():
    vae, x = model().vae("full"), model().draw(50)
    rate = vae.encoder(x).kl(vae.latent_prior()).mean()
    # KL(q || prod_i q_i) of a Gaussian is -1/2 log det of its correlation matrix, here the same for all rows.
    spread = model().S.diagonal().sqrt()
    total_correlation = -0.5 * torch.logdet(model().S / spread / spread.unsqueeze(-1))
    assert total_correlation > 0.01
    torch.testing.assert_close(rate - latent_rates(vae, x).sum(), total_correlation, atol=1e-9, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_rates_to_any_gaussian_prior_are_those_of_torchs_normals(family):
    tril = torch.tensor([[2.0, 0, 0], [0.5, 0.7, 0], [-1.0, 0.3, 1.2]])
    p_z = FullGaussian(torch.tensor([0.5, -1.0, 2.0]), tril)
    vae, x = model().vae(family, p_z), model().draw(40)
    q_z, exact = vae.encoder(x), MultivariateNormal(p_z.loc, scale_tril=tril)
    oracle = kl_divergence(Normal(q_z.mean, q_z.variance.sqrt()), Normal(exact.mean, exact.variance.sqrt())).mean(0)
    torch.testing.assert_close(latent_rates(vae, x), oracle.detach(), atol=1e-9, rtol=0)


def mixture_rates(q_z, p_z):
    """Mean and variance under q of log q_i(z_i) - log p_i(z_i), each (N, d), by Gauss-Hermite quadrature."""
    nodes, weights = (torch.as_tensor(a) for a in np.polynomial.hermite_e.hermegauss(60))
    weights = (weights / weights.sum()).reshape(-1, 1, 1)
    marginal = Normal(q_z.mean, q_z.variance.sqrt())
    z = marginal.mean + marginal.stddev * nodes.reshape(-1, 1, 1)
    parts = p_z.components
    each = Normal(parts.mean, parts.variance.sqrt()).log_prob(z.unsqueeze(-2)).exp()
    log_p = (p_z.logits.softmax(-1).unsqueeze(-1) * each).sum(-2).log()
    ratio = marginal.log_prob(z) - log_p
    mean = (weights * ratio).sum(0)
    return mean, (weights * (ratio - mean).square()).sum(0)


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_rates_to_a_mixture_are_its_marginals_by_quadrature(family):
    prior = priors.Mixture(3, 4)
    with torch.no_grad():
        prior.logits.copy_(torch.randn(4))
        prior.log_scale.copy_(0.3 * torch.randn(4, 3))
    vae, x = model().vae(family, prior), model().draw(4000)
    with torch.no_grad():
        mean, variance = mixture_rates(vae.encoder(x), vae.latent_prior())
    error = (variance.mean(0) / len(x)).sqrt()
    assert ((latent_rates(vae, x, seed=1) - mean.mean(0)).abs() <= 4 * error).all()


def test_a_vamp_prior_has_rates_and_a_prior_of_unknown_marginals_has_none():
    vae = build(torch.randn(40, 4).numpy(), ModelOptions(latent=2, prior="vamp", components=5, width=8, depth=1))
    vae.double()
    rates = latent_rates(vae, torch.randn(30, 4))
    assert rates.shape == (2,)
    assert rates.isfinite().all()
    laplace = Independent(Laplace(torch.zeros(3), torch.ones(3)), 1)
    assert latent_rates(model().vae("diagonal", laplace), model().draw(4)) is None


@pytest.mark.parametrize("batch_size", [1, 7, 30])
@pytest.mark.parametrize("prior", [priors.Normal(3), priors.Mixture(3, 2)], ids=["normal", "mixture"])
def test_rates_do_not_depend_on_batches_and_leave_generators_alone(batch_size, prior):
    vae, x = model().vae("full", prior), model().draw(30)
    vae.train()
    before = torch.get_rng_state()
    found = latent_rates(vae, x, seed=3, batch_size=batch_size)
    torch.testing.assert_close(found, latent_rates(vae, x, seed=3), atol=1e-12, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert vae.training
    assert not found.requires_grad


def test_rates_of_a_float32_model_are_close_to_those_in_double():
    vae, x = model().vae("full"), model().draw(200)
    single = copy.deepcopy(vae).float()
    torch.testing.assert_close(latent_rates(single, x.float()), latent_rates(vae, x), atol=1e-5, rtol=1e-5)


def test_a_latent_is_active_if_its_posterior_mean_varies_by_more_than_a_tenth():
    # Means are gain (x - mu) with rows of x that differ in one element by +-1, so their variance is gain^2.
    vae = model().vae("diagonal")
    weight = vae.encoder.network.inner.layers[-1].weight
    wanted = torch.tensor([math.sqrt(ACTIVE) * 1.01, math.sqrt(ACTIVE) * 0.99, 0.0])
    with torch.no_grad():
        weight.zero_()
        weight[:3, 0] = wanted
    x = torch.zeros(10, 6)
    x[:5, 0], x[5:, 0] = 1.0, -1.0
    assert active_units(vae, x).tolist() == [True, False, False]


def test_rates_of_two_groups_sum_to_the_drawn_rate():
    # With factorised q and p the latents' rates sum to the rate; those of the lower group depend on the draw.
    # 4 standard errors.
    model = Ladder().double().make_exact()
    with torch.no_grad():
        for raw in (model.top_raw, model.low_raw):
            raw.copy_(raw.diagonal().diag())
    x = model.sample(2000, seed=1)
    drawn = elbo(model, x, 50, rate="drawn").rate
    found = latent_rates(model, x)
    assert found.shape == (5,)
    assert abs(found.sum() - drawn.mean()) <= 4 * drawn.std() / math.sqrt(2000)
    assert active_units(model, x).tolist() == [True] * 5


def test_no_rows_and_no_batch_are_refused():
    vae = model().vae("diagonal")
    assert refused(latent_rates, vae, torch.zeros(0, 6)).argument == "x"
    assert refused(latent_rates, vae, torch.zeros(2, 6), batch_size=0).argument == "batch_size"
