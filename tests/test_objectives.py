import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from oracles import LinearGaussian, LinearLadder, affine
from variate import VAE, Batch, Decoder, Encoder, InputError, TrainingOptions, elbo, from_arrays, likelihoods
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.distributions.mixture import GaussianMixture
from variate.models import posteriors, priors
from variate.models.draws import Draws, Group
from variate.networks import Standardize
from variate.objectives import Step, free_bits_elbo, is_bound, log_mean_exp, objective_for, terms
from variate.runtime.random import Key, generator

FAMILIES = ("full", "diagonal", "isotropic")
NOISES = (0.3, 1.5)


def step(vae, x, seed, samples=1, beta=1.0, **arguments):
    """What an objective is computed from, with noise that the seed decides."""
    noise = vae.posterior_noise(Key(generator(seed), len(x)), samples, len(x))
    return Step(vae, Batch(x), noise, torch.tensor(beta), **arguments)


def score(bound, *arguments, **named):
    """What an objective gives for a step."""
    return objective_for(TrainingOptions(bound=bound))(step(*arguments, **named))


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
    q_z = model.vae(family).encode(Batch(x))
    gain = torch.linalg.solve(model.M, model.W.T)
    p_zx = FullGaussian((x - model.mu) @ gain.T, torch.linalg.cholesky(model.S).unsqueeze(0))
    gap = q_z.kl(p_zx)
    torch.testing.assert_close(gap, model.gap(family).expand(20), atol=1e-9, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rate", ["closed-form", "drawn"])
def test_both_estimators_average_to_evidence_minus_gap(family, rate):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    x = model.draw(4)
    many = x.repeat(20_000, 1)
    value, error = mean_and_error(elbo(model.vae(family), many, rate=rate, seed=3).elbo.reshape(20_000, 4))
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
    q_z = vae.encode(Batch(x))
    z = q_z.loc + q_z.log_scale.exp() * torch.as_tensor(nodes).reshape(-1, 1, 1)
    weights = torch.as_tensor(weights / weights.sum()).reshape(-1, 1)
    log_px = vae.decode((z,)).log_prob(x)
    rate = q_z.kl(vae.prior(0, vae.start(None, (1, 1))))
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
    components = DiagonalGaussian(means.unsqueeze(-1), torch.full((3, 1), math.log(0.8)))
    mixture = GaussianMixture(weights.log(), components)
    torch.testing.assert_close(bound, mixture.log_prob(x), atol=1e-12, rtol=0)


def test_naive_encoder_gradient_is_zero_on_average_and_pathwise_is_not():
    # E_q[grad log q] = 0: differentiating only the integrand says nothing about phi (MATHS 4).
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    x = model.draw(1)
    q_z = model.vae("diagonal").encode(Batch(x))
    loc = (q_z.loc + 0.3).detach().requires_grad_()  # off the optimum, where the pathwise gradient does not vanish
    shifted = DiagonalGaussian(loc, q_z.log_scale.detach())
    z = shifted.sample((200_000,), generator(5)).detach()
    score = (z - loc.detach()) / shifted.variance.detach()  # d log q / d loc of each draw
    check = torch.autograd.grad(shifted.log_prob(z[:1]).sum(), loc)[0]
    torch.testing.assert_close(check, score[0])
    value, error = mean_and_error(score.squeeze(1))
    assert (value.abs() <= 4 * error).all()


def test_pathwise_gradient_equals_finite_differences():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(6)
    weight = vae.encoder.network.inner.layers[-1].weight

    noise = (torch.randn(2, 6, 2),)

    def value():
        return terms(vae.infer(Batch(x), noise)).elbo.mean()

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
        value, error = mean_and_error(score("iwae", vae, x.repeat(10_000, 1), 11, samples=k).objective)
        bounds.append((value.item(), error.item()))
    assert abs(bounds[0][0] - (exact - model.gap("isotropic").item())) <= 4 * bounds[0][1]
    for (low, low_error), (high, high_error) in itertools.pairwise(bounds):
        assert high - low > 4 * math.hypot(low_error, high_error)
    assert bounds[-1][0] <= exact + 4 * bounds[-1][1]


def gradients(bound, vae, x, seed, samples):
    """The gradient of the encoder's last bias for each row of a batch, (N, outputs): that of the network's outputs."""
    outputs = []
    handle = vae.encoder.network.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    scored = score(bound, vae, x, seed, samples=samples)
    handle.remove()
    bias = vae.encoder.network.inner.layers[-1].bias
    rows, total = torch.autograd.grad(scored.objective.sum(), [*outputs, bias])
    torch.testing.assert_close(rows.sum(0), total)
    return rows


def test_doubly_reparametrized_gradient_has_the_same_mean_as_iwae_and_less_variance():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(1).repeat(20_000, 1)
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[:2] += 0.3
    plain, double = (gradients(bound, vae, x, 13, samples=8) for bound in ("iwae", "dreg"))
    (mean_p, error_p), (mean_d, error_d) = mean_and_error(plain), mean_and_error(double)
    assert ((mean_p - mean_d).abs() <= 4 * (error_p**2 + error_d**2).sqrt()).all()
    assert (double.var(0) < plain.var(0)).all()


def test_doubly_reparametrized_gradient_vanishes_at_the_exact_posterior():
    # Where q is p(z|x), log w is constant in z, so every draw's gradient of the encoder is 0; that of iwae is noise.
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("full"), model.draw(6)
    assert gradients("dreg", vae, x, 13, samples=5).abs().max() < 1e-12
    assert gradients("iwae", vae, x, 13, samples=5).abs().max() > 1e-3


def test_decoder_gradient_of_dreg_is_that_of_iwae():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(3)
    weight = vae.decoder.network.inner.layers[-1].weight
    found = []
    for bound in ("iwae", "dreg"):
        scored = score(bound, vae, x, 17, samples=5)
        found.append((scored.objective, torch.autograd.grad(scored.objective.sum(), weight)[0]))
    torch.testing.assert_close(found[0], found[1])


def test_importance_weighted_objectives_are_their_formula():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("isotropic"), model.draw(5)
    draws = step(vae, x, 18, samples=6).infer()
    for beta in (1.0, 0.4):
        log_w = draws.log_px - beta * (draws.log_qz - draws.log_pz)[0]
        for bound in ("iwae", "dreg"):
            scored = score(bound, vae, x, 18, samples=6, beta=beta)
            torch.testing.assert_close(scored.objective, log_w.exp().mean(0).log())
            torch.testing.assert_close(scored.terms, terms(draws, "drawn"))


def test_importance_weights_of_several_groups_are_those_of_all_latents():
    model = LinearLadder(family="diagonal")
    x, context = torch.randn(4, 5), torch.randn(4, 2)
    noise = model.posterior_noise(Key(generator(1), 4), 6, 4)
    made = Step(model, Batch(x, context=context), noise, torch.tensor(1.0))
    found = objective_for(TrainingOptions(bound="iwae"))(made).objective
    torch.testing.assert_close(found, log_mean_exp(made.infer().log_weights))
    with pytest.raises(InputError) as error:
        objective_for(TrainingOptions(bound="dreg"))(made)
    assert error.value.argument == "bound"


def test_beta_weighs_the_rate_and_the_terms_stay_the_elbo():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(8)
    scored = score("elbo", vae, x, 19, beta=4.0)
    torch.testing.assert_close(scored.objective, -scored.terms.distortion - 4 * scored.terms.rate)
    torch.testing.assert_close(scored.terms.elbo, -scored.terms.distortion - scored.terms.rate)


@pytest.mark.parametrize(
    ("options", "bound"), [({}, True), ({"beta": 4.0}, False), ({"free_bits": 0.1}, False), ({"bound": "iwae"}, True)]
)
def test_only_beta_one_without_free_bits_is_a_bound(options, bound):
    assert is_bound(TrainingOptions(**options)) == bound


def low_and_high(model):
    """A model with one latent of a rate of 0.00125 nats and one of 2 nats, and its encoder's last bias."""
    vae = model.vae("diagonal")
    layer = vae.encoder.network.inner.layers[-1]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.05, 2.0, 0.0, 0.0]))
    return vae, layer.bias


def test_free_bits_charge_at_least_the_floor_and_leave_low_latents_without_gradient():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    (vae, bias), x = low_and_high(model), model.draw(2)
    free = objective_for(TrainingOptions(free_bits=0.5))
    scored = free(step(vae, x, 1, free_nats=0.5))
    charged = -scored.objective - scored.terms.distortion
    torch.testing.assert_close(charged, torch.full((2,), 0.5 + 2.0))
    torch.testing.assert_close(scored.terms.rate, torch.full((2,), 0.00125 + 2.0))
    torch.testing.assert_close(torch.autograd.grad(charged.sum(), bias)[0], torch.tensor([0.0, 2 * 2.0, 0.0, 0.0]))
    halved = free(step(vae, x, 1, beta=0.5, free_nats=0.5))
    torch.testing.assert_close(-halved.objective - halved.terms.distortion, charged / 2)


def test_free_bits_go_by_the_mean_rate_over_all_processes():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    (vae, _), x = low_and_high(model), model.draw(2)
    free, seen = objective_for(TrainingOptions(free_bits=0.5)), []

    def others(rates):
        seen.append(rates)
        return torch.tensor([0.9, 0.1])  # the rows of the other processes turn it round

    scored = free(step(vae, x, 1, free_nats=0.5, mean_over_processes=others))
    torch.testing.assert_close(seen, [torch.tensor([0.00125, 2.0])])
    torch.testing.assert_close(-scored.objective - scored.terms.distortion, torch.full((2,), 0.00125 + 0.5))


def test_free_bits_of_several_groups_are_those_of_each_latent():
    model, free_nats = LinearLadder(family="diagonal"), 1.3
    x, context = torch.randn(4, 5), torch.randn(4, 2)
    noise = model.posterior_noise(Key(generator(1), 4), 6, 4)
    made = Step(model, Batch(x, context=context), noise, torch.tensor(1.0), free_nats)
    first, second = made.infer().kl_elements
    rates = torch.cat([first, second.mean(0)], -1)  # (N, 2) and, by draws of the group above, (L, N, 3)
    assert 0 < (rates.mean(0) > free_nats).sum() < 5
    expected = torch.where(rates.mean(0) > free_nats, rates, free_nats).sum(-1)
    scored = objective_for(TrainingOptions(free_bits=free_nats))(made)
    torch.testing.assert_close(-scored.objective - scored.terms.distortion, expected)


def test_free_bits_of_groups_with_several_axes_are_those_of_each_latent():
    class Maps(StandardNormal):
        """A posterior over feature maps, (2, 3), whose rates are known."""

        def kl(self, p):
            return self.kl_elements(p).sum((-2, -1))

        def kl_elements(self, p):
            return torch.arange(24.0).reshape(4, 2, 3)

    log_px, q = torch.randn(5, 4), Maps(1)

    class Stub:
        groups = (Group.gaussian(2, 3),)

        def infer(self, *arguments, **named):
            return Draws((), (), (q,), (q,), log_px)

    found = free_bits_elbo(Step(Stub(), Batch(torch.zeros(4, 1)), (), torch.tensor(1.0), free_nats=10.5))
    rates = q.kl_elements(q)  # whose means over the rows are 9 .. 14
    expected = rates.masked_fill(rates.mean(0) < 10.5, 10.5).sum((1, 2))
    torch.testing.assert_close(-found.objective + log_px.mean(0), expected)


def test_another_way_to_score_is_used():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(2)

    def log_prob(outputs, rows, mask=None):
        return vae.likelihood.log_prob(outputs, rows, mask) + 1

    for bound in ("elbo", "iwae", "dreg"):
        plain, other = score(bound, vae, x, 3, samples=2), score(bound, vae, x, 3, samples=2, log_prob=log_prob)
        torch.testing.assert_close(other.objective, plain.objective + 1)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"samples": 0}, "samples"),
        ({"beta": -1.0}, "beta"),
        ({"beta": math.nan}, "beta"),
        ({"free_bits": -0.5}, "free_bits"),
        ({"free_bits": 1.0, "bound": "iwae"}, "free_bits"),
    ],
)
def test_impossible_objectives_are_refused(options, argument):
    with pytest.raises(InputError) as error:
        objective_for(TrainingOptions(**options))
    assert error.value.argument == argument


def test_free_bits_need_a_rate_that_is_a_sum():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    for vae in (model.vae("full"), model.vae("diagonal", priors.Mixture(2, 3))):
        with pytest.raises(InputError) as error:
            objective_for(TrainingOptions(free_bits=0.1))(step(vae, model.draw(2), 1, free_nats=0.1))
        assert error.value.argument == "free_bits"


def test_closed_form_that_does_not_exist_is_refused_and_auto_draws():
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    vae = model.vae("diagonal", prior=priors.Mixture(2, 3))
    x = model.draw(5)
    with pytest.raises(InputError) as error:
        elbo(vae, x, rate="closed-form")
    assert error.value.argument == "rate"
    assert "GaussianMixture" in error.value.got
    torch.testing.assert_close(elbo(vae, x, seed=1), elbo(vae, x, rate="drawn", seed=1))


@pytest.mark.parametrize("argument", ["num_samples", "batch_size"])
def test_numbers_below_one_are_refused(argument):
    model = LinearGaussian(dim=3, latent=2, sigma=0.7)
    with pytest.raises(InputError) as error:
        elbo(model.vae("full"), model.draw(3), **{argument: 0})
    assert error.value.argument == argument


def test_log_mean_exp_of_equal_and_of_vanishing_weights():
    torch.testing.assert_close(log_mean_exp(torch.full((5, 2), -3.0)), torch.full((2,), -3.0))
    some = torch.tensor([[0.0], [-math.inf]])
    torch.testing.assert_close(log_mean_exp(some), torch.tensor([-math.log(2)]))


@pytest.mark.parametrize("rate", ["auto", "closed-form", "drawn"])
def test_the_elbo_is_the_terms_of_the_same_noise_for_every_batch_size(rate):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("isotropic"), model.draw(23)
    noise = vae.posterior_noise(Key(generator(4), 23), 3, 23)
    expected = terms(vae.infer(Batch(x), noise), rate)
    for batch_size in (1, 2, 7, 23, 1024):
        found = elbo(vae, x, 3, rate=rate, batch_size=batch_size, seed=4)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        assert all(part.shape == (23,) and not part.requires_grad for part in found)


def test_the_elbo_of_several_groups_takes_the_rates_of_all():
    model = LinearLadder()
    x, context = torch.randn(9, 5), torch.randn(9, 2)
    data = from_arrays(x.numpy(), context=context.numpy())
    noise = model.posterior_noise(Key(generator(4), 9), 3, 9)
    draws = model.infer(Batch(x, context=context), noise)
    first, second = draws.kl
    closed, drawn = (elbo(model, data, 3, rate=rate, batch_size=4, seed=4) for rate in ("closed-form", "drawn"))
    torch.testing.assert_close(closed.rate, first + second.mean(0))
    torch.testing.assert_close(closed.distortion, -draws.log_px.mean(0))
    torch.testing.assert_close(drawn.elbo, model.log_evidence(x, context))  # the posterior is exact


def test_the_seed_decides_the_elbo_and_the_global_generator_is_left_alone():
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("isotropic"), model.draw(5)
    vae.train()
    before = torch.get_rng_state()
    first, again, other = (elbo(vae, x, seed=seed).elbo for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert vae.training
