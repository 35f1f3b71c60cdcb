import copy
import math

import numpy as np
import pytest
import scipy.stats
import torch
import zuko
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal, kl_divergence

from oracles import LinearGaussian
from variate import InputError, ModelOptions, Schema, build, elbo
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.models import posteriors, priors


def small_vamp(posterior="diagonal", components=5, dim=4):
    options = ModelOptions(latent=2, posterior=posterior, prior="vamp", components=components, width=8, depth=1)
    return build(torch.randn(40, dim).numpy(), options)


def test_normal_is_the_standard_normal_in_the_dtype_of_the_model():
    prior = priors.Normal(3)
    assert isinstance(prior(), StandardNormal)
    z = torch.randn(5, 3)
    torch.testing.assert_close(prior().log_prob(z), Normal(0, 1).log_prob(z).sum(-1))
    assert prior.float()().sample().dtype == torch.float32
    assert not prior.state_dict()


def test_mixture_density_is_scipys():
    prior = priors.Mixture(2, 3)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.3, -0.5, 1.0]))
        prior.log_scale.copy_(0.3 * torch.randn(3, 2))
    z = torch.randn(9, 2)
    weights = scipy.special.softmax(prior.logits.detach().numpy())
    density = sum(
        w * scipy.stats.multivariate_normal(m, np.diag(np.exp(2 * s))).pdf(z)
        for w, m, s in zip(weights, prior.loc.detach().numpy(), prior.log_scale.detach().numpy(), strict=True)
    )
    torch.testing.assert_close(prior().log_prob(z).exp(), torch.as_tensor(density))


def test_mixture_draws_have_its_mean_and_variance():
    prior, n = priors.Mixture(2, 3), 40_000
    p_z = prior()
    z = p_z.sample((n,))
    assert ((z.mean(0) - p_z.mean).abs() <= 4 * z.std(0) / math.sqrt(n)).all()
    squares = (z - p_z.mean).square()
    assert ((squares.mean(0) - p_z.variance).abs() <= 4 * squares.std(0) / math.sqrt(n)).all()


def test_every_parameter_of_a_mixture_learns():
    prior = priors.Mixture(3, 4)
    prior().log_prob(torch.randn(6, 3)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in prior.parameters())


@pytest.mark.parametrize("posterior", ["isotropic", "diagonal", "full"])
def test_vamp_is_the_mean_posterior_of_its_pseudo_inputs(posterior):
    vae = small_vamp(posterior)
    vamp = vae.latent_prior
    with torch.no_grad():
        vamp.logits.copy_(torch.randn(5))
    z = torch.randn(6, 2)
    q = vae.encoder.posterior(vamp.pseudo_inputs)
    oracle = MultivariateNormal(q.mean, q.covariance_matrix).log_prob(z.unsqueeze(1))
    expected = (vamp.logits.log_softmax(0) + oracle).logsumexp(-1)
    torch.testing.assert_close(vae.prior.log_prob(z), expected)
    assert vae.prior.sample((3,)).shape == (3, 2)


def test_gradient_of_a_vamp_reaches_encoder_and_pseudo_inputs():
    vae = small_vamp()
    vae.prior.log_prob(torch.randn(6, 2)).sum().backward()
    assert vae.latent_prior.pseudo_inputs.grad.abs().sum() > 0
    assert vae.latent_prior.logits.grad.abs().sum() > 0
    layers = [p for name, p in vae.encoder.network.named_parameters() if name.endswith("weight")]
    assert layers
    assert all(p.grad.abs().sum() > 0 for p in layers)
    assert all(p.grad is None for p in vae.decoder.parameters())


def test_weights_of_a_vamp_are_saved_once():
    vae = small_vamp()
    assert set(vae.latent_prior.state_dict()) == {"logits", "pseudo_inputs"}
    assert len({p.data_ptr() for p in vae.state_dict().values() if p.numel()}) == len(
        [p for p in vae.state_dict().values() if p.numel()]
    )
    assert len(list(vae.parameters())) == len({id(p) for p in vae.parameters()})


def test_copy_of_a_model_has_a_vamp_of_the_copys_encoder():
    vae = small_vamp()
    twin = copy.deepcopy(vae)
    z = torch.randn(4, 2)
    before = vae.prior.log_prob(z)
    torch.testing.assert_close(twin.prior.log_prob(z), before)
    with torch.no_grad():
        for parameter in twin.encoder.parameters():
            parameter.add_(0.5)
    assert (twin.prior.log_prob(z) - before).abs().min() > 1e-3
    torch.testing.assert_close(vae.prior.log_prob(z), before)
    assert twin.latent_prior._encoder[0] is twin.encoder


@pytest.mark.parametrize("components", [3, 11, 25])
def test_pseudo_inputs_start_at_different_training_rows(components):
    options = ModelOptions(latent=2, prior="vamp", components=components, width=8, depth=1)
    rows = torch.randn(11, 4)
    vae = build(rows.numpy(), options)
    features = vae.encoder.inputs(rows)
    distance = torch.cdist(vae.latent_prior.pseudo_inputs.detach(), features)
    nearest = distance.min(1)
    torch.testing.assert_close(nearest.values, torch.zeros(components), atol=1e-6, rtol=0)
    uses = torch.bincount(nearest.indices, minlength=11)
    assert uses.max() - uses.min() <= 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Independent(Laplace(torch.zeros(3), torch.ones(3)), 1),
        lambda: Independent(Normal(torch.ones(3), 2 * torch.ones(3)), 1),
        lambda: MultivariateNormal(torch.zeros(3), 2 * torch.eye(3)),
        lambda: FullGaussian(torch.zeros(3), 2 * torch.eye(3)),
    ],
    ids=["laplace", "normal", "multivariate", "ours"],
)
def test_any_distribution_is_a_prior(make):
    # ELBO with prior p minus ELBO with N(0, I), on the same draws, is the mean of log p(z) - log N(z).
    model, p_z = LinearGaussian(dim=4, latent=3, sigma=0.6), make()
    x, L = model.draw(5), 4
    vae = model.vae("full", p_z)
    torch.manual_seed(1)
    found = elbo(vae, x, L, rate="drawn").elbo
    torch.manual_seed(1)
    standard = elbo(model.vae("full"), x, L, rate="drawn").elbo
    torch.manual_seed(1)
    z = vae.posterior(x).rsample((L,))
    shift = (p_z.log_prob(z) - StandardNormal(3).log_prob(z)).mean(0)
    torch.testing.assert_close(found, standard + shift, atol=1e-9, rtol=0)
    assert vae.sample(6, seed=0).shape == (6, 4)
    assert not vae.latent_prior.state_dict()


@pytest.mark.parametrize("flow", [zuko.flows.NSF, zuko.flows.MAF])
def test_a_flow_is_a_prior(flow):
    torch.manual_seed(0)
    module = flow(features=3, transforms=2, hidden_features=(8,))
    model = LinearGaussian(dim=4, latent=3, sigma=0.6)
    vae = model.vae("diagonal", module)
    x = model.draw(5)
    torch.manual_seed(1)
    terms = elbo(vae, x, 2)
    torch.manual_seed(1)
    q_z = vae.posterior(x)
    z = q_z.rsample((2,))
    torch.testing.assert_close(terms.rate, (q_z.log_prob(z) - module().log_prob(z)).mean(0))
    terms.elbo.sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
    assert vae.sample(6, seed=0).shape == (6, 4)
    assert any(name.startswith("latent_prior.") for name in vae.state_dict())
    with pytest.raises(InputError, match="temperature must be 1"):
        vae.sample(2, temperature=0.5)


@pytest.mark.parametrize("prior", ["normal", "mixture", "vamp", "given"])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_tempered_scales_the_components_and_keeps_their_means(prior, temperature):
    p_z = {
        "normal": lambda: priors.Normal(2)(),
        "mixture": lambda: priors.Mixture(2, 3)(),
        "vamp": lambda: small_vamp().prior,
        "given": lambda: DiagonalGaussian(torch.randn(2), torch.randn(2)),
    }[prior]()
    tempered = priors.tempered(p_z, temperature)
    z = torch.randn(5, 2)
    if prior in ("normal", "given"):
        oracle = MultivariateNormal(p_z.mean, temperature**2 * p_z.covariance_matrix).log_prob(z)
    else:
        parts = p_z.component_distribution
        each = MultivariateNormal(parts.mean, temperature**2 * parts.covariance_matrix).log_prob(z.unsqueeze(1))
        oracle = (p_z.mixture_distribution.logits + each).logsumexp(-1)
    torch.testing.assert_close(tempered.log_prob(z), oracle)


def test_temperature_one_is_the_prior_itself():
    flow = zuko.flows.MAF(features=2, transforms=1, hidden_features=(4,))()
    assert priors.tempered(flow, 1.0) is flow


def test_vamp_rate_is_drawn_and_normal_rate_is_closed():
    vae = small_vamp()
    with pytest.raises(NotImplementedError):
        kl_divergence(vae.posterior(torch.randn(3, 4)), vae.prior)
    vae = build(Schema("real", (4,)), ModelOptions(latent=2, width=8, depth=1))
    assert isinstance(vae.posterior(torch.randn(3, 4)), posteriors.DiagonalGaussian)
    assert kl_divergence(vae.posterior(torch.randn(3, 4)), vae.prior).shape == (3,)
