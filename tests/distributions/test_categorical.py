import math

import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from variate.distributions.categorical import CategoricalElements, draw_codes
from variate.distributions.rows import Independent


def categorical(logits, event_dims=1, values=None):
    return Independent(CategoricalElements(logits, -event_dims - 1, values), event_dims)


def test_log_probabilities_are_torchs():
    logits, x = torch.randn(2, 5, 4, 3), torch.randint(0, 4, (5, 3))
    expected = torch.distributions.Categorical(logits=logits.movedim(-2, -1)).log_prob(x).sum(-1)
    torch.testing.assert_close(categorical(logits).log_prob(x), expected)


def test_masses_sum_to_one():
    p = categorical(10 * torch.randn(6, 4, 1))
    total = sum(p.log_prob(torch.tensor([k])).exp() for k in range(4))
    torch.testing.assert_close(total, torch.ones(6))


def test_gradients_equal_finite_differences():
    x = torch.randint(0, 4, (5, 3))
    assert gradcheck(lambda logits: categorical(logits).log_prob(x), (torch.randn(5, 4, 3, requires_grad=True),))


def test_mean_of_names_is_the_most_probable_and_of_quantities_the_expectation():
    logits = torch.tensor([0.2, 0.5, 0.3]).log().reshape(3, 1)
    assert categorical(logits).mean.item() == 1
    assert categorical(logits, 1, torch.tensor([0.0, 10.0, 20.0])).mean.item() == pytest.approx(11)


def test_draws_follow_the_masses():
    probs, n = torch.tensor([0.2, 0.5, 0.3]), 20_000
    draws = categorical(probs.log().reshape(3, 1)).sample((n,))
    observed = torch.bincount(draws.flatten().long())
    assert draws.shape == (n, 1)
    assert ((observed - n * probs).square() / (n * probs)).sum() < stats.chi2(2).isf(1e-4)


@pytest.mark.parametrize("bad", [-1.0, 4.0, 300.0, 1.5, float("nan"), float("inf")])
def test_outside_the_support_is_minus_infinity(bad):
    logits = torch.randn(2, 4, 3, requires_grad=True)
    x = torch.ones(2, 3)
    x[0, 1] = bad
    log_p = categorical(logits).log_prob(x)
    assert log_p[0] == -torch.inf
    assert log_p[1].isfinite()
    assert torch.autograd.grad(log_p[1], logits)[0].isfinite().all()


@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
@pytest.mark.parametrize("x_batch", [(), (5,)])
def test_shapes_broadcast(batch, x_batch):
    p = categorical(torch.randn(*batch, 4, 2, 3), 2)
    x = torch.randint(0, 4, (*x_batch, 2, 3), dtype=torch.uint8)
    rows = torch.broadcast_shapes(batch, x_batch)
    assert (p.batch_shape, p.event_shape) == (batch, (2, 3))
    assert p.log_prob(x).shape == rows
    assert p.mean.shape == (*batch, 2, 3)
    assert p.sample((7,)).shape == (7, *batch, 2, 3)
    assert p.factor(0).contains(p.sample()).all()
    assert p.log_prob_elements(x).shape == (*rows, 2, 3)


def test_cdf_and_quantile_go_by_the_order_of_the_codes():
    probs = torch.tensor([0.2, 0.0, 0.5, 0.3])
    p = CategoricalElements(probs.log())
    x = torch.tensor([-1.0, 0.0, 0.9, 1.0, 2.0, 3.0, 9.0])
    torch.testing.assert_close(p.cdf(x), torch.tensor([0.0, 0.2, 0.2, 0.2, 0.7, 1.0, 1.0]))
    u = torch.tensor([0.0, 0.1, 0.2, 0.21, 0.69, 0.71, 1.0])
    assert p.quantile(u).tolist() == [0, 0, 0, 2, 2, 3, 3]


def test_variance_of_quantities():
    probs, values = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.0, 10.0, 20.0])
    p = CategoricalElements(probs.log().reshape(3, 1), -2, values)
    assert p.variance.item() == pytest.approx(stats.rv_discrete(values=(values.numpy(), probs.numpy())).var())
    with pytest.raises(NotImplementedError):
        _ = CategoricalElements(probs.log()).variance


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_torchs_with_the_same_seed(dtype):
    logits = torch.randn(5, 3, 4, dtype=dtype)
    torch.manual_seed(5)
    expected = torch.distributions.Categorical(logits=logits).sample((2, 6))
    assert torch.equal(draw_codes(logits, torch.Size((2, 6)), torch.Generator().manual_seed(5)), expected)


def test_a_single_code_is_certain():
    p = CategoricalElements(torch.randn(1, 3), -2)
    assert torch.equal(p.log_prob(torch.zeros(3)), torch.zeros(3))
    assert torch.equal(p.cdf(torch.zeros(3)), torch.ones(3))
    assert torch.equal(p.quantile(torch.rand(3)), torch.zeros(3))


def test_one_more_code_may_be_reserved_for_what_was_never_seen():
    logits, log_unseen = torch.randn(5, 4, 3), torch.tensor(0.02).log()
    p, plain = CategoricalElements(logits, -2, log_unseen=log_unseen), CategoricalElements(logits, -2)
    codes = torch.arange(5.0)[:, None, None].expand(5, 5, 3)
    torch.testing.assert_close(p.log_prob(codes).exp().sum(0), torch.ones(5, 3))
    torch.testing.assert_close(p.log_prob(codes[:4]), plain.log_prob(codes[:4]) + math.log(0.98))
    assert (p.log_prob(codes[4]) == log_unseen).all()
    assert p.contains(torch.tensor([0, 3, 4, 5])).tolist() == [True, True, True, False]
    assert plain.contains(torch.tensor([0, 3, 4])).tolist() == [True, True, False]
    torch.testing.assert_close(p.cdf(codes), p.log_prob(codes).double().exp().cumsum(0))
    assert torch.equal(p.quantile(p.cdf(codes)), codes.double())
    assert (p.sample((50,)) < 4).all()
    assert torch.equal(p.mean, plain.mean)
    gradient = torch.autograd.functional.jacobian(
        lambda logits: CategoricalElements(logits, -2, log_unseen=log_unseen).log_prob(codes[4]).sum(), logits
    )
    assert (gradient == 0).all()
