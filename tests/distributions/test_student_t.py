import numpy as np
import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from variate.distributions.student_t import StudentTElements

DF = (0.5, 1.5, 2.0, 2.5, 10.0, 300.0, 1e5)
SCALE = 1.3


def student(df, dtype=torch.float64):
    df = torch.as_tensor(df, dtype=dtype)
    return StudentTElements(df, torch.tensor(0.7, dtype=dtype), torch.tensor(SCALE, dtype=dtype))


def test_density_and_moments_are_scipys():
    x = torch.tensor([-1e6, -30.0, -1.0, 0.0, 0.7, 5.0, 1e3]).reshape(-1, 1)
    p, oracle = student(DF), stats.t(np.array(DF), 0.7, SCALE)
    torch.testing.assert_close(p.log_prob(x), torch.from_numpy(oracle.logpdf(x)), rtol=1e-9, atol=1e-9)
    assert p.mean.isnan().tolist() == [True] + [False] * 6
    assert p.variance.isnan().tolist() == [True] + [False] * 6
    assert p.variance.isinf().tolist() == [False, True, True] + [False] * 4
    torch.testing.assert_close(p.variance[3:], torch.from_numpy(oracle.var()[3:]))
    torch.testing.assert_close(p.log_prob(x), torch.distributions.StudentT(p.df, p.loc, p.scale).log_prob(x))


def test_cdf_is_scipys():
    x = torch.tensor([-1e6, -1e3, -30.0, -1.0, 0.0, 0.7, 0.71, 5.0, 30.0]).reshape(-1, 1)
    expected = torch.from_numpy(stats.t(np.array(DF), 0.7, SCALE).cdf(x))
    torch.testing.assert_close(student(DF).cdf(x), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(student(DF).cdf(1.4 - x), 1 - expected, rtol=0, atol=1e-12)


def test_quantile_inverts_the_cdf_from_one_end_to_the_other():
    u = torch.cat([torch.logspace(-250, -1, 60), torch.tensor([0.2, 0.4999999, 0.5])]).reshape(-1, 1)
    p = student(DF[2:])
    x = p.quantile(u)
    torch.testing.assert_close(p.cdf(x), u.expand_as(x), rtol=1e-8, atol=0)
    upper = 1 - torch.logspace(-12, -1, 20).reshape(-1, 1)
    torch.testing.assert_close(1 - p.cdf(p.quantile(upper)), (1 - upper).expand(-1, len(DF) - 2), rtol=1e-3, atol=0)
    oracle = stats.t(np.array(DF[2:]), 0.7, SCALE)
    torch.testing.assert_close(p.quantile(upper), torch.from_numpy(oracle.ppf(upper)), rtol=1e-8, atol=0)


def test_gradients_equal_finite_differences():
    x, parameters = torch.randn(5), [(torch.rand(5) + 1).requires_grad_() for _ in range(3)]
    assert gradcheck(lambda df, m, s: StudentTElements(df, m, s).log_prob(x), parameters)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_follow_the_distribution(dtype):
    draws = student(3.0, dtype).sample((5000,), torch.Generator().manual_seed(0))
    assert draws.dtype == dtype
    assert stats.kstest(draws.double().numpy(), stats.t(3.0, 0.7, SCALE).cdf).pvalue > 1e-3
