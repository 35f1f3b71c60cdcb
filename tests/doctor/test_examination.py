import numpy as np
import pytest
import torch

from conditional_linear import ConditionalLinear
from ladder import Ladder
from variate import ModelOptions, Splits, build, diagnose, from_arrays
from variate.data.transforms import DrawBits
from variate.doctor import examination
from variate.doctor.examination import collapsed_since

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


@pytest.fixture(autouse=True)
def short_measurements(monkeypatch):
    for name, number in (("SHORT_TRIAL", 4), ("LONG_TRIAL", 8), ("FITTED_STEPS", 5), ("FITTED_ROWS", 8)):
        monkeypatch.setattr(examination, name, number)


def test_collapse_is_dated_by_the_last_time_a_latent_was_alive():
    history = [{"epoch": e, "collapsed": c} for e, c in ((1, [0, 1]), (2, [0]), (3, [0, 1]), (4, [0, 1, 2]))]
    assert collapsed_since(history, [0, 1]) == {0: 1.0, 1: 3.0}
    assert collapsed_since(history, [3]) == {}
    assert collapsed_since([], [0]) == {}


def test_what_cannot_be_measured_is_left_out():
    rows = torch.randn(30, 4).numpy()
    found = diagnose(build(rows, ModelOptions(latent=2, width=8, depth=1)), rows)
    seen = found.examination
    assert (seen.trial, seen.overfitting, seen.prior) == (None, None, None)
    assert "over-fitting" not in [f.name for f in found.findings]


def test_what_does_not_apply_to_several_groups_is_left_out_and_an_exact_model_has_no_fault():
    model = Ladder().double().make_exact()
    found = diagnose(model, model.sample(200, seed=1))
    seen = found.examination
    assert (seen.budget, seen.surgery, seen.switched_off, seen.recipe) == (None, None, None, None)
    assert seen.active.tolist() == [True] * 5
    assert seen.rates.shape == (5,)
    assert found.findings == []


def test_contexts_and_masks_are_carried_to_every_measurement():
    model, context = ConditionalLinear().double(), 2 * torch.randn(120, 2)
    x, mask = model.sample(120, context=context, seed=1), torch.rand(120, 8).argsort(1) < 5
    data = from_arrays(torch.where(mask, x, 1e3).numpy(), mask=mask.numpy(), context=context.numpy())
    parts = [data.select(index) for index in np.split(np.arange(120), [40, 50])]
    found = diagnose(model, Splits(*parts, ""))
    assert found.alarms == []
    exact = model.log_evidence(x, context, mask)[50:]
    assert abs(found.examination.test.value - exact.mean().item()) <= 4 * found.examination.test.stderr
    assert abs(found.examination.budget.elbo.mean() - exact[found.examination.budget.which].mean()) <= 1e-9


def test_bits_that_training_redraws_are_drawn_for_the_measurements():
    grey = np.random.default_rng(0).integers(0, 2, (120, 8), dtype=np.uint8) * 255
    levels, bits = from_arrays(grey), from_arrays((grey // 255).astype(np.uint8))
    train = levels.select(np.arange(80)).replace(transforms=(DrawBits(256),), schema=bits.schema)
    data = Splits(train, bits.select(np.arange(80, 90)), bits.select(np.arange(90, 120)), "")
    model = build(bits, ModelOptions(latent=2, width=8, depth=1))
    found = diagnose(model, data).examination
    assert abs(found.overfitting.value) < 2
    assert found.trial.steps >= 4
