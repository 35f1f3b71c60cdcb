"""The bound as a sum over elements, against the bounds of `variate.objectives` on the same draws."""

import math

import pytest
import torch

from gaussian_gaps import linear, rows_with_gaps
from ladder import Ladder
from small_models import DATA, make
from variate import elbo, from_arrays
from variate.distributions.gaps import RowsWithGaps
from variate.evaluation.scores.attribution import attributed_elbo, attributed_importance, tiles
from variate.evaluation.scores.score import score
from variate.likelihoods.base import Likelihood
from variate.models.network import evaluating
from variate.objectives import log_mean_exp, terms
from variate.runtime.random import Key, generator


def noise_of(model, num_samples, seed=0):
    return model.posterior_noise(Key(generator(seed), 1), num_samples, 1)


def summed(found):
    gaps = 0 if found.gaps is None else found.gaps.sum(-1)
    return found.nats.flatten(1).sum(-1) + gaps - found.rate + found.remainder


@pytest.mark.parametrize("likelihood", DATA)
def test_the_elements_of_every_likelihood_sum_to_the_elbo_of_the_same_draws(likelihood):
    vae, rows = make(likelihood)
    found = score(vae.double(), rows, num_samples=3, attribution=True, seed=5)
    assert found.nats.shape == rows.shape
    torch.testing.assert_close(summed(found), found.bound, atol=1e-6, rtol=0)
    for i in range(4):  # `elbo` draws the noise of all its rows at once, so it is asked for one at a time
        expected = elbo(vae, rows[i : i + 1], 3, seed=5)
        torch.testing.assert_close(found.bound[i], expected.elbo[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(found.rate[i], expected.rate[0], atol=1e-6, rtol=0)


def test_several_groups_of_latents_have_one_rate():
    model = Ladder().double()
    rows = model.sample(4, seed=1)
    found = score(model, rows, num_samples=3, attribution=True)
    expected = [elbo(model, rows[i : i + 1], 3).elbo for i in range(4)]
    torch.testing.assert_close(found.bound, torch.cat(expected), atol=1e-6, rtol=0)
    torch.testing.assert_close(summed(found), found.bound, atol=1e-6, rtol=0)


def test_what_is_not_observed_counts_nothing_whatever_stands_there():
    model = linear()
    x, mask = rows_with_gaps(model, 6)
    batch = from_arrays(x.numpy(), mask=mask.numpy()).all()
    with evaluating(model):
        found = attributed_elbo(model, batch, noise_of(model, 4), 2)
        odd = attributed_elbo(model, batch._replace(x=torch.where(mask, x, torch.nan)), noise_of(model, 4), 2)
    assert (found.nats[~mask] == 0).all()
    assert torch.equal(odd.nats, found.nats)
    with evaluating(model):
        expected = terms(model.infer(batch, tiles(noise_of(model, 4), 6, 4)[0])).elbo
    torch.testing.assert_close(found.bound, expected, atol=1e-9, rtol=0)


def test_draws_may_be_taken_some_at_a_time():
    vae, rows = make("columns")
    batch = from_arrays(rows.numpy()).all()
    for function in (attributed_elbo, attributed_importance):
        with evaluating(vae):
            whole, pieces = (function(vae, batch, noise_of(vae, 7), tile) for tile in (7, 2))
        for one, other in zip(whole, pieces, strict=True):
            if one is not None:
                torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_the_importance_weighted_bound_has_a_remainder():
    vae, rows = make("gaussian")
    batch, noise = from_arrays(rows.numpy()).all(), noise_of(vae, 9)
    with evaluating(vae):
        found = attributed_importance(vae, batch, noise, 9)
        draws = vae.infer(batch, tiles(noise, len(rows), 9)[0])
    log_w = draws.log_weights
    torch.testing.assert_close(found.bound, log_mean_exp(log_w), atol=1e-9, rtol=0)
    torch.testing.assert_close(summed(found), found.bound, atol=1e-9, rtol=0)
    v = log_w.softmax(0)
    torch.testing.assert_close(found.remainder, -(math.log(9) + (v * v.log()).sum(0)), atol=1e-9, rtol=0)
    assert (found.remainder < 0).all()


class Around(Likelihood):
    """A likelihood that is made of another one."""

    is_mass = False

    def __init__(self, inner):
        super().__init__(inner.event_shape, inner.out_shape)
        self.inner = inner

    def check(self, rows):
        self.inner.check(rows)


class Impossible(Around):
    """The first element of the first row is impossible, always or for every second draw."""

    always = True

    def distribution(self, outputs):
        p_x = self.inner.distribution(outputs)
        inner = p_x.log_prob_elements

        def log_prob_elements(x):
            found = inner(x).clone()
            found[:: 1 if self.always else 2, 0, 0] = -torch.inf
            return found

        p_x.log_prob_elements = log_prob_elements
        return p_x

    def log_prob(self, outputs, x, mask=None):
        return self(outputs).log_prob_elements(x).flatten(2).sum(-1)


class WithPattern(Around):
    """Cells of the columns 0 and 2 may be missing."""

    def distribution(self, outputs):
        return RowsWithGaps(self.inner.distribution(outputs), outputs[..., :2], torch.tensor([0, 2]))


@pytest.mark.parametrize("always", [False, True])
def test_what_is_impossible_is_minus_infinity_and_nothing_is_nan(always):
    vae, rows = make("gaussian")
    vae.decoder.likelihood = Impossible(vae.likelihood)
    vae.likelihood.always = always
    batch = from_arrays(rows.numpy()).all()
    with evaluating(vae):
        one = attributed_elbo(vae, batch, noise_of(vae, 4), 4)
        weighted = attributed_importance(vae, batch, noise_of(vae, 4), 4)
    for found in (one, weighted):
        assert not any(part.isnan().any() for part in found if part is not None)
        assert found.bound[1:].isfinite().all()
    assert one.bound[0] == one.nats[0, 0] == -torch.inf
    assert weighted.bound[0].isneginf() == always
    assert weighted.nats[0, 0].isneginf() == always


def test_the_pattern_of_gaps_has_terms_of_its_own():
    vae, rows = make("columns")
    mask = torch.rand(rows.shape) > 0.4
    batch = from_arrays(rows.numpy(), mask=mask.numpy()).all()
    vae.decoder.likelihood = WithPattern(vae.likelihood)
    with evaluating(vae):
        found = attributed_elbo(vae, batch, noise_of(vae, 3), 3)
        draws = vae.infer(batch, tiles(noise_of(vae, 3), len(rows), 3)[0])
    assert (found.nats[~mask] == 0).all()
    assert (found.gaps[:, [1, 3]] == 0).all()
    assert (found.gaps[:, [0, 2]] < 0).all()
    torch.testing.assert_close(summed(found), draws.log_px.mean(0) - found.rate, atol=1e-6, rtol=0)
