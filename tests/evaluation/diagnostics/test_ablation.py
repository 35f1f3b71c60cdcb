import math

import pytest
import torch

from ladder import Ladder
from oracles import LinearGaussian
from variate.distributions import DiagonalGaussian, FullGaussian, IsotropicGaussian, StandardNormal
from variate.evaluation.diagnostics.ablation import rate_saved, switching_off


def full(n=5, d=4):
    tril = torch.randn(n, d, d).tril(-1) * 0.4 + torch.diag_embed(torch.rand(n, d) + 0.3)
    return FullGaussian(torch.randn(n, d), tril)


@pytest.mark.parametrize(
    "make",
    [
        full,
        lambda: DiagonalGaussian(torch.randn(5, 4), torch.randn(5, 4) * 0.3),
        lambda: IsotropicGaussian(torch.randn(5, 4), torch.randn(5, 1) * 0.3),
    ],
)
def test_rate_saved_is_the_difference_of_two_rates(make):
    q_z = make()
    saved = rate_saved(q_z)
    whole = q_z.kl(StandardNormal(4))
    for i in range(4):
        kept = [j for j in range(4) if j != i]
        covariance = q_z.covariance_matrix[:, kept][:, :, kept]
        rest = FullGaussian(q_z.loc[:, kept], torch.linalg.cholesky(covariance))
        expected = whole - rest.kl(StandardNormal(3))
        assert torch.allclose(saved[:, i], expected, rtol=1e-9)


def test_switching_a_latent_off_changes_the_elbo_by_its_closed_form():
    # Linear decoder: with z_i ~ N(0, 1) in place of q, E||W dz||^2 / (2 sigma^2) more distortion in closed form.
    model = LinearGaussian(dim=8, latent=3, sigma=0.9)
    vae, x = model.vae("diagonal"), model.draw(4000)
    found = switching_off(vae, x, num_rows=None)
    q_z = vae.encoder(x)
    residual = x - model.mu - q_z.loc @ model.W.T
    norms = model.W.square().sum(0)
    for i in range(3):
        # E log p(x|z) changes by -(|r + W_i m_i|^2 + |W_i|^2 - |r|^2 - |W_i|^2 v_i) / (2 sigma^2)
        moved = residual + q_z.loc[:, i : i + 1] * model.W[:, i]
        lost = (moved.square().sum(1) - residual.square().sum(1) + norms[i] * (1 - q_z.variance[:, i])) / (
            2 * model.sigma**2
        )
        noise = found[:, i] - (rate_saved(q_z)[:, i] - lost)
        assert abs(noise.mean()) <= 4 * noise.std() / math.sqrt(4000)


def test_switching_off_a_latent_that_the_decoder_ignores_gains_its_rate():
    model = LinearGaussian(dim=8, latent=3, sigma=0.9)
    vae, x = model.vae("diagonal"), model.draw(50)
    with torch.no_grad():
        vae.decoder.network.inner.layers[-1].weight[:, 1] = 0
    found = switching_off(vae, x)
    assert torch.allclose(found[:, 1].sort().values, rate_saved(vae.encoder(x))[:, 1].sort().values)


def test_it_does_not_apply_to_other_priors_and_to_several_groups():
    model = LinearGaussian(dim=8, latent=3, sigma=0.9)
    prior = torch.distributions.MultivariateNormal(torch.zeros(3), torch.eye(3))
    assert switching_off(model.vae("diagonal", prior), model.draw(5)) is None
    ladder = Ladder().double()
    assert switching_off(ladder, ladder.sample(5, seed=1)) is None
