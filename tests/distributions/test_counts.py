import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.autograd import gradcheck

from variate.distributions.counts import NegativeBinomialElements, PoissonElements, stirling_error
from variate.distributions.rows import Independent

COUNTS = (0, 1, 2, 5, 17, 100, 1_000, 10_000, 100_000, 1_000_000)
MEANS = (0.01, 0.5, 3.0, 20.0, 99.0, 1e3, 1.005e4, 1e5, 1.001e6)
DISPERSIONS = (0.01, 1.0, 7.3, 100.0, 1e4, 1e6)


def negative_binomial(mean, r, dtype=torch.float64):
    mean, r = (torch.as_tensor(t, dtype=torch.float64).log().to(dtype) for t in (mean, r))
    return NegativeBinomialElements(mean, r)


def oracle(mean, r):
    return stats.nbinom(r, r / (r + mean))


@pytest.mark.parametrize("y", [0.01, 0.5, 1.0, 9.99, 10.01, 50.0, 1e3])
def test_stirling_error_is_that_of_the_gamma_function(y):
    expected = special.loggamma(y + 1) - (0.5 * np.log(2 * np.pi * y) + y * np.log(y) - y)
    assert stirling_error(torch.tensor(y)).item() == pytest.approx(expected, abs=2e-12 * (1 + y))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 5e-6)])
@pytest.mark.parametrize("mean", MEANS)
def test_poisson_is_scipys_also_for_large_counts_in_float32(mean, dtype, tolerance):
    log_rate = torch.tensor(mean).log().to(dtype)
    expected = stats.poisson(log_rate.double().exp().item()).logpmf(COUNTS)
    error = np.abs(PoissonElements(log_rate).log_prob(torch.tensor(COUNTS)).numpy() - expected)
    # a log-rate of float32 is itself only good for sqrt(count) ulp in log p
    assert (error / (1 + np.abs(expected) + np.sqrt(COUNTS) / 10)).max() < tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-5)])
@pytest.mark.parametrize("mean", MEANS)
def test_negative_binomial_is_scipys_also_for_large_counts_in_float32(mean, dtype, tolerance):
    for r in DISPERSIONS:
        p = negative_binomial(mean, r, dtype)
        expected = oracle(p.mean.double().item(), p.log_dispersion.double().exp().item()).logpmf(COUNTS)
        error = np.abs(p.log_prob(torch.tensor(COUNTS)).numpy() - expected)
        assert (error / (1 + np.abs(expected) + np.sqrt(COUNTS) / 10)).max() < tolerance


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 99.0])
def test_masses_sum_to_one(mean):
    x = torch.arange(4000)
    assert PoissonElements(torch.tensor(mean).log()).log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-10)
    for r in (0.5, 1.0, 7.3, 100.0):
        p = negative_binomial(mean, r)
        total = p.log_prob(x).exp().sum().item() + oracle(mean, r).sf(3999)
        assert total == pytest.approx(1, abs=1e-10)


def test_negative_binomial_becomes_poisson():
    x, log_mean = torch.arange(40), torch.tensor(10.0).log()
    expected = PoissonElements(log_mean).log_prob(x)
    p = NegativeBinomialElements(log_mean, torch.tensor(1e3))
    torch.testing.assert_close(p.log_prob(x), expected, atol=2e-6, rtol=0)
    torch.testing.assert_close(p.cdf(x), PoissonElements(log_mean).cdf(x), atol=1e-7, rtol=0)


def test_moments_are_scipys():
    for mean, r in ((0.5, 0.3), (20.0, 7.3)):
        p = negative_binomial(mean, r)
        assert (p.mean.item(), p.variance.item()) == pytest.approx(oracle(mean, r).stats("mv"))
    p = PoissonElements(torch.tensor(3.0).log())
    assert (p.mean.item(), p.variance.item()) == pytest.approx((3.0, 3.0))


def test_gradients_equal_finite_differences():
    x = torch.tensor([0, 1, 3, 20, 300])
    log_mean, log_r = torch.randn(5, requires_grad=True), torch.randn(5, requires_grad=True)
    assert gradcheck(lambda m: PoissonElements(m).log_prob(x), (log_mean,))
    assert gradcheck(lambda m, r: NegativeBinomialElements(m, r).log_prob(x), (log_mean, log_r))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_for_any_parameters(dtype):
    extremes = torch.tensor([-1e4, -50.0, -5.0, 0.0, 5.0, 29.0, 1e4], dtype=dtype)
    x = torch.tensor(COUNTS).reshape(-1, 1, 1)
    log_mean, log_r = (t.clone().requires_grad_() for t in torch.meshgrid(extremes, extremes, indexing="ij"))
    for log_p in (PoissonElements(log_mean).log_prob(x), NegativeBinomialElements(log_mean, log_r).log_prob(x)):
        gradients = torch.autograd.grad(log_p.sum(), (log_mean, log_r), allow_unused=True)
        assert log_p.isfinite().all()
        assert all(g.isfinite().all() for g in gradients if g is not None)


def test_draws_follow_the_masses():
    n = 20_000
    for p in (PoissonElements(torch.tensor(3.0).log()), negative_binomial(4.0, 1.5)):
        draws = p.sample((n,))
        masses = p.log_prob(torch.arange(60)).exp()
        keep = masses * n > 5
        observed = torch.bincount(draws.long(), minlength=60)[:60].double()
        expected = torch.cat([masses[keep], 1 - masses[keep].sum()[None]]) * n
        folded = torch.cat([observed[keep], n - observed[keep].sum()[None]])
        assert ((folded - expected).square() / expected).sum() < stats.chi2(int(keep.sum())).isf(1e-4)
        assert (draws.mean() - p.mean).abs() < 4 * (p.variance / n).sqrt()


@pytest.mark.parametrize("bad", [-1.0, 1.5, float("nan"), float("inf")])
def test_outside_the_support_is_minus_infinity_and_harms_no_other_row(bad):
    x = torch.tensor([[1.0, bad], [1.0, 2.0]])
    log_mean = torch.zeros(2, 2, requires_grad=True)
    for elements in (PoissonElements(log_mean), NegativeBinomialElements(log_mean, torch.zeros(()))):
        p = Independent(elements, 1)
        log_p = p.log_prob(x)
        assert log_p[0] == -torch.inf
        (gradient,) = torch.autograd.grad(log_p[1], log_mean)
        assert log_p[1].isfinite()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("make", [PoissonElements, lambda m: NegativeBinomialElements(m, torch.zeros(3))])
def test_shapes_broadcast(make):
    p = Independent(make(torch.randn(2, 5, 4, 3)), 2)
    x = torch.randint(0, 9, (5, 4, 3), dtype=torch.uint8)
    assert (p.batch_shape, p.event_shape) == ((2, 5), (4, 3))
    assert p.log_prob(x).shape == (2, 5)
    assert p.sample((7,)).shape == (7, 2, 5, 4, 3)
    assert p.factor(0).contains(p.sample()).all()


@pytest.mark.parametrize("mean", MEANS)
def test_cdf_is_scipys(mean):
    p = PoissonElements(torch.tensor(mean).log())
    rate = p.mean.item()
    x = np.unique(np.round(rate + np.linspace(-6, 8, 29) * rate**0.5)).clip(0)
    np.testing.assert_allclose(p.cdf(torch.from_numpy(x)), stats.poisson(rate).cdf(x), rtol=1e-11)
    for r in DISPERSIONS:
        p = negative_binomial(mean, r)
        x = np.unique(np.round(mean + np.linspace(-6, 8, 29) * p.variance.sqrt().item())).clip(0)
        # scipy loses digits where r / (r + mean) is near 1
        np.testing.assert_allclose(p.cdf(torch.from_numpy(x)), oracle(mean, r).cdf(x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 99.0, 1e3])
def test_cdf_is_the_sum_of_the_masses(mean):
    x = torch.arange(5000.0)
    for p in (PoissonElements(torch.tensor(mean).log()), *(negative_binomial(mean, r) for r in DISPERSIONS)):
        torch.testing.assert_close(p.cdf(x), p.log_prob(x).exp().cumsum(0), rtol=0, atol=2e-9)


@pytest.mark.parametrize("mean", [0.01, 3.0, 99.0, 1.005e4])
def test_quantile_is_scipys(mean):
    u = torch.cat([torch.rand(100), torch.tensor([0.0, 1e-9, 1 - 1e-9])])
    p = PoissonElements(torch.tensor(mean).log())
    assert np.array_equal(p.quantile(u), stats.poisson(p.mean.item()).ppf(u).clip(0))
    for r in (1.0, 7.3, 100.0):
        assert np.array_equal(negative_binomial(mean, r).quantile(u), oracle(mean, r).ppf(u).clip(0))


def test_quantile_of_counts_with_a_very_long_tail():
    p = negative_binomial(3.0, 0.01)
    u = torch.tensor([0.5, 0.9, 0.99, 0.99999])
    k = p.quantile(u)
    assert k[0] == 0
    assert k[-1] > 1000
    assert ((p.cdf(k) >= u) & ((k == 0) | (p.cdf(k - 1) < u))).all()
    assert torch.isinf(p.quantile(torch.ones(())))


def test_float32_parameters_give_the_cdf_of_their_own_values():
    log_mean, log_r = torch.randn(20, dtype=torch.float32), torch.randn(20, dtype=torch.float32)
    x = torch.arange(30.0).reshape(-1, 1)
    for make in (PoissonElements, lambda m: NegativeBinomialElements(m, log_r.to(m.dtype))):
        torch.testing.assert_close(make(log_mean).cdf(x), make(log_mean.double()).cdf(x), rtol=1e-14, atol=0)


def test_poisson_draws_are_torchs_with_the_same_seed():
    log_rate = torch.randn(5, 3)
    torch.manual_seed(5)
    expected = torch.distributions.Poisson(log_rate.exp()).sample((2,))
    assert torch.equal(PoissonElements(log_rate).sample((2,), torch.Generator().manual_seed(5)), expected)
