"""Each rule on made-up measurements: what it takes for a finding, for an alarm, and which options the advice names."""

import dataclasses
import math

import pytest
import torch

from variate import ModelOptions, Recipe, Schema, TrainingOptions
from variate.doctor.examination import Examination, costs
from variate.doctor.findings import ALARMING, findings
from variate.doctor.trial import Trial
from variate.errors import Option, Sentence
from variate.evaluation.diagnostics.better_prior import BetterPrior
from variate.evaluation.diagnostics.calibration import Calibration
from variate.evaluation.diagnostics.rescaling import Rescaling
from variate.evaluation.diagnostics.surgery import Surgery
from variate.evaluation.gap_budget import GapBudget
from variate.statistics import Estimate

DIMENSIONS = 50


def per_row(mean, stderr=0.0, n=10):
    """Values of rows with this mean and standard error, (n,)."""
    spread = torch.linspace(-1, 1, n)
    return mean + stderr * math.sqrt(n) / spread.std() * spread


def budget(amortization=0.0, approximation=0.0, covariance=0.0):
    elbo = per_row(-100.0)
    best = elbo + amortization
    return GapBudget(best + approximation, elbo, best, best + covariance, torch.zeros(10), torch.arange(10))


def surgery(hole=0.0, information=3.0, n=10):
    return Surgery(per_row(information + hole, n=n), per_row(information, n=n), per_row(hole, n=n), torch.arange(n))


def calibration(pit=None):
    middle = torch.full((3, 10), 0.5)
    pit = torch.full((20,), 25) if pit is None else pit
    return Calibration(pit, middle, torch.ones(10), torch.full((10,), 1 / 12), torch.arange(10), 99)


def examination(**changes):
    """The measurements of a sound model."""
    recipe = Recipe(Schema("pixels", (1, 5, 10), 256))
    sound = Examination(
        recipe=recipe,
        dimensions=DIMENSIONS,
        test=Estimate(-100.0, 1.0),
        overfitting=Estimate(0.0, 0.1),
        active=torch.ones(4, dtype=torch.bool),
        rates=torch.ones(4),
        switched_off=per_row(-1.0).unsqueeze(1).expand(10, 4),
        budget=budget(),
        surgery=surgery(),
        prior=BetterPrior(per_row(0.0), "one Gaussian", torch.arange(10)),
        rescaling=Rescaling(1.0, per_row(0.0)),
        calibration=calibration(),
        trial=Trial(Estimate(0.0, 0.1), 60, torch.zeros(4, dtype=torch.bool)),
        collapsed_since={},
        epochs=20.0,
    )
    return sound._replace(**changes)


def trained_with(**options):
    return dataclasses.replace(examination().recipe, training=TrainingOptions(**options))


def narrow_pit():
    """All data in the middle of p(x|z)."""
    pit = torch.zeros(20, dtype=torch.int64)
    pit[8:12] = 125
    return pit


GAIN = Trial(Estimate(8.0, 0.1), 60, torch.zeros(4, dtype=torch.bool))
FAULTS = {
    "under-training": ({"trial": GAIN}, {"epochs"}),
    "kl-weight": ({"trial": GAIN, "recipe": trained_with(beta=3.0)}, {"beta", "free_bits"}),
    "free-bits": ({"trial": GAIN, "recipe": trained_with(free_bits=0.5)}, {"beta", "free_bits"}),
    "over-fitting": ({"overfitting": Estimate(8.0, 0.1)}, {"width", "depth", "latent", "epochs"}),
    "weak-encoder": ({"budget": budget(amortization=8.0)}, {"depth", "width", "epochs"}),
    "small-posterior": ({"budget": budget(approximation=9.0, covariance=8.0)}, {"posterior"}),
    "prior-hole": (
        {"prior": BetterPrior(per_row(8.0), "one Gaussian", torch.arange(10)), "surgery": surgery(8.0)},
        {"prior"},
    ),
    "sigma": ({"rescaling": Rescaling(0.5, per_row(8.0))}, {"scale"}),
    "likelihood-shape": ({"calibration": calibration(narrow_pit())}, {"likelihood", "mixtures", "scale"}),
    "wasted-rate": ({"switched_off": torch.tensor([-1.0, 8.0, -1.0, -1.0]).expand(10, 4)}, {"epochs", "latent"}),
    "collapsed-latents": ({"active": torch.tensor([True, True, False, True])}, {"latent", "kl_warmup"}),
    "latents-to-spare": ({"active": torch.tensor([True, False, False, False])}, {"latent", "kl_warmup"}),
}


def options(text):
    return {part.name for part in text.parts if isinstance(part, Option)} if isinstance(text, Sentence) else set()


def test_a_sound_model_has_no_finding():
    assert findings(examination()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_finding_and_its_advice_names_options(fault):
    changes, named = FAULTS[fault]
    found = {finding.name: finding for finding in findings(examination(**changes))}
    assert fault in found
    assert set(found) <= {fault, "collapsed-latents"}  # a latent whose rate is wasted is of no use either
    finding = found[fault]
    assert finding.alarm == (fault != "collapsed-latents")
    assert options(finding.advice) == named
    assert finding.title
    assert finding.evidence
    if finding.cost is not None and fault != "likelihood-shape":
        assert finding.cost.value == pytest.approx(8.0)
    assert all("--" not in text for text in (finding.title, finding.evidence, finding.advice))


def test_a_hole_is_called_an_upper_bound_where_the_information_is_at_its_ceiling():
    # The information of 1,000 rows is at most log 1,000 = 6.91.
    for information, saturated in ((6.9, True), (3.0, False)):
        changes = FAULTS["prior-hole"][0] | {"surgery": surgery(8.0, information, n=1000)}
        (finding,) = findings(examination(**changes))
        assert "8.00 is prior hole" in finding.evidence
        assert ("at most 8.00" in finding.evidence) == saturated
        assert ("ceiling of log 1,000 = 6.91" in finding.evidence) == saturated


def test_an_approximation_gap_is_called_a_least_value_where_k_hat_is_large():
    loose = budget(approximation=9.0, covariance=8.0)._replace(khat=torch.tensor([0.9] * 3 + [0.5] * 7))
    (finding,) = findings(examination(budget=loose))
    names = [name for name, _ in costs(examination(budget=loose))]
    for text in (finding.evidence, next(name for name in names if name.startswith("approximation gap"))):
        assert "at least: k-hat exceeds 0.7 for 30% of the rows" in text
    assert not any("k-hat" in name for name, _ in costs(examination()))


def test_options_read_as_python_and_hold_values():
    (finding,) = findings(examination(trial=GAIN, recipe=trained_with(beta=3.0)))
    assert finding.advice == "train with beta=1.0 and free_bits=0.0"
    assert Option("beta", 3.0) in finding.title.parts
    (finding,) = findings(examination(active=torch.tensor([True, True, False, True])))
    assert Option("latent", 3) in finding.advice.parts


@pytest.mark.parametrize(
    ("cost", "stderr", "reported", "alarm"),
    [
        (0.019, 0.0, False, False),
        (0.021, 0.0, True, False),
        (0.05, 0.02, False, False),
        (0.09, 0.02, True, False),
        (0.11, 0.0, True, True),
        (0.2, 0.06, True, False),
    ],
)
def test_a_cost_must_clear_the_thresholds_by_two_standard_errors(cost, stderr, reported, alarm):
    found = findings(examination(overfitting=Estimate(cost * DIMENSIONS, stderr * DIMENSIONS)))
    assert [finding.alarm for finding in found] == ([alarm] if reported else [])


def test_alarms_come_first_then_unused_latents_then_small_costs_the_costliest_first():
    small, large = 0.04 * DIMENSIONS, 2 * ALARMING * DIMENSIONS
    found = findings(
        examination(
            overfitting=Estimate(small, 0.0),
            trial=Trial(Estimate(large, 0.0), 60, torch.zeros(4, dtype=torch.bool)),
            rescaling=Rescaling(2.0, per_row(2 * large)),
            active=torch.tensor([True, True, False, True]),
        )
    )
    assert [f.name for f in found] == ["sigma", "under-training", "collapsed-latents", "over-fitting"]


def test_what_does_not_apply_is_left_out():
    names = "recipe overfitting rates switched_off budget surgery prior rescaling trial epochs"
    missing = dict.fromkeys(names.split())
    found = examination(**missing)
    assert findings(found) == []
    assert [name for name, _ in costs(found)] == ["shape of p(x|z): recalibrating it"]
    hole = {"prior": BetterPrior(per_row(8.0), "one Gaussian", torch.arange(10)), "surgery": None}
    assert [f.name for f in findings(examination(**hole))] == ["prior-hole"]


def test_a_full_posterior_is_not_called_too_simple():
    recipe = dataclasses.replace(examination().recipe, model=ModelOptions(posterior="full"))
    assert findings(examination(recipe=recipe, budget=budget(approximation=9.0, covariance=8.0))) == []


def test_latents_that_training_revives_are_to_be_trained_longer():
    trial = Trial(Estimate(0.0, 0.1), 60, torch.tensor([False, False, True, False]))
    (finding,) = findings(examination(active=torch.tensor([True, True, False, True]), trial=trial))
    assert options(finding.advice) == {"kl_warmup", "free_bits"}


def test_latents_whose_loss_costs_almost_nothing_are_unused_since_the_epoch_of_the_history():
    off = per_row(-1.0).unsqueeze(1).repeat(1, 4)
    off[:, 2] = -0.01
    (finding,) = findings(examination(switched_off=off, collapsed_since={2: 7.0}))
    assert finding.evidence.startswith("latent 2:")
    assert "since epoch 7 of 20" in finding.evidence


def test_costs_are_sorted():
    values = [cost.value for _, cost in costs(examination(overfitting=Estimate(3.0, 0.1), trial=GAIN))]
    assert values == sorted(values, reverse=True)
    assert values[:2] == [8.0, 3.0]


def collapsed_after_a_search(used, latent, tried):
    recipe = dataclasses.replace(examination().recipe, model=ModelOptions(latent=latent), compared_latents=tried)
    active = torch.arange(latent) < used
    off = per_row(-1.0).unsqueeze(1).expand(10, latent)
    trial = Trial(Estimate(0.0, 0.1), 60, torch.zeros(latent, dtype=torch.bool))
    (found,) = findings(examination(recipe=recipe, active=active, switched_off=off, trial=trial))
    return found.advice.parts


def test_a_search_is_not_contradicted():
    assert Option("latent", 3) not in collapsed_after_a_search(3, 8, (4, 8, 16))
    assert Option("latent", 4) not in collapsed_after_a_search(4, 8, (4, 8, 16))
    assert Option("latent", 6) in collapsed_after_a_search(6, 8, (4, 8, 16))
    assert Option("latent", 1) in collapsed_after_a_search(1, 2, (2, 4))


def test_without_a_search_it_is_named():
    parts = collapsed_after_a_search(3, 8, ())
    assert Option("latent", 3) in parts
    assert Option("latent", "auto") in parts


@pytest.mark.parametrize("searched", [False, True])
def test_no_other_advice_is_for_fewer_latents_after_a_search(searched):
    tried = (2, 4, 8) if searched else ()
    recipe = dataclasses.replace(examination().recipe, model=ModelOptions(latent=4), compared_latents=tried)
    off = torch.stack([per_row(2.0 * DIMENSIONS, 0.01), *[per_row(-1.0)] * 3], dim=1)
    found = findings(examination(recipe=recipe, overfitting=Estimate(20.0, 0.1), switched_off=off))
    advice = [
        part for finding in found for part in finding.advice.parts if finding.name in ("over-fitting", "wasted-rate")
    ]
    assert len([finding for finding in found if finding.name in ("over-fitting", "wasted-rate")]) == 2
    assert (Option("latent") in advice) is not searched
