import pytest
import torch

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import from_arrays, gap_budget


@pytest.mark.parametrize("sigma", [0.2, 2.0])
@pytest.mark.parametrize("family", ["isotropic", "diagonal", "full"])
def test_budget_of_the_best_encoder_is_the_closed_form(family, sigma):
    model = LinearGaussian(dim=12, latent=4, sigma=sigma)
    found = gap_budget(model.vae(family), model.draw(24), num_rows=24, num_samples=300, steps=150)
    exact = model.gap(family).item()
    # 4 standard errors, and 0.01 nats for the noise on which each row's fit ends.
    assert abs(found.approximation.value - exact) <= 4 * found.approximation.stderr + 0.01
    assert abs(found.amortization.value) <= 4 * found.amortization.stderr + 0.01
    assert abs(found.covariance.value - exact) <= 4 * found.covariance.stderr + 0.01
    assert found.gap.value == pytest.approx(found.approximation.value + found.amortization.value)


def test_a_shifted_encoder_pays_what_the_shift_costs():
    # q with its mean off by b standard deviations of p(z|x) in one direction loses exactly b^2 / 2 to the best q.
    model = LinearGaussian(dim=12, latent=4, sigma=0.7)
    vae, x = model.vae("full"), model.draw(24)
    shift = 1.5 * torch.linalg.cholesky(model.S)[:, 0]
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[:4] += shift
    found = gap_budget(vae, x, num_samples=300, steps=150)
    assert abs(found.amortization.value - 1.5**2 / 2) <= 4 * found.amortization.stderr + 0.01
    assert abs(found.approximation.value) <= 0.01
    assert torch.allclose(found.log_evidence, model.log_evidence(x[found.which]), atol=0.02)


def test_rows_whose_evidence_cannot_be_used_are_counted():
    model = LinearGaussian(dim=6, latent=2, sigma=0.7)
    found = gap_budget(model.vae("diagonal"), model.draw(10), num_rows=10, steps=100, num_samples=1000)
    assert found.unreliable == 0
    khat = torch.tensor([0.1, 0.9, torch.nan, 0.71] + [0.2] * 6)
    assert found._replace(khat=khat).unreliable == pytest.approx(0.2)


def test_rows_are_chosen_by_the_seed_and_repeat():
    model = LinearGaussian(dim=6, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(50)
    first, again, other = (gap_budget(vae, x, num_rows=5, steps=5, num_samples=10, seed=s) for s in (0, 0, 1))
    assert torch.equal(first.elbo, again.elbo)
    assert torch.equal(first.best, again.best)
    assert first.which.tolist() != other.which.tolist()


def test_contexts_and_masks_are_part_of_the_rows():
    model, context = ConditionalLinear().double(), torch.randn(9, 2)
    x, mask = torch.randn(9, 8), torch.rand(9, 8).argsort(1) < 4
    data = from_arrays(x.numpy(), mask=mask.numpy(), context=context.numpy())
    found = gap_budget(model, data, num_rows=5, steps=5, num_samples=10)
    exact = model.log_evidence(x, context, mask)[found.which]
    torch.testing.assert_close(found.elbo, exact, atol=1e-9, rtol=0)  # the encoder is exact, the short fits nearly so
    for bound in (found.log_evidence, found.best, found.full):
        torch.testing.assert_close(bound, exact, atol=0.1, rtol=0)


def test_it_does_not_apply_to_several_groups():
    model = Ladder().double()
    assert gap_budget(model, model.sample(3, seed=1), steps=2, num_samples=2) is None


@pytest.mark.parametrize("argument", ["num_rows", "num_samples", "steps", "fit_samples"])
def test_numbers_must_be_positive(argument):
    model = LinearGaussian(dim=6, latent=2, sigma=0.7)
    sizes = {"num_rows": 2, "num_samples": 2, "steps": 2, "fit_samples": 2}
    error = refused(gap_budget, model.vae("full"), model.draw(3), **sizes | {argument: 0})
    assert (error.argument, error.got) == (argument, "0")
