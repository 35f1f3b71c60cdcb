import torch
from scipy import stats

from variate.distributions.normal import NormalElements
from variate.distributions.rows import Independent
from variate.distributions.scaled import ScaledRows


def standard(batch=(2, 5), event=(3,), dtype=torch.float64):
    loc = torch.randn(*batch, *event, dtype=dtype)
    return Independent(NormalElements(loc, 1.5 * torch.ones_like(loc)), len(event))


def test_density_is_scipys_with_loc_and_scale():
    base, offset, unit = standard(), torch.tensor([3.0, -2.0, 100.0]), torch.tensor([0.1, 1.0, 25.0])
    x = offset + unit * torch.randn(5, 3)
    p = ScaledRows(base, offset, unit)
    oracle = stats.norm(loc=(offset + unit * base.mean).numpy(), scale=(1.5 * unit).numpy())
    torch.testing.assert_close(p.log_prob(x), torch.from_numpy(oracle.logpdf(x.numpy()).sum(-1)))
    torch.testing.assert_close(p.mean, torch.from_numpy(oracle.mean()))
    torch.testing.assert_close(p.variance.sqrt(), torch.from_numpy(oracle.std()).expand(2, 5, 3))
    elements = torch.from_numpy(oracle.logpdf(x.numpy()))
    torch.testing.assert_close(p.log_prob_elements(x), elements)
    factor = p.factor(0)
    torch.testing.assert_close(factor.log_prob(x), elements)
    torch.testing.assert_close(factor.cdf(x), torch.from_numpy(oracle.cdf(x.numpy())))
    u = torch.rand(5, 3)
    torch.testing.assert_close(factor.quantile(u), torch.from_numpy(oracle.ppf(u.numpy())))
    torch.testing.assert_close(factor.variance, p.variance)
    torch.testing.assert_close(factor.mean, p.mean)


def test_one_unit_for_all_elements_counts_once_an_element():
    base, x = standard(event=(2, 2)), torch.randn(5, 2, 2)
    one = ScaledRows(base, torch.tensor(1.0), torch.tensor(4.0))
    each = ScaledRows(base, torch.ones(2, 2), torch.full((2, 2), 4.0))
    torch.testing.assert_close(one.log_prob(x), each.log_prob(x))


def test_draws_have_the_moments_of_the_data():
    p = ScaledRows(standard(()), torch.tensor([3.0, -2.0, 100.0]), torch.tensor([0.1, 1.0, 25.0]))
    n = 20_000
    draws = p.sample((n,))
    stddev = p.variance.sqrt()
    assert ((draws.mean(0) - p.mean).abs() < 4 * stddev / n**0.5).all()
    assert ((draws.std(0) - stddev).abs() < 4 * stddev / (2 * n) ** 0.5).all()


def test_a_mask_leaves_out_the_jacobian_too():
    base, offset, unit = standard(), torch.tensor([3.0, -2.0, 100.0]), torch.tensor([0.1, 1.0, 25.0])
    x, mask = offset + unit * torch.randn(5, 3), torch.rand(5, 3) < 0.5
    p = ScaledRows(base, offset, unit)
    expected = torch.where(mask, p.log_prob_elements(x), 0).sum(-1)
    for check_support in (True, False):
        found = p.log_prob(torch.where(mask, x, torch.nan), mask, check_support=check_support)
        torch.testing.assert_close(found, expected)


def test_what_is_not_finite_is_minus_infinity():
    p = ScaledRows(standard((2,)), torch.full((3,), 5.0), torch.full((3,), 2.0))
    x = torch.tensor([[1.0, torch.nan, 2.0], [1.0, torch.inf, 2.0], [1.0, 3.0, 2.0]]).reshape(3, 1, 3)
    assert p.log_prob(x).isneginf().all(1).tolist() == [True, True, False]
    assert p.log_prob_elements(x).isneginf().all(1).tolist() == [[False, True, False]] * 2 + [[False] * 3]


def test_a_large_offset_costs_no_digits_of_float64_data():
    base = standard((), dtype=torch.float32)
    offset, unit = torch.full((3,), 1.7e9), torch.ones(3)  # seconds since 1970
    y = torch.tensor([0.25, -1.5, 0.125])
    log_p = ScaledRows(base, offset, unit).log_prob(offset + y)
    assert log_p.dtype == torch.float32
    torch.testing.assert_close(log_p, base.log_prob(y.float()))


def test_float32_data_stay_float32():
    p = ScaledRows(standard((), dtype=torch.float32), torch.zeros(3), torch.ones(3))
    assert p.log_prob(torch.randn(4, 3, dtype=torch.float32)).dtype == torch.float32
