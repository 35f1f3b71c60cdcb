"""A report on the terminal."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from report_examples import HELD_OUT, evaluation, example, finding, run
from variate.errors import LONGEST, Option, Sentence
from variate.reports.evaluation import evaluation_report
from variate.reports.report import Findings, Picture, Quantities, Quantity, Remarks, Report, Table
from variate.reports.terminal import WIDTH, show
from variate.runtime.streams import TolerantStream
from variate.statistics import Estimate


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


@pytest.mark.parametrize("width", [1, 20, 120])
def test_tables_are_whole_on_terminals_of_any_width(width):
    report = evaluation_report(evaluation(), run(), HELD_OUT, seed=7, precision="float32")
    assert shown(report, width=width) == shown(report, width=500)
    table = Report("", (Table(("name", "value"), (("x" * 200, 1.5),)),))
    assert cells(shown(table, width=width).splitlines()[-2]) == ["x" * 200, "1.5"]


EVIL = "a\n[red]b[/red] [/] :smile: \x1b[31m\u202e\udcff"
SHOWN = "a\\n[red]b[/red] [/] :smile: \\x1b[31m\\u202e\\udcff"


def test_texts_of_others_are_shown_wherever_they_stand():
    odd = finding("a")._replace(title=EVIL, evidence=EVIL, advice=Sentence("use ", Option("drop", [EVIL])))
    line = Quantity(EVIL, Estimate(1.0, 0.5), EVIL, EVIL)
    sections = (
        Findings((odd,), EVIL),
        Quantities((line,), EVIL),
        Quantities((line,), EVIL, "bits/dim"),
        Table((EVIL, "b"), ((EVIL, 1.0),), EVIL),
        Picture(Path(EVIL), EVIL),
        Remarks((EVIL,), EVIL),
    )
    text = shown(Report(EVIL, sections))
    assert not set(text) & set("\x1b\u202e\udcff")
    assert text.count(SHOWN) == 17


def test_an_ascii_terminal_gets_ascii(monkeypatch):
    under = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", TolerantStream(under))
    show(evaluation_report(evaluation(), run(), HELD_OUT, seed=7, precision="float32"))
    text = under.buffer.getvalue().decode("ascii")
    assert "-8.00 \\xb1 0.50" in text
    assert text.count("\\x") == text.count("\\xb1")
    assert "\\u" not in text


def test_a_text_of_megabytes_is_cut():
    assert len(shown(Report("x" * 10**7, (Table(("y" * 10**7,), (("z" * 10**7,),)),)))) < 10 * LONGEST


def test_texts_are_printed_as_they_are():
    text = shown(Report("[bold]a[/bold] :smile: 1.5 'x'", (Remarks(("a" * 300, "", "[red]b")),)), width=80)
    assert text == f"[bold]a[/bold] :smile: 1.5 'x'\n{'a' * 300}\n\n[red]b\n"
