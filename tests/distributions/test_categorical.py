import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from variate.distributions.categorical import Categorical


def test_log_probabilities_are_torchs():
    logits, x = torch.randn(2, 5, 4, 3), torch.randint(0, 4, (5, 3))
    expected = torch.distributions.Categorical(logits=logits.movedim(-2, -1)).log_prob(x).sum(-1)
    torch.testing.assert_close(Categorical(logits, 1).log_prob(x), expected)


def test_masses_sum_to_one():
    p = Categorical(10 * torch.randn(6, 4, 1), 1)
    total = sum(p.log_prob(torch.tensor([k])).exp() for k in range(4))
    torch.testing.assert_close(total, torch.ones(6))


def test_gradients_equal_finite_differences():
    x = torch.randint(0, 4, (5, 3))
    assert gradcheck(lambda logits: Categorical(logits, 1).log_prob(x), (torch.randn(5, 4, 3, requires_grad=True),))


def test_mean_of_names_is_the_most_probable_and_of_quantities_the_expectation():
    logits = torch.tensor([0.2, 0.5, 0.3]).log().reshape(3, 1)
    assert Categorical(logits, 1).mean.item() == 1
    assert Categorical(logits, 1, torch.tensor([0.0, 10.0, 20.0])).mean.item() == pytest.approx(11)


def test_draws_follow_the_masses():
    probs, n = torch.tensor([0.2, 0.5, 0.3]), 20_000
    draws = Categorical(probs.log().reshape(3, 1), 1).sample((n,))
    observed = torch.bincount(draws.flatten().long())
    assert draws.shape == (n, 1)
    assert ((observed - n * probs).square() / (n * probs)).sum() < stats.chi2(2).isf(1e-4)


@pytest.mark.parametrize("bad", [-1.0, 4.0, 300.0, 1.5, float("nan"), float("inf")])
def test_outside_the_support_is_minus_infinity(bad):
    logits = torch.randn(2, 4, 3, requires_grad=True)
    x = torch.ones(2, 3)
    x[0, 1] = bad
    log_p = Categorical(logits, 1).log_prob(x)
    assert log_p[0] == -torch.inf
    assert log_p[1].isfinite()
    assert torch.autograd.grad(log_p[1], logits)[0].isfinite().all()


@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
@pytest.mark.parametrize("x_batch", [(), (5,)])
def test_shapes_broadcast(batch, x_batch):
    p = Categorical(torch.randn(*batch, 4, 2, 3), 2)
    x = torch.randint(0, 4, (*x_batch, 2, 3), dtype=torch.uint8)
    rows = torch.broadcast_shapes(batch, x_batch)
    assert (p.batch_shape, p.event_shape) == (batch, (2, 3))
    assert p.log_prob(x).shape == rows
    assert p.mean.shape == (*batch, 2, 3)
    assert p.sample((7,)).shape == (7, *batch, 2, 3)
    torch.testing.assert_close(p.expand((6, *rows)).log_prob(x), p.log_prob(x).expand(6, *rows))
    assert p.support.check(p.sample()).all()
