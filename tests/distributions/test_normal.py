import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.autograd import gradcheck

from variate.distributions.normal import NormalElements, standard_normal_cdf


def test_density_cdf_and_quantile_are_scipys():
    loc, scale, x = torch.randn(5, 3), torch.rand(5, 3) + 0.1, 3 * torch.randn(4, 5, 3)
    p, oracle = NormalElements(loc, scale), stats.norm(loc.numpy(), scale.numpy())
    u = torch.rand(4, 5, 3)
    for found, expected in (
        (p.log_prob(x), oracle.logpdf(x)),
        (p.cdf(x), oracle.cdf(x)),
        (p.quantile(u), oracle.ppf(u)),
        (p.variance, oracle.var()),
    ):
        torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-11, atol=1e-13)


def test_the_lower_tail_keeps_its_digits():
    z = torch.linspace(-37, 5, 400)
    np.testing.assert_allclose(standard_normal_cdf(z), special.ndtr(z.numpy()), rtol=1e-11)
    p = NormalElements(torch.tensor(0.0), torch.tensor(1.0))
    u = torch.logspace(-300, -1, 50)
    torch.testing.assert_close(p.cdf(p.quantile(u)), u, rtol=1e-10, atol=0)


def test_gradients_equal_finite_differences():
    loc, scale, x = torch.randn(5, requires_grad=True), (torch.rand(5) + 0.5).requires_grad_(), torch.randn(5)
    assert gradcheck(lambda m, s: NormalElements(m, s).log_prob(x), (loc, scale))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_torchs_with_the_same_seed(dtype):
    loc, scale = torch.randn(5, 3, dtype=dtype), torch.rand(5, 3, dtype=dtype)
    torch.manual_seed(5)
    expected = torch.distributions.Normal(loc, scale).sample((2,))
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(NormalElements(loc, scale).sample((2,), generator), expected)
