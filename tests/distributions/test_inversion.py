import pytest
import torch
from scipy import stats

from variate.distributions.inversion import smallest_count, smallest_integer


def test_bisection_finds_what_a_search_of_all_integers_finds():
    masses = torch.rand(17)
    cumulative = (masses / masses.sum()).cumsum(0)
    u = torch.cat([torch.rand(500), cumulative, torch.zeros(1)])

    def cdf(k):
        return cumulative[k.clamp(0, 16).long()] * (k >= 0)

    found = smallest_integer(cdf, u, torch.full_like(u, 16.0))
    # a probability that the cdf reaches up to rounding counts as reached
    expected = (cumulative[:, None] < u * (1 - 1e-14)).sum(0)
    assert torch.equal(found, expected.double())


def test_upper_ends_may_differ_by_element():
    high = torch.tensor([0.0, 1.0, 5.0, 300.0])
    found = smallest_integer(lambda k: ((k + 1) / (high + 1)).clamp(0, 1), torch.tensor(0.999), high)
    assert torch.equal(found, high.where(high != 300, torch.tensor(300.0)))


@pytest.mark.parametrize("start", [0.0, 3.0, 1e6])
def test_counts_are_found_from_any_start(start):
    p = 1e-3

    def cdf(k):
        return torch.from_numpy(stats.geom(p, loc=-1).cdf(k.numpy()))

    u = torch.cat([torch.rand(50), torch.tensor([0.0, 1e-12, 1 - 1e-9])])
    found = smallest_count(cdf, u, torch.full((), start))
    assert torch.equal(found, torch.from_numpy(stats.geom(p, loc=-1).ppf(u.numpy())).clamp(min=0))
    assert smallest_count(cdf, torch.ones(1), torch.full((1,), start)) == torch.inf


def test_no_elements_need_no_search():
    assert smallest_integer(lambda k: k, torch.zeros(0), torch.zeros(0)).shape == (0,)
