import copy
import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import from_arrays
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.evaluation.diagnostics.surgery import joint_posterior, log_aggregate, surgery

FAMILIES = ("full", "diagonal", "isotropic")


def noisy(latent=2):
    """Exact posteriors that overlap a lot: the aggregate posterior is N(0, I) and the information small."""
    return LinearGaussian(dim=5, latent=latent, sigma=2.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_sum_to_the_rate_of_every_row_and_information_stays_below_its_ceiling(family):
    found = surgery(noisy().vae(family), noisy().draw(300), num_rows=None, seed=1)
    torch.testing.assert_close(found.information + found.hole, found.rate, atol=1e-12, rtol=0)
    assert found.information.max() <= found.ceiling == math.log(300)
    assert found.rate.dtype == torch.float64
    assert found.mean_rate.value == pytest.approx(found.mean_information.value + found.mean_hole.value, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 0.1, 3.0])
@pytest.mark.parametrize("full", [False, True])
def test_pairs_have_the_density_of_torchs_multivariate_normal(scale, full):
    loc, z = 5 + torch.randn(9, 3), 5 + torch.randn(4, 3)
    tril = scale * torch.randn(9, 3, 3).tril(-1) + torch.diag_embed(scale * torch.exp(torch.randn(9, 3)))
    tril = tril if full else torch.diag_embed(tril.diagonal(dim1=-2, dim2=-1))
    q = FullGaussian(loc, tril) if full else DiagonalGaussian(loc, tril.diagonal(dim1=-2, dim2=-1).log())
    oracle = MultivariateNormal(loc, scale_tril=tril).log_prob(z.unsqueeze(1))
    torch.testing.assert_close(q.pairwise_log_prob(z), oracle, rtol=1e-9, atol=1e-9)
    mean = oracle.logsumexp(1) - math.log(9)
    torch.testing.assert_close(log_aggregate(q, z, 3), mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_sharp_posteriors_far_from_the_origin_keep_their_digits(full):
    loc, scale = 1e3 + torch.randn(6, 3), 1e-3
    q = FullGaussian(loc, scale * torch.eye(3)) if full else DiagonalGaussian(loc, torch.full((6, 3), math.log(scale)))
    eps = torch.randn(6, 3)
    own = q.pairwise_log_prob(loc + scale * eps).diagonal()
    torch.testing.assert_close(own, StandardNormal(3).log_prob(eps) - 3 * math.log(scale), atol=1e-6, rtol=0)


def test_information_and_hole_of_an_exact_model_are_their_closed_forms():
    # With q = p(z|x) and x from the model, q(z) = p(z) = N(0, I), so hole = 0 and information = I(x; z), which is
    # E KL(N(m, S) || N(0, I)) = -1/2 log det S, since the variance of m is I - S.
    model = noisy()
    found = surgery(model.vae("full"), model.draw(2000), seed=2)
    exact = -0.5 * torch.logdet(model.S).item()
    # A finite N biases both by about E[q(z|x) / q(z)] / (2 N), far below a standard error.
    assert abs(found.mean_information.value - exact) <= 4 * found.mean_information.stderr
    assert abs(found.mean_hole.value) <= 4 * found.mean_hole.stderr + 5 / 2000
    assert not found.saturated
    assert 1 / 2000 < found.own_share < 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_hole_of_a_prior_that_does_not_fit_is_its_divergence(family):
    model = noisy()
    p_z = FullGaussian(torch.tensor([1.0, -0.5]), torch.tensor([[2.0, 0.0], [0.4, 0.8]]))
    vae, x = model.vae(family, p_z), model.draw(2000)
    found = surgery(vae, x, seed=3)
    # q(z) is Gaussian with the covariance of the posterior means plus that of q, whatever the family.
    gain = torch.linalg.solve(model.M, model.W.T)
    means = gain @ (model.W @ model.W.T + model.sigma**2 * torch.eye(5)) @ gain.T
    aggregate = MultivariateNormal(torch.zeros(2), means + vae.encoder(x[:1]).covariance_matrix[0].detach())
    exact = kl_divergence(aggregate, MultivariateNormal(p_z.loc, scale_tril=p_z.scale_tril)).item()
    assert exact > 0.5
    assert abs(found.mean_hole.value - exact) <= 4 * found.mean_hole.stderr + 5 / 2000


def test_drawn_rate_averages_to_the_closed_form():
    model = noisy()
    vae, x = model.vae("diagonal"), model.draw(2000)
    found, closed = surgery(vae, x, seed=4), vae.encoder(x).kl(vae.latent_prior())
    assert abs(found.mean_rate.value - closed.mean().item()) <= 4 * found.mean_rate.stderr


def test_sharp_posteriors_saturate_at_log_n():
    model = LinearGaussian(dim=8, latent=4, sigma=0.01)
    found = surgery(model.vae("diagonal"), model.draw(400))
    assert found.saturated
    assert found.own_share == pytest.approx(1, abs=0.05)
    assert found.mean_information.value == pytest.approx(math.log(400), abs=0.1)
    assert found.information.max() <= math.log(400) + 1e-6


def test_a_single_row_has_no_information():
    found = surgery(noisy().vae("full"), noisy().draw(1))
    assert abs(found.information.item()) <= 1e-12
    assert found.own_share == pytest.approx(1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_surgery_does_not_depend_on_the_batch_size(family, batch_size):
    vae, x = noisy().vae(family), noisy().draw(50)
    vae.train()
    before = torch.get_rng_state()
    found = surgery(vae, x, num_rows=20, seed=5, batch_size=batch_size)
    again = surgery(vae, x, num_rows=20, seed=5)
    torch.testing.assert_close(tuple(found), tuple(again), atol=1e-10, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert vae.training
    assert len(found.which.unique()) == 20
    assert not torch.equal(found.which, surgery(vae, x, num_rows=20, seed=6).which)


def test_a_float32_model_has_the_same_parts():
    vae, x = noisy().vae("diagonal"), noisy().draw(200)
    single = surgery(copy.deepcopy(vae).float(), x.float())
    torch.testing.assert_close(tuple(single)[:3], tuple(surgery(vae, x))[:3], atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_posteriors_of_all_rows_are_those_of_each_in_double_precision(family):
    vae, x = noisy().vae(family), noisy().draw(11)
    q_z, together = vae.encoder(x), joint_posterior(vae, vae.dataset(x), 3)
    torch.testing.assert_close(together.mean, q_z.mean.detach(), atol=1e-12, rtol=0)
    torch.testing.assert_close(together.covariance_matrix, q_z.covariance_matrix.detach(), atol=1e-12, rtol=0)
    single = copy.deepcopy(vae).float()
    assert joint_posterior(single, single.dataset(x.float()), 3).loc.dtype == torch.float64


def test_masks_decide_the_posterior():
    model = ConditionalLinear(context=0).double()
    x, mask = torch.randn(50, 8), torch.rand(50, 8).argsort(1) < 4
    found = surgery(model, from_arrays(x.numpy(), mask=mask.numpy()))
    zeros = surgery(model, x)
    assert found.mean_information.value < zeros.mean_information.value  # half of a row says less than all of it


def test_it_does_not_apply_to_several_groups_and_to_contexts():
    ladder, model = Ladder().double(), ConditionalLinear().double()
    assert surgery(ladder, ladder.sample(5, seed=1)) is None
    data = from_arrays(torch.randn(5, 8).numpy(), context=torch.randn(5, 2).numpy())
    assert surgery(model, data) is None


@pytest.mark.parametrize("argument", ["num_rows", "batch_size"])
def test_impossible_numbers_are_refused(argument):
    error = refused(surgery, noisy().vae("full"), noisy().draw(50), **{argument: 0})
    assert (error.argument, error.got) == (argument, "0")
    assert refused(surgery, noisy().vae("full"), torch.zeros(0, 5)).argument == "x"
