"""Planted faults are named first or second; sound models raise no alarm."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import variate
from refusals import refused
from variate import ModelOptions, diagnose, from_arrays
from variate.doctor import examination
from variate.models.priors import Given
from variate.networks import MLP

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")

SMALL = ModelOptions(latent=8, width=64, depth=1)
"""For digits: sound, and trained in seconds."""
NARROW = ModelOptions(latent=4, width=64, depth=1)
"""For rows of twenty numbers."""


@pytest.fixture(autouse=True, scope="module")
def single_precision():
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def short_measurements(request, monkeypatch):
    """A fifth of the steps of further training and half of those of the fits: the faults here show after few."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(examination, "SHORT_TRIAL", 60)
        monkeypatch.setattr(examination, "LONG_TRIAL", 300)
        monkeypatch.setattr(examination, "FITTED_STEPS", 100)


@pytest.fixture(scope="module")
def digits():
    return variate.split(variate.read("digits"))


@pytest.fixture(scope="module")
def curved():
    """Rows near a curved surface of two dimensions in twenty."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3000, 2, generator=generator)
    inner, outer = 1.5 * torch.randn(2, 64, generator=generator), torch.randn(64, 20, generator=generator) / 8
    mean = torch.sin(z @ inner + torch.randn(64, generator=generator)) @ outer
    rows = mean + 0.05 * torch.randn(3000, 20, generator=generator)
    return parts(rows, "curved")


@pytest.fixture(scope="module")
def linear():
    """Rows of a linear-Gaussian model with four latents and sigma = 0.5."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 20, generator=generator)
    rows = torch.randn(3000, 4, generator=generator) @ weight + 0.5 * torch.randn(3000, 20, generator=generator)
    return parts(rows, "linear")


def parts(rows, name):
    """Rows as training, validation and test parts."""
    data = from_arrays(rows.numpy(), name=name)
    train, validation, test = (data.select(index) for index in np.split(np.arange(len(data)), [2400, 2700]))
    return variate.Splits(train, validation, test, "")


def train(data, model=SMALL, networks=None, **options):
    torch.set_default_dtype(torch.float32)
    vae = variate.build(data, model, networks=networks)
    return vae, variate.fit(vae, data, **options)


def examined(vae, data, history=None):
    torch.set_default_dtype(torch.float32)
    return diagnose(vae, data, history=history.records if history else None)


@pytest.fixture(scope="module")
def sound_digits(digits):
    return train(digits, epochs=50)


def names(diagnosis):
    return [finding.name for finding in diagnosis.findings[:2]]


def named(diagnosis, name):
    """The finding of this name, which is one of the first two."""
    assert name in names(diagnosis)
    return diagnosis.findings[names(diagnosis).index(name)]


def affine_encoder(ends):
    return MLP(ends.inputs, (ends.posterior,), depth=0), MLP((ends.latent,), ends.likelihood, 64, 2)


class Silenced(nn.Module):
    """A network that is fed 0 for one of its inputs, or gives 0 for the mean and log-scale of one latent."""

    def __init__(self, inner, latent, of_inputs):
        super().__init__()
        self.inner, self.latent, self.of_inputs = inner, latent, of_inputs

    def forward(self, x):
        if self.of_inputs:
            keep = torch.ones(x.shape[1])
            keep[self.latent] = 0
            return self.inner(x * keep)
        out = self.inner(x)
        keep = torch.ones(out.shape[1])
        keep[[self.latent, self.latent + out.shape[1] // 2]] = 0
        return out * keep


def one_dead(ends):
    encoder = Silenced(MLP(ends.inputs, (ends.posterior,), 64, 1), 3, of_inputs=False)
    return encoder, Silenced(MLP((ends.latent,), ends.likelihood, 64, 1), 3, of_inputs=True)


def test_sound_digits_raise_no_alarm(sound_digits, digits):
    assert examined(sound_digits[0], digits, sound_digits[1]).alarms == []


@pytest.mark.slow
def test_the_default_run_on_digits_raises_no_alarm(digits):
    vae, history = train(digits, ModelOptions())
    found, again = examined(vae, digits, history), examined(vae, digits, history)
    assert found.alarms == []
    assert [f.name for f in again.findings] == [f.name for f in found.findings]
    assert again.examination.test == found.examination.test


def test_a_sound_model_of_linear_rows_raises_no_alarm(linear):
    assert examined(*train(linear, NARROW, epochs=30)[:1], linear).alarms == []


def test_a_sound_model_of_curved_rows_with_a_full_posterior_raises_no_alarm(curved):
    vae, history = train(curved, dataclasses.replace(NARROW, posterior="full"), epochs=25)
    assert examined(vae, curved, history).alarms == []


@pytest.mark.slow
def test_a_rate_weighed_four_times(digits):
    vae, history = train(digits, beta=4.0, epochs=30)
    assert "beta=4" in named(examined(vae, digits, history), "kl-weight").title


@pytest.mark.slow
def test_sigma_fixed_five_times_too_large(linear):
    vae, history = train(linear, dataclasses.replace(NARROW, scale="fixed", sigma=2.5), epochs=15)
    finding = named(examined(vae, linear, history), "sigma")
    assert "too wide" in finding.title
    assert finding.alarm


def test_a_linear_encoder_on_a_nonlinear_decoder(curved):
    vae, history = train(curved, NARROW, networks=affine_encoder, epochs=30)
    named(examined(vae, curved, history), "weak-encoder")


def test_a_prior_shifted_by_two(sound_digits, digits):
    vae = copy.deepcopy(sound_digits[0])
    vae.latent_prior = Given(Independent(Normal(torch.full((vae.latent,), 2.0), torch.ones(vae.latent)), 1), vae.latent)
    cost = named(examined(vae, digits), "prior-hole").cost
    # The shift costs 2^2 / 2 nats per latent, up to how well the better prior was found.
    assert abs(cost.value - 2 * vae.latent) <= 4 * cost.stderr + 1


@pytest.mark.slow
def test_100_latents_for_8_by_8_digits(digits):
    vae, history = train(digits, dataclasses.replace(SMALL, latent=100), epochs=30)
    assert named(examined(vae, digits, history), "latents-to-spare").alarm


@pytest.mark.slow
def test_200_training_rows(digits):
    few = dataclasses.replace(
        digits, train=digits.train.select(np.arange(200)), validation=digits.validation.select(np.arange(25))
    )
    vae, history = train(few, dataclasses.replace(SMALL, width=256), epochs=200, patience=0)
    assert named(examined(vae, few, history), "over-fitting").alarm


def test_one_epoch(digits):
    vae, history = train(digits, epochs=1)
    assert named(examined(vae, digits, history), "under-training").alarm


def test_one_dead_latent(digits):
    vae, history = train(digits, networks=one_dead, epochs=30)
    finding = named(examined(vae, digits, history), "collapsed-latents")
    assert finding.evidence.startswith("latent 3:")
    assert "since epoch" in finding.evidence


def test_a_latent_that_dies_in_a_sound_model(sound_digits, digits):
    vae = copy.deepcopy(sound_digits[0])
    strongest = int(vae.embed(digits).mean.var(0).argmax())
    vae.encoder.network.inner = Silenced(vae.encoder.network.inner, strongest, of_inputs=False)
    vae.decoder.network.inner = Silenced(vae.decoder.network.inner, strongest, of_inputs=True)
    named(examined(vae, digits), "collapsed-latents")


def test_rows_are_checked():
    vae = variate.build(torch.randn(50, 4).numpy(), ModelOptions(latent=2, width=8, depth=1))
    assert refused(diagnose, vae, np.zeros((1, 4), dtype=np.float32)).got == "1"
    assert refused(diagnose, vae, np.zeros((9, 3), dtype=np.float32)).argument == "x"


def test_the_same_seed_gives_the_same_diagnosis_and_the_model_is_left_alone(digits, monkeypatch):
    vae, _ = train(digits, ModelOptions(latent=2, width=8, depth=1), epochs=1)
    monkeypatch.setattr(examination, "LONG_TRIAL", 20)
    monkeypatch.setattr(examination, "FITTED_STEPS", 10)
    before, state = {k: v.clone() for k, v in vae.state_dict().items()}, torch.get_rng_state()
    first, again = examined(vae, digits), examined(vae, digits)
    assert first.findings == again.findings
    assert first.examination.test == again.examination.test
    assert torch.equal(first.examination.calibration.pit, again.examination.calibration.pit)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[k], v) for k, v in vae.state_dict().items())
