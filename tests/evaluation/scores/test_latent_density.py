import pytest
import torch
from scipy import stats
from sklearn.covariance import LedoitWolf

from ladder import Ladder
from oracles import LinearGaussian
from variate.evaluation.scores.latent_density import fit_latent_density, posterior_place
from variate.models.network import evaluating


def test_it_is_the_shrunk_gaussian():
    points = torch.randn(40, 3) @ torch.randn(3, 3) + 5
    found, expected = fit_latent_density(points), LedoitWolf().fit(points.numpy())
    gaussian = stats.multivariate_normal(expected.location_, expected.covariance_)
    torch.testing.assert_close(
        found.log_prob(points), torch.as_tensor(gaussian.logpdf(points.numpy())), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("points", [torch.ones(5, 2), torch.ones(1, 2), torch.zeros(3, 1)])
def test_points_that_do_not_vary_have_a_density_all_the_same(points):
    found = fit_latent_density(points)
    assert found.log_prob(points).isfinite().all()
    assert (found.log_prob(points) > found.log_prob(points + 1)).all()


def test_the_place_of_a_row_is_the_mean_of_its_posterior():
    model = LinearGaussian(dim=6, latent=2, sigma=0.7)
    vae, x = model.vae("full"), model.draw(5)
    with evaluating(vae):
        found = posterior_place(vae, vae.dataset(x).all())
    torch.testing.assert_close(found, vae.embed(x).mean)


def test_several_groups_are_one_vector():
    model = Ladder().double()
    with evaluating(model):
        found = posterior_place(model, model.dataset(model.sample(3, seed=0)).all())
    assert found.shape == (3, model.num_latents)
