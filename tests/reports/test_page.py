"""Pages about runs: each kind of run has its chapters, and sentences say what the numbers are."""

import json
import math

import numpy as np
import pytest

from report_examples import EVALUATION_JSON
from small_runs import SMALL, digits_run, table_file, table_run, trained_run  # noqa: F401
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.reports.exhibits import BarChart, ChartGrid, Commands, Gallery, PointMap
from variate.reports.page import run_page, use_chapter
from variate.reports.page_numbers import best_bound, doctor_chapter, meaning, nats_chapter, training_chapter
from variate.reports.page_runs import names_of_runs, runs_page, verdict
from variate.reports.report import Table
from variate.runs import Run
from variate.runs.training import plan, train
from variate.statistics import Estimate
from variate.tasks.overview import overview
from variate.tasks.paired import paired

COMMON = ["data", "training", "held-out"]
LATENTS = ["map", "latents", "calibration", "doctor", "use"]


def chapters(run):
    return {chapter.anchor: chapter for chapter in run_page(overview(Run(run.path))).chapters}


def gaps_run(path):
    rng = np.random.default_rng(0)
    lines = [
        f"{rng.normal():.3f},{rng.choice(['a', 'b'])},{'' if i % 7 == 0 else rng.integers(50)}" for i in range(200)
    ]
    (path / "gaps.csv").write_text("\n".join(["x,kind,n", *lines]))
    return trained_run(path / "gaps.csv", path / "run")


def by_label_run(path):
    train(plan("digits", str(path / "run"), data=DataOptions(condition=("label",)), **SMALL))
    return Run(path / "run")


def bits_run(path):
    np.save(path / "bits.npy", np.random.default_rng(0).integers(0, 2, (200, 12)).astype(bool))
    return trained_run(path / "bits.npy", path / "run")


def test_a_page_of_images_has_all_its_chapters(digits_run):  # noqa: F811
    found = chapters(digits_run)
    assert list(found) == [*COMMON, "images", *LATENTS]
    titles = [part.title for part in found["images"].parts]
    assert titles == ["New images", "Reconstructions", "The oddest images", "The likeliest images"]
    assert isinstance(found["map"].parts[0], PointMap)
    assert isinstance(found["latents"].parts[1], Gallery)
    assert len(found["latents"].parts[1].labels) == 3


def test_a_page_of_a_table_has_all_its_chapters(table_run):  # noqa: F811
    found = chapters(table_run)
    assert list(found) == [*COMMON, "columns", "odd", *LATENTS]
    charts, distances, pairs = found["columns"].parts
    assert isinstance(charts, ChartGrid)
    assert {chart.title for chart in charts.charts} == {"height", "member", "visits", "city"}
    assert len(distances.rows) == 4
    assert len(pairs.rows) == 6


def test_gaps_are_counted_beside_those_that_are_drawn(tmp_path):
    found = chapters(gaps_run(tmp_path))
    distances = next(part for part in found["columns"].parts if isinstance(part, Table))
    missing = {row[0]: row[3:] for row in distances.rows}
    assert missing == {"x": ("none", "none"), "kind": ("none", "none"), "n": ("14.5%", "none")}
    assert any("missing" in cell.lower() for cell in found["data"].parts[0].sentences)


def test_conditions_have_samples_and_an_accuracy(tmp_path):
    found = chapters(by_label_run(tmp_path))
    assert list(found) == [*COMMON, "images", "conditions", *LATENTS]
    gallery = found["conditions"].parts[0]
    assert len(gallery.images) == 60
    assert gallery.columns == 6
    assert "By Bayes' rule" in found["conditions"].lead[0]


def test_bits_without_names_have_elements(tmp_path):
    found = chapters(bits_run(tmp_path))
    assert list(found) == [*COMMON, "columns", "odd", *LATENTS]
    assert found["columns"].parts[0].title.startswith("Each element")


def test_data_that_are_gone_are_named_without_their_folder(tmp_path):
    run = bits_run(tmp_path)
    (tmp_path / "bits.npy").unlink()
    found = chapters(run)
    assert list(found) == [*COMMON, "doctor", "use", "left-out"]
    (sentence,) = found["left-out"].parts[0].sentences
    assert "bits.npy" in sentence
    assert str(tmp_path) not in sentence


def test_nats_are_said_as_the_length_of_a_code():
    first, second = meaning(EVALUATION_JSON, Schema("pixels", (1, 2, 2), 4))
    assert best_bound(EVALUATION_JSON).name == "IW-100"
    bits = 7 / math.log(2)
    assert f"at most {bits:.1f} bits on average (IW-100: -7.00 ± 0.25 nats)" in first
    assert f"{bits / 4:.3f} bits per pixel; written down plainly, with 4 levels, it takes 2.00" in first
    assert "standard error" in second


def test_a_density_is_not_called_a_code():
    first, _ = meaning({**EVALUATION_JSON, "is_mass": False}, Schema("real", (4,)))
    assert "bits" not in first
    assert "log-density" in first
    (quantities, *_) = nats_chapter({**EVALUATION_JSON, "is_mass": False}, Schema("real", (4,)), "run").parts
    assert quantities.per_dim == "nats/dim"
    assert quantities.lines[0].per_dim.value == -2.0


def test_learning_curves_are_the_records(digits_run):  # noqa: F811
    history = digits_run.history
    grid, _ = training_chapter(history, digits_run.recipe).parts
    assert [chart.title for chart in grid.charts] == ["ELBO", "rate", "distortion"]
    validation = grid.charts[0].lines[1]
    assert list(validation.y) == [record["validation_elbo"] for record in history]
    assert list(validation.x) == [record["epoch"] for record in history]
    best = max(history, key=lambda record: record["validation_elbo"])
    assert grid.charts[0].marked == best["epoch"]
    assert training_chapter([], digits_run.recipe).parts[0].title == "What was trained"


def test_a_diagnosis_of_another_model_is_not_shown(digits_run):  # noqa: F811
    cost = {"value": 3.0, "stderr": None}
    finding = {"name": "a", "title": "b", "cost": cost, "evidence": "c", "advice": "d", "alarm": True}
    record = {
        "recipe": digits_run.recipe.digest,
        "is_mass": True,
        "dimensions": 64,
        "findings": [finding],
        "quantities": [],
    }
    alarms, _ = doctor_chapter(record, digits_run.recipe, "run").parts
    assert alarms.findings[0].cost.value == 3.0
    assert isinstance(doctor_chapter({**record, "recipe": "another"}, digits_run.recipe, "run").parts[0], Commands)
    assert isinstance(doctor_chapter(None, digits_run.recipe, "run").parts[0], Commands)


def test_commands_are_filled_in_and_quoted(digits_run, tmp_path):  # noqa: F811
    run = Run(tmp_path / "a run; rm", model=digits_run.model)
    command_line, python = use_chapter(run).parts
    quoted = f"'{tmp_path}/a run; rm'"
    assert all(quoted in command.typed for command in command_line.commands)
    assert repr(str(run.model_file)) in python.commands[0].typed


def test_a_page_of_several_runs_says_which_is_better(digits_run, tmp_path):  # noqa: F811
    other = by_label_run(tmp_path)
    page = runs_page(paired([digits_run, other]))
    differences, each = page.chapters[0].parts
    assert [row[0] for row in each.rows] == names_of_runs(paired([digits_run, other]))
    assert len(differences.rows) == 1
    assert differences.rows[0][-1] in {f"{word} digits" for word in ("not told from", "better than", "worse than")}
    settings = page.chapters[2].parts[0]
    assert settings.rows == (("condition", "none", "label"),)
    assert any("conditions" in sentence for sentence in page.lead)
    assert len(page.chapters[1].parts[0].charts[0].lines) == 2


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (Estimate(1.0, 0.3), "better than a"),
        (Estimate(-1.0, 0.3), "worse than a"),
        (Estimate(0.8, 0.3), "not told from a"),
        (Estimate(0.0, 0.0), "not told from a"),
        (Estimate(1.0, math.nan), "not told from a"),
    ],
)
def test_a_difference_counts_from_three_standard_errors_on(over, said):
    assert verdict(over, "a") == said


def test_pages_are_the_same_from_run_to_run(digits_run):  # noqa: F811
    def numbers(chart):
        return json.dumps([bars.values for bars in chart.bars])

    first, again = (chapters(digits_run)["calibration"].parts[0] for _ in range(2))
    assert isinstance(first, BarChart)
    assert numbers(first) == numbers(again)
