import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from variate.distributions import DiagonalGaussian, FullGaussian, IsotropicGaussian, StandardNormal
from variate.models.posteriors import LOG_SCALE_BOUND, Diagonal, Full, Isotropic, bounded

FAMILIES = (Isotropic, Diagonal, Full)
SIZES = {Isotropic: lambda d: d + 1, Diagonal: lambda d: 2 * d, Full: lambda d: 2 * d + d * (d - 1) // 2}


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_number_of_outputs_is_mean_plus_the_free_numbers_of_the_covariance(family, d):
    module = family(d)
    assert module.num_outputs == SIZES[family](d)
    q_z = module(torch.randn(3, module.num_outputs))
    assert q_z.batch_shape == (3,)
    assert q_z.dim == d
    assert torch.linalg.eigvalsh(q_z.covariance_matrix).min() > 0


@pytest.mark.parametrize(
    ("family", "kind"), [(Isotropic, IsotropicGaussian), (Diagonal, DiagonalGaussian), (Full, FullGaussian)]
)
def test_zero_outputs_are_the_standard_normal(family, kind):
    q_z = family(4)(torch.zeros(2, family(4).num_outputs))
    assert type(q_z) is kind
    assert (q_z.kl(StandardNormal(4)) == 0).all()


def inverse(log_scale):
    return LOG_SCALE_BOUND * math.atanh(log_scale / LOG_SCALE_BOUND)


def test_outputs_mean_what_the_docstring_says():
    z = torch.randn(6, 3)
    loc = [0.5, -1.0, 2.0]
    isotropic = Isotropic(3)(torch.tensor([[*loc, inverse(-0.7)]]))
    torch.testing.assert_close(
        isotropic.log_prob(z), Independent(Normal(torch.tensor(loc), math.exp(-0.7)), 1).log_prob(z)
    )
    log_scales = [0.2, -0.3, 0.0]
    raws = [inverse(value) for value in log_scales]
    diagonal = Diagonal(3)(torch.tensor([loc + raws]))
    oracle = Independent(Normal(torch.tensor(loc), torch.tensor(log_scales).exp()), 1)
    torch.testing.assert_close(diagonal.log_prob(z), oracle.log_prob(z))
    full = Full(3)(torch.tensor([[*loc, *raws, 1.1, -0.4, 0.6]]))
    tril = torch.tensor([[0.2, 0, 0], [0, -0.3, 0], [0, 0, 0.0]]).exp().diagonal().diag()
    tril[1, 0], tril[2, 0], tril[2, 1] = 1.1, -0.4, 0.6
    torch.testing.assert_close(full.log_prob(z), MultivariateNormal(torch.tensor(loc), scale_tril=tril).log_prob(z))


def test_each_family_is_a_special_case_of_the_next():
    loc, log_scale = torch.randn(2, 3), inverse(0.4)
    outputs = [
        Isotropic(3)(torch.cat([loc, torch.full((2, 1), log_scale)], -1)),
        Diagonal(3)(torch.cat([loc, torch.full((2, 3), log_scale)], -1)),
        Full(3)(torch.cat([loc, torch.full((2, 3), log_scale), torch.zeros(2, 3)], -1)),
    ]
    z = torch.randn(5, 2, 3)
    for q_z in outputs[1:]:
        torch.testing.assert_close(q_z.log_prob(z), outputs[0].log_prob(z))
        torch.testing.assert_close(q_z.kl(StandardNormal(3)), outputs[0].kl(StandardNormal(3)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("family", FAMILIES)
def test_scales_of_a_diverged_network_stay_finite(family, dtype):
    module = family(2)
    for value in (1e30, -1e30):
        outputs = torch.zeros(1, module.num_outputs, dtype=dtype)
        outputs[:, 2 : 4 if family is not Isotropic else 3] = value
        q_z = module(outputs)
        expected = math.exp(math.copysign(LOG_SCALE_BOUND, value))
        torch.testing.assert_close(q_z.variance.sqrt(), torch.full((1, 2), expected, dtype=dtype), rtol=1e-5, atol=0)
        assert q_z.kl(StandardNormal(2, dtype)).isfinite().all()


def test_bound_is_the_identity_near_zero_and_increasing():
    raw = torch.linspace(-1e-3, 1e-3, 5)
    torch.testing.assert_close(bounded(raw), raw, atol=1e-11, rtol=1e-7)
    wide = torch.linspace(-40, 40, 1001)
    assert (bounded(wide).diff() > 0).all()
    assert bounded(wide).abs().max() < LOG_SCALE_BOUND


@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_of_every_output_is_that_of_finite_differences(family):
    module = family(3)
    outputs = 0.5 * torch.randn(1, module.num_outputs)
    z = torch.randn(3)
    assert torch.autograd.gradcheck(lambda o: module(o).log_prob(z), outputs.requires_grad_())


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_of_any_shape(family):
    module = family(3)
    outputs = torch.randn(4, 2, module.num_outputs)
    z = torch.randn(4, 2, 3)
    flat = module(outputs.flatten(0, 1)).log_prob(z.flatten(0, 1))
    torch.testing.assert_close(module(outputs).log_prob(z), flat.reshape(4, 2))
