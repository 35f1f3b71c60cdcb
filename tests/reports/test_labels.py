"""A probe by labels in the report of an evaluation."""

from report_examples import HELD_OUT, evaluation, run
from variate.config.schema import Column
from variate.errors import Option
from variate.evaluation.probes.labels import LabelProbe, Predicted
from variate.reports.evaluation import evaluation_report
from variate.reports.json import to_json
from variate.reports.labels import with_labels
from variate.statistics import Estimate

SPECIES = Column("species", "categorical", ("a", "b"))


def scores(linear, nearest):
    return Predicted(Estimate(linear, 0.01), Estimate(nearest, 0.02))


PROBE = LabelProbe(
    "accuracy", scores(0.9, 0.8), scores(0.95, 0.85), scores(0.05, 0.05), Estimate(0.5, 0.03), 10, 200, 50
)


def report(found):
    made = evaluation_report(evaluation(), run(), HELD_OUT, seed=0, precision="float32")
    return made, with_labels(made, found, SPECIES)


def test_the_scores_follow_the_numbers_of_the_evaluation():
    before, after = report(PROBE)
    assert after.quantities[: len(before.quantities)] == before.quantities
    added = after.quantities[len(before.quantities) :]
    assert [line.estimate.value for line in added] == [0.9, 0.8, 0.95, 0.85, 0.05, 0.05, 0.5]
    assert len({line.name for line in added}) == len(added)
    record = to_json(after)
    assert record["labels"] == {
        "column": "species", "score": "accuracy", "rows": 50, "train_rows": 200, "neighbours": 10,
    }  # fmt: skip
    assert record["importance"] == to_json(before)["importance"]
    assert record["quantities"][-1]["kind"] == "no likelihood"


def test_of_a_column_that_the_model_has_seen_it_is_said_so():
    before, after = report(PROBE._replace(features=None, lost=None))
    assert len(after.quantities) == len(before.quantities) + 3
    assert Option("labels", "species") in after.remarks[-1].parts
    assert report(PROBE)[1].remarks == before.remarks
