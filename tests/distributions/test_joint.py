import torch
from torch.distributions import Independent, Normal, Poisson

from variate.distributions.categorical import Categorical
from variate.distributions.joint import Joint

ORDER = [torch.tensor([3, 0]), torch.tensor([1]), torch.tensor([2])]


def parts(batch=(2, 5)):
    return [
        Independent(Normal(torch.randn(*batch, 2), 1.0), 1),
        Independent(Poisson(torch.rand(*batch, 1) + 1), 1),
        Categorical(torch.randn(*batch, 4, 1), 1),
    ]


def rows(n=5):
    return torch.stack([torch.randn(n), torch.randint(0, 9, (n,)), torch.randint(0, 4, (n,)), torch.randn(n)], -1)


def test_log_probability_is_the_sum_of_the_parts():
    each, x = parts(), rows()
    expected = each[0].log_prob(x[:, [3, 0]]) + each[1].log_prob(x[:, [1]]) + each[2].log_prob(x[:, [2]])
    p = Joint(each, ORDER)
    torch.testing.assert_close(p.log_prob(x), expected)
    assert (p.batch_shape, p.event_shape) == ((2, 5), (4,))


def test_means_and_draws_stand_in_the_columns_order():
    each = parts()
    p = Joint(each, ORDER)
    torch.testing.assert_close(p.mean[..., [3, 0]], each[0].mean)
    torch.testing.assert_close(p.mean[..., [1]], each[1].mean)
    torch.testing.assert_close(p.mean[..., [2]], each[2].mean)
    draws = p.sample((4000,))
    assert draws.shape == (4000, 2, 5, 4)
    assert ((draws[..., [3, 0]].mean(0) - each[0].mean).abs() < 5 / 4000**0.5).all()
    assert p.log_prob(draws).isfinite().all()


def test_draws_carry_gradients_only_if_all_parts_do():
    loc = torch.zeros(2, requires_grad=True)
    normals = [Independent(Normal(loc, 1.0), 1), Independent(Normal(torch.zeros(1), 1.0), 1)]
    p = Joint(normals, [torch.tensor([2, 0]), torch.tensor([1])])
    assert p.has_rsample
    assert torch.equal(torch.autograd.grad(p.rsample().sum(), loc)[0], torch.ones(2))
    assert not Joint(parts(), ORDER).has_rsample


def test_one_column_outside_its_support_is_minus_infinity():
    each = [Independent(Normal(torch.zeros(1), 1.0), 1), Categorical(torch.zeros(4, 1), 1)]
    p = Joint(each, [torch.tensor([0]), torch.tensor([1])])
    assert p.log_prob(torch.tensor([0.0, 7.0])) == -torch.inf


def test_expand_repeats_the_batch():
    p, x = Joint(parts((5,)), ORDER), rows()
    torch.testing.assert_close(p.expand((3, 5)).log_prob(x), p.log_prob(x).expand(3, 5))


def test_variance_of_numeric_parts():
    p = Joint(parts()[:2], [torch.tensor([2, 0]), torch.tensor([1])])
    torch.testing.assert_close(p.variance[..., 1], p.mean[..., 1])
    torch.testing.assert_close(p.variance[..., 0], torch.ones(2, 5))
