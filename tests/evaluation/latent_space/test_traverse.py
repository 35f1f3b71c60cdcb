"""What each latent does."""

import pytest
import torch

from oracles import LinearGaussian, LinearLadder
from refusals import refused
from variate import from_arrays, traverse
from variate.evaluation.diagnostics.latents import latent_rates
from variate.evaluation.latent_space.positions import aggregate, positions


@pytest.fixture
def linear():
    exact = LinearGaussian(6, 3, 0.8)
    exact.W *= torch.tensor([0.1, 2.0, 0.6])  # the second latent says most, the first one least
    exact.M = exact.W.T @ exact.W + exact.sigma**2 * torch.eye(3)
    exact.S = exact.sigma**2 * torch.linalg.inv(exact.M)
    return exact


def test_latents_come_with_their_rates_the_largest_first(linear):
    model, x = linear.vae("diagonal"), linear.draw(300)
    found = traverse(model, x)
    assert found.latent.tolist() == [1, 2, 0]
    torch.testing.assert_close(found.nats, latent_rates(model, x)[found.latent])
    assert traverse(model, x, num_latents=2).latent.tolist() == [1, 2]


def test_one_latent_moves_over_the_aggregate_and_the_others_stay(linear):
    model, x = linear.vae("full"), linear.draw(300)
    places = positions(model, model.dataset(x))
    whole = aggregate(places)
    for start, center in ((None, whole.mean), (x[4:5], places.mean[4])):
        found = traverse(model, x, start=start, span=2.0, stops=5)
        assert found.s.tolist() == [-2, -1, 0, 1, 2]
        for moved, latent in zip(found.latents, found.latent.tolist(), strict=True):
            expected = center.expand(5, 3).clone()
            expected[:, latent] = whole.mean[latent] + found.s * whole.std[latent]
            torch.testing.assert_close(moved, expected)
        torch.testing.assert_close(found.rows, found.latents @ linear.W.T + linear.mu)


def test_a_prior_without_marginals_leaves_the_information_of_a_gaussian_channel(linear):
    flow = torch.distributions.TransformedDistribution(
        torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), 1.0), 1),
        torch.distributions.transforms.IndependentTransform(
            torch.distributions.transforms.AffineTransform(0.0, 1.0), 1
        ),
    )
    model, x = linear.vae("diagonal", flow), linear.draw(300)
    assert latent_rates(model, x) is None
    found = traverse(model, x)
    assert found.latent.tolist() == [1, 2, 0]
    places = positions(model, model.dataset(x))
    channel = 0.5 * (1 + places.mean.var(0, correction=0) / places.variance.mean(0)).log()
    torch.testing.assert_close(found.nats, channel[found.latent])


def test_a_model_with_a_context_needs_a_row_and_moves_in_its_context():
    model = LinearLadder()
    data = from_arrays(torch.randn(20, 5), context=torch.randn(20, 2))
    assert refused(traverse, model, data).argument == "start"
    start = from_arrays(torch.randn(1, 5), context=torch.tensor([[3.0, -1.0]]))
    found = traverse(model, data, start=start, stops=2)
    flat = found.latents.flatten(0, 1)
    context = torch.tensor([[3.0, -1.0]]).expand(len(flat), 2)
    expected = model.decode([flat[None, :, :2], flat[None, :, 2:]], context).mean[0]
    torch.testing.assert_close(found.rows.flatten(0, 1), expected.detach())


def test_what_cannot_be_used_is_refused(linear):
    model, x = linear.vae("full"), linear.draw(10)
    assert refused(traverse, model, x, start=x[:2]).argument == "start"
    assert refused(traverse, model, x, stops=1).argument == "stops"
    assert refused(traverse, model, x, span=0).argument == "span"
