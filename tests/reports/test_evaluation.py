"""An evaluation as a report. evaluation.json has the same content in all versions."""

import pytest

import variate
from report_examples import EVALUATION_JSON, HELD_OUT, evaluation, run
from variate.config.recipe import TrainingOptions
from variate.errors import Option
from variate.reports.evaluation import evaluation_report
from variate.reports.json import to_json
from variate.reports.report import Quantities


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


def test_loose_bounds_come_with_the_options_that_tighten_them():
    def on_importance(found):
        (said,) = [remark for remark in report(found).remarks if remark.startswith("IW-100")]
        return said

    said = on_importance(evaluation())
    assert {Option("num_samples"), Option("annealed_rows")} <= set(said.parts)
    assert "25%" in said
    sound = evaluation().importance._replace(unreliable=0.0)
    assert "num_samples" not in on_importance(evaluation(importance=sound))
