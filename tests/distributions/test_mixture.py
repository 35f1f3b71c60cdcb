import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch.distributions import MultivariateNormal

from variate.distributions import DiagonalGaussian, FullGaussian, IsotropicGaussian
from variate.distributions.mixture import GaussianMixture

K, D = 3, 2
LOGITS = torch.tensor([0.3, -0.5, 1.0], dtype=torch.float64)
FAMILIES = ("isotropic", "diagonal", "full")


def make(family="full", seed=0) -> GaussianMixture:
    """A mixture whose components lie apart, so that nearly every draw tells its component."""
    generator = torch.Generator().manual_seed(seed)
    loc = torch.tensor([[-9.0, 0.0], [0.0, 9.0], [9.0, -9.0]])
    components = {
        "isotropic": lambda: IsotropicGaussian(loc, 0.3 * torch.randn(K, 1, generator=generator)),
        "diagonal": lambda: DiagonalGaussian(loc, 0.3 * torch.randn(K, D, generator=generator)),
        "full": lambda: FullGaussian(loc, torch.randn(K, D, D, generator=generator).tril(-1) + torch.eye(D)),
    }[family]()
    return GaussianMixture(LOGITS, components)


def scipys(mixture):
    """Weights and components by scipy."""
    weights = scipy.special.softmax(mixture.logits.numpy())
    moments = zip(mixture.components.mean.numpy(), mixture.components.covariance_matrix.numpy(), strict=True)
    return weights, [scipy.stats.multivariate_normal(mean, covariance) for mean, covariance in moments]


@pytest.mark.parametrize("family", FAMILIES)
def test_density_is_scipys(family):
    mixture, z = make(family), 5 * torch.randn(4, 9, D)
    weights, components = scipys(mixture)
    logs = np.stack([math.log(w) + c.logpdf(z.numpy()) for w, c in zip(weights, components, strict=True)])
    torch.testing.assert_close(mixture.log_prob(z), torch.as_tensor(scipy.special.logsumexp(logs, axis=0)))


@pytest.mark.parametrize("family", FAMILIES)
def test_marginals_are_scipys(family):
    mixture, z = make(family), 5 * torch.randn(9, D)
    weights, components = scipys(mixture)
    for i in range(D):
        each = [scipy.stats.norm(c.mean[i], math.sqrt(c.cov[i, i])).pdf(z[:, i].numpy()) for c in components]
        density = sum(w * p for w, p in zip(weights, each, strict=True))
        torch.testing.assert_close(mixture.marginal_log_prob(z)[:, i].exp(), torch.as_tensor(density))


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_have_the_mean_the_variance_and_the_frequencies_of_the_components(family):
    mixture, n = make(family), 40_000
    z = mixture.from_noise(torch.randn(4, n // 4, D + 1)).reshape(n, D)
    squares = (z - mixture.mean).square()
    for found, expected in ((z, mixture.mean), (squares, mixture.variance)):
        assert ((found.mean(0) - expected).abs() <= 4 * found.std(0) / math.sqrt(n)).all()
    weights = LOGITS.softmax(0)
    nearest = torch.cdist(z, mixture.components.mean).argmin(1)  # the components are at least 9 deviations apart
    frequencies = torch.bincount(nearest, minlength=K) / n
    assert ((frequencies - weights).abs() <= 4 * (weights * (1 - weights) / n).sqrt()).all()


def test_draws_are_distributed_as_the_density_says():
    # A Kolmogorov-Smirnov test of one coordinate against the integral of its marginal density.
    mixture, n = make("full", seed=1), 20_000
    drawn = mixture.from_noise(torch.randn(1, n, D + 1))[0, :, 1].numpy()
    weights, components = scipys(mixture)
    parts = [(w, scipy.stats.norm(c.mean[1], math.sqrt(c.cov[1, 1]))) for w, c in zip(weights, components, strict=True)]
    assert scipy.stats.kstest(drawn, lambda t: sum(w * p.cdf(t) for w, p in parts)).pvalue > 1e-3


def test_a_draw_is_that_of_its_component_and_depends_on_its_own_noise_only():
    mixture = make("full")
    noise = torch.randn(2, 50, D + 1)
    z = mixture.from_noise(noise)
    assert z.shape == (2, 50, D)
    for row in (0, 17):
        assert torch.equal(mixture.from_noise(noise[:, row : row + 1]), z[:, row : row + 1])
    possible = mixture.components.from_noise(noise[..., 1:].unsqueeze(-2))
    assert ((possible - z.unsqueeze(-2)).abs().amax(-1).amin(-1) == 0).all()


@pytest.mark.parametrize("first", [-40.0, 40.0])
def test_noise_in_the_far_tails_still_chooses_a_component(first):
    # In float32 the cumulative weights may end below 1, and Phi(40) is 1.
    mixture = GaussianMixture(torch.zeros(7), DiagonalGaussian(torch.arange(7.0).reshape(7, 1), torch.zeros(7, 1)))
    z = mixture.from_noise(torch.tensor([[[first, 0.0]]]))
    assert z.item() == (0 if first < 0 else 6)


def test_gradients_reach_the_components_by_draws_and_all_parameters_by_densities():
    logits, loc, log_scale = (t.requires_grad_() for t in (torch.zeros(K), torch.randn(K, D), torch.zeros(K, D)))
    mixture = GaussianMixture(logits, DiagonalGaussian(loc, log_scale))
    mixture.from_noise(torch.randn(3, 20, D + 1)).square().sum().backward()
    assert logits.grad is None
    assert (loc.grad != 0).all()
    assert (log_scale.grad != 0).all()
    mixture.log_prob(torch.randn(6, D)).sum().backward()
    assert (logits.grad != 0).all()
    z = torch.randn(6, D, requires_grad=True)
    assert not mixture.detached().log_prob(z.detach()).requires_grad
    assert torch.autograd.gradcheck(mixture.detached().log_prob, z)


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_tempered_scales_the_components_and_keeps_their_means_and_weights(family, temperature):
    mixture, z = make(family), torch.randn(5, D)
    tempered = mixture.tempered(temperature)
    noise = torch.randn(1, 30, D + 1)
    parts = mixture.components
    index = torch.searchsorted(LOGITS.softmax(0).cumsum(0), torch.special.ndtr(noise[0, :, 0].contiguous()))
    shift = parts[index].from_noise(noise[0, :, 1:]) - parts.mean[index]
    torch.testing.assert_close(tempered.from_noise(noise)[0], parts.mean[index] + temperature * shift)
    if temperature:
        each = MultivariateNormal(parts.mean, temperature**2 * parts.covariance_matrix).log_prob(z.unsqueeze(1))
        torch.testing.assert_close(tempered.log_prob(z), (LOGITS.log_softmax(0) + each).logsumexp(-1))


def test_one_component_is_a_gaussian():
    gaussian = FullGaussian(torch.randn(1, D), torch.randn(1, D, D).tril(-1) + torch.eye(D))
    mixture, z = GaussianMixture(torch.randn(1), gaussian), torch.randn(5, 4, D)
    torch.testing.assert_close(mixture.log_prob(z), gaussian.log_prob(z.unsqueeze(-2)).squeeze(-1))
    torch.testing.assert_close(mixture.mean, gaussian.mean[0])
    torch.testing.assert_close(mixture.variance, gaussian.variance[0])


def test_float32_stays_float32():
    components = DiagonalGaussian(torch.zeros(K, D, dtype=torch.float32), torch.zeros(K, D, dtype=torch.float32))
    mixture = GaussianMixture(torch.zeros(K, dtype=torch.float32), components)
    z = mixture.from_noise(torch.randn(2, 5, D + 1, dtype=torch.float32))
    assert z.dtype == torch.float32
    assert mixture.log_prob(z).dtype == torch.float32
    assert not mixture.is_standard
