"""The machine, the tables and the file."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import Spread
from benchmarks.settings import Settings, Table, cores

PACKAGES = ("variate", "torch", "numpy", "pythae", "jax", "jaxlib", "optax", "ctgan", "sdmetrics")
ASK_TORCH = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "cpu": cpu(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "gpu": gpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def gpu() -> str | None:
    """The GPU's name, asked of torch in a process of its own."""
    done = subprocess.run([sys.executable, "-c", ASK_TORCH], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def version(name: str) -> str | None:
    """Of a package, None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def show(value: object) -> str:
    """A value of a table."""
    if value is None:
        return "-"
    if isinstance(value, Spread):
        return f"{show(value.median)} ({show(value.least)} - {show(value.most)})"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def lines(table: Table) -> list[str]:
    """A table as Markdown, with its notes below."""
    cells = [list(table.columns), *([show(row[c]) for c in table.columns] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    rule = "|".join("-" * (width + 2) for width in widths)
    body = [f"| {line} |" for line in text]
    return ["", f"### {table.title}", "", body[0], f"|{rule}|", *body[1:], "", *(f"- {note}" for note in table.notes)]


def plain(value: object) -> object:
    """A value for JSON."""
    return value._asdict() if isinstance(value, Spread) else value


def record(table: Table) -> dict[str, Any]:
    """A table for JSON."""
    rows = [{name: plain(value) for name, value in row.items()} for row in table.rows]
    return {
        "title": table.title,
        "columns": list(table.columns),
        "rows": rows,
        "notes": table.notes,
        "curves": table.curves,
    }


def document(settings: Settings, where: dict[str, Any], sections: dict[str, list[Table]]) -> dict[str, Any]:
    """All that was found, for JSON."""
    found = {name: [record(table) for table in tables] for name, tables in sections.items()}
    return {"machine": where, "settings": dataclasses.asdict(settings), "sections": found}


def write(path: Path, content: dict[str, Any]) -> None:
    """The file, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    temporary.replace(path)
