"""What a report is."""

from report_examples import example
from variate.reports.report import Findings, Report


def test_the_parts_of_a_report_are_found_by_what_they_are():
    report = example()
    assert [line.name for line in report.quantities] == ["a", "b"]
    assert [found.name for found in report.findings] == ["one", "two", "three"]
    assert report.remarks == ["read it well"]
    assert [section.title for section in report.of_type(Findings)] == ["1 alarm", "smaller"]
    assert Report("empty", ()).quantities == []
