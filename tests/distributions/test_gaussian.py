import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Gamma, Independent, Laplace, MultivariateNormal, Normal, kl_divergence

from variate.distributions import DiagonalGaussian, FullGaussian, GaussianConditional, IsotropicGaussian, StandardNormal
from variate.distributions.foreign import Foreign, as_conditional
from variate.distributions.gaussian import scale_excess
from variate.distributions.mixture import GaussianMixture

FAMILIES = ("standard", "isotropic", "diagonal", "full")
D = 4


def make(family, batch=(), seed=0, d=D) -> GaussianConditional:
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
    torch.testing.assert_close(q_z.kl(p_z), kl_divergence(as_torch(q_z), as_torch(p_z)))


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_kl_of_every_pair_is_its_monte_carlo_mean(q, p):
    q_z, p_z = make(q, seed=3), make(p, seed=4)
    n = 20_000
    z = q_z.sample((n,))
    ratio = q_z.log_prob(z) - p_z.log_prob(z)
    error = ratio.std() / math.sqrt(n)
    assert (ratio.mean() - q_z.kl(p_z)).abs() <= 4 * error + 1e-12


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_kl_broadcasts_batches(q, p):
    # (N, 1) against (K,): every row against every component.
    q_z, p_z = make(q, (5, 1), seed=5), make(p, (3,), seed=6)
    found = q_z.kl(p_z)
    expected_shape = torch.broadcast_shapes(q_z.batch_shape, p_z.batch_shape)
    assert found.shape == expected_shape
    oracle = kl_divergence(as_torch(q_z).expand(expected_shape), as_torch(p_z).expand(expected_shape))
    torch.testing.assert_close(found, oracle)


@pytest.mark.parametrize("family", FAMILIES)
def test_kl_to_the_standard_normal_is_exactly_zero_at_equality(family):
    zeros = torch.zeros(2, 7, dtype=torch.float32)
    q_z = {
        "standard": StandardNormal(7, torch.float32),
        "isotropic": IsotropicGaussian(zeros, zeros[:, :1]),
        "diagonal": DiagonalGaussian(zeros, zeros),
        "full": FullGaussian(zeros, torch.eye(7, dtype=torch.float32).expand(2, 7, 7)),
    }[family]
    assert (q_z.kl(StandardNormal(7, torch.float32)) == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_kl_to_itself_is_zero_to_the_last_digits(family):
    q_z = make(family, (6,), seed=7)
    torch.testing.assert_close(q_z.kl(q_z), torch.zeros(q_z.batch_shape), atol=1e-14, rtol=0)


@pytest.mark.parametrize("log_scale", [1e-2, 1e-3, 1e-4, -1e-4, 1e-6, -1e-8])
def test_kl_near_scale_one_keeps_its_digits_in_float32(log_scale):
    # 1/2 (e^2l - 1 - 2l) = l^2 + 2 l^3 / 3 + l^4 / 3 + ...: what remains of the direct form at l = 1e-4 is rounding.
    log_s = torch.tensor([[log_scale]], dtype=torch.float32)
    rounded = log_s.double().item()
    series = sum(2 ** (k - 1) * rounded**k / math.factorial(k) for k in range(2, 12))
    q_z = IsotropicGaussian(torch.zeros(1, 1, dtype=torch.float32), log_s)
    kl = q_z.kl(StandardNormal(1, torch.float32))
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
    found = IsotropicGaussian(m, log_s).kl(StandardNormal(d))
    general = kl_divergence(MultivariateNormal(m, s2 * torch.eye(d)), MultivariateNormal(torch.zeros(d), torch.eye(d)))
    torch.testing.assert_close(found, right)
    torch.testing.assert_close(found, general)
    assert abs(printed - found) > 0.5


@pytest.mark.parametrize("d", [1, 2, 7])
def test_slip_is_no_slip_where_it_cannot_show(d):
    # Both forms of (7) agree nowhere at s = 1: the printed one gives 1/2 and not 0, in any number of dimensions.
    q_z = IsotropicGaussian(torch.zeros(d), torch.zeros(1))
    printed = 0.5 * (1.0**d - d * math.log(1.0))
    assert q_z.kl(StandardNormal(d)) == 0
    assert printed == 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_log_prob_entropy_and_moments_are_those_of_multivariate_normal(family):
    gaussian = make(family, (3,), seed=8)
    oracle = as_torch(gaussian)
    z = torch.randn(5, 3, D)
    torch.testing.assert_close(gaussian.log_prob(z), oracle.log_prob(z))
    torch.testing.assert_close(
        gaussian.log_prob(gaussian.from_noise(z), z), oracle.log_prob(gaussian.loc + gaussian.color(z))
    )
    torch.testing.assert_close(gaussian.entropy(), oracle.entropy())
    torch.testing.assert_close(gaussian.mean, oracle.mean)
    torch.testing.assert_close(gaussian.variance, oracle.variance)
    torch.testing.assert_close(gaussian.covariance_matrix, oracle.covariance_matrix)
    assert gaussian.batch_shape == oracle.batch_shape
    assert gaussian.dim == D


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_have_the_mean_and_the_covariance(family):
    gaussian, n = make(family, (2,), seed=9), 20_000
    z = gaussian.sample((n,), torch.Generator().manual_seed(0))
    assert z.shape == (n, *gaussian.batch_shape, D)
    error = gaussian.variance.sqrt() / math.sqrt(n)
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
    eps = torch.randn(3, D)
    z = gaussian.from_noise(eps)
    by_draw = torch.autograd.grad(z.square().sum(), parameters)
    by_hand = torch.autograd.grad((gaussian.loc + eps @ gaussian.scale_tril.mT).square().sum(), parameters)
    torch.testing.assert_close(by_draw, by_hand)


@pytest.mark.parametrize("family", FAMILIES)
def test_density_integrates_to_one(family):
    gaussian = make(family, seed=13, d=1)
    width = gaussian.variance.sqrt().item()
    z = torch.linspace(gaussian.mean.item() - 12 * width, gaussian.mean.item() + 12 * width, 4001)
    mass = torch.trapezoid(gaussian.log_prob(z.unsqueeze(-1)).exp(), z)
    torch.testing.assert_close(mass, torch.ones(()), atol=1e-12, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_are_draws_from_the_generator_and_carry_gradients(family):
    gaussian = make(family, (2,), seed=14)
    gaussian.loc.requires_grad_()
    before = torch.get_rng_state()
    found = gaussian.sample((3,), torch.Generator().manual_seed(4))
    assert torch.equal(torch.get_rng_state(), before)
    eps = torch.randn(3, *gaussian.loc.shape, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(found, gaussian.from_noise(eps))
    assert found.requires_grad
    assert not gaussian.detached().sample((3,)).requires_grad


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
    eps = torch.randn(3, *gaussian.loc.shape)
    shift = gaussian.from_noise(eps) - gaussian.mean
    torch.testing.assert_close(tempered.from_noise(eps), gaussian.mean + temperature * shift)


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
        assert gaussian.kl(StandardNormal(D)).shape == (6,)


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_with_torch_distributions(family):
    q_z = make(family, (3,), seed=18)
    p_full = as_torch(make("full", (3,), seed=19))
    diagonal = make("diagonal", (3,), seed=20)
    p_independent = Independent(Normal(diagonal.loc, diagonal.log_scale.exp()), 1)
    shape = torch.broadcast_shapes(q_z.batch_shape, (3,))
    oracle = as_torch(q_z).expand(shape)
    torch.testing.assert_close(q_z.kl(as_conditional(p_full)), kl_divergence(oracle, p_full))
    found = q_z.kl(as_conditional(p_independent))
    torch.testing.assert_close(found, kl_divergence(oracle, as_torch(diagonal)))


@pytest.mark.parametrize(
    "p_z",
    [
        Foreign(Independent(Laplace(torch.zeros(D), torch.ones(D)), 1)),
        Foreign(Independent(Gamma(torch.ones(D), torch.ones(D)), 1)),
        GaussianMixture(torch.zeros(2), DiagonalGaussian(torch.zeros(2, D), torch.zeros(2, D))),
    ],
    ids=["laplace", "gamma", "mixture"],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_where_no_closed_form_is_known_there_is_none(family, p_z):
    q_z = make(family)
    assert q_z.kl(p_z) is None
    assert q_z.kl_elements(p_z) is None
    assert q_z.marginal_kl(p_z) is None


def test_general_formula_agrees_with_the_special_ones():
    # (6) with S_1 = I is (7), by two different pieces of code.
    for family in FAMILIES[1:]:
        q_z = make(family, (4,), seed=21)
        standard = DiagonalGaussian(torch.zeros(D), torch.zeros(D))  # N(0, I) that is not known to be it
        torch.testing.assert_close(q_z.kl(StandardNormal(D)), q_z.kl(standard))


@pytest.mark.parametrize("p", FAMILIES)
@pytest.mark.parametrize("q", FAMILIES)
def test_kl_per_latent_is_that_of_the_marginals_and_sums_to_the_kl_where_latents_are_independent(q, p):
    q_z, p_z = make(q, (3,), seed=22), make(p, (3,), seed=27)
    each = kl_divergence(Normal(q_z.mean, q_z.variance.sqrt()), Normal(p_z.mean, p_z.variance.sqrt()))
    torch.testing.assert_close(q_z.marginal_kl(p_z), each)
    found = q_z.kl_elements(p_z)
    if "full" in (q, p):
        assert found is None
    else:
        torch.testing.assert_close(found, each)
        torch.testing.assert_close(found.sum(-1), q_z.kl(p_z))


@pytest.mark.parametrize("family", FAMILIES)
def test_marginals_are_those_of_the_covariance(family):
    gaussian, z = make(family, (3,), seed=24), torch.randn(5, 3, D)
    oracle = as_torch(gaussian)
    marginals = Normal(oracle.mean, oracle.covariance_matrix.diagonal(dim1=-2, dim2=-1).sqrt())
    torch.testing.assert_close(gaussian.marginal_log_prob(z), marginals.log_prob(z))
    precision = torch.linalg.inv(oracle.covariance_matrix).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(gaussian.log_precision.exp(), precision)


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_pairwise_densities_are_those_of_each_pair(family):
    gaussian, z = make(family, (5,), seed=25), torch.randn(7, D)
    torch.testing.assert_close(gaussian.pairwise_log_prob(z), as_torch(gaussian).log_prob(z.unsqueeze(1)))


@pytest.mark.parametrize("family", FAMILIES)
def test_adjusted_is_a_member_of_the_family_in_the_coordinates_of_the_noise(family):
    # z = m + A (delta + (diag exp(f) + T) e), so its density is that of a Gaussian of noise coordinates.
    gaussian = make(family, (3,), seed=26)
    batch = (3,) if family == "standard" else ()  # N(0, I) takes the batch of what adjusts it
    delta, log_factor = torch.randn(*batch, *gaussian.loc.shape), 0.3 * torch.randn(*batch, *gaussian.log_factor_shape)
    below = torch.randn(3, D, D) if family == "full" else None
    adjusted = gaussian.adjusted(delta, log_factor, below)
    eps = torch.randn(4, 3, D)
    inner = torch.diag_embed(log_factor.exp().expand(delta.shape)) + (0 if below is None else below.tril(-1))
    moved = delta + (inner @ eps.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(adjusted.from_noise(eps), gaussian.from_noise(moved))
    if family != "standard":
        assert type(adjusted) is type(gaussian)


@pytest.mark.parametrize("family", FAMILIES)
def test_as_full_is_the_same_distribution(family):
    gaussian, z = make(family, (3,), seed=28), torch.randn(5, 3, D)
    full = gaussian.as_full()
    assert isinstance(full, FullGaussian)
    torch.testing.assert_close(full.log_prob(z), gaussian.log_prob(z))


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_rows_are_taken_apart_and_put_together(family):
    gaussian = make(family, (6,), seed=29)
    index = torch.tensor([4, 0, 4])
    z = torch.randn(2, 6, D)
    torch.testing.assert_close(gaussian[index].log_prob(z[:, index]), gaussian.log_prob(z)[:, index])
    again = gaussian.cat([gaussian[torch.arange(2)], gaussian[torch.arange(2, 6)]])
    assert type(again) is type(gaussian)
    assert torch.equal(again.log_prob(z), gaussian.log_prob(z))


@pytest.mark.parametrize("family", FAMILIES)
def test_to_changes_the_type_and_nothing_else(family):
    gaussian = make(family, (3,), seed=30)
    single = gaussian.to(torch.float32)
    assert type(single) is type(gaussian)
    z = torch.randn(5, 3, D)
    assert single.log_prob(z.float()).dtype == torch.float32
    torch.testing.assert_close(single.log_prob(z.float()).double(), gaussian.log_prob(z), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_standard_normal_says_that_it_is_standard(family):
    assert make(family).is_standard == (family == "standard")
    assert not make(family).is_discrete


def test_float32_stays_float32():
    log_scale = torch.tensor(np.float32([[0.1, -0.2]]))
    gaussian = DiagonalGaussian(torch.zeros(1, 2, dtype=torch.float32), log_scale)
    for value in (gaussian.sample(), gaussian.log_prob(gaussian.mean), gaussian.entropy(), gaussian.covariance_matrix):
        assert value.dtype == torch.float32
    assert gaussian.kl(StandardNormal(2, torch.float32)).dtype == torch.float32
