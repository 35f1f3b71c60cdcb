"""Geodesics of decoders whose metric is known: flat, flat in other coordinates, and hyperbolic."""

import math

import pytest
import torch
from torch import nn

from small_models import make
from variate.distributions.normal import NormalElements
from variate.distributions.rows import Independent
from variate.evaluation.latent_space import geodesics
from variate.evaluation.latent_space.geodesics import draws_per_step, geodesic, path_energy
from variate.evaluation.latent_space.paths import linear
from variate.evaluation.latent_space.positions import decoder
from variate.models.network import evaluating

SIGMA = 0.1


def normal(loc, scale):
    return Independent(NormalElements(loc[None], torch.as_tensor(scale).expand_as(loc)[None]), 1)


def affine(dim, outputs, seed=0):
    weight = torch.randn(dim, outputs, generator=torch.Generator().manual_seed(seed))
    return weight, lambda z: normal(z @ weight, SIGMA)


def polar(z):
    """A plane in polar coordinates, r and the angle."""
    r, angle = z.T
    return normal(torch.stack([r * angle.cos(), r * angle.sin()], 1).repeat(1, 10), SIGMA)


def half_plane(z):
    """Twenty numbers with one mean and one log-scale: the hyperbolic half plane."""
    return Independent(NormalElements(z[None, :, :1].expand(1, -1, 20), z[None, :, 1:].exp().expand(1, -1, 20)), 1)


def test_the_energy_of_a_straight_line_under_a_linear_decoder_is_its_squared_length():
    weight, decode = affine(3, 400)
    start, end = torch.randn(2, 3)
    energy = path_energy(decode, linear(start, end, torch.linspace(0, 1, 17)))
    exact = float(((end - start) @ weight / SIGMA).square().sum())
    noise = exact * math.sqrt(2 / (400 * 16 * 10))  # a mean of squares of as many normal numbers, and no less
    assert abs(energy - exact) < 4 * noise


def test_the_geodesic_of_a_linear_decoder_is_the_straight_line():
    _, decode = affine(3, 50)
    start, end = torch.randn(2, 3)
    found = geodesic(decode, start, end, 8)
    straight = linear(start, end, torch.linspace(0, 1, 9))
    assert float((found.path - straight).norm(dim=1).max()) < 0.02 * float((end - start).norm())
    assert found.energy == pytest.approx(found.straight_energy, rel=1e-3)


def test_a_plane_in_polar_coordinates_is_crossed_along_the_chord_in_equal_steps():
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 2.0])
    found = geodesic(polar, start, end, 8)
    assert torch.equal(found.path[0], start)
    assert torch.equal(found.path[-1], end)
    ends = torch.tensor([[1.0, 0.0], [math.cos(2), math.sin(2)]])
    chord = linear(ends[0], ends[1], torch.linspace(0, 1, 9))
    torch.testing.assert_close(polar(found.path).mean[0, :, :2], chord, rtol=0, atol=0.04)
    assert found.straight_energy > 1.3 * found.energy


def test_the_half_plane_is_crossed_along_a_half_circle():
    found = geodesic(half_plane, torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 0.0]), 8)
    mean, scale = found.path[:, 0], found.path[:, 1].exp()
    torch.testing.assert_close(mean.square() / 2 + scale.square(), torch.full((9,), 1.5), rtol=0, atol=0.06)
    length = math.sqrt(2) * math.acosh(1 + (2**2 / 2) / 2)
    assert found.energy == pytest.approx(20 * length**2, rel=0.06)  # a sixteenth is as fine as the path is
    assert found.straight_energy > 1.1 * found.energy


def test_a_latent_that_the_decoder_ignores_stays_on_the_straight_line():
    def decode(z):
        return polar(z[:, :2])

    start, end = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 2.0, 1.0])
    found = geodesic(decode, start, end, 8)
    torch.testing.assert_close(found.path[:, 2], torch.linspace(0, 1, 9), rtol=0, atol=0.02)


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "discretized-logistic", "columns"])
def test_no_path_has_more_energy_than_the_straight_line(likelihood, monkeypatch):
    monkeypatch.setattr(geodesics, "STEPS", 30)
    model, _ = make(likelihood)
    with torch.no_grad():
        for module in model.decoder.modules():
            if isinstance(module, nn.Linear):
                module.weight.mul_(3)
    with evaluating(model):
        decode = decoder(model)
        start, end = 2 * torch.randn(2, 2)
        found, again = (geodesic(decode, start, end, 4, draws_per_step(model), seed=1) for _ in range(2))
    assert found.energy <= found.straight_energy
    assert found.path.isfinite().all()
    assert torch.equal(found.path[0], start)
    assert torch.equal(found.path[-1], end)
    assert torch.equal(found.path, again.path)


def test_equal_ends_have_no_energy():
    place = torch.tensor([1.0, 2.0])
    found = geodesic(polar, place, place, 3)
    assert found.energy == found.straight_energy == 0
    assert torch.equal(found.path, place.expand(4, 2))
