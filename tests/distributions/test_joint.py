import pytest
import torch

from variate.distributions.categorical import CategoricalElements
from variate.distributions.counts import PoissonElements
from variate.distributions.joint import JointRows
from variate.distributions.normal import NormalElements
from variate.distributions.rows import Independent

ORDER = [torch.tensor([3, 0]), torch.tensor([1]), torch.tensor([2])]


def normals(loc):
    return Independent(NormalElements(loc, torch.ones_like(loc)), 1)


def parts(batch=(2, 5)):
    return [
        normals(torch.randn(*batch, 2)),
        Independent(PoissonElements((torch.rand(*batch, 1) + 1).log()), 1),
        Independent(CategoricalElements(torch.randn(*batch, 4, 1), -2), 1),
    ]


def rows(n=5):
    return torch.stack([torch.randn(n), torch.randint(0, 9, (n,)), torch.randint(0, 4, (n,)), torch.randn(n)], -1)


def test_log_probability_is_the_sum_of_the_parts():
    each, x = parts(), rows()
    expected = each[0].log_prob(x[:, [3, 0]]) + each[1].log_prob(x[:, [1]]) + each[2].log_prob(x[:, [2]])
    p = JointRows(each, ORDER)
    torch.testing.assert_close(p.log_prob(x), expected)
    torch.testing.assert_close(p.log_prob_elements(x).sum(-1), expected)
    torch.testing.assert_close(p.log_prob_elements(x)[..., [1]], each[1].log_prob_elements(x[:, [1]]))
    assert (p.batch_shape, p.event_shape, p.num_factors) == ((2, 5), (4,), 1)


def test_a_mask_gives_the_marginal_of_the_observed_columns():
    p, x = JointRows(parts(), ORDER), rows()
    mask = torch.rand(5, 4) < 0.5
    expected = torch.where(mask, p.log_prob_elements(x), 0).sum(-1)
    torch.testing.assert_close(p.log_prob(torch.where(mask, x, torch.nan), mask), expected)


def test_the_factor_gives_each_column_its_own_family():
    each, x = parts(), rows()
    factor = JointRows(each, ORDER).factor(0)
    own = [part.factor(0) for part in each]
    assert factor.shape == (2, 5, 4)
    assert not factor.is_discrete
    assert JointRows(each[1:], [torch.tensor([1]), torch.tensor([0])]).factor(0).is_discrete
    torch.testing.assert_close(factor.log_prob(x), JointRows(each, ORDER).log_prob_elements(x))
    u = torch.rand(5, 4)
    for method in ("log_prob", "cdf", "cdf_below", "quantile", "contains"):
        argument = u if method == "quantile" else x
        found = getattr(factor, method)(argument)
        for part, columns in zip(own, ORDER, strict=True):
            expected = getattr(part, method)(argument[:, columns])
            assert torch.equal(found[..., columns], expected.expand(*found.shape[:-1], len(columns)))
    assert factor.sample((7,)).shape == (7, 2, 5, 4)


def test_means_and_draws_stand_in_the_columns_order():
    each = parts()
    p = JointRows(each, ORDER)
    torch.testing.assert_close(p.mean[..., [3, 0]], each[0].mean)
    torch.testing.assert_close(p.mean[..., [1]], each[1].mean)
    torch.testing.assert_close(p.mean[..., [2]], each[2].mean)
    draws = p.sample((4000,))
    assert draws.shape == (4000, 2, 5, 4)
    assert ((draws[..., [3, 0]].mean(0) - each[0].mean).abs() < 5 / 4000**0.5).all()
    assert p.log_prob(draws).isfinite().all()


def test_one_column_outside_its_support_is_minus_infinity():
    each = [normals(torch.zeros(1)), Independent(CategoricalElements(torch.zeros(4, 1), -2), 1)]
    p = JointRows(each, [torch.tensor([0]), torch.tensor([1])])
    assert p.log_prob(torch.tensor([0.0, 7.0])) == -torch.inf
    assert p.log_prob_elements(torch.tensor([0.0, 7.0])).isneginf().tolist() == [False, True]


def test_variance_of_numeric_parts():
    p = JointRows(parts()[:2], [torch.tensor([2, 0]), torch.tensor([1])])
    torch.testing.assert_close(p.variance[..., 1], p.mean[..., 1])
    torch.testing.assert_close(p.variance[..., 0], torch.ones(2, 5))
    with pytest.raises(NotImplementedError):
        _ = JointRows(parts(), ORDER).variance


def test_the_widest_dtype_of_the_parts():
    single = normals(torch.randn(5, 2, dtype=torch.float32))
    p = JointRows([single, *parts((5,))[1:]], ORDER)
    assert p.dtype == torch.float64
    assert p.mean.dtype == torch.float64
