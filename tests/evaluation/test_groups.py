import copy

import pytest
import torch
from torch.distributions import Exponential, Independent, MultivariateNormal, Normal

from conditional_linear import ConditionalLinear
from ladder import Ladder, triangle
from oracles import LinearGaussian
from variate.data.batch import Batch
from variate.evaluation.groups import (
    draw_posterior,
    in_support,
    join_groups,
    log_posterior,
    log_prior,
    path_moments,
    posterior_noise,
    row_posterior,
    split_groups,
)
from variate.models.network import evaluating
from variate.runtime.random import RowStreams


@pytest.mark.parametrize("shapes", [[(3,)], [(2,), (3,)], [(), (2, 2), (1,)]])
def test_groups_side_by_side_come_apart_again(shapes):
    parts = [torch.randn(5, 4, *shape) for shape in shapes]
    found = split_groups(join_groups(parts), shapes)
    assert all(torch.equal(one, other) for one, other in zip(parts, found, strict=True))


def test_densities_of_two_groups_are_those_of_torchs_normals():
    model = Ladder().double().make_exact()
    x, z1, z2 = torch.randn(4, 6), torch.randn(5, 4, 2), torch.randn(5, 4, 3)
    lower = Independent(Normal(z1 @ model.A.T, model.s2), 1).log_prob(z2)
    expected = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z1) + lower
    torch.testing.assert_close(log_prior(model, (z1, z2), None), expected)
    top = MultivariateNormal(model.top(x), scale_tril=triangle(model.top_raw)).log_prob(z1)
    both = torch.cat([x.expand(5, 4, 6), z1], -1)
    low = MultivariateNormal(model.low(both), scale_tril=triangle(model.low_raw)).log_prob(z2)
    torch.testing.assert_close(log_posterior(model, (z1, z2), Batch(x), x), top + low)


def test_draws_are_those_of_infer_and_carry_their_densities():
    model = Ladder().double()
    batch, noise = Batch(torch.randn(4, 6)), [torch.randn(5, 4, 2), torch.randn(5, 4, 3)]
    with evaluating(model):
        found, draws = draw_posterior(model, batch, noise), model.infer(batch, noise)
        torch.testing.assert_close(model.outputs(found.state), model.outputs(draws.latents))
    assert all(torch.equal(a, b) for a, b in zip(found.latents, draws.latents, strict=True))
    torch.testing.assert_close(found.log_pz, draws.log_pz.sum(0))


def test_noise_in_double_precision_gives_draws_in_double_precision():
    vae = LinearGaussian(dim=6, latent=3, sigma=0.6).vae("full")
    single, x, streams = copy.deepcopy(vae).float(), torch.randn(4, 6), lambda: RowStreams(0, range(4), "test")
    with evaluating(single), evaluating(vae):
        noise = posterior_noise(single, streams(), 2, torch.float64)
        (found,) = draw_posterior(single, Batch(x.float()), noise).latents
        (exact,) = draw_posterior(vae, Batch(x), posterior_noise(vae, streams(), 2)).latents
        (rounded,) = draw_posterior(single, Batch(x.float()), posterior_noise(single, streams(), 2)).latents
    assert (found.dtype, rounded.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(found, exact, atol=1e-5, rtol=0)


def test_moments_along_the_path_are_relative_to_the_priors_below_the_first_group():
    model = Ladder().double().make_exact()
    x = torch.randn(4, 6)
    with evaluating(model):
        found, top = path_moments(model, Batch(x), x), model.top(x)
        low = model.low(torch.cat([x, top], -1))
        variances = [triangle(raw).square().sum(1) for raw in (model.top_raw, model.low_raw)]
    torch.testing.assert_close(found.mean, torch.cat([top, (low - top @ model.A.T) / model.s2], -1))
    torch.testing.assert_close(found.variance, torch.cat([variances[0], variances[1] / model.s2**2]).expand(4, 5))
    torch.testing.assert_close(found.scale, torch.tensor([1.0, 1.0, *[model.s2] * 3]).expand(4, 5))


def test_support_is_known_where_a_prior_is_bounded():
    vae = LinearGaussian(dim=4, latent=2, sigma=0.7).vae("diagonal", Independent(Exponential(torch.ones(2)), 1))
    z = torch.tensor([[[1.0, 2.0], [1.0, -0.1]]])
    assert in_support(vae, [z], None).tolist() == [[True, False]]
    assert in_support(Ladder(), (torch.zeros(1, 1, 2), torch.zeros(1, 1, 3)), None) is None


def test_a_posterior_per_row_is_known_for_one_group():
    model = ConditionalLinear(context=0).double()
    assert row_posterior(model, Batch(torch.randn(4, 8))).batch_shape == (4,)
    assert row_posterior(Ladder(), Batch(torch.randn(4, 6))) is None
