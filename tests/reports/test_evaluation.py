"""An evaluation as a report. evaluation.json has the same content in all versions."""

import math

import pytest

import variate
from report_examples import EVALUATION_JSON, HELD_OUT, evaluation, run
from variate.config.recipe import TrainingOptions
from variate.errors import Option
from variate.reports.evaluation import LISTED, evaluation_report
from variate.reports.json import to_json
from variate.reports.report import Quantities
from variate.statistics import Estimate


def report(found, training=None, precision="float32"):
    return evaluation_report(found, run(training, found.is_mass), HELD_OUT, seed=7, precision=precision)


def test_the_json_is_what_it_has_always_been():
    made = report(evaluation())
    found = to_json(made)
    assert found.pop("variate") == variate.__version__
    assert found.pop("recipe") == run().recipe.digest
    for line, expected in zip(found["quantities"], EVALUATION_JSON["quantities"], strict=True):
        assert line == pytest.approx(expected)
    assert {**found, "quantities": 0} == {**EVALUATION_JSON, "quantities": 0}
    assert list(to_json(made))[-2:] == ["quantities", "importance"]


def test_without_tighter_bounds_only_the_elbo_and_its_parts_are_likelihoods():
    made = report(evaluation(importance=None, annealed=None))
    assert [line.name for line in made.quantities if line.unit == "nats"] == [
        "ELBO", "distortion, -log p(x|z)", "rate, KL(q || p)",
    ]  # fmt: skip
    assert "importance" not in to_json(made)


def test_the_title_names_rows_and_precision():
    assert report(evaluation()).title == "test part of data.npy: 50 of 180 rows"
    everything = report(evaluation(num_rows=1800, of_rows=1800), precision="bfloat16")
    assert everything.title == "test part of data.npy: 1,800 rows, networks in bfloat16 as trained"


def test_a_density_is_given_in_nats_per_dimension_and_not_in_bits():
    made = report(evaluation(is_mass=False))
    (section,) = made.of_type(Quantities)
    assert section.per_dim == "nats/dim"
    assert section.lines[0].per_dim == pytest.approx((-2.0, 0.125))
    assert not any("bits_per_dim" in line for line in to_json(made)["quantities"])
    assert any("density" in remark for remark in made.remarks)


def test_what_was_trained_for_something_else_is_said():
    said = report(evaluation(), TrainingOptions(beta=4.0)).remarks[-1]
    assert "no likelihood" in said or "not a likelihood" in said
    assert Option("beta", 4.0) in said.parts
    assert not any("trained" in remark for remark in report(evaluation()).remarks)


def beginning(start, found):
    return [remark for remark in report(found).remarks if remark.startswith(start)]


def test_flagged_rows_take_away_the_noise_and_come_with_the_options_that_tighten_their_bounds():
    (on_noise,), (on_rows,) = (beginning(start, evaluation(annealed=None)) for start in ("IW-100", "flagged"))
    assert "not known" in on_noise
    assert "over the other 38 rows it is ± 0.02 nats" in on_noise
    assert "12 of 50 rows (24.0%)" in on_rows
    assert "above 0.7" in on_rows
    assert {Option("num_samples"), Option("annealed_rows", 50)} <= set(on_rows.parts)


def test_annealing_is_not_advised_where_it_was_done_and_says_how_loose_flagged_rows_are():
    (on_rows,), (on_annealing,) = (beginning(start, evaluation()) for start in ("flagged", "AIS"))
    assert [part.name for part in on_rows.parts if isinstance(part, Option)] == ["num_samples"]
    assert "by 0.50 ± 0.10 nats" in on_annealing
    assert "6 flagged ones among them by 1.50 ± 0.20" in on_annealing
    single = evaluation().annealed._replace(over_flagged=Estimate(1.5, math.nan), num_flagged=1)
    (on_annealing,) = beginning("AIS", evaluation(annealed=single))
    assert on_annealing.endswith("by 1.50")
    none = evaluation().annealed._replace(over_flagged=None, num_flagged=0)
    (on_annealing,) = beginning("AIS", evaluation(annealed=none))
    assert "flagged" not in on_annealing


def test_as_many_rows_are_to_be_annealed_as_probably_hold_some_flagged_ones():
    def advised(share, num_rows):
        importance = evaluation().importance._replace(unreliable=share)
        (said,) = beginning("flagged", evaluation(importance=importance, annealed=None, num_rows=num_rows))
        (option,) = [part for part in said.parts if isinstance(part, Option) and part.name == "annealed_rows"]
        return option.value

    assert (advised(0.25, 1000), advised(0.25, 50), advised(0.001, 1000), advised(1.0, 1000)) == (80, 50, 200, 20)


def test_without_flagged_rows_the_noise_is_that_of_all():
    sound = evaluation().importance._replace(unreliable=0.0, noise=0.02, flagged=())
    (said,) = beginning("IW-100", evaluation(importance=sound))
    assert "is ± 0.02 nats" in said
    assert beginning("flagged", evaluation(importance=sound)) == []
    assert to_json(report(evaluation(importance=sound)))["importance"]["noise"] == 0.02


def test_a_few_samples_are_too_few_to_tell_anything():
    few = evaluation().importance._replace(bounds={50: Estimate(-7.0, 0.25)}, reliable_noise=None)
    (said,) = beginning("IW-50", evaluation(importance=few))
    assert Option("num_samples", 100) in said.parts
    assert len(beginning("flagged", evaluation(importance=few))) == 1
    assert to_json(report(evaluation(importance=few)))["importance"]["noise_of_reliable_rows"] is None


def test_the_record_lists_a_few_hundred_flagged_rows_at_most():
    many = evaluation().importance._replace(flagged=tuple(range(1000)))
    found = to_json(report(evaluation(importance=many)))["importance"]
    assert (found["num_flagged"], found["flagged"]) == (1000, list(range(LISTED)))
