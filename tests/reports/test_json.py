"""A report as JSON."""

import json
import math
from pathlib import Path

from report_examples import example
from variate.errors import Option, Sentence
from variate.reports.json import plain, to_json
from variate.reports.report import OTHER, Quantities, Quantity, Report
from variate.statistics import Estimate


def test_every_part_that_is_not_in_words_is_there():
    found = json.loads(json.dumps(to_json(example()), allow_nan=False))
    assert list(found) == ["seed", "quantities", "findings", "tables", "pictures", "rates"]
    assert found["quantities"][0] == {"name": "a", "kind": "cost", "unit": "nats", "value": 3.0, "stderr": 0.5}
    assert [finding["cost"] for finding in found["findings"]] == [{"value": 3.0, "stderr": 0.5}, None, None]
    assert [finding["alarm"] for finding in found["findings"]] == [True, False, False]
    assert found["tables"] == [{"title": "a table", "headings": ["name", "value"], "rows": [["x", 1.5], ["y", 2.0]]}]
    assert found["pictures"] == [{"title": "rows", "path": "a.png"}]


def test_numbers_that_are_not_finite_become_null():
    line = Quantity("a", Estimate(-math.inf, math.nan), "", OTHER)
    found = to_json(Report("", (Quantities((line,)),), details={"more": [math.inf, 1.0]}))
    assert (found["quantities"][0]["value"], found["quantities"][0]["stderr"]) == (None, None)
    assert found["more"] == [None, 1.0]


def test_values_become_those_of_json():
    said = Sentence("leave ", Option("drop", ["id"]), " out")
    given = {1: (True, 2, None), "path": Path("a"), "said": said}
    found = plain(given)
    assert found == {"1": [True, 2, None], "path": "a", "said": "leave drop=['id'] out"}
    assert type(found["said"]) is str
    assert type(found["1"][0]) is bool
