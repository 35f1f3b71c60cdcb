import copy

import pytest
import torch
import zuko
from torch import nn
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

from oracles import LinearGaussian
from variate import Batch, InputError, ModelOptions, Schema, build, elbo
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.distributions.foreign import as_conditional
from variate.distributions.mixture import GaussianMixture
from variate.models import priors
from variate.objectives import terms


def small_vamp(posterior="diagonal", components=5, dim=4):
    options = ModelOptions(latent=2, posterior=posterior, prior="vamp", components=components, width=8, depth=1)
    return build(torch.randn(40, dim).numpy(), options)


def prior_of(vae):
    return vae.prior(0, vae.start(None, (1, 1)))


def laplace(d=3):
    return Independent(Laplace(torch.zeros(d), torch.ones(d)), 1)


def flow(kind=zuko.flows.MAF, d=3):
    return kind(features=d, transforms=2, hidden_features=(8,))


def test_normal_is_the_standard_normal_in_the_dtype_of_the_model():
    prior = priors.Normal(3)
    assert isinstance(prior(), StandardNormal)
    assert prior.noise_shape == (3,)
    z = torch.randn(5, 3)
    torch.testing.assert_close(prior().log_prob(z), Normal(0, 1).log_prob(z).sum(-1))
    assert prior.float()().sample().dtype == torch.float32
    assert not prior.state_dict()


def test_mixture_is_the_one_of_its_parameters():
    prior = priors.Mixture(2, 3)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.copy_(torch.randn_like(parameter))
    z = torch.randn(9, 2)
    each = Independent(Normal(prior.loc, prior.log_scale.exp()), 1).log_prob(z.unsqueeze(1))
    torch.testing.assert_close(prior().log_prob(z), (prior.logits.log_softmax(0) + each).logsumexp(-1))
    assert isinstance(prior(), GaussianMixture)
    assert prior.noise_shape == (3,)


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
    torch.testing.assert_close(prior_of(vae).log_prob(z), expected)
    assert prior_of(vae).from_noise(torch.randn(3, 7, 3)).shape == (3, 7, 2)


def test_gradient_of_a_vamp_reaches_encoder_and_pseudo_inputs():
    vae = small_vamp()
    prior_of(vae).log_prob(torch.randn(6, 2)).sum().backward()
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
    before = prior_of(vae).log_prob(z)
    torch.testing.assert_close(prior_of(twin).log_prob(z), before)
    with torch.no_grad():
        for parameter in twin.encoder.parameters():
            parameter.add_(0.5)
    assert (prior_of(twin).log_prob(z) - before).abs().min() > 1e-3
    torch.testing.assert_close(prior_of(vae).log_prob(z), before)
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
        laplace,
        lambda: Independent(Normal(torch.ones(3), 2 * torch.ones(3)), 1),
        lambda: MultivariateNormal(torch.zeros(3), 2 * torch.eye(3)),
        lambda: FullGaussian(torch.zeros(3), 2 * torch.eye(3)),
    ],
    ids=["laplace", "normal", "multivariate", "ours"],
)
def test_any_distribution_is_a_prior(make):
    # ELBO with prior p minus ELBO with N(0, I), on the same draws, is the mean of log p(z) - log N(z).
    model, p_z = LinearGaussian(dim=4, latent=3, sigma=0.6), make()
    x, vae = model.draw(5), model.vae("full", p_z)
    noise = (torch.randn(4, 5, 3),)
    found = terms(vae.infer(Batch(x), noise), "drawn").elbo
    standard = terms(model.vae("full").infer(Batch(x), noise), "drawn").elbo
    z = vae.encode(Batch(x)).from_noise(noise[0])
    shift = (p_z.log_prob(z) - StandardNormal(3).log_prob(z)).mean(0)
    torch.testing.assert_close(found, standard + shift, atol=1e-9, rtol=0)
    assert vae.sample(6, seed=0).shape == (6, 4)
    assert not vae.latent_prior.state_dict()


@pytest.mark.parametrize("kind", [zuko.flows.NSF, zuko.flows.MAF])
def test_a_flow_is_a_prior(kind):
    module = flow(kind)
    model = LinearGaussian(dim=4, latent=3, sigma=0.6)
    vae = model.vae("diagonal", module)
    x, noise = model.draw(5), (torch.randn(2, 5, 3),)
    found = terms(vae.infer(Batch(x), noise))
    q_z = vae.encode(Batch(x))
    z = q_z.from_noise(noise[0])
    torch.testing.assert_close(found.rate, (q_z.log_prob(z) - module().log_prob(z)).mean(0))
    found.elbo.sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
    assert vae.sample(6, seed=0).shape == (6, 4)
    assert any(name.startswith("latent_prior.") for name in vae.state_dict())
    with pytest.raises(InputError) as error:
        vae.sample(2, temperature=0.5)
    assert error.value.argument == "temperature"


def test_samples_with_a_foreign_prior_repeat_and_leave_the_global_generators_alone():
    vae = LinearGaussian(dim=4, latent=3, sigma=0.6).vae("full", laplace())
    before = torch.get_rng_state()
    first, again, other = (vae.sample(7, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "prior",
    [
        lambda: Laplace(torch.zeros(3), torch.ones(3)),
        lambda: laplace(2),
        lambda: Independent(Normal(torch.zeros(2, 3), torch.ones(2, 3)), 1),
        lambda: Independent(Normal(torch.zeros(2, 3), torch.ones(2, 3)), 2),
    ],
    ids=["no-event", "too-short", "batch", "two-axes"],
)
def test_distributions_of_another_shape_are_no_priors(prior):
    with pytest.raises(InputError) as error:
        priors.Given(prior(), 3)
    assert error.value.argument == "prior"
    assert "(3,)" in error.value.expected


def test_a_flow_of_another_size_is_no_prior():
    model = LinearGaussian(dim=4, latent=2, sigma=0.6)
    with pytest.raises(InputError) as error:
        elbo(model.vae("full", flow(d=3)), model.draw(3))
    assert error.value.argument == "prior"


@pytest.mark.parametrize("prior", ["normal", "mixture", "vamp", "given"])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_tempered_scales_the_components_and_keeps_their_means(prior, temperature):
    p_z = {
        "normal": lambda: priors.Normal(2)(),
        "mixture": lambda: priors.Mixture(2, 3)(),
        "vamp": lambda: prior_of(small_vamp()),
        "given": lambda: DiagonalGaussian(torch.randn(2), torch.randn(2)),
    }[prior]()
    tempered = p_z.tempered(temperature)
    z = torch.randn(5, 2)
    if prior in ("normal", "given"):
        oracle = MultivariateNormal(p_z.mean, temperature**2 * p_z.covariance_matrix).log_prob(z)
    else:
        parts = p_z.components
        each = MultivariateNormal(parts.mean, temperature**2 * parts.covariance_matrix).log_prob(z.unsqueeze(1))
        oracle = (p_z.log_weights + each).logsumexp(-1)
    torch.testing.assert_close(tempered.log_prob(z), oracle)


def test_temperature_one_is_the_prior_itself():
    for p_z in (as_conditional(flow()()), as_conditional(laplace()), priors.Normal(2)(), FullGaussian(*fixed())):
        assert p_z.tempered(1.0) is p_z


def fixed():
    return torch.zeros(2), torch.eye(2)


def test_vamp_rate_is_drawn_and_normal_rate_is_closed():
    x = torch.randn(3, 4)
    vae = small_vamp()
    assert vae.encode(Batch(x)).kl(prior_of(vae)) is None
    vae = build(Schema("real", (4,)), ModelOptions(latent=2, width=8, depth=1))
    assert isinstance(vae.encode(Batch(x)), DiagonalGaussian)
    assert vae.encode(Batch(x)).kl(prior_of(vae)).shape == (3,)


def test_a_module_may_return_one_of_ours():
    class Learned(nn.Module):
        def __init__(self):
            super().__init__()
            self.loc = nn.Parameter(torch.zeros(2))

        def forward(self):
            return DiagonalGaussian(self.loc, torch.zeros(2))

    model = LinearGaussian(dim=4, latent=2, sigma=0.6)
    vae, x = model.vae("full", Learned()), model.draw(3)
    torch.testing.assert_close(elbo(vae, x), elbo(model.vae("full"), x))
    assert [name for name in vae.state_dict() if name.startswith("latent_prior")] == ["latent_prior.distribution.loc"]
