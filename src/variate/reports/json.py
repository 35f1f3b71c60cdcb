"""A report as JSON: facts, numbers, findings, tables and pictures. Remarks say the same in words and are left out."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from variate.reports.report import BITS_PER_DIM, Picture, Quantities, Quantity, Report, Table
from variate.runtime import files
from variate.statistics import Estimate

if TYPE_CHECKING:
    from variate.doctor import Finding


def to_json(report: Report) -> dict[str, Any]:
    """The report as one JSON object, with null for what is not finite."""
    sections = report.of_type(Quantities)
    found: dict[str, Any] = {
        **report.facts,
        "quantities": [_quantity(line, section.per_dim) for section in sections for line in section.lines],
    }
    if report.findings:
        found["findings"] = [_finding(finding) for finding in report.findings]
    if tables := report.of_type(Table):
        found["tables"] = [{"title": t.title, "headings": t.headings, "rows": t.rows} for t in tables]
    if pictures := report.of_type(Picture):
        found["pictures"] = [{"title": picture.title, "path": picture.path} for picture in pictures]
    return plain(found | dict(report.details))


def save_json(report: Report, path: Path) -> None:
    """Writes the report as JSON, whole or not at all."""
    files.write_text(path, json.dumps(to_json(report), indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """A value of JSON: sequences as lists, keys and paths as texts, and null for numbers that are not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str | Path) else value


def _quantity(line: Quantity, per_dim: str) -> dict[str, Any]:
    found = {"name": line.name, "kind": line.kind, "unit": line.unit} | _estimate(line.estimate)
    if line.per_dim is not None and per_dim == BITS_PER_DIM:
        found |= {"bits_per_dim": line.per_dim.value, "bits_per_dim_stderr": line.per_dim.stderr}
    return found


def _finding(finding: "Finding") -> dict[str, Any]:
    cost = {"cost": None if finding.cost is None else _estimate(finding.cost)}
    texts = {"evidence": finding.evidence, "advice": finding.advice, "alarm": finding.alarm}
    return {"name": finding.name, "title": finding.title} | cost | texts


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "stderr": estimate.stderr}
