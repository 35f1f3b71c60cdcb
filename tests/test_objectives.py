import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from oracles import LinearGaussian, affine
from variate import VAE, Decoder, Encoder, InputError, TrainingOptions, elbo, likelihoods
from variate.models import posteriors, priors
from variate.networks import Standardize
from variate.objectives import Training, draw, log_mean_exp

FAMILIES = ("full", "diagonal", "isotropic")
NOISES = (0.3, 1.5)


def mean_and_error(values):
    values = values.detach()
    return values.mean(0), values.std(0) / math.sqrt(len(values))


@pytest.mark.parametrize("sigma", NOISES)
def test_full_posterior_makes_the_elbo_the_evidence_draw_by_draw(sigma):
    model = LinearGaussian(dim=7, latent=3, sigma=sigma)
    x = model.draw(50)
    drawn = elbo(model.vae("full"), x, num_samples=3, rate="drawn").elbo
    torch.testing.assert_close(drawn, model.log_evidence(x), atol=1e-9, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sigma", NOISES)
def test_gap_of_the_best_member_is_its_closed_form(family, sigma):
    # log p(x) - ELBO = KL(q || p(z|x)) exactly, so with q's own moments there is nothing to average.
    model = LinearGaussian(dim=7, latent=3, sigma=sigma)
    x = model.draw(20)
    q_z = model.vae(family).posterior(x)
    gain = torch.linalg.solve(model.M, model.W.T)
    p_zx = torch.distributions.MultivariateNormal((x - model.mu) @ gain.T, model.S)
    gap = torch.distributions.kl_divergence(q_z, p_zx)
    torch.testing.assert_close(gap, model.gap(family).expand(20), atol=1e-9, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rate", ["closed-form", "drawn"])
def test_both_estimators_average_to_evidence_minus_gap(family, rate):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    x = model.draw(4)
    torch.manual_seed(3)
    many = x.repeat(20_000, 1)
    value, error = mean_and_error(elbo(model.vae(family), many, rate=rate).elbo.reshape(20_000, 4))
    exact = model.log_evidence(x) - model.gap(family)
    assert ((value - exact).abs() <= 4 * error + 1e-9).all()


def test_gaps_are_ordered():
    model = LinearGaussian(dim=9, latent=4, sigma=0.4)
    assert 0 == model.gap("full") < model.gap("diagonal") < model.gap("isotropic")


def affine_vae(sigma, c, a, s, t, mu, family=posteriors.Isotropic):
    """Encoder N(a (x - mu), t^2 I), decoder N(c z + mu, s^2 I)."""
    d = len(mu)
    module = family(d)
    raw = posteriors.LOG_SCALE_BOUND * math.atanh(math.log(t) / posteriors.LOG_SCALE_BOUND)
    scales = module.num_outputs - d
    weight = torch.cat([a * torch.eye(d), torch.zeros(scales, d)])
    bias = torch.cat([-a * mu, torch.full((scales,), raw)])
    likelihood = likelihoods.Gaussian((d,), scale="fixed", sigma=s)
    decoder = Decoder(affine(d, d, c * torch.eye(d), mu), likelihood)
    decoder.network.inner.out_shape = likelihood.out_shape
    return VAE(
        Encoder(Standardize((d,)), affine(d, module.num_outputs, weight, bias), module), decoder, priors.Normal(d)
    )


def expected_elbo(vae, x, sigma_points=40):
    """The ELBO of a one-dimensional model by Gauss-Hermite quadrature, independent of any draw."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(sigma_points)
    q_z = vae.posterior(x)
    z = q_z.loc + q_z.log_scale.exp() * torch.as_tensor(nodes).reshape(-1, 1, 1)
    weights = torch.as_tensor(weights / weights.sum()).reshape(-1, 1)
    log_px = vae.likelihood(z).log_prob(x)
    rate = torch.distributions.kl_divergence(q_z, vae.prior)
    return (weights * log_px).sum(0) - rate


@pytest.mark.parametrize("t", [0.1, 0.5, 1.0])
def test_affine_example_has_its_elbo(t):
    # MATHS 6.3: q = N((x - mu) / sigma, t^2), decoder N(sigma z + mu, (sigma t)^2): ELBO = log p(x) - d t^2 / 2.
    sigma, mu = 1.7, torch.tensor([0.4])
    x = torch.linspace(-3, 4, 9).reshape(-1, 1)
    vae = affine_vae(sigma, c=sigma, a=1 / sigma, s=sigma * t, t=t, mu=mu)
    evidence = Normal(mu, sigma).log_prob(x).sum(-1)
    torch.testing.assert_close(expected_elbo(vae, x), evidence - t**2 / 2, atol=1e-9, rtol=0)


@pytest.mark.parametrize("c", [0.3, 1.0, 1.6])
def test_affine_example_with_free_means_attains_the_evidence(c):
    sigma, mu = 1.7, torch.tensor([0.4, -1.0])
    s = math.sqrt(sigma**2 - c**2)
    vae = affine_vae(sigma, c=c, a=c / sigma**2, s=s, t=s / sigma, mu=mu)
    x = torch.randn(20, 2)
    evidence = Independent(Normal(mu, sigma), 1).log_prob(x)
    torch.testing.assert_close(elbo(vae, x, 2, rate="drawn").elbo, evidence, atol=1e-9, rtol=0)


def test_mixture_of_gaussians_identity():
    # MATHS 6.2: with the exact responsibilities as q over a discrete z, (2) holds with equality.
    weights, means = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([-2.0, 0.0, 3.0])
    x = torch.linspace(-5, 5, 11).unsqueeze(-1)
    log_joint = weights.log() + Normal(means, 0.8).log_prob(x)
    q = log_joint.softmax(-1)
    bound = (q * (log_joint - q.log())).sum(-1)
    mixture = priors.mixture(
        weights.log(), posteriors.DiagonalGaussian(means.unsqueeze(-1), torch.full((3, 1), math.log(0.8)))
    )
    torch.testing.assert_close(bound, mixture.log_prob(x), atol=1e-12, rtol=0)


def test_naive_encoder_gradient_is_zero_on_average_and_pathwise_is_not():
    # E_q[grad log q] = 0: differentiating only the integrand says nothing about phi (MATHS 4).
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    x = model.draw(1)
    q_z = model.vae("diagonal").posterior(x)
    loc = (q_z.loc + 0.3).detach().requires_grad_()  # off the optimum, where the pathwise gradient does not vanish
    shifted = posteriors.DiagonalGaussian(loc, q_z.log_scale.detach())
    torch.manual_seed(5)
    z = shifted.rsample((200_000,)).detach()
    score = (z - loc.detach()) / shifted.variance.detach()  # d log q / d loc of each draw
    check = torch.autograd.grad(shifted.log_prob(z[:1]).sum(), loc)[0]
    torch.testing.assert_close(check, score[0])
    value, error = mean_and_error(score.squeeze(1))
    assert (value.abs() <= 4 * error).all()


def test_pathwise_gradient_equals_finite_differences():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(6)
    weight = vae.encoder.network.inner.layers[-1].weight

    def value():
        torch.manual_seed(7)
        return elbo(vae, x, num_samples=2).elbo.mean()

    gradient = torch.autograd.grad(value(), weight)[0]
    for index in [(0, 0), (1, 2), (2, 1), (3, 3)]:
        with torch.no_grad():
            step = 1e-6
            weight[index] += step
            above = value()
            weight[index] -= 2 * step
            below = value()
            weight[index] += step
        torch.testing.assert_close(gradient[index], (above - below) / (2 * step), atol=1e-6, rtol=1e-6)


def test_importance_weighted_bound_rises_with_k_and_stays_below_the_evidence():
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("isotropic"), model.draw(1)
    exact = model.log_evidence(x).item()
    bounds = []
    for k in (1, 4, 32):
        torch.manual_seed(11)
        options = Training(TrainingOptions(bound="iwae", samples=k))
        scored = options(vae, x.repeat(20_000, 1), 1.0)
        value, error = mean_and_error(scored.objective)
        bounds.append((value.item(), error.item()))
    assert abs(bounds[0][0] - (exact - model.gap("isotropic").item())) <= 4 * bounds[0][1]
    for (low, low_error), (high, high_error) in itertools.pairwise(bounds):
        assert high - low > 4 * math.hypot(low_error, high_error)
    assert bounds[-1][0] <= exact + 4 * bounds[-1][1]


def test_doubly_reparametrized_gradient_has_the_same_mean_as_iwae_and_less_variance():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(1)
    bias = vae.encoder.network.inner.layers[-1].bias
    with torch.no_grad():
        bias[:2] += 0.3

    def gradients(bound):
        torch.manual_seed(13)
        objective = Training(TrainingOptions(bound=bound, samples=8))
        return torch.stack([torch.autograd.grad(objective(vae, x, 1.0).objective.sum(), bias)[0] for _ in range(4_000)])

    plain, double = gradients("iwae"), gradients("dreg")
    (mean_p, error_p), (mean_d, error_d) = mean_and_error(plain), mean_and_error(double)
    assert ((mean_p - mean_d).abs() <= 4 * (error_p**2 + error_d**2).sqrt()).all()
    assert (double.var(0).sum() < plain.var(0).sum()).item()


def test_decoder_gradient_of_dreg_is_that_of_iwae():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(3)
    weight = vae.decoder.network.inner.layers[-1].weight
    found = []
    for bound in ("iwae", "dreg"):
        torch.manual_seed(17)
        scored = Training(TrainingOptions(bound=bound, samples=5))(vae, x, 1.0)
        found.append((scored.objective, torch.autograd.grad(scored.objective.sum(), weight)[0]))
    torch.testing.assert_close(found[0], found[1])


def test_beta_weighs_the_rate_and_the_terms_stay_the_elbo():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(8)
    torch.manual_seed(19)
    scored = Training(TrainingOptions(beta=4.0))(vae, x, 4.0)
    torch.testing.assert_close(scored.objective, -scored.terms.distortion - 4 * scored.terms.rate)
    torch.testing.assert_close(scored.terms.elbo, -scored.terms.distortion - scored.terms.rate)
    assert not Training(TrainingOptions(beta=4.0)).is_bound
    assert Training(TrainingOptions()).is_bound


def test_free_bits_charge_at_least_the_floor_and_leave_low_latents_without_gradient():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(2)
    layer = vae.encoder.network.inner.layers[-1]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.05, 2.0, 0.0, 0.0]))  # rates 0.00125 and 2 nats
    scored = Training(TrainingOptions(free_bits=0.5))(vae, x, 1.0)
    torch.testing.assert_close(-scored.objective - scored.terms.distortion, torch.full((2,), 0.5 + 2.0))
    torch.testing.assert_close(scored.terms.rate, torch.full((2,), 0.00125 + 2.0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 0}, "samples must be at least 1"),
        ({"beta": -1.0}, "beta and free_bits"),
        ({"free_bits": 1.0, "bound": "iwae"}, "free_bits is defined for bound='elbo'"),
    ],
)
def test_impossible_objectives_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Training(TrainingOptions(**options))


def test_free_bits_need_a_rate_that_is_a_sum():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    with pytest.raises(InputError, match="free_bits needs a diagonal"):
        Training(TrainingOptions(free_bits=0.1))(model.vae("full"), model.draw(2), 1.0)


def test_closed_form_that_does_not_exist_is_refused_and_auto_draws():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    vae = model.vae("diagonal", prior=priors.Mixture(2, 3))
    x = model.draw(5)
    with pytest.raises(InputError, match="no closed form"):
        elbo(vae, x, rate="closed-form")
    torch.manual_seed(1)
    auto = elbo(vae, x)
    torch.manual_seed(1)
    torch.testing.assert_close(auto, elbo(vae, x, rate="drawn"))
    with pytest.raises(InputError, match="num_samples"):
        elbo(vae, x, num_samples=0)


def test_log_mean_exp_of_equal_and_of_vanishing_weights():
    torch.testing.assert_close(log_mean_exp(torch.full((5, 2), -3.0)), torch.full((2,), -3.0))
    some = torch.tensor([[0.0], [-math.inf]])
    torch.testing.assert_close(log_mean_exp(some), torch.tensor([-math.log(2)]))


def test_draws_have_l_n_d():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    draws = draw(model.vae("full"), model.draw(5), 4)
    assert draws.z.shape == (4, 5, 2)
    assert draws.log_px.shape == draws.log_ratio().shape == (4, 5)
