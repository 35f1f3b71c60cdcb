"""What several seeds measure, as a report."""

import math

import pytest
from scipy import stats

from report_examples import HELD_OUT, evaluation, run
from variate.config.recipe import TrainingOptions
from variate.evaluation.probes.agreement import Agreement
from variate.reports.evaluation import evaluation_report
from variate.reports.json import to_json
from variate.reports.report import Table
from variate.reports.seeds import least_difference, seeds_report
from variate.statistics import Estimate, Spread

AGREEMENT = Agreement(Spread(0.9, 0.05, 3), Spread(0.5, 0.1, 3), 0.05, 10, 201)


def report(agreement=AGREEMENT):
    runs = [run(TrainingOptions(seed=seed)) for seed in (4, 5, 6)]
    found = [evaluation(elbo=Estimate(value, 0.5)) for value in (-9.0, -8.0, -4.0)]
    reports = [
        evaluation_report(one, own, HELD_OUT, seed=0, precision="float32") for one, own in zip(found, runs, strict=True)
    ]
    return seeds_report(reports, runs, agreement)


def test_every_number_has_its_mean_and_its_spread_over_seeds():
    made = report()
    table, _ = made.of_type(Table)
    assert report(agreement=None).of_type(Table) == [table]
    assert table.rows[0] == ("ELBO", "-7.00", "2.65", "0.50", "-9.00  -8.00  -4.00", "2.5247 ± 0.9543")
    assert [row[0] for row in table.rows] == [line["name"] for line in to_json(made)["seeds"]["quantities"]]
    assert made.title == "3 training seeds (4, 5, 6), on the same rows"


def test_the_record_has_the_numbers_of_each_seed():
    found = to_json(report())["seeds"]
    assert found["seeds"] == [4, 5, 6]
    elbo = found["quantities"][0]
    assert (elbo["name"], elbo["kind"], elbo["unit"]) == ("ELBO", "bound", "nats")
    assert (elbo["values"], elbo["mean"], elbo["std"]) == ([-9, -8, -4], -7, pytest.approx(math.sqrt(7)))
    assert elbo["stderr"] == 0.5
    assert found["embeddings"]["overlap"] == {"mean": 0.5, "std": 0.1, "number": 3, "chance": 0.05}


def test_what_may_be_chance_is_that_of_students_test():
    for number in (2, 3, 10):
        equal = stats.ttest_ind_from_stats(0, 1, number, least_difference(number), 1, number)
        assert equal.pvalue == pytest.approx(0.05)
    assert "less than 2.3 SD apart" in " ".join(report().remarks)
