import pytest
import torch

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import from_arrays
from variate.distributions import DiagonalGaussian, FullGaussian, IsotropicGaussian
from variate.evaluation.diagnostics.posterior_fit import fit_posterior

FAMILIES = {"isotropic": IsotropicGaussian, "diagonal": DiagonalGaussian, "full": FullGaussian}


def worsened(model, family):
    """An encoder whose means are off by a tenth and whose scales are off by a third."""
    vae = model.vae(family)
    layer = vae.encoder.network.inner.layers[-1]
    with torch.no_grad():
        layer.weight[: model.latent] *= 0.9
        layer.bias[model.latent :] += 0.3
    return vae


@pytest.mark.parametrize("family", FAMILIES)
def test_best_member_of_each_family_is_that_of_the_closed_form(family):
    model = LinearGaussian(dim=8, latent=3, sigma=0.8)
    x = model.draw(20)
    best = fit_posterior(worsened(model, family), x)
    assert isinstance(best, FAMILIES[family])
    exact = model.vae(family).encoder(x)
    spread = exact.variance.sqrt()
    # The optimiser ends on noise of its own draws: a few hundredths of a standard deviation.
    assert ((best.loc - exact.loc) / spread).abs().mean() <= 0.03
    assert (best.variance.sqrt() / spread).log().abs().mean() <= 0.03


def test_full_fit_of_a_diagonal_encoder_is_the_true_posterior():
    model = LinearGaussian(dim=8, latent=3, sigma=0.8)
    x = model.draw(20)
    best = fit_posterior(model.vae("diagonal"), x, "full")
    posterior = model.vae("full").encoder(x)
    assert best.kl(posterior).max() <= 1e-3


def test_many_latents_stay_finite_and_do_not_lose():
    model = LinearGaussian(dim=40, latent=60, sigma=1.0)
    x = model.draw(4)
    vae = model.vae("diagonal")
    best = fit_posterior(vae, x, "full", steps=100, num_samples=4)
    posterior = model.vae("full").encoder(x)

    def gap(q):
        return q.kl(posterior)

    assert (gap(best) < gap(vae.encoder(x))).all()


def test_batch_sizes_and_seeds():
    model = LinearGaussian(dim=8, latent=3, sigma=0.8)
    vae, x = worsened(model, "diagonal"), model.draw(7)
    before = torch.get_rng_state()
    first, parts, other = (fit_posterior(vae, x, steps=20, **kw) for kw in ({}, {"batch_size": 2}, {"seed": 1}))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.allclose(first.loc, parts.loc, rtol=1e-9)
    assert torch.allclose(first.log_scale, parts.log_scale, rtol=1e-9)
    assert not torch.allclose(first.loc, other.loc)


def test_the_model_is_left_alone():
    model = LinearGaussian(dim=8, latent=3, sigma=0.8)
    vae = model.vae("diagonal").train()
    weights = [p.clone() for p in vae.parameters()]
    fit_posterior(vae, model.draw(3), steps=5)
    assert all(torch.equal(a, b) for a, b in zip(weights, vae.parameters(), strict=True))
    assert all(p.grad is None for p in vae.parameters())
    assert vae.training


def test_contexts_and_masks_are_part_of_the_row():
    # From the exact posteriors, which depend on both, nothing moves but by the noise of a short fit.
    model = ConditionalLinear().double()
    context, mask = torch.randn(10, 2), torch.rand(10, 8).argsort(1) < 4
    data = from_arrays(torch.randn(10, 8).numpy(), mask=mask.numpy(), context=context.numpy())
    best = fit_posterior(model, data, steps=20)
    exact = model.encode(data.all())
    other = model.encode(data.all()._replace(context=torch.as_tensor(context).flip(0), mask=None))
    assert best.kl(exact).max() <= 0.02
    assert best.kl(other).min() > 0.1


def test_it_does_not_apply_to_several_groups():
    model = Ladder().double()
    assert fit_posterior(model, model.sample(3, seed=1), steps=2) is None


@pytest.mark.parametrize("argument", ["steps", "num_samples", "batch_size"])
def test_numbers_must_be_positive(argument):
    model = LinearGaussian(dim=8, latent=3, sigma=0.8)
    assert refused(fit_posterior, model.vae("full"), model.draw(3), **{argument: 0}).argument == argument
    assert refused(fit_posterior, model.vae("full"), torch.zeros(0, 8)).argument == "x"
