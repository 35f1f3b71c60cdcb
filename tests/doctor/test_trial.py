import pytest
import torch

from oracles import LinearGaussian
from variate import ModelOptions, build, elbo, from_arrays
from variate.doctor.trial import Parts, train_further
from variate.statistics import estimate

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


def untrained():
    """A model without training, and its parts of linear-Gaussian rows."""
    rows = LinearGaussian(dim=6, latent=2, sigma=0.5).draw(400).numpy()
    parts = Parts(*(from_arrays(part) for part in (rows[:100], rows[100:350], rows[350:])))
    return build(parts.train, ModelOptions(latent=2, width=16, depth=1)).double(), parts


def test_the_gain_is_the_change_of_the_elbo_of_the_test_rows_and_the_model_is_left_alone():
    model, parts = untrained()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    trial = train_further(model, parts.train, parts, 100, seed=3)
    assert trial.gain.value - 2 * trial.gain.stderr > 0
    assert 90 <= trial.steps <= 110
    assert trial.revived.dtype == torch.bool
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    again = train_further(model, parts.train, parts, 100, seed=3)
    assert (again.gain, again.steps) == (trial.gain, trial.steps)


def test_a_trial_of_no_use_gains_nothing():
    # The exact model of these rows: its ELBO is the evidence, which no training on 250 rows can raise for long.
    model, parts = LinearGaussian(dim=6, latent=2, sigma=0.5).vae("full"), untrained()[1]
    trial = train_further(model, parts.train, parts, 20, seed=0)
    assert trial.gain.value <= 2 * trial.gain.stderr
    exact = estimate(LinearGaussian(dim=6, latent=2, sigma=0.5).log_evidence(parts.test.all().x))
    assert elbo(model, parts.test, rate="drawn").elbo.mean().item() == pytest.approx(exact.value)
