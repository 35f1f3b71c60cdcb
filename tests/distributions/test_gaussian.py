import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import (
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from variate.distributions import DiagonalGaussian, FullGaussian, Gaussian, IsotropicGaussian, StandardNormal
from variate.distributions.gaussian import kl_gaussian, rate_per_latent, scale_excess

FAMILIES = ("standard", "isotropic", "diagonal", "full")
D = 4


def make(family, batch=(), seed=0, d=D) -> Gaussian:
    """A Gaussian of the family with random parameters."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*batch, *shape, generator=generator)

    loc = randn(d)
    if family == "standard":
        return StandardNormal(d)
    if family == "isotropic":
        return IsotropicGaussian(loc, 0.5 * randn(1))
    if family == "diagonal":
        return DiagonalGaussian(loc, 0.5 * randn(d))
    return FullGaussian(loc, 0.6 * randn(d, d).tril(-1) + torch.diag_embed((0.5 * randn(d)).exp()))


def as_torch(gaussian) -> MultivariateNormal:
    """The same Gaussian by torch's own class."""
    covariance = gaussian.scale_tril @ gaussian.scale_tril.mT
    return MultivariateNormal(gaussian.mean, covariance)


PAIRS = list(itertools.product(FAMILIES, FAMILIES))


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_kl_of_every_pair_is_that_of_multivariate_normal(q, p):
    q_z, p_z = make(q, (3,), seed=1), make(p, (3,), seed=2)
    torch.testing.assert_close(kl_divergence(q_z, p_z), kl_divergence(as_torch(q_z), as_torch(p_z)))


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_kl_of_every_pair_is_its_monte_carlo_mean(q, p):
    q_z, p_z = make(q, seed=3), make(p, seed=4)
    n = 20_000
    z = q_z.sample((n,))
    ratio = q_z.log_prob(z) - p_z.log_prob(z)
    error = ratio.std() / math.sqrt(n)
    assert (ratio.mean() - kl_divergence(q_z, p_z)).abs() <= 4 * error + 1e-12


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_kl_broadcasts_batches(q, p):
    # (N, 1) against (K,): every row against every component.
    q_z, p_z = make(q, (5, 1), seed=5), make(p, (3,), seed=6)
    found = kl_divergence(q_z, p_z)
    expected_shape = torch.broadcast_shapes(q_z.batch_shape, p_z.batch_shape)
    assert found.shape == expected_shape
    oracle = kl_divergence(as_torch(q_z).expand(expected_shape), as_torch(p_z).expand(expected_shape))
    torch.testing.assert_close(found, oracle)


@pytest.mark.parametrize("family", FAMILIES)
def test_kl_to_the_standard_normal_is_exactly_zero_at_equality(family):
    zeros = torch.zeros(2, 7, dtype=torch.float32)
    q_z = {
        "standard": StandardNormal(7, torch.float32).expand((2,)),
        "isotropic": IsotropicGaussian(zeros, zeros[:, :1]),
        "diagonal": DiagonalGaussian(zeros, zeros),
        "full": FullGaussian(zeros, torch.eye(7, dtype=torch.float32).expand(2, 7, 7)),
    }[family]
    assert (kl_divergence(q_z, StandardNormal(7, torch.float32)) == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_kl_to_itself_is_zero_to_the_last_digits(family):
    q_z = make(family, (6,), seed=7)
    torch.testing.assert_close(kl_divergence(q_z, q_z), torch.zeros(q_z.batch_shape), atol=1e-14, rtol=0)


@pytest.mark.parametrize("log_scale", [1e-2, 1e-3, 1e-4, -1e-4, 1e-6, -1e-8])
def test_kl_near_scale_one_keeps_its_digits_in_float32(log_scale):
    # 1/2 (e^2l - 1 - 2l) = l^2 + 2 l^3 / 3 + l^4 / 3 + ...: what remains of the direct form at l = 1e-4 is rounding.
    log_s = torch.tensor([[log_scale]], dtype=torch.float32)
    rounded = log_s.double().item()
    series = sum(2 ** (k - 1) * rounded**k / math.factorial(k) for k in range(2, 12))
    kl = kl_divergence(
        IsotropicGaussian(torch.zeros(1, 1, dtype=torch.float32), log_s), StandardNormal(1, torch.float32)
    )
    # expm1 is right to the last bit or two of 2 l, so the error is of the order of eps * 2 l and not of eps * 1.
    assert abs(kl.item() - series) <= 4 * torch.finfo(torch.float32).eps * abs(rounded)
    double = 0.5 * scale_excess(log_s.double()).item()
    assert abs(double - series) <= 4 * torch.finfo(torch.float64).eps * abs(rounded)


def test_naive_form_would_not_keep_them():
    log_s = torch.tensor(1e-4, dtype=torch.float32)
    naive = 0.5 * ((2 * log_s).exp() - 1 - 2 * log_s).item()
    assert abs(naive - 1e-8) > 4 * torch.finfo(torch.float32).eps * 1e-4


def test_isotropic_formula_and_the_slip_in_the_tutorial():
    # MATHS 5: at d = 7 the right value of (7) differs from the tutorial's print, (s^2)^d for d s^2 and no -d.
    d = 7
    generator = torch.Generator().manual_seed(0)
    m, log_s = torch.randn(d, generator=generator), 0.3 * torch.randn(1, generator=generator)
    s2 = (2 * log_s).exp().item()
    right = 0.5 * (d * s2 + m @ m - d - d * math.log(s2))
    printed = 0.5 * (s2**d + m @ m - d * math.log(s2))
    found = kl_divergence(IsotropicGaussian(m, log_s), StandardNormal(d))
    general = kl_divergence(MultivariateNormal(m, s2 * torch.eye(d)), MultivariateNormal(torch.zeros(d), torch.eye(d)))
    torch.testing.assert_close(found, right)
    torch.testing.assert_close(found, general)
    assert abs(printed - found) > 0.5


@pytest.mark.parametrize("d", [1, 2, 7])
def test_slip_is_no_slip_where_it_cannot_show(d):
    # Both forms of (7) agree nowhere at s = 1: the printed one gives 1/2 and not 0, in any number of dimensions.
    q_z = IsotropicGaussian(torch.zeros(d), torch.zeros(1))
    printed = 0.5 * (1.0**d - d * math.log(1.0))
    assert kl_divergence(q_z, StandardNormal(d)) == 0
    assert printed == 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_log_prob_entropy_and_moments_are_those_of_multivariate_normal(family):
    gaussian = make(family, (3,), seed=8)
    oracle = as_torch(gaussian)
    z = torch.randn(5, 3, D)
    torch.testing.assert_close(gaussian.log_prob(z), oracle.log_prob(z))
    torch.testing.assert_close(gaussian.log_prob_from(z), oracle.log_prob(gaussian.loc + gaussian.color(z)))
    torch.testing.assert_close(gaussian.entropy(), oracle.entropy())
    torch.testing.assert_close(gaussian.mean, oracle.mean)
    torch.testing.assert_close(gaussian.variance, oracle.variance)
    torch.testing.assert_close(gaussian.stddev, oracle.stddev)
    torch.testing.assert_close(gaussian.covariance_matrix, oracle.covariance_matrix)
    assert gaussian.batch_shape == oracle.batch_shape
    assert gaussian.event_shape == (D,)


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_have_the_mean_and_the_covariance(family):
    gaussian, n = make(family, (2,), seed=9), 20_000
    z = gaussian.rsample((n,))
    assert z.shape == (n, *gaussian.batch_shape, D)
    error = gaussian.stddev / math.sqrt(n)
    assert ((z.mean(0) - gaussian.mean).abs() <= 4.5 * error).all()
    residual = z - gaussian.mean
    products = residual.unsqueeze(-1) * residual.unsqueeze(-2)
    error = products.std(0) / math.sqrt(n)
    assert ((products.mean(0) - gaussian.covariance_matrix).abs() <= 4.5 * error).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_change_of_variables(family):
    # MATHS 6.4: e ~ N(0, I), z = m + A e, so log p(z) = log N(e) - log|det A|.
    gaussian = make(family, seed=10)
    eps = torch.randn(6, D)
    z = gaussian.mean + eps @ gaussian.scale_tril.mT
    torch.testing.assert_close(gaussian.mean + gaussian.color(eps), z)
    torch.testing.assert_close(gaussian.whiten(z - gaussian.mean), eps)
    log_det = torch.linalg.slogdet(gaussian.scale_tril).logabsdet
    torch.testing.assert_close(gaussian.log_abs_det, log_det)
    torch.testing.assert_close(gaussian.log_prob(z), Normal(0, 1).log_prob(eps).sum(-1) - log_det)


def test_gradient_of_log_abs_det_is_the_inverse_transposed():
    # MATHS 6.4: grad log|det A| = A^-T; of a lower triangle only the lower part is free.
    A = make("full", seed=11).scale_tril.clone().requires_grad_()
    gradient = torch.autograd.grad(FullGaussian(torch.zeros(D), A).log_abs_det, A)[0]
    torch.testing.assert_close(gradient, torch.linalg.inv(A.detach()).mT.tril())


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_pathwise_gradient_of_draws_is_the_gradient_of_m_plus_a_e(family):
    gaussian = make(family, seed=12)
    parameters = [gaussian.loc, gaussian.scale_tril if family == "full" else gaussian.log_scale]
    for parameter in parameters:
        parameter.requires_grad_()
    torch.manual_seed(1)
    z = gaussian.rsample((3,))
    torch.manual_seed(1)
    eps = torch.randn(3, D)
    by_draw = torch.autograd.grad(z.square().sum(), parameters)
    by_hand = torch.autograd.grad((gaussian.loc + eps @ gaussian.scale_tril.mT).square().sum(), parameters)
    torch.testing.assert_close(by_draw, by_hand)


@pytest.mark.parametrize("family", FAMILIES)
def test_density_integrates_to_one(family):
    gaussian = make(family, seed=13, d=1)
    width = gaussian.stddev.item()
    z = torch.linspace(gaussian.mean.item() - 12 * width, gaussian.mean.item() + 12 * width, 4001)
    mass = torch.trapezoid(gaussian.log_prob(z.unsqueeze(-1)).exp(), z)
    torch.testing.assert_close(mass, torch.ones(()), atol=1e-12, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_sample_carries_no_gradient_and_rsample_does(family):
    gaussian = make(family, (2,), seed=14)
    gaussian.loc.requires_grad_()
    assert not gaussian.sample((3,)).requires_grad
    assert gaussian.rsample((3,)).requires_grad


@pytest.mark.parametrize("family", FAMILIES)
def test_detached_is_the_same_constant(family):
    gaussian = make(family, (2,), seed=15)
    gaussian.loc.requires_grad_()
    if family != "standard":
        (gaussian.scale_tril if family == "full" else gaussian.log_scale).requires_grad_()
    z = torch.randn(4, 2, D)
    constant = gaussian.detached()
    torch.testing.assert_close(constant.log_prob(z), gaussian.log_prob(z).detach())
    assert not constant.log_prob(z).requires_grad
    assert gaussian.log_prob(z).requires_grad


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_tempered_multiplies_the_standard_deviations(family, temperature):
    gaussian = make(family, (2,), seed=16)
    tempered = gaussian.tempered(temperature)
    torch.testing.assert_close(tempered.mean, gaussian.mean)
    torch.testing.assert_close(tempered.covariance_matrix, temperature**2 * gaussian.covariance_matrix)
    torch.manual_seed(2)
    drawn = tempered.sample((3,))
    torch.manual_seed(2)
    torch.testing.assert_close(drawn, gaussian.mean + temperature * (gaussian.sample((3,)) - gaussian.mean))


@pytest.mark.parametrize("family", FAMILIES)
def test_expand_is_the_same_over_a_larger_batch(family):
    gaussian = make(family, (3,), seed=17)
    expanded = gaussian.expand((5, 3))
    assert expanded.batch_shape == (5, 3)
    z = torch.randn(5, 3, D)
    torch.testing.assert_close(expanded.log_prob(z), gaussian.log_prob(z).expand(5, 3))
    torch.testing.assert_close(expanded.entropy(), gaussian.entropy().expand(5, 3))
    assert expanded.rsample((2,)).shape == (2, 5, 3, D)


def test_scales_shared_by_the_rows_give_every_row_its_number():
    loc = torch.randn(6, D)
    shared = [
        IsotropicGaussian(loc, torch.full((1, 1), 0.3)),
        DiagonalGaussian(loc, torch.full((1, D), 0.3)),
        FullGaussian(loc, math.exp(0.3) * torch.eye(D).unsqueeze(0)),
    ]
    z = torch.randn(2, 6, D)
    oracle = Independent(Normal(loc, math.exp(0.3)), 1)
    for gaussian in shared:
        torch.testing.assert_close(gaussian.log_prob(z), oracle.log_prob(z))
        torch.testing.assert_close(gaussian.entropy(), oracle.entropy())
        torch.testing.assert_close(gaussian.variance, oracle.variance)
        assert gaussian.covariance_matrix.shape == (6, D, D)
        assert kl_divergence(gaussian, StandardNormal(D)).shape == (6,)


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_with_torch_distributions(family):
    q_z = make(family, (3,), seed=18)
    p_full = as_torch(make("full", (3,), seed=19))
    diagonal = make("diagonal", (3,), seed=20)
    p_independent = Independent(Normal(diagonal.loc, diagonal.log_scale.exp()), 1)
    shape = torch.broadcast_shapes(q_z.batch_shape, (3,))
    oracle = as_torch(q_z).expand(shape)
    torch.testing.assert_close(kl_divergence(q_z, p_full), kl_divergence(oracle, p_full))
    torch.testing.assert_close(kl_divergence(q_z, p_independent), kl_divergence(oracle, as_torch(diagonal)))


@pytest.mark.parametrize(
    "p_z",
    [
        Independent(Laplace(torch.zeros(D), torch.ones(D)), 1),
        Independent(Normal(torch.zeros(3, D), torch.ones(3, D)), 2),
        Gamma(torch.ones(D), torch.ones(D)),
    ],
    ids=["laplace", "two-axes", "gamma"],
)
def test_no_closed_form_is_said_so(p_z):
    with pytest.raises(NotImplementedError):
        kl_divergence(make("diagonal"), p_z)


def test_general_formula_agrees_with_the_special_ones():
    # (6) with S_1 = I is (7), by two different pieces of code.
    for family in FAMILIES[1:]:
        q_z = make(family, (4,), seed=21)
        torch.testing.assert_close(kl_divergence(q_z, StandardNormal(D)), kl_gaussian(q_z, StandardNormal(D)))


def test_rate_per_latent_sums_to_the_rate_and_refuses_full():
    for family in ("isotropic", "diagonal"):
        q_z = make(family, (3,), seed=22)
        each = torch.stack(
            [kl_divergence(Normal(q_z.mean[:, i], q_z.stddev[:, i]), Normal(0.0, 1.0)) for i in range(D)], -1
        )
        torch.testing.assert_close(rate_per_latent(q_z), each)
        torch.testing.assert_close(rate_per_latent(q_z).sum(-1), kl_divergence(q_z, StandardNormal(D)))
    with pytest.raises(TypeError, match="FullGaussian"):
        rate_per_latent(make("full"))


def test_gaussians_are_components_of_torch_mixtures():
    components = make("full", (3,), seed=23)
    weights = torch.tensor([0.2, 0.5, 0.3])
    mixture = MixtureSameFamily(torch.distributions.Categorical(weights), components, validate_args=False)
    z = torch.randn(5, D)
    by_hand = (weights.log() + as_torch(components).log_prob(z.unsqueeze(1))).logsumexp(-1)
    torch.testing.assert_close(mixture.log_prob(z), by_hand)
    assert mixture.sample((7,)).shape == (7, D)


def test_float32_stays_float32():
    log_scale = torch.tensor(np.float32([[0.1, -0.2]]))
    gaussian = DiagonalGaussian(torch.zeros(1, 2, dtype=torch.float32), log_scale)
    for value in (gaussian.rsample(), gaussian.log_prob(gaussian.mean), gaussian.entropy(), gaussian.covariance_matrix):
        assert value.dtype == torch.float32
    assert kl_divergence(gaussian, StandardNormal(2, torch.float32)).dtype == torch.float32
