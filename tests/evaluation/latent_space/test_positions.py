"""Places of rows in models whose posterior is known."""

import pytest
import torch

from oracles import LinearGaussian, LinearLadder
from small_models import make
from variate import from_arrays
from variate.evaluation.latent_space.positions import aggregate, decoded_rows, positions, prior_density
from variate.training.validation import posterior_means


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_places_are_the_means_and_variances_of_the_posterior(family):
    exact = LinearGaussian(5, 3, 0.7)
    x = exact.draw(40)
    model = exact.vae(family)
    found = positions(model, model.dataset(x), batch_size=7)
    torch.testing.assert_close(found.mean, (x - exact.mu) @ torch.linalg.solve(exact.M, exact.W.T).T)
    variance = exact.S.diagonal() if family == "full" else 1 / torch.linalg.inv(exact.S).diagonal()
    torch.testing.assert_close(found.variance, variance.expand(40, 3))


def test_places_are_those_of_the_path_of_means_for_several_groups():
    model = LinearLadder()
    data = from_arrays(torch.randn(12, 5), context=torch.randn(12, 2))
    found = positions(model, data, batch_size=5)
    assert torch.equal(found.mean, posterior_means(model, data, 5))
    assert found.variance.shape == (12, 5)


def test_the_aggregate_has_the_moments_of_draws_from_all_posteriors():
    exact = LinearGaussian(4, 2, 0.7)
    model = exact.vae("full")
    places = positions(model, model.dataset(exact.draw(500)))
    z = places.mean + places.variance.sqrt() * torch.randn(4000, *places.mean.shape)
    found = aggregate(places)
    z = z.flatten(0, 1)
    noise = z.std(0) / len(z) ** 0.5
    assert ((found.mean - z.mean(0)).abs() < 4 * noise).all()
    assert ((found.std - z.std(0)).abs() < 4 * noise).all()


def test_what_stands_at_a_place_is_the_mean_whatever_the_batches():
    exact = LinearGaussian(5, 3, 0.7)
    places = torch.randn(9, 3)
    torch.testing.assert_close(decoded_rows(exact.vae("full"), places, batch_size=4), places @ exact.W.T + exact.mu)


def test_a_context_belongs_to_its_place():
    model = LinearLadder()
    places, context = torch.randn(6, 5), torch.randn(6, 2)
    expected = model.decode([places[None, :, :2], places[None, :, 2:]], context).mean[0]
    torch.testing.assert_close(decoded_rows(model, places, context, batch_size=4), expected)


@pytest.mark.parametrize("likelihood", ["columns", "quantile-logistic"])
def test_rows_of_a_table_have_values_that_cells_can_have(likelihood):
    model, _ = make(likelihood)
    places = 2 * torch.randn(30, 2)
    _, codes, counts, bits = decoded_rows(model, places, batch_size=8).T
    p_x = model.decode([places[None]])
    masses = torch.stack([p_x.log_prob_elements(torch.full((4,), k).double())[0, :, 1] for k in range(3)])
    assert torch.equal(codes, masses.argmax(0).double())
    assert torch.equal(counts, p_x.factor(0).quantile(torch.tensor(0.5))[0, :, 2])
    assert set(bits.tolist()) <= {0.0, 1.0}


def test_the_density_of_places_is_that_of_the_prior():
    normal = torch.distributions.Normal(0.0, 1.0)
    places = torch.randn(7, 3)
    found = prior_density(LinearGaussian(5, 3, 0.7).vae("full"), places, batch_size=3)
    torch.testing.assert_close(found, normal.log_prob(places).sum(1))
    ladder, context = LinearLadder(), torch.randn(7, 2)
    first, second = torch.randn(7, 2), torch.randn(7, 3)
    below = torch.distributions.Normal(first @ ladder.B.T + ladder.b, ladder.s).log_prob(second).sum(1)
    expected = normal.log_prob(first).sum(1) + below
    torch.testing.assert_close(prior_density(ladder, torch.cat([first, second], 1), context, 3), expected.detach())
