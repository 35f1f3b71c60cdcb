import math

import pytest
import torch
from scipy import optimize
from torch.autograd import gradcheck
from torch.distributions import Normal

from variate.distributions.optimal import OptimalNormal


def test_no_other_sigma_gives_more():
    x, loc = torch.randn(5, 3), torch.randn(2, 5, 3)

    def loss(log_sigma):
        return -Normal(loc, math.exp(log_sigma)).log_prob(x).sum().item()

    best = optimize.minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10})
    log_p = OptimalNormal(loc, 1, -7.0).log_prob(x)
    assert log_p.shape == (2, 5)
    torch.testing.assert_close(log_p.sum().item(), -best.fun)
    rms = (x - loc).square().mean().sqrt()
    torch.testing.assert_close(log_p, Normal(loc, rms).log_prob(x).sum(-1))


def test_gradient_runs_through_sigma():
    x = torch.randn(5, 3)
    assert gradcheck(lambda loc: OptimalNormal(loc, 1, -7.0).log_prob(x), (torch.randn(2, 5, 3, requires_grad=True),))


def test_vanishing_residuals_stay_finite():
    loc = torch.ones(4, 3, requires_grad=True)
    log_p = OptimalNormal(loc, 1, -7.0).log_prob(torch.ones(4, 3)).sum()
    assert log_p.isfinite()
    assert torch.autograd.grad(log_p, loc)[0].isfinite().all()


def test_the_mean_is_known_and_nothing_else_is():
    p = OptimalNormal(torch.randn(5, 3), 1, -7.0)
    assert torch.equal(p.mean, p.loc)
    for ask in (lambda: p.variance, p.sample, lambda: p.factor(0)):
        with pytest.raises(NotImplementedError, match="freeze"):
            ask()


def test_elements_sum_to_the_row():
    x, p = torch.randn(5, 3), OptimalNormal(torch.randn(2, 5, 3), 1, -7.0)
    torch.testing.assert_close(p.log_prob_elements(x).sum(-1), p.log_prob(x))


def test_unobserved_elements_have_no_part_in_sigma():
    x, loc, mask = torch.randn(5, 3), torch.randn(2, 5, 3), torch.rand(5, 3) < 0.6
    log_p = OptimalNormal(loc, 1, -7.0).log_prob(torch.where(mask, x, torch.nan), mask)
    rms = (x - loc)[:, mask].square().mean().sqrt()
    torch.testing.assert_close(log_p, torch.where(mask, Normal(loc, rms).log_prob(x), 0).sum(-1))
    everything = torch.ones(5, 3, dtype=torch.bool)
    torch.testing.assert_close(
        OptimalNormal(loc, 1, -7.0).log_prob(x, everything), OptimalNormal(loc, 1, -7.0).log_prob(x)
    )


def test_nothing_observed_has_probability_one():
    loc = torch.randn(5, 3, requires_grad=True)
    log_p = OptimalNormal(loc, 1, -7.0).log_prob(torch.full((5, 3), torch.nan), torch.zeros(5, 3, dtype=torch.bool))
    assert (log_p == 0).all()
    assert (torch.autograd.grad(log_p.sum(), loc)[0] == 0).all()


def test_what_is_not_finite_is_minus_infinity():
    x = torch.randn(5, 3)
    x[0, 1] = torch.nan
    log_p = OptimalNormal(torch.zeros(5, 3), 1, -7.0).log_prob(x)
    assert log_p.isneginf().tolist() == [True] + [False] * 4
