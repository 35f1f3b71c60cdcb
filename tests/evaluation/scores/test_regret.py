import pytest
import torch

from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate.evaluation.scores.score import score


def test_a_perfect_encoder_is_not_regretted_and_a_shift_is_by_its_cost():
    model = LinearGaussian(dim=12, latent=4, sigma=0.7)
    vae, x = model.vae("full"), model.draw(24)
    exact = score(vae, x, method="regret", num_samples=64)
    assert exact.score.abs().max() < 0.01
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[:4] += 1.5 * torch.linalg.cholesky(model.S)[:, 0]
    shifted = score(vae, x, method="regret", num_samples=64)
    # Both bounds have the same 64 draws of noise, whose mean is off by 1 / 8 of a standard deviation in each latent.
    assert ((shifted.score - 1.5**2 / 2).abs() < 4 * 1.5 / 8).all()
    torch.testing.assert_close(shifted.bound + shifted.score, exact.bound, atol=0.02, rtol=0)


def test_a_row_has_its_regret_whatever_is_beside_it():
    model = LinearGaussian(dim=6, latent=2, sigma=0.7)
    vae, x = model.vae("diagonal"), model.draw(7)
    whole = score(vae, x, method="regret").score
    parts = torch.cat([score(vae, x[i : i + 2], method="regret", batch_size=1).score for i in range(0, 7, 2)])
    torch.testing.assert_close(whole, parts, atol=1e-9, rtol=0)


def test_a_model_of_several_groups_is_refused():
    model = Ladder().double()
    error = refused(score, model, model.sample(3, seed=1), method="regret")
    assert (error.argument, error.got) == ("method", "'regret'")


@pytest.mark.parametrize("family", ["isotropic", "diagonal"])
def test_the_best_encoder_of_a_family_is_the_family_s_own(family):
    model = LinearGaussian(dim=12, latent=4, sigma=0.7)
    found = score(model.vae(family), model.draw(12), method="regret", num_samples=64)
    assert found.score.abs().max() < 0.01
