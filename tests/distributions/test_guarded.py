import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, constraints

from variate.distributions.guarded import Guarded


def bits(logits):
    return Guarded(Bernoulli(logits=logits, validate_args=False), constraints.boolean, 1, logits.dtype)


def normals(loc):
    return Guarded(Normal(loc, 2.0, validate_args=False), constraints.real, 1, loc.dtype)


@pytest.mark.parametrize(("make", "bare"), [(bits, lambda t: Bernoulli(logits=t)), (normals, lambda t: Normal(t, 2.0))])
def test_inside_the_support_it_is_torchs_own(make, bare):
    parameters = torch.randn(2, 5, 3)
    p, expected = make(parameters), Independent(bare(parameters), 1)
    x = torch.randint(0, 2, (5, 3)).double()
    torch.testing.assert_close(p.log_prob(x), expected.log_prob(x))
    torch.testing.assert_close(p.mean, expected.mean)
    torch.testing.assert_close(p.variance, expected.variance)
    assert (p.batch_shape, p.event_shape, p.has_rsample) == ((2, 5), (3,), expected.has_rsample)
    assert p.sample((7,)).shape == (7, 2, 5, 3)
    torch.testing.assert_close(p.expand((4, 2, 5)).log_prob(x), p.log_prob(x).expand(4, 2, 5))


@pytest.mark.parametrize(("make", "bad"), [(bits, 0.5), (bits, 2.0), (bits, float("nan")), (normals, float("nan"))])
def test_outside_the_support_is_minus_infinity_and_harms_no_other_row(make, bad):
    parameters = torch.randn(2, 3, requires_grad=True)
    x = torch.ones(2, 3)
    x[0, 1] = bad
    log_p = make(parameters).log_prob(x)
    assert log_p[0] == -torch.inf
    assert log_p[1].isfinite()
    assert torch.autograd.grad(log_p[1], parameters)[0].isfinite().all()


def test_densities_are_computed_in_the_parameters_dtype():
    p = bits(torch.randn(3, dtype=torch.float32))
    assert p.log_prob(torch.tensor([1, 0, 1], dtype=torch.uint8)).dtype == torch.float32
    assert p.log_prob(torch.tensor([1.0, 0.0, 1.0])).dtype == torch.float32


def test_draws_carry_gradients_where_torchs_do():
    loc = torch.zeros(3, requires_grad=True)
    (gradient,) = torch.autograd.grad(normals(loc).rsample().sum(), loc)
    assert torch.equal(gradient, torch.ones(3))
