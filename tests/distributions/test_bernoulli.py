import pytest
import torch
from scipy import special, stats
from torch.autograd import gradcheck

from variate.distributions.bernoulli import BernoulliElements


def test_masses_cdf_and_moments_are_scipys():
    logits = 3 * torch.randn(20)
    p, oracle = BernoulliElements(logits), stats.bernoulli(special.expit(logits.numpy()))
    for x in (0, 1):
        torch.testing.assert_close(p.log_prob(torch.tensor(x)), torch.from_numpy(oracle.logpmf(x)))
    for x in (-0.5, 0.0, 0.5, 1.0, 2.0):
        torch.testing.assert_close(p.cdf(torch.tensor(x)), torch.from_numpy(oracle.cdf(x)))
    u = torch.rand(100, 20)
    assert torch.equal(p.quantile(u), torch.from_numpy(oracle.ppf(u)))
    torch.testing.assert_close(p.mean, torch.from_numpy(oracle.mean()))
    torch.testing.assert_close(p.variance, torch.from_numpy(oracle.var()))


def test_near_certain_bits_keep_their_digits():
    logits = torch.tensor([-200.0, -30.0, 30.0, 200.0], dtype=torch.float32)
    p = BernoulliElements(logits)
    expected = torch.from_numpy(special.expit(-logits.double().numpy()))
    torch.testing.assert_close(p.cdf(torch.tensor(0.0)), expected, rtol=1e-14, atol=0)
    torch.testing.assert_close(p.log_prob(torch.tensor(0)).double().exp(), expected, rtol=1e-4, atol=1e-45)


def test_gradients_equal_finite_differences():
    x = torch.tensor([0.0, 1.0, 0.0, 1.0])
    assert gradcheck(lambda logits: BernoulliElements(logits).log_prob(x), (torch.randn(4, requires_grad=True),))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_torchs_with_the_same_seed(dtype):
    logits = torch.randn(5, 3, dtype=dtype)
    torch.manual_seed(5)
    expected = torch.distributions.Bernoulli(logits=logits).sample((2,))
    assert torch.equal(BernoulliElements(logits).sample((2,), torch.Generator().manual_seed(5)), expected)
