"""Rows between rows."""

import pytest
import torch

from oracles import LinearGaussian, LinearLadder
from refusals import refused
from small_models import make
from variate import from_arrays, interpolate
from variate.training.validation import posterior_means


@pytest.mark.parametrize("curve", ["linear", "spherical", "geodesic"])
def test_a_path_passes_through_the_means_of_its_rows_to_the_last_bit(curve):
    model, x = make("bernoulli")
    rows = x[:3]
    found = interpolate(model, rows, curve=curve, steps=5)
    means = posterior_means(model, model.dataset(rows))
    assert torch.equal(found.latents[::5], means)
    assert found.t.tolist() == [place / 5 for place in range(11)]
    torch.testing.assert_close(found.rows[::5], model.reconstruct(rows))
    assert found.energy.shape == found.straight_energy.shape == (2,)


def test_a_linear_model_blends_its_reconstructions():
    exact = LinearGaussian(5, 3, 0.7)
    x = exact.draw(2)
    model = exact.vae("full")
    found = interpolate(model, x, steps=4)
    first, last = model.reconstruct(x)
    torch.testing.assert_close(found.rows, torch.lerp(first, last, found.t[:, None]))
    assert torch.equal(found.energy, found.straight_energy)


@pytest.mark.parametrize("curve", ["linear", "geodesic"])
def test_a_model_with_a_context_keeps_that_of_the_first_row(curve):
    model, context = LinearLadder(), torch.randn(2, 2)
    found = interpolate(model, from_arrays(torch.randn(2, 5), context=context), curve=curve, steps=3)
    parts = found.latents[None, :, :2], found.latents[None, :, 2:]
    expected = model.decode(parts, context[:1].expand(4, 2)).mean[0]
    torch.testing.assert_close(found.rows, expected.detach())


def test_less_than_two_rows_are_no_path():
    model, x = make()
    assert refused(interpolate, model, x[:1]).argument == "x"
    assert refused(interpolate, model, x, steps=0).argument == "steps"
    assert refused(interpolate, model, x, curve="straight").argument == "curve"
