"""A report on the terminal."""

import io

import pytest
from rich.console import Console

from report_examples import HELD_OUT, evaluation, example, finding, run
from variate.errors import Option, Sentence
from variate.reports.evaluation import evaluation_report
from variate.reports.report import Findings, Remarks, Report
from variate.reports.terminal import WIDTH, show


def shown(report, *speak, width=120):
    file = io.StringIO()
    show(report, *speak, console=Console(file=file, width=width))
    return file.getvalue()


def cells(line):
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_an_evaluation_is_a_table_with_units_and_kinds():
    report = evaluation_report(evaluation(), run(), HELD_OUT, seed=7, precision="float32")
    lines = shown(report).splitlines()
    assert lines[0] == report.title
    table = [cells(line) for line in lines if line.startswith("│")]
    assert table[0] == ["ELBO", "-8.00 ± 0.50", "2.8854 ± 0.1803", "bound"]
    assert table[4] == ["distortion, -log p(x|z)", "5.00 ± 0.50", "1.8034 ± 0.1803", "part of ELBO"]
    assert table[-2] == ["RMSE, data units", "0.5 ± 0.01", "", "no likelihood"]
    assert "nats per row" in lines[2]
    assert "bits/dim" in lines[2]
    assert "\n".join(lines).rstrip().endswith(report.remarks[-1])


def test_the_parts_come_in_order_and_findings_are_numbered_through():
    text = shown(example())
    words = ("a model", "\n1 alarm\n  1. one is wrong: 3.00 nats per row\n", "\nsmaller\n  2. two is wrong\n", "  3. t",
             "\nmeasured\n        3.00  ± 0.50    a\n        2.00  ± 0.50    b\n", "a table", "rows: a.png",
             "\nhow to read it\nread it well\n")  # fmt: skip
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    assert "     because   it was seen\n     change    change it\n" in text


def test_options_are_named_as_they_are_asked_for():
    advice = Sentence("use ", Option("prior", "vamp"))
    report = Report("", (Findings((finding("a")._replace(advice=advice),)), Remarks((Sentence("see ", Option("lr")),))))
    assert "change    use prior='vamp'\n" in shown(report)
    assert "see lr" in shown(report)
    flags = shown(report, lambda option: option.as_flag(f"<{option.name}>"))
    assert "change    use <prior> vamp\n" in flags
    assert "see <lr>" in flags


@pytest.mark.parametrize("width", [40, 200])
def test_long_texts_are_wrapped_below_their_label_whatever_the_terminal(width):
    long = " ".join(["word"] * 60)
    lines = shown(Report("", (Findings((finding("a")._replace(evidence=long),)),)), width=width).splitlines()
    folded = [line for line in lines if "word" in line]
    assert len(folded) > 2
    assert all(len(line) <= WIDTH for line in folded)
    assert all(line.startswith(" " * 15) for line in folded[1:])


def test_texts_are_printed_as_they_are():
    text = shown(Report("[bold]a[/bold] :smile: 1.5 'x'", (Remarks(("a" * 300, "", "[red]b")),)), width=80)
    assert text == f"[bold]a[/bold] :smile: 1.5 'x'\n{'a' * 300}\n\n[red]b\n"
