import copy

import numpy as np
import pytest
import torch
from scipy import stats

from examples import table
from oracles import LinearGaussian
from variate import InputError, ModelOptions, build
from variate.distributions import FullGaussian, Gaussian
from variate.evaluation.diagnostics.sbc import SBC, simulate, simulation_based_calibration
from variate.models import priors
from variate.models.posteriors import PosteriorFamily
from variate.models.vae import evaluating
from variate.runtime.random import seeded


class Off(PosteriorFamily):
    """A family whose posteriors are wider by a factor and shifted by some of their standard deviations."""

    def __init__(self, inner, factor=1.0, shift=0.0):
        super().__init__(inner.latent)
        self.inner, self.factor, self.shift = inner, factor, shift

    @property
    def num_outputs(self):
        return self.inner.num_outputs

    def forward(self, outputs) -> Gaussian:
        q = self.inner(outputs)
        return FullGaussian(q.loc + self.shift * q.variance.sqrt(), self.factor * q.scale_tril)


def exact(prior=None):
    return LinearGaussian(dim=6, latent=3, sigma=0.7).vae("full", prior)


def off(**by):
    vae = exact()
    vae.encoder.family = Off(vae.encoder.family, **by)
    return vae


def test_the_exact_posterior_is_accepted():
    found = simulation_based_calibration(exact(), num_rows=2000)
    assert found.histogram.shape == (3, 20)
    assert (found.histogram.sum(1) == 2000).all()
    assert found.p_value > 0.001


@pytest.mark.parametrize("by", [{"factor": 1.2}, {"factor": 0.8}, {"shift": 0.3}, {"shift": -0.3}])
def test_a_posterior_that_is_off_is_rejected(by):
    # At a scale off by the factor 1.2 the expected statistic is 19 + N (1.44 / sqrt(1.88) - 1) = 170 for N = 3000,
    # and at p = 1e-6 / 3 it would be 68.
    assert simulation_based_calibration(off(**by), num_rows=3000).p_value < 1e-6


def test_the_shape_says_what_is_wrong():
    wide, narrow, high = (
        simulation_based_calibration(off(**by), num_rows=1000, bins=4).histogram
        for by in ({"factor": 1.5}, {"factor": 0.6}, {"shift": 0.5})
    )
    assert (wide[:, 1:3].sum(1) > wide[:, [0, 3]].sum(1)).all()
    assert (narrow[:, 1:3].sum(1) < narrow[:, [0, 3]].sum(1)).all()
    assert (high[:, :2].sum(1) > high[:, 2:].sum(1)).all()


def test_only_the_latent_that_is_off_is_rejected():
    vae = exact()
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[1] += 0.4
    accepted = simulation_based_calibration(vae, num_rows=2000).p_values > 1e-3
    assert accepted.tolist() == [True, False, True]


@pytest.mark.parametrize("bins", [2, 5, 20])
def test_statistic_and_p_values_are_scipys(bins):
    histogram = torch.randint(30, 60, (4, bins))
    found = SBC(histogram)
    oracle = [stats.chisquare(own) for own in histogram.numpy()]
    np.testing.assert_allclose(found.chi2, [o.statistic for o in oracle])
    np.testing.assert_allclose(found.p_values, [o.pvalue for o in oracle])
    assert found.p_value == pytest.approx(min(1, 4 * min(o.pvalue for o in oracle)))


def test_equal_bins_have_p_value_one():
    found = SBC(torch.full((2, 10), 7))
    assert found.chi2.tolist() == [0, 0]
    assert found.p_value == 1


def test_ranks_are_those_of_the_draws():
    # A posterior far below or above the simulated z has all or none of its draws below it: first or last bin.
    for shift, bin_ in ((1e3, 0), (-1e3, 9)):
        histogram = simulation_based_calibration(off(shift=shift), num_rows=50, draws=29, bins=10).histogram
        assert (histogram[:, bin_] == 50).all()


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_ranks_do_not_depend_on_the_chunk_and_leave_generators_alone(chunk):
    vae = exact()
    vae.train()
    before = torch.get_rng_state()
    found = simulation_based_calibration(vae, num_rows=100, seed=4, chunk=chunk)
    assert torch.equal(found.histogram, simulation_based_calibration(vae, num_rows=100, seed=4).histogram)
    assert torch.equal(torch.get_rng_state(), before)
    assert vae.training
    assert not torch.equal(found.histogram, simulation_based_calibration(vae, num_rows=100, seed=5).histogram)


def test_simulated_rows_have_the_moments_of_the_model():
    model = LinearGaussian(dim=4, latent=2, sigma=0.5)
    with seeded(0), evaluating(vae := model.vae("full")):
        z, x = simulate(vae, list(range(4000)), seed=1)
    covariance = model.W @ model.W.T + model.sigma**2 * torch.eye(4)
    # The variances of sample mean and variance of a normal are v / n and 2 v^2 / n.
    v = covariance.diagonal()
    assert ((x.mean(0) - model.mu).abs() <= 4 * (v / 4000).sqrt()).all()
    assert ((x.var(0) - v).abs() <= 4 * (2 * v.square() / 4000).sqrt()).all()
    residual = x - z @ model.W.T - model.mu
    assert ((residual.var(0) - 0.25).abs() <= 4 * (2 * 0.25**2 / 4000) ** 0.5).all()


def test_a_simulated_row_is_the_same_whichever_are_beside_it():
    with seeded(0), evaluating(vae := exact()):
        together, alone = simulate(vae, list(range(6)), seed=1), simulate(vae, [4, 2], seed=1)
        other = simulate(vae, [4, 2], seed=2)
    for several, two, others in zip(together, alone, other, strict=True):
        torch.testing.assert_close(several[[4, 2]], two)
        assert (two - others).abs().min() > 0


def test_any_prior_and_any_kind_of_rows():
    mixed = simulation_based_calibration(exact(priors.Mixture(3, 2)), num_rows=100)
    assert mixed.histogram.sum().item() == 300
    vae = build(table(), ModelOptions(latent=2, width=8, depth=1))
    assert simulation_based_calibration(vae, num_rows=100).histogram.shape == (2, 20)
    single = copy.deepcopy(exact()).float()
    assert simulation_based_calibration(single, num_rows=500).p_value > 0.001


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"draws": 100}, "multiple of bins=20, got draws=100"),
        ({"num_rows": 99}, "num_rows must be at least 5 a bin, 100, got 99"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"bins": 1}, "bins must be at least 2"),
        ({"chunk": 0}, "chunk must be at least 1"),
    ],
)
def test_impossible_numbers_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        simulation_based_calibration(exact(), **arguments)
