"""Planted faults are named first or second; sound models raise no alarm."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import variate
from variate import ModelOptions, diagnose
from variate.data import from_array
from variate.models.priors import Given
from variate.networks import MLP

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


@pytest.fixture(autouse=True, scope="module")
def single_precision():
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def digits():
    return variate.split(variate.read("digits"))


@pytest.fixture(scope="module")
def curved():
    """Rows near a curved surface of two dimensions in twenty."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(6000, 2, generator=generator)
    inner, outer = 1.5 * torch.randn(2, 64, generator=generator), torch.randn(64, 20, generator=generator) / 8
    mean = torch.sin(z @ inner + torch.randn(64, generator=generator)) @ outer
    rows = mean + 0.05 * torch.randn(6000, 20, generator=generator)
    return variate.split(from_array(rows.numpy(), name="curved"))


@pytest.fixture(scope="module")
def linear():
    """Rows of a linear-Gaussian model with four latents and sigma = 0.5."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 20, generator=generator)
    rows = torch.randn(6000, 4, generator=generator) @ weight + 0.5 * torch.randn(6000, 20, generator=generator)
    return variate.split(from_array(rows.numpy(), name="linear"))


def train(data, model=None, networks=None, **options):
    torch.set_default_dtype(torch.float32)
    vae = variate.build(data, model or ModelOptions(), networks=networks)
    return vae, variate.fit(vae, data.train, data.validation, **options)


def examined(vae, data, history=None):
    torch.set_default_dtype(torch.float32)
    records = history.records if history else None
    return diagnose(vae, data.test, data.train, data.validation, history=records)


@pytest.fixture(scope="module")
def sound_digits(digits):
    return train(digits)


def names(diagnosis):
    return [finding.name for finding in diagnosis.findings[:2]]


def affine_encoder(ends):
    return MLP(ends.inputs, (ends.posterior,), depth=0), MLP((ends.latent,), ends.likelihood, 256, 2)


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
    encoder = Silenced(MLP(ends.inputs, (ends.posterior,), 256, 2), 3, of_inputs=False)
    return encoder, Silenced(MLP((ends.latent,), ends.likelihood, 256, 2), 3, of_inputs=True)


def test_sound_digits_raise_no_alarm(sound_digits, digits):
    vae, history = sound_digits
    found = examined(vae, digits, history)
    assert found.alarms == []
    again = examined(vae, digits, history)
    assert [f.name for f in again.findings] == [f.name for f in found.findings]
    assert again.examination.test == found.examination.test


def test_a_sound_model_of_linear_rows_raises_no_alarm(linear):
    assert examined(*train(linear, ModelOptions(latent=4), epochs=30)[:1], linear).alarms == []


def test_a_sound_model_of_curved_rows_with_a_full_posterior_raises_no_alarm(curved):
    vae, history = train(curved, ModelOptions(latent=4, posterior="full"), epochs=50)
    assert examined(vae, curved, history).alarms == []


def test_a_rate_weighed_ten_times(digits):
    found = examined(*swap(train(digits, beta=10.0, epochs=60), digits))
    assert "kl-weight" in names(found)
    assert "beta=10" in found.findings[names(found).index("kl-weight")].title


def test_sigma_fixed_five_times_too_large(linear):
    found = examined(*swap(train(linear, ModelOptions(latent=4, scale="fixed", sigma=2.5), epochs=30), linear))
    assert "sigma" in names(found)
    finding = found.findings[names(found).index("sigma")]
    assert "too wide" in finding.title
    assert finding.alarm


def test_a_linear_encoder_on_a_nonlinear_decoder(curved):
    found = examined(*swap(train(curved, ModelOptions(latent=4), networks=affine_encoder, epochs=50), curved))
    assert "weak-encoder" in names(found)


def test_a_prior_shifted_by_two(sound_digits, digits):
    vae = copy.deepcopy(sound_digits[0])
    vae.latent_prior = Given(Independent(Normal(torch.full((vae.latent,), 2.0), torch.ones(vae.latent)), 1))
    found = examined(vae, digits)
    assert "prior-hole" in names(found)
    # The shift costs what it costs: 2^2 / 2 nats a latent, but for how well the better prior was found.
    cost = found.findings[names(found).index("prior-hole")].cost
    assert abs(cost.value - 2 * vae.latent) <= 4 * cost.stderr + 1


def test_200_latents_for_8_by_8_digits(digits):
    found = examined(*swap(train(digits, ModelOptions(latent=200), epochs=60), digits))
    assert "latents-to-spare" in names(found)


def test_200_training_rows(digits):
    few = dataclasses.replace(digits, train=digits.train[:200], validation=digits.validation[:25])
    found = examined(*swap(train(few), few))
    assert "over-fitting" in names(found)
    assert found.findings[names(found).index("over-fitting")].alarm


def test_one_epoch(digits):
    found = examined(*swap(train(digits, epochs=1), digits))
    assert "under-training" in names(found)
    assert found.findings[names(found).index("under-training")].alarm


def test_one_dead_latent(digits):
    found = examined(*swap(train(digits, ModelOptions(latent=8), networks=one_dead), digits))
    assert "collapsed-latents" in names(found)
    finding = found.findings[names(found).index("collapsed-latents")]
    assert finding.evidence.startswith("latent 3:")
    assert "since epoch" in finding.evidence


def test_a_latent_that_dies_in_a_sound_model(sound_digits, digits):
    vae = copy.deepcopy(sound_digits[0])
    strongest = int(vae.embed(digits.test).mean.var(0).argmax())
    vae.encoder.network.inner = Silenced(vae.encoder.network.inner, strongest, of_inputs=False)
    vae.decoder.network.inner = Silenced(vae.decoder.network.inner, strongest, of_inputs=True)
    found = examined(vae, digits)
    assert "collapsed-latents" in names(found)


def swap(trained, data):
    """The arguments of `examined` from what `train` gave."""
    vae, history = trained
    return vae, data, history


def test_rows_are_checked():
    vae = variate.build(torch.randn(50, 4).numpy(), ModelOptions(latent=2, width=8, depth=1))
    with pytest.raises(variate.InputError, match="at least two rows"):
        diagnose(vae, np.zeros((1, 4), dtype=np.float32))
    with pytest.raises(variate.InputError, match="shape"):
        diagnose(vae, np.zeros((9, 3), dtype=np.float32))


def test_what_cannot_be_measured_is_left_out():
    rows = torch.randn(30, 4).numpy()
    found = diagnose(variate.build(rows, ModelOptions(latent=2, width=8, depth=1)), rows)
    seen = found.examination
    assert (seen.trial, seen.overfitting, seen.prior) == (None, None, None)
    assert "over-fitting" not in [f.name for f in found.findings]
