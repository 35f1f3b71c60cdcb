import math

import pytest
import torch
import zuko
from torch import distributions
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

from refusals import refused
from variate.distributions import DiagonalGaussian, FullGaussian
from variate.distributions.foreign import Foreign, Pushforward, as_conditional


def laplace(d=3):
    return Independent(Laplace(torch.zeros(d), torch.ones(d)), 1)


def flow(kind=zuko.flows.MAF, d=3):
    return kind(features=d, transforms=2, hidden_features=(8,))


def transformed():
    base = Independent(Normal(torch.tensor([0.5, -1.0, 2.0]), torch.tensor([1.0, 2.0, 0.5])), 1)
    steps = [distributions.AffineTransform(1.0, 0.3, event_dim=1), distributions.ExpTransform()]
    return distributions.TransformedDistribution(base, steps)


@pytest.mark.parametrize("make", [lambda: flow()(), lambda: flow(zuko.flows.NSF)(), transformed])
def test_draws_of_a_flow_are_the_images_of_its_noise(make):
    p_z = make()
    conditional = as_conditional(p_z)
    assert isinstance(conditional, Pushforward)
    torch.manual_seed(3)
    expected = p_z.sample((2, 40))
    torch.manual_seed(3)
    torch.testing.assert_close(conditional.from_noise(torch.randn(2, 40, 3)), expected)
    z = expected[:, :5]
    torch.testing.assert_close(conditional.log_prob(z), p_z.log_prob(z))


def test_draws_of_a_flow_are_differentiable():
    module = flow()
    as_conditional(module()).from_noise(torch.randn(2, 4, 3)).square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


@pytest.mark.parametrize("make", [laplace, lambda: flow()(), transformed], ids=["foreign", "flow", "transformed"])
def test_draws_of_a_row_depend_on_its_noise_only_and_leave_the_global_generators_alone(make):
    conditional = as_conditional(make())
    noise = torch.randn(4, 30, 3)
    before = torch.get_rng_state()
    z = conditional.from_noise(noise)
    assert torch.equal(torch.get_rng_state(), before)
    assert z.shape == noise.shape
    for rows in ([7], [29, 0, 13], list(range(30))):
        torch.testing.assert_close(conditional.from_noise(noise[:, rows]), z[:, rows], rtol=1e-12, atol=1e-12)
    assert z.flatten().unique().numel() == z.numel()
    other = conditional.from_noise(torch.cat([noise[:, :1], torch.randn(4, 29, 3)], 1))
    torch.testing.assert_close(other[:, 0], z[:, 0], rtol=1e-12, atol=1e-12)
    assert (other[:, 1:] != z[:, 1:]).all()


def test_draws_of_a_foreign_distribution_have_its_moments():
    n = 4_000
    z = as_conditional(laplace()).from_noise(torch.randn(5, n // 5, 3)).reshape(n, 3)
    for found, expected in ((z, 0.0), (z.square(), 2.0)):
        assert ((found.mean(0) - expected).abs() <= 4 * found.std(0) / math.sqrt(n)).all()


@pytest.mark.parametrize(
    ("p_z", "support"),
    [
        (laplace(1), [True, True]),
        (Independent(distributions.Exponential(torch.ones(1)), 1), [False, True]),
        (Independent(distributions.Poisson(torch.ones(1)), 1), [False, True]),
    ],
)
def test_the_support_of_a_foreign_distribution_is_known(p_z, support):
    found = Foreign(p_z)
    assert found.contains(torch.tensor([[-1.0], [1.0]])).tolist() == support
    assert found.is_discrete == isinstance(p_z.base_dist, distributions.Poisson)


def test_a_distribution_without_a_support_is_taken_to_be_continuous_on_all_places():
    class Silent(distributions.Distribution):
        event_shape, batch_shape = torch.Size((2,)), torch.Size(())

        def __init__(self):
            pass

    found = Foreign(Silent())
    assert not found.is_discrete
    assert found.contains(torch.randn(4, 5, 2)).all()
    with pytest.raises(NotImplementedError):
        found.detached()


def test_gaussians_of_torch_become_ours():
    loc, scale = torch.randn(3), torch.rand(3) + 0.5
    tril = torch.tensor([[1.0, 0, 0], [0.5, 2, 0], [-1, 0.3, 0.7]])
    z = torch.randn(5, 3)
    for p_z, kind in (
        (Independent(Normal(loc, scale), 1), DiagonalGaussian),
        (MultivariateNormal(loc, scale_tril=tril), FullGaussian),
    ):
        found = as_conditional(p_z)
        assert type(found) is kind
        torch.testing.assert_close(found.log_prob(z), p_z.log_prob(z))


def test_flows_whose_base_is_no_gaussian_of_the_same_size_are_foreign():
    stick = distributions.StickBreakingTransform()  # from two dimensions to three
    gaussian = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    exponential = distributions.ExpTransform()
    for p_z in (
        distributions.TransformedDistribution(gaussian, [stick]),
        distributions.TransformedDistribution(laplace(), [exponential]),
    ):
        assert type(as_conditional(p_z)) is Foreign


@pytest.mark.parametrize("make", [laplace, lambda: flow()(), transformed], ids=["foreign", "flow", "transformed"])
def test_the_spread_of_a_foreign_distribution_cannot_be_changed(make):
    conditional = as_conditional(make())
    assert conditional.tempered(1.0) is conditional
    assert refused(conditional.tempered, 0.5).argument == "temperature"
