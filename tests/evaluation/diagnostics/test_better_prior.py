import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Sklearns

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import elbo, from_arrays
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.distributions.mixture import GaussianMixture
from variate.evaluation.diagnostics.better_prior import CANDIDATES, Fitted, affordable, better_prior


def noisy(latent=2):
    """Exact posteriors that overlap a lot: the aggregate posterior is N(0, I) and the information small."""
    return LinearGaussian(dim=5, latent=latent, sigma=2.5)


def test_a_prior_that_is_right_cannot_be_improved():
    model = noisy()
    found = better_prior(model.vae("full"), model.draw(1200), seed=1)
    # One diagonal Gaussian has 4 parameters here: its fit costs about 4 / (2 * 600) nats.
    assert -0.02 - 4 * found.estimate.stderr <= found.estimate.value <= 4 * found.estimate.stderr
    assert found.gain.shape == found.which.shape == (300,)


def test_gain_is_the_divergence_that_a_gaussian_removes():
    # q(z) = N(0, I) and p = N(m, A A^T): the best prior is q(z) itself, and its gain KL(q(z) || p).
    model = noisy()
    p_z = FullGaussian(torch.tensor([1.0, -0.5]), torch.tensor([[2.0, 0.0], [0.4, 0.8]]))
    found = better_prior(model.vae("full", p_z), model.draw(1200), seed=2)
    exact = StandardNormal(2).kl(p_z).item()
    assert abs(found.estimate.value - exact) <= 4 * found.estimate.stderr + 0.02


def split_rows(n):
    """Rows whose latents lie at two places, far apart."""
    model = LinearGaussian(dim=5, latent=2, sigma=0.3)
    z = 0.2 * torch.randn(n, 2) + 3 * torch.randint(2, (n, 1)) * torch.ones(2) - 1.5
    return model, z @ model.W.T + model.mu + model.sigma * torch.randn(n, 5)


def test_gain_of_two_clusters_is_that_of_the_mixture_and_it_is_the_change_of_the_elbo():
    model, x = split_rows(1000)
    vae = model.vae("diagonal")
    found = better_prior(vae, x, seed=3)
    assert "mixture" in found.name
    # The clusters' own moments, as a prior, in the ELBO of the same rows.
    q_z = vae.encoder(x)
    high = (q_z.loc.sum(-1) > 0).detach()
    loc, variance = torch.stack([q_z.loc[high].mean(0), q_z.loc[~high].mean(0)]), q_z.loc[high].var(0)
    shares = torch.stack([high.double().mean(), 1 - high.double().mean()])
    scales = 0.5 * (variance + q_z.variance[0]).log()
    oracle = GaussianMixture(shares.log(), DiagonalGaussian(loc.detach(), scales.detach().expand_as(loc)))
    bounds = [elbo(model.vae("diagonal", p_z), x[found.which], 8).elbo.mean().item() for p_z in (None, oracle)]
    gain = bounds[1] - bounds[0]
    assert gain > 1
    assert abs(found.estimate.value - gain) <= 4 * found.estimate.stderr + 0.05


def test_choice_and_gain_depend_on_the_seed_alone():
    model, x = split_rows(300)
    vae = model.vae("full")
    before = torch.get_rng_state()
    found = better_prior(vae, x, num_rows=200, num_samples=2, seed=5)
    again = better_prior(vae, x, num_rows=200, num_samples=2, seed=5, batch_size=13)
    torch.testing.assert_close(found.gain, again.gain, atol=1e-9, rtol=0)
    assert (found.name, len(found.which)) == (again.name, 50)
    assert torch.equal(found.which, again.which)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("components", "covariance"), CANDIDATES)
def test_fitted_densities_integrate_to_one(components, covariance):
    z = torch.cat([torch.randn(300, 2), 0.3 * torch.randn(300, 2) + 2]) * torch.tensor([1.0, 5.0])
    fitted = Fitted(z.reshape(2, 300, 2), components, covariance, seed=0)
    side = torch.linspace(-12, 12, 241)
    grid = torch.cartesian_prod(side, 5 * side)
    total = fitted.log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2 * 5
    assert total.item() == pytest.approx(1, abs=1e-3)
    assert fitted.log_prob(z.reshape(2, 300, 2)).shape == (2, 300)


def test_a_fit_that_does_not_converge_warns_of_nothing():
    z = (torch.arange(400) % 3).double().unsqueeze(1).expand(400, 2)  # fewer places than components
    with pytest.warns(ConvergenceWarning):
        Sklearns(32, covariance_type="diag", random_state=0).fit(z.numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Fitted(z, 32, "diag", seed=0).log_prob(z).isfinite().all()


@pytest.mark.parametrize(
    ("rows", "components", "covariance", "fits"),
    [
        (1, 1, "diag", True),
        (39, 1, "full", False),
        (40, 1, "full", True),
        (63, 8, "diag", False),
        (64, 8, "diag", True),
        (159, 4, "full", False),
        (160, 4, "full", True),
    ],
)
def test_candidates_need_eight_rows_per_component_and_four_per_direction(rows, components, covariance, fits):
    assert affordable(rows, components, covariance, latent=10) is fits


def test_gains_belong_to_the_rows_that_are_named():
    # Under a narrow prior far off, log p(z) differs from row to row by thousands of nats, and decides the gain.
    model = noisy()
    p_z = FullGaussian(torch.tensor([5.0, 5.0]), 0.05 * torch.eye(2))
    vae, x = model.vae("full", p_z), model.draw(200)
    found = better_prior(vae, x, num_samples=64)
    missed = -p_z.log_prob(vae.encoder(x[found.which]).sample((64,))).mean(0).detach()
    assert np.corrcoef(found.gain, missed)[0, 1] > 0.95


def test_few_rows_leave_few_candidates_and_too_few_are_refused():
    model = LinearGaussian(dim=12, latent=10, sigma=0.5)
    found = better_prior(model.vae("diagonal"), model.draw(40))
    assert found.name == "one Gaussian with a diagonal covariance"
    assert found.gain.shape == (10,)
    assert refused(better_prior, model.vae("diagonal"), model.draw(39)).got == "39"


def test_the_priors_of_two_groups_are_replaced_together():
    # q(z) of the exact model is its prior, so nothing is gained; from a lower prior that is off, its divergence is.
    model = Ladder().double().make_exact()
    x = model.sample(400, seed=1)
    right = better_prior(model, x, num_samples=2, seed=1)
    assert right.estimate.value <= 4 * right.estimate.stderr
    shifted = Ladder().double().make_exact()
    shifted.A = torch.nn.Parameter(torch.zeros_like(shifted.A))
    gain = better_prior(shifted, x, num_samples=2, seed=1).estimate
    # E KL(N(A z1, s2^2) || N(0, s2^2)) = ||A||^2 / (2 s2^2) over z1 ~ N(0, I).
    exact = model.A.square().sum().item() / (2 * model.s2**2)
    assert abs(gain.value - exact) <= 4 * gain.stderr + 0.2


def test_the_prior_given_a_context_is_that_of_each_row():
    # p(z|c) = N(U c, I) is exact and no prior without c is as good: the loss is E KL(p(z|c) || p(z)), in closed form.
    model, context = ConditionalLinear().double(), torch.randn(600, 2)
    x = model.sample(600, context=context, seed=1)
    found = better_prior(model, from_arrays(x.numpy(), context=context.numpy()), num_samples=2, seed=1).estimate
    exact = -0.5 * torch.logdet(torch.eye(3) + model.U @ model.U.T).item()
    assert abs(found.value - exact) <= 4 * found.stderr + 0.1


@pytest.mark.parametrize("argument", ["num_rows", "num_samples", "batch_size"])
def test_impossible_numbers_are_refused(argument):
    error = refused(better_prior, noisy().vae("full"), noisy().draw(50), **{argument: 0})
    assert (error.argument, error.got) == (argument, "0")
    assert refused(better_prior, noisy().vae("full"), torch.zeros(0, 5)).argument == "x"
