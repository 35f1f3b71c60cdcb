"""Bernoulli, categorical and counts."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from variate.errors import InputError
from variate.likelihoods import Bernoulli, Categorical, NegativeBinomial, Poisson

N = 200


def test_bernoulli_starts_at_the_mean_image():
    x = (torch.rand(N, 3) < torch.tensor([0.0, 0.3, 1.0])).to(torch.uint8)
    likelihood = Bernoulli((3,))
    likelihood.fit_scaling(x)
    p = (x.double().sum(0) + 0.5) / (N + 1)
    p_x = likelihood(torch.zeros(N, 1, 3))
    torch.testing.assert_close(p_x.mean[0], p)
    torch.testing.assert_close(p_x.log_prob(x), torch.from_numpy(stats.bernoulli(p).logpmf(x).sum(-1)))


def test_bernoulli_starts_alike_from_bits_and_from_their_grey_levels():
    grey = torch.tensor([[0, 51], [255, 51]], dtype=torch.uint8)
    likelihood = Bernoulli((2,))
    likelihood.fit_scaling(grey)
    torch.testing.assert_close(likelihood(torch.zeros(1, 2)).mean, torch.tensor([1.5, 0.9]) / 3)


def test_bernoulli_keeps_the_digits_of_near_certain_bits():
    logits = torch.tensor([-90.0, -20.0, -1.0, 0.0, 3.0, 20.0, 90.0], dtype=torch.float32).reshape(-1, 1, 1)
    p_x = Bernoulli((1,))(logits)
    for bit in (0, 1):
        expected = special.log_expit((2 * bit - 1) * logits.double().flatten().numpy())
        found = p_x.log_prob(torch.full((7, 1), bit, dtype=torch.uint8))
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), torch.from_numpy(expected), rtol=1e-6, atol=0)


def test_bernoulli_masses_sum_to_one():
    p_x = Bernoulli((1,))(3 * torch.randn(50, 1, 1))
    total = sum(p_x.log_prob(torch.tensor([k])).exp() for k in (0, 1))
    torch.testing.assert_close(total, torch.ones(50))


def test_categorical_starts_at_the_frequencies():
    x = torch.tensor([[0, 2], [1, 2], [1, 2]], dtype=torch.uint8)
    likelihood = Categorical((2,), 3)
    likelihood.fit_scaling(x)
    probs = likelihood(torch.zeros(3, 2)).factor(0).logits.softmax(-2)
    expected = (torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]) + 0.5) / 4.5
    torch.testing.assert_close(probs, expected)
    torch.testing.assert_close(likelihood(torch.zeros(3, 2)).mean, (torch.arange(3.0)[:, None] * expected).sum(0))


def counts():
    return torch.from_numpy(stats.nbinom(2.0, 2 / (2 + np.array([3.0, 40.0]))).rvs((N, 2), random_state=0))


def test_poisson_starts_at_the_means():
    x = torch.cat([counts(), torch.zeros(N, 1, dtype=torch.int64)], -1)
    likelihood = Poisson((3,))
    likelihood.fit_scaling(x)
    outputs = torch.randn(N, 1, 3)
    rate = (x.double().mean(0) + 0.5 / N) * outputs[:, 0].exp()
    p_x = likelihood(outputs)
    torch.testing.assert_close(p_x.mean, rate)
    torch.testing.assert_close(p_x.log_prob(x), torch.from_numpy(stats.poisson(rate.numpy()).logpmf(x).sum(-1)))


def test_negative_binomial_starts_at_the_moments():
    x = counts()
    likelihood = NegativeBinomial((2,))
    likelihood.fit_scaling(x)
    outputs = torch.randn(N, 1, 2)
    p_x = likelihood(outputs)
    mean, variance = x.double().mean(0), x.double().var(0, correction=0)
    r = mean.square() / (variance - mean)
    m = (mean + 0.5 / N) * outputs[:, 0].exp()
    oracle = stats.nbinom(r.numpy(), (r / (r + m)).numpy())
    torch.testing.assert_close(p_x.log_prob(x), torch.from_numpy(oracle.logpmf(x).sum(-1)))
    torch.testing.assert_close(p_x.variance, torch.from_numpy(oracle.var()))


def test_negative_binomial_starts_sensibly_from_counts_without_overdispersion():
    for x in (torch.zeros(N, 2, dtype=torch.uint8), torch.full((N, 2), 7, dtype=torch.uint8)):
        likelihood = NegativeBinomial((2,))
        likelihood.fit_scaling(x)
        assert likelihood(torch.zeros(N, 1, 2)).log_prob(x).isfinite().all()


def test_conditional_dispersion_is_an_output():
    likelihood = NegativeBinomial((2,), "conditional")
    assert likelihood.out_shape == (2, 2)
    assert not list(likelihood.parameters())
    p_x = likelihood(torch.randn(5, 2, 2))
    assert p_x.factor(0).log_dispersion.shape == (5, 2)
    with pytest.raises(InputError) as error:
        NegativeBinomial((2,), "condtional")
    assert (error.value.argument, error.value.remedy) == ("dispersion", "did you mean 'conditional'?")


def test_categorical_needs_a_code():
    with pytest.raises(InputError) as error:
        Categorical((1,), 0)
    assert (error.value.argument, error.value.got) == ("levels", "0")
