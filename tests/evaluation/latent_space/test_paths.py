"""Straight and spherical paths, whose points are known."""

import pytest
import torch

from variate.evaluation.latent_space.paths import linear, spherical

T = torch.linspace(0, 1, 8, dtype=torch.float64)


@pytest.mark.parametrize("path", [linear, spherical])
@pytest.mark.parametrize("dim", [1, 2, 7])
def test_a_path_ends_at_its_ends_to_the_last_bit(path, dim):
    start, end = torch.randn(2, dim) * torch.tensor([[1e3], [1e-3]])
    found = path(start, end, T)
    assert found.shape == (8, dim)
    assert torch.equal(found[0], start)
    assert torch.equal(found[-1], end)


def test_the_straight_line_moves_by_the_same_step():
    start, end = torch.randn(2, 4)
    steps = linear(start, end, T).diff(dim=0)
    torch.testing.assert_close(steps, ((end - start) / 7).expand_as(steps))


def test_the_arc_turns_and_grows_at_constant_rates():
    start, end = torch.tensor([2.0, 0, 0]), torch.tensor([0, 0, 5.0])
    found = spherical(start, end, T)
    torch.testing.assert_close(found.norm(dim=1), torch.linspace(2, 5, 8))
    torch.testing.assert_close(torch.atan2(found[:, 2], found[:, 0]), torch.linspace(0, torch.pi / 2, 8))
    assert not found[:, 1].any()


@pytest.mark.parametrize("end", [[3.0, 6.0], [-0.5, -1.0], [0.0, 0.0]])
def test_where_the_great_circle_is_not_unique_the_arc_is_the_straight_line(end):
    start, end = torch.tensor([1.0, 2.0]), torch.tensor(end)
    assert torch.equal(spherical(start, end, T), linear(start, end, T))
    assert torch.equal(spherical(end, start, T), linear(end, start, T))


def test_nearly_parallel_directions_lose_no_digits():
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1e-5])
    torch.testing.assert_close(spherical(start, end, T)[:, 1], 1e-5 * T, rtol=1e-6, atol=0)
