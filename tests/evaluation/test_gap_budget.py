import pytest
import torch

from oracles import LinearGaussian
from variate import gap_budget


@pytest.mark.parametrize("sigma", [0.2, 2.0])
@pytest.mark.parametrize("family", ["isotropic", "diagonal", "full"])
def test_budget_of_the_best_encoder_is_the_closed_form(family, sigma):
    model = LinearGaussian(dim=30, latent=10, sigma=sigma)
    found = gap_budget(model.vae(family), model.draw(100), num_rows=100)
    exact = model.gap(family).item()
    # 4 standard errors, and 0.01 nats for the noise on which each row's fit ends.
    assert abs(found.approximation.value - exact) <= 4 * found.approximation.stderr + 0.01
    assert abs(found.amortization.value) <= 4 * found.amortization.stderr + 0.01
    assert abs(found.covariance.value - exact) <= 4 * found.covariance.stderr + 0.01
    assert found.gap.value == pytest.approx(found.approximation.value + found.amortization.value)


def test_a_shifted_encoder_pays_what_the_shift_costs():
    # q with its mean off by b standard deviations of p(z|x) in one direction loses exactly b^2 / 2 to the best q.
    model = LinearGaussian(dim=12, latent=4, sigma=0.7)
    vae, x = model.vae("full"), model.draw(64)
    shift = 1.5 * torch.linalg.cholesky(model.S)[:, 0]
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[:4] += shift
    found = gap_budget(vae, x)
    assert abs(found.amortization.value - 1.5**2 / 2) <= 4 * found.amortization.stderr + 0.01
    assert abs(found.approximation.value) <= 0.01
    assert torch.allclose(found.log_evidence, model.log_evidence(x[found.which]), atol=0.02)


def test_rows_are_chosen_by_the_seed_and_repeat():
    model = LinearGaussian(dim=6, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(50)
    first, again, other = (gap_budget(vae, x, num_rows=5, steps=5, num_samples=10, seed=s) for s in (0, 0, 1))
    assert torch.equal(first.elbo, again.elbo)
    assert torch.equal(first.best, again.best)
    assert first.which.tolist() != other.which.tolist()
