"""Arithmetic with groups of rows."""

import pytest
import torch

from oracles import LinearGaussian, LinearLadder
from refusals import refused
from variate import from_arrays, shift


def test_a_linear_model_adds_the_difference_of_the_reconstructed_means():
    exact = LinearGaussian(5, 3, 0.7)
    model = exact.vae("full")
    x, plus, minus = exact.draw(6), exact.draw(40, 2) + 1, exact.draw(30, 3)
    found = shift(model, x, plus, minus, strength=0.5)
    change = model.reconstruct(plus).mean(0) - model.reconstruct(minus).mean(0)
    torch.testing.assert_close(found.rows, model.reconstruct(x) + 0.5 * change)
    torch.testing.assert_close(found.before, model.reconstruct(x))
    normal = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(found.log_prior, normal.log_prob(found.latents).sum(1))
    before = found.latents - 0.5 * found.direction
    torch.testing.assert_close(found.log_prior_before, normal.log_prob(before).sum(1))


@pytest.mark.parametrize("strength", [0.0, 1.0, -2.5])
def test_the_other_way_with_the_groups_exchanged_is_the_same(strength):
    exact = LinearGaussian(5, 3, 0.7)
    model, x, plus, minus = exact.vae("diagonal"), exact.draw(4), exact.draw(9, 2), exact.draw(8, 3)
    one, other = shift(model, x, plus, minus, strength=strength), shift(model, x, minus, plus, strength=-strength)
    torch.testing.assert_close(one.latents, other.latents)
    if strength == 0:
        assert torch.equal(one.rows, one.before)


def test_a_row_keeps_its_context():
    model = LinearLadder()
    rows, plus, minus = (from_arrays(torch.randn(4, 5), context=torch.randn(4, 2)) for _ in range(3))
    found = shift(model, rows, plus, minus)
    parts = found.latents[None, :, :2], found.latents[None, :, 2:]
    torch.testing.assert_close(found.rows, model.decode(parts, rows.all().context).mean[0].detach())


def test_groups_with_one_mean_are_refused():
    exact = LinearGaussian(5, 3, 0.7)
    x = exact.draw(4)
    assert refused(shift, exact.vae("full"), x, x, x).argument == "plus"
