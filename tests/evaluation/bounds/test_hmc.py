import math

import pytest
import torch
from scipy import stats
from torch import nn

from variate.evaluation.bounds import hmc
from variate.evaluation.bounds.hmc import Noise, Point, leapfrog, move, noise
from variate.runtime.random import RowStreams

ONE = torch.ones(1, dtype=torch.float64)


def evaluator(log_start, tilt):
    """Points of two log-densities given as functions."""

    def evaluate(z):
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            start, rest = log_start(at), tilt(at)
            gradients = hmc.gradient(start, at), hmc.gradient(rest, at)
        return Point(z, start.detach(), rest.detach(), *gradients)

    return evaluate


class Correlated:
    """N(0, I) tilted by -1/2 (z - l)^T K (z - l): Gaussian at every b, with precision I + b K."""

    K = torch.tensor([[4.0, 2.4, 0.0], [2.4, 2.0, -0.3], [0.0, -0.3, 0.5]], dtype=torch.float64)
    peak = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)

    def __init__(self):
        self.evaluate = evaluator(lambda z: -0.5 * z.square().sum(-1), self.tilt)

    def tilt(self, z):
        r = z - self.peak
        return -0.5 * (r @ self.K * r).sum(-1)

    def moments(self, beta):
        covariance = torch.linalg.inv(torch.eye(3) + beta * self.K)
        return beta * covariance @ self.K @ self.peak, covariance

    def draw(self, beta, n):
        mean, covariance = self.moments(beta)
        return mean + torch.randn(n, 1, 3) @ torch.linalg.cholesky(covariance).T


def wiggly():
    """A density without symmetry, far from a Gaussian."""
    return evaluator(
        lambda z: -0.25 * z.pow(4).sum(-1), lambda z: torch.sin(2 * z).sum(-1) + 0.5 * z[..., 0] * z[..., 1]
    )


def moves(number, chains, like, seed=0):
    return noise(RowStreams(seed, [0], "test"), number, chains, like)


def test_leapfrog_is_undone_by_itself_with_the_momentum_reversed():
    evaluate = wiggly()
    z, r = torch.randn(6, 4, 2), torch.randn(6, 4, 2)
    stride = torch.tensor([0.1, 0.2])
    there, momentum = leapfrog(evaluate, evaluate(z), r, stride, 0.7 * ONE, 15)
    back, reversed_momentum = leapfrog(evaluate, there, -momentum, stride, 0.7 * ONE, 15)
    assert (there.z - z).abs().min() > 1e-3
    torch.testing.assert_close(back.z, z, atol=1e-9, rtol=0)
    torch.testing.assert_close(-reversed_momentum, r, atol=1e-9, rtol=0)


def test_leapfrog_preserves_volume():
    def evaluate(z):  # with gradients written out, so that they can be differentiated again
        zero = torch.zeros(z.shape[:-1])
        return Point(z, zero, zero, -z.pow(3), 2 * torch.cos(2 * z) + 0.5 * z.flip(-1))

    def flow(state):
        z, r = state.reshape(2, 1, 1, 2)
        point, momentum = leapfrog(evaluate, evaluate(z), r, torch.tensor([0.3, 0.2]), 0.7 * ONE, 5)
        return torch.cat([point.z, momentum]).flatten()

    jacobian = torch.autograd.functional.jacobian(flow, torch.randn(4))
    assert (jacobian - torch.eye(4)).abs().max() > 0.1
    torch.testing.assert_close(torch.linalg.det(jacobian), torch.ones(()), atol=1e-10, rtol=0)


def test_energy_error_is_of_second_order_in_the_step():
    evaluate = wiggly()
    point, r = evaluate(torch.randn(1, 50, 2)), torch.randn(1, 50, 2)

    def error(steps):
        end, momentum = leapfrog(evaluate, point, r, torch.full((1, 2), 0.5 / steps), 0.7 * ONE, steps)
        before = point.log_prob(0.7 * ONE) - 0.5 * r.square().sum(-1)
        return (end.log_prob(0.7 * ONE) - 0.5 * momentum.square().sum(-1) - before).abs().sum()

    assert error(50) / error(100) == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("exact", [True, False])
def test_a_correlated_gaussian_is_left_invariant_and_reached(beta, exact):
    # n = 20000 chains, 4 standard errors; from elsewhere after 60 moves, which forget the start.
    target, n, b = Correlated(), 20_000, torch.tensor([beta])
    z = target.draw(beta, n) if exact else torch.full((n, 1, 3), 2.0)
    point, number = target.evaluate(z), 5 if exact else 60
    stride, accepted = torch.tensor([[0.6, 0.9, 1.2]]), []
    for drawn in moves(number, n, z):
        point, acceptance = move(target.evaluate, point, drawn, stride, b, 3)
        accepted.append(acceptance.mean())
    assert 0.3 < torch.stack(accepted).mean() < 0.99
    mean, covariance = target.moments(beta)
    residual = point.z[:, 0] - mean
    products = residual.unsqueeze(-1) * residual.unsqueeze(-2)
    assert (residual.mean(0).abs() <= 4 * residual.std(0) / math.sqrt(n)).all()
    assert ((products.mean(0) - covariance).abs() <= 4 * products.std(0) / math.sqrt(n)).all()


def test_moves_are_in_detailed_balance():
    # From exact draws, (z, z') and (z', z) have one distribution. n = 200000, 4 standard errors.
    target, n, beta = Correlated(), 200_000, torch.tensor([0.8])
    z = target.draw(0.8, n)
    (drawn,) = moves(1, n, z)
    end, acceptance = move(target.evaluate, target.evaluate(z), drawn, torch.full((1, 3), 1.1), beta, 2)
    assert 0.2 < acceptance.mean() < 0.9
    a, b = z[:, 0], end.z[:, 0]
    difference = torch.stack([a[:, 0].square() * b[:, 1] - b[:, 0].square() * a[:, 1], a.cos()[:, 2] * b[:, 2].exp()])
    difference[1] -= b.cos()[:, 2] * a[:, 2].exp()
    assert (difference.mean(1).abs() <= 4 * difference.std(1) / math.sqrt(n)).all()


def test_acceptance_is_the_frequency_of_moving():
    target, n = Correlated(), 50_000
    z = target.draw(1.0, n)
    (drawn,) = moves(1, n, z)
    end, acceptance = move(target.evaluate, target.evaluate(z), drawn, torch.full((1, 3), 1.0), ONE, 2)
    moved = (end.z != z).any(-1).double()
    difference = moved - acceptance
    assert 0.1 < moved.mean() < 0.9
    assert difference.mean().abs() <= 4 * difference.std() / math.sqrt(n)


def test_a_point_knows_the_densities_where_it_is():
    target = Correlated()
    z = target.draw(1.0, 500)
    (drawn,) = moves(1, 500, z)
    end, _ = move(target.evaluate, target.evaluate(z), drawn, torch.full((1, 3), 1.0), ONE, 2)
    torch.testing.assert_close(end, target.evaluate(end.z), atol=0, rtol=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_rejected(bad):
    def evaluate(z):
        log_start = torch.where(z[..., 0] > 0.0, bad, -0.5 * z.square().sum(-1))
        return Point(z, log_start, torch.zeros_like(log_start), -z, torch.zeros_like(z))

    z = -torch.rand(2_000, 1, 1) - 1e-6
    (drawn,) = moves(1, 2_000, z)
    end, acceptance = move(evaluate, evaluate(z), drawn, torch.full((1, 1), 0.7), ONE, 2)
    assert (end.z < 0).all()
    assert acceptance.isfinite().all()
    assert (acceptance == 0).any()
    assert ((end.z == z) | (acceptance.unsqueeze(-1) > 0)).all()


def test_a_chain_outside_the_support_goes_in_and_never_is_nan():
    def evaluate(z):
        log_start = torch.where(z[..., 0] > 0.0, -0.5 * z.square().sum(-1), -math.inf)
        return Point(z, log_start, torch.zeros_like(log_start), -z, torch.zeros_like(z))

    z = torch.full((500, 1, 1), -0.1)
    (drawn,) = moves(1, 500, z)
    end, acceptance = move(evaluate, evaluate(z), drawn, torch.full((1, 1), 0.5), ONE, 2)
    inside = end.z[..., 0] > 0
    assert inside.any()
    assert torch.equal(acceptance, inside.to(acceptance))
    assert torch.equal(end.z[~inside], z[~inside])


def test_gradient_is_that_of_the_places_alone_and_always_finite():
    layer = nn.Linear(3, 1)
    z = torch.randn(4, 2, 3, requires_grad=True)
    torch.testing.assert_close(hmc.gradient(layer(z).squeeze(-1), z), layer.weight.detach().expand(4, 2, 3))
    assert layer.weight.grad is None
    assert z.grad is None
    assert torch.equal(hmc.gradient(torch.zeros(4, 2), z), torch.zeros_like(z))
    assert torch.equal(hmc.gradient(layer.weight.sum().expand(4, 2), z), torch.zeros_like(z))
    at_zero = torch.zeros(1, 1, 1, requires_grad=True)
    assert hmc.gradient(at_zero.sqrt().sum(-1), at_zero).item() == 0.0


def test_noise_has_its_distributions():
    # 24000 numbers each; Kolmogorov-Smirnov at p > 1e-4.
    found = list(noise(RowStreams(1, [4, 9], "test"), 40, 300, torch.zeros(2)))
    assert len(found) == 40
    momentum, log_uniform, shorten = (torch.stack([getattr(own, field) for own in found]) for field in Noise._fields)
    assert momentum.shape == (40, 300, 2, 2)
    assert log_uniform.shape == shorten.shape == (40, 300, 2)
    assert stats.kstest(momentum.flatten(), "norm").pvalue > 1e-4
    assert stats.kstest(log_uniform.exp().flatten(), "uniform").pvalue > 1e-4
    assert stats.kstest(shorten.flatten(), "uniform", (hmc.SHORTEST, 1 - hmc.SHORTEST)).pvalue > 1e-4
    assert len(momentum.unique()) == momentum.numel()


@pytest.mark.parametrize("number", [0, 1, 16, 17, 33])
def test_noise_of_a_row_is_the_same_whatever_is_beside_it(number):
    alone = list(noise(RowStreams(1, [9], "test"), number, 3, torch.zeros(2)))
    beside = list(noise(RowStreams(1, [4, 9], "test"), 40, 3, torch.zeros(2)))[:number]
    assert len(alone) == number
    for one, other in zip(alone, beside, strict=True):
        assert all(torch.equal(a[:, 0], b[:, 1]) for a, b in zip(one, other, strict=True))
