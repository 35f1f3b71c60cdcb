import pytest
import torch
from scipy import stats

from variate.distributions.rounded_normal import RoundedNormal

OFFSET, UNIT = torch.tensor([10.0, 1e6, 0.0]).double(), torch.tensor([2.0, 3e3, 1.0]).double()
STEP, FIRST = torch.tensor([0.5, 100.0, 2.0]).double(), torch.tensor([0.25, 50.0, 1.0]).double()


def rounded(dtype=torch.float64):
    loc, scale = torch.randn(4, 3, dtype=dtype), 0.2 + torch.rand(4, 3, dtype=dtype)
    return RoundedNormal(loc, scale, OFFSET, UNIT, STEP, FIRST)


def grid(reach=40):
    near = FIRST + STEP * torch.round((OFFSET - FIRST) / STEP)
    return near + STEP * torch.arange(-reach, reach + 1).double()[:, None, None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_masses_are_those_of_scipy(dtype):
    p, x = rounded(dtype), grid(20)
    normal = stats.norm(p.mean.double().numpy(), (UNIT * p.scale.double()).numpy())
    expected = normal.cdf((x + STEP / 2).numpy()) - normal.cdf((x - STEP / 2).numpy())
    large = expected > 1e-6  # below, the difference above has few digits
    found = p.log_prob(x).double().exp().numpy()
    tolerance = 1e-6 if dtype == torch.float64 else 1e-3
    assert abs(found[large] / expected[large] - 1).max() < tolerance
    assert large.any()


def test_masses_sum_to_one_and_far_ones_are_finite():
    p = rounded()
    total = p.log_prob(grid(400)).exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(total))
    far = p.log_prob(grid() + 1e9)
    assert far.isfinite().all()
    assert (far < -1e5).all()


def test_distribution_function_adds_the_masses_up_and_quantiles_lead_back():
    p, x = rounded(), grid(12)
    torch.testing.assert_close(p.cdf(x) - p.cdf_below(x), p.log_prob(x).exp(), rtol=1e-6, atol=1e-12)
    inside = (p.cdf(x) < 1 - 1e-9) & (p.cdf(x) > 1e-9)
    back = p.quantile(p.cdf(x))
    torch.testing.assert_close(back[inside], x.expand_as(back)[inside])


def test_draws_lie_on_the_grid_and_have_the_moments():
    p, n = rounded(), 20_000
    draws = p.sample((n,), torch.Generator().manual_seed(0))
    assert torch.equal(p.rounded(draws), draws)
    std = draws.std(0)
    near = (draws.mean(0) - p.mean).abs() < 4 * std / n**0.5
    assert near[:, :2].all()  # the grid of the third column is wide, and rounding moves its means


def test_numbers_off_the_grid_are_rounded_to_it():
    p = rounded()
    assert torch.equal(p.log_prob(FIRST + 0.2 * STEP), p.log_prob(FIRST))
