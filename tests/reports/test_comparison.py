"""A comparison as a report."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from variate.comparison.compare import compare
from variate.comparison.estimates import Contrast, Shares
from variate.comparison.membership import Membership
from variate.comparison.utility import Utility
from variate.reports.comparison import DETAILS, SHOWN_PAIRS, as_json, comparison_report, verdicts, worst_first
from variate.reports.json import save_json, to_json
from variate.reports.report import Remarks, Table
from variate.reports.terminal import show
from variate.statistics import Estimate


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A table with a column that differs, gaps in one table alone, and decimals where there were none."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    for name, shift, form in (("real", 0.0, ".0f"), ("synthetic", 3.0, ".2f")):
        lines = ["a,b,c,d,e,f"]
        for _ in range(80):
            a, b = rng.normal(shift), rng.normal(50, 9)
            city = rng.choice(["Bern", "Oslo", "" if shift == 0 else "Rome"])
            lines.append(f"{a:.3f},{b:{form}},{city},{rng.integers(2)},{rng.normal():.3f},{rng.normal():.3f}")
        (folder / f"{name}.csv").write_text("\n".join(lines))
    return compare(folder / "real.csv", folder / "synthetic.csv")


def sentence(found, start):
    (said,) = [verdict for verdict in verdicts(found) if verdict.startswith(start)]
    return said


def test_the_parts_come_in_order_with_a_line_per_number(found):
    report = comparison_report(found, seed=7)
    verdict, whole, columns, pairs, reading = report.sections
    assert isinstance(verdict, Remarks)
    assert isinstance(reading, Remarks)
    assert [row[0] for row in columns.rows] == [column.name for column in worst_first(found.columns)]
    assert len(pairs.rows) == SHOWN_PAIRS < len(found.pairs) == 15
    assert pairs.title == "pairs of columns, the worst 10 of 15"
    assert columns.rows[0][0] == "a"
    assert columns.rows[0][2].endswith(" *")
    assert len(whole.rows) == 7
    assert all(len(row) == len(part.headings) for part in report.of_type(Table) for row in part.rows)
    assert report.facts["seed"] == 7
    assert report.facts["real"]["rows"] == 80
    assert set(found.notes) <= set(reading.sentences)


def test_verdicts_name_what_stands_out(found):
    assert re.match(
        r"rows: a classifier easily tells .*; with the same gaps in both tables, AUC", sentence(found, "rows")
    )
    assert sentence(found, "columns").startswith("columns: 2 of 6 stand out: a, c")
    assert sentence(found, "grid").endswith(": b")
    assert sentence(found, "copies").endswith("no more than chance")
    assert not [said for said in verdicts(found) if said.startswith(("few rows", "use", "memory"))]


@pytest.mark.parametrize(("area", "word"), [(0.5, "hardly"), (0.55, "hardly"), (0.6, "sometimes"), (0.75, "easily")])
def test_a_classifier_is_said_to_do_what_it_does(found, area, word):
    changed = found._replace(auc=Estimate(area, 0.01), auc_same_gaps=None)
    assert sentence(changed, "rows") == (
        f"rows: a classifier {word} tells synthetic rows from real ones (AUC {area:.3f} ± 0.010; 0.5 is not at all)"
    )


def test_copies_are_told_from_chance(found):
    def with_copies(**changes):
        return sentence(found._replace(copies=found.copies._replace(**changes)), "copies")

    many = Shares(Estimate(0.1, 0.01), Estimate(0.2, 0.01))
    near = found.copies.real._replace(low=Estimate(0.01, 0.001))
    assert with_copies(exact=many).endswith("; this is more than chance")
    assert with_copies(exact=Shares(many.real, Estimate(0.13, 0.01))).endswith("no more than chance")
    assert with_copies(synthetic=near, real=near._replace(low=Estimate(0.1, 0.001))).endswith("than chance explains")
    assert "training row" in with_copies(of_training=True)


def test_held_out_rows_that_were_trained_on_are_pointed_out(found):
    exact = Shares(Estimate(0.2, 0.01), Estimate(0.1, 0.01))
    for repeated, of_training, doubted in ((0.1, True, True), (0.19, True, False), (0.1, False, False)):
        copies = found.copies._replace(exact=exact, repeated=Estimate(repeated, 0.01), of_training=of_training)
        said = [verdict for verdict in verdicts(found._replace(copies=copies)) if verdict.startswith("held-out rows")]
        assert bool(said) is doubted


def test_a_model_a_target_and_few_rows_are_told(found):
    use = Utility("b", "R2", Estimate(0.7, 0.01), Estimate(0.4, 0.02), Estimate(0.3, 0.03), 40, 40)
    nats = Estimate(-8.0, 0.25)
    model = Membership(nats, nats, nats, Estimate(0.7, 0.02), 100, 0.25)
    changed = found._replace(utility=use, membership=model, of_real=1000, num_paired=3)
    learned = "0.400 ± 0.020 if learned from synthetic rows, 0.700 ± 0.010 from real ones"
    assert sentence(changed, "use").endswith(f"{learned}; difference 0.300 ± 0.030")
    assert "remembers its training rows" in sentence(changed, "memory")
    forgets = changed._replace(membership=model._replace(auc=Estimate(0.55, 0.02)))
    assert "shows no memory" in sentence(forgets, "memory")
    assert "80 synthetic beside 1,000 real" in sentence(changed, "few rows")
    report = comparison_report(changed, seed=0)
    assert len(report.of_type(Table)[0].rows) == 10
    assert any("25.0% of the synthetic rows" in said for said in report.remarks)
    assert any("of 3 of the 6 columns" in said for said in report.remarks)


def test_json_has_every_number_but_no_picture(found, tmp_path):
    save_json(comparison_report(found, seed=7), tmp_path / "a.json")
    read = json.loads((tmp_path / "a.json").read_text())
    assert set(DETAILS) <= set(read)
    first = read["columns"][0]
    assert first["distance"] == {"value": found.columns[0].distance.value, "halves": found.columns[0].distance.halves}
    assert "histogram" not in first
    assert read["auc"]["stderr"] == found.auc.stderr
    assert len(read["pairs"]) == 15
    assert read["membership"] is None
    assert read == json.loads(json.dumps(to_json(comparison_report(found, seed=7)), allow_nan=False))


def test_tuples_with_names_become_objects():
    assert as_json((Contrast(1.0, 2.0), None, "a")) == [{"value": 1.0, "halves": 2.0}, None, "a"]


def test_it_is_shown_whole(found):
    file = io.StringIO()
    show(comparison_report(found, seed=0), console=Console(file=file, width=80))
    text = file.getvalue()
    assert text.startswith(f"{found.names[1]} (80 rows) beside {found.names[0]} (80 rows)\n")
    assert "nan" not in text
