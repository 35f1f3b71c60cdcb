import math

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


def test_expand_and_mean():
    p = OptimalNormal(torch.randn(5, 3), 1, -7.0)
    assert p.expand((2, 5)).batch_shape == (2, 5)
    assert torch.equal(p.mean, p.loc)
