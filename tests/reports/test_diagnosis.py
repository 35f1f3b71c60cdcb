"""A diagnosis as a report."""

import json
import math

import pytest
import torch

from report_examples import HELD_OUT, run
from variate.doctor import Diagnosis, Examination, Finding
from variate.evaluation.diagnostics.surgery import Surgery
from variate.reports.diagnosis import SHOWN_LATENTS, diagnosis_report
from variate.reports.json import to_json
from variate.reports.report import Findings
from variate.statistics import Estimate


class Calibration:
    """As much of it as reports look at."""

    cost = 0.5


def examination(**changes):
    rate = torch.tensor([1.0, 3.0], dtype=torch.float64)
    found = Examination(
        recipe=None,
        dimensions=4,
        test=Estimate(-8.0, 0.5),
        overfitting=Estimate(1.5, 0.25),
        active=torch.tensor([True, False]),
        rates=torch.tensor([0.25, 1.75]),
        switched_off=None,
        budget=None,
        surgery=Surgery(rate, rate / 2, rate / 2, torch.arange(2)),
        prior=None,
        rescaling=None,
        calibration=Calibration(),
        trial=None,
        collapsed_since={1: 2.0},
        epochs=3.0,
    )
    return found._replace(**changes)


def finding(name, alarm):
    return Finding(name, f"{name} is wrong", Estimate(2.0, 0.5), "it was seen", "change it", alarm)


def report(findings=(), is_mass=True, **changes):
    found = Diagnosis(list(findings), examination(**changes))
    return diagnosis_report(found, run(is_mass=is_mass), HELD_OUT, seed=7, precision="float32")


def test_the_title_has_the_elbo_and_bits_of_a_mass_only():
    bits = 8 / (4 * math.log(2))
    assert report().title == f"test part of data.npy: ELBO -8.00 ± 0.50 nats per row, {bits:.3f} bits/dim"
    assert report(is_mass=False).title.endswith("nats per row")


def test_alarms_come_first_and_numbers_go_on():
    made = report([finding("a", True), finding("b", True), finding("c", False)])
    alarms, smaller = made.of_type(Findings)
    assert (alarms.title, alarms.first, len(alarms.findings)) == ("2 alarms, the costliest first", 1, 2)
    assert (smaller.first, [f.name for f in smaller.findings]) == (3, ["c"])
    (none,) = report().of_type(Findings)
    assert (none.title, none.findings) == ("no alarm", ())


def test_costs_are_listed_with_the_costliest_first():
    made = report()
    assert [line.estimate.value for line in made.quantities] == [1.5, 0.5]
    assert {(line.unit, line.kind) for line in made.quantities} == {("nats", "cost")}


def test_what_could_not_be_examined_is_said_or_left_out():
    assert not any("not available" in remark for remark in report().remarks)
    assert "not available" in report(overfitting=None).remarks[0]
    assert report(surgery=None, rates=None).remarks == []
    assert to_json(report(surgery=None, rates=None))["rate"] is None


def test_a_prior_hole_is_an_upper_bound_where_the_information_is_at_its_ceiling():
    # The information of 1,000 rows is at most log 1,000 = 6.91.
    for information, saturated in ((6.9, True), (3.0, False)):
        known, hole = (torch.full((1000,), value, dtype=torch.float64) for value in (information, 10.19))
        made = report(surgery=Surgery(known + hole, known, hole, torch.arange(1000)))
        said = made.remarks[0]
        assert "10.19 is prior hole" in said
        assert ("at most 10.19" in said) == saturated
        assert ("ceiling of log 1,000 = 6.91" in said) == saturated
        assert to_json(made)["rate"]["prior_hole_is_upper_bound"] is saturated


def test_the_largest_rates_are_shown_and_the_others_summed():
    assert report().remarks[-1] == "rate by latent: 1.75 (1), 0.25 (0)"
    many = report(rates=torch.ones(SHOWN_LATENTS + 3)).remarks[-1]
    assert many.endswith(", 3.00 in the other 3")
    assert many.count("1.00") == SHOWN_LATENTS


def test_all_numbers_are_in_the_json():
    made = report([finding("a", True)])
    found = json.loads(json.dumps(to_json(made), allow_nan=False))
    assert (found["model"], found["seed"], found["dimensions"], found["is_mass"]) == ("runs/mine", 7, 4, True)
    assert found["elbo"] == {"value": -8.0, "stderr": 0.5}
    parts = {"mean": 2, "information": 1, "prior_hole": 1, "ceiling": math.log(2), "prior_hole_is_upper_bound": True}
    assert found["rate"] == pytest.approx(parts)
    assert found["rate_by_latent"] == [0.25, 1.75]
    assert found["active"] == [True, False]
    assert found["collapsed_since_epoch"] == {"1": 2.0}
    assert [f["name"] for f in found["findings"]] == ["a"]
    assert found["quantities"][1]["stderr"] is None
