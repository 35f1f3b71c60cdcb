import copy

import numpy as np
import pytest
import torch
from scipy import stats

from conditional_linear import ConditionalLinear
from examples import table
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, build
from variate.distributions import FullGaussian, GaussianConditional
from variate.evaluation.diagnostics.sbc import SBC, simulation_based_calibration
from variate.models import priors
from variate.models.posteriors import PosteriorFamily


class Off(PosteriorFamily):
    """A family whose posteriors are wider by a factor and shifted by some of their standard deviations."""

    def __init__(self, inner, factor=1.0, shift=0.0):
        super().__init__(inner.latent)
        self.inner, self.factor, self.shift = inner, factor, shift

    @property
    def num_outputs(self):
        return self.inner.num_outputs

    def forward(self, outputs) -> GaussianConditional:
        q = self.inner(outputs)
        return FullGaussian(q.loc + self.shift * q.variance.sqrt(), self.factor * q.scale_tril)


def exact(prior=None):
    return LinearGaussian(dim=6, latent=3, sigma=0.7).vae("full", prior)


def off(**by):
    vae = exact()
    vae.encoder.family = Off(vae.encoder.family, **by)
    return vae


def test_the_exact_posterior_is_accepted():
    found = simulation_based_calibration(exact(), num_rows=1000)
    assert found.histogram.shape == (3, 20)
    assert (found.histogram.sum(1) == 1000).all()
    assert found.p_value > 0.001


@pytest.mark.parametrize("by", [{"factor": 1.2}, {"factor": 0.8}, {"shift": 0.3}, {"shift": -0.3}])
def test_a_posterior_that_is_off_is_rejected(by):
    # At a scale off by the factor 1.2 the expected statistic is 19 + N (1.44 / sqrt(1.88) - 1) = 119 for N = 2000,
    # and at p = 1e-6 / 3 it would be 68.
    assert simulation_based_calibration(off(**by), num_rows=2000).p_value < 1e-6


def test_the_shape_says_what_is_wrong():
    wide, narrow, high = (
        simulation_based_calibration(off(**by), num_rows=400, bins=4).histogram
        for by in ({"factor": 1.5}, {"factor": 0.6}, {"shift": 0.5})
    )
    assert (wide[:, 1:3].sum(1) > wide[:, [0, 3]].sum(1)).all()
    assert (narrow[:, 1:3].sum(1) < narrow[:, [0, 3]].sum(1)).all()
    assert (high[:, :2].sum(1) > high[:, 2:].sum(1)).all()


def test_only_the_latent_that_is_off_is_rejected():
    vae = exact()
    with torch.no_grad():
        vae.encoder.network.inner.layers[-1].bias[1] += 0.4
    accepted = simulation_based_calibration(vae, num_rows=1000).p_values > 1e-3
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
        histogram = simulation_based_calibration(off(shift=shift), num_rows=50, num_samples=29, bins=10).histogram
        assert (histogram[:, bin_] == 50).all()


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_ranks_do_not_depend_on_the_batch_size_and_leave_generators_alone(batch_size):
    vae = exact()
    vae.train()
    before = torch.get_rng_state()
    found = simulation_based_calibration(vae, num_rows=100, seed=4, batch_size=batch_size)
    assert torch.equal(found.histogram, simulation_based_calibration(vae, num_rows=100, seed=4).histogram)
    assert torch.equal(torch.get_rng_state(), before)
    assert vae.training
    assert not torch.equal(found.histogram, simulation_based_calibration(vae, num_rows=100, seed=5).histogram)


def test_any_prior_and_any_kind_of_rows():
    mixed = simulation_based_calibration(exact(priors.Mixture(3, 2)), num_rows=100)
    assert mixed.histogram.sum().item() == 300
    vae = build(table(), ModelOptions(latent=2, width=8, depth=1))
    assert simulation_based_calibration(vae, num_rows=100).histogram.shape == (2, 20)
    single = copy.deepcopy(exact()).float()
    assert simulation_based_calibration(single, num_rows=500).p_value > 0.001


def test_two_groups_and_contexts():
    model = Ladder().double().make_exact()
    assert simulation_based_calibration(model, num_rows=500).p_value > 0.001
    with torch.no_grad():
        model.low.bias[1] += 0.3
    found = simulation_based_calibration(model, num_rows=500)
    assert found.histogram.shape == (5, 20)
    assert found.p_values.argmin() == 3
    assert found.p_value < 1e-6
    conditional, context = ConditionalLinear().double(), torch.randn(500, 2)
    assert simulation_based_calibration(conditional, num_rows=500, context=context).p_value > 0.001
    assert refused(simulation_based_calibration, conditional, num_rows=500).argument == "context"


@pytest.mark.parametrize(
    ("argument", "value"), [("num_samples", 100), ("num_rows", 99), ("num_samples", 0), ("bins", 1), ("batch_size", 0)]
)
def test_impossible_numbers_are_refused(argument, value):
    error = refused(simulation_based_calibration, exact(), **{argument: value})
    assert (error.argument, error.got) == (argument, str(value))
