"""Rows like this one."""

import torch

from oracles import LinearGaussian
from refusals import refused
from small_models import make
from variate import neighbours
from variate.evaluation.latent_space.neighbours import merged, nearest_vectors
from variate.evaluation.latent_space.positions import positions


def test_distances_are_those_of_wasserstein_between_the_posteriors():
    model, x = make()
    found = neighbours(model, x[:5], x, k=20)
    places = positions(model, model.dataset(x))
    for row in range(5):
        for column, other in enumerate(found.rows[row].tolist()):
            mean, std = (places.mean[row] - places.mean[other]), places.variance.sqrt()[[row, other]].diff(dim=0)[0]
            exact = (mean.square().sum() + std.square().sum()).sqrt()
            torch.testing.assert_close(found.distance[row, column], exact, rtol=1e-6, atol=1e-9)
    assert (found.distance.diff(dim=1) >= 0).all()
    assert sorted(found.rows[0].tolist()) == list(range(20))
    assert found.rows[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_what_the_latents_do_not_see_does_not_count():
    exact = LinearGaussian(6, 2, 0.5)
    unseen = torch.linalg.svd(exact.W.T).Vh[2:]  # directions of the data that the encoder is blind to
    x = exact.draw(30)
    moved = x + torch.randn(30, 4) @ unseen
    found = neighbours(exact.vae("full"), moved, x, k=1)
    assert found.rows[:, 0].tolist() == list(range(30))
    torch.testing.assert_close(found.distance, torch.zeros(30, 1), rtol=0, atol=1e-9)


def test_parts_that_are_merged_are_the_whole():
    wanted, others = torch.randn(3, 4), torch.randn(50, 4)
    whole = nearest_vectors(wanted, others, 7)
    first, second = nearest_vectors(wanted, others[:20], 7), nearest_vectors(wanted, others[20:], 7)
    found = merged(first, second._replace(rows=second.rows + 20), 7)
    assert torch.equal(found.rows, whole.rows)
    assert torch.equal(found.distance, whole.distance)


def test_more_neighbours_than_rows_are_refused():
    model, x = make()
    assert refused(neighbours, model, x, x[:4], k=5).argument == "k"
    assert refused(neighbours, model, x, x, k=0).argument == "k"
