import pytest
import torch
from scipy import stats
from torch.distributions import Independent, Normal

from variate.distributions.scaled import Scaled


def standard(batch=(2, 5), event=(3,), dtype=torch.float64):
    loc = torch.randn(*batch, *event, dtype=dtype)
    return Independent(Normal(loc, 1.5 * torch.ones_like(loc), validate_args=False), len(event))


def test_density_is_scipys_with_loc_and_scale():
    base, offset, unit = standard(), torch.tensor([3.0, -2.0, 100.0]), torch.tensor([0.1, 1.0, 25.0])
    x = offset + unit * torch.randn(5, 3)
    p = Scaled(base, offset, unit)
    oracle = stats.norm(loc=(offset + unit * base.mean).numpy(), scale=(1.5 * unit).numpy())
    torch.testing.assert_close(p.log_prob(x), torch.from_numpy(oracle.logpdf(x.numpy()).sum(-1)))
    torch.testing.assert_close(p.mean, torch.from_numpy(oracle.mean()))
    torch.testing.assert_close(p.stddev, torch.from_numpy(oracle.std()).expand(2, 5, 3))


def test_one_unit_for_all_elements_counts_once_an_element():
    base, x = standard(event=(2, 2)), torch.randn(5, 2, 2)
    one = Scaled(base, torch.tensor(1.0), torch.tensor(4.0))
    each = Scaled(base, torch.ones(2, 2), torch.full((2, 2), 4.0))
    torch.testing.assert_close(one.log_prob(x), each.log_prob(x))


@pytest.mark.parametrize("method", ["sample", "rsample"])
def test_draws_have_the_moments_of_the_data(method):
    p = Scaled(standard(()), torch.tensor([3.0, -2.0, 100.0]), torch.tensor([0.1, 1.0, 25.0]))
    n = 20_000
    draws = getattr(p, method)((n,))
    assert ((draws.mean(0) - p.mean).abs() < 4 * p.stddev / n**0.5).all()
    assert ((draws.std(0) - p.stddev).abs() < 4 * p.stddev / (2 * n) ** 0.5).all()


def test_gradient_reaches_the_data_and_the_base_through_rsample():
    loc = torch.zeros(3, requires_grad=True)
    p = Scaled(Independent(Normal(loc, torch.ones(3)), 1), torch.zeros(3), torch.tensor([1.0, 2.0, 3.0]))
    assert p.has_rsample
    (gradient,) = torch.autograd.grad(p.rsample().sum(), loc)
    torch.testing.assert_close(gradient, torch.tensor([1.0, 2.0, 3.0]))


def test_a_large_offset_costs_no_digits_of_float64_data():
    base = standard((), dtype=torch.float32)
    offset, unit = torch.full((3,), 1.7e9), torch.ones(3)  # seconds since 1970
    y = torch.tensor([0.25, -1.5, 0.125])
    log_p = Scaled(base, offset, unit).log_prob(offset + y)
    assert log_p.dtype == torch.float32
    torch.testing.assert_close(log_p, base.log_prob(y.float()))


def test_float32_data_stay_float32():
    p = Scaled(standard((), dtype=torch.float32), torch.zeros(3), torch.ones(3))
    assert p.log_prob(torch.randn(4, 3, dtype=torch.float32)).dtype == torch.float32


def test_expand_repeats_the_batch():
    p = Scaled(standard((5,)), torch.zeros(3), torch.full((3,), 2.0))
    x = torch.randn(5, 3)
    wider = p.expand((4, 5))
    assert (wider.batch_shape, wider.event_shape) == ((4, 5), (3,))
    torch.testing.assert_close(wider.log_prob(x), p.log_prob(x).expand(4, 5))
