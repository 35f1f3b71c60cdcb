"""Reports of runs as files: one run as a page of its own, several beside one another."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from variate.config.run_files import REPORT_FILE
from variate.data import writers
from variate.errors import InputError, Option
from variate.limits import Seed, checked_arguments
from variate.runs import Run
from variate.runtime import files

COMPARISON_FILE = "comparison.html"
"""The file of a report of several runs, in the working directory."""
Speak = Callable[[Option], str]
"""How options are named."""


@checked_arguments
def report(*runs: Run | str | os.PathLike[str], out: str | os.PathLike[str] | None = None, seed: Seed = 0) -> Path:
    """Writes one HTML file that says all that is known of a run, or compares several runs on the same held-out rows.

    What evaluation.json and diagnosis.json hold is taken from them; the rest is measured, in a few seconds.

    Args:
        runs: Run directories or model files, or runs that are open.
        out: The file, which is replaced if it exists; by default report.html in the run directory, or comparison.html
            in the working directory for several runs.
        seed: Seed of all draws.

    Returns:
        The file.

    Raises:
        InputError: If there is no run, one cannot be read, the file cannot be written, or several runs have other
            held-out rows or nats that mean something else.
    """
    opened = [run if isinstance(run, Run) else Run(os.fspath(run)) for run in runs]
    return write_report(opened, report_path(opened, out), seed=seed)


def report_path(runs: Sequence[Run], out: str | os.PathLike[str] | None) -> Path:
    """The file of a report, checked before any work is done.

    Args:
        runs: The runs.
        out: The file that was asked for.

    Raises:
        InputError: If there is no run, or it is no name of a page that can be written.
    """
    if not runs:
        raise InputError("runs", "at least one run", "none")
    own = runs[0].path / REPORT_FILE if len(runs) == 1 else Path(COMPARISON_FILE)
    path = own if out is None else files.as_path(out, "out", "the path of a file")
    return writers.new_path(str(path), (".html",), overwrite=True)


def write_report(
    runs: Sequence[Run],
    path: Path,
    *,
    record: dict[str, Any] | None = None,
    seed: int = 0,
    speak: Speak = lambda option: option.in_python,
) -> Path:
    """Measures what is cheap and writes the page. Returns the file.

    Args:
        runs: One run, or several to compare.
        path: The file, which is replaced if it exists.
        record: Of a single run, an evaluation that was just made, as JSON values.
        seed: Seed of all draws.
        speak: How options are named; by default as in Python.

    Raises:
        InputError: As for `report`.
    """
    from variate.reports.html import save_html
    from variate.reports.page import run_page
    from variate.reports.page_runs import runs_page
    from variate.tasks.overview import overview
    from variate.tasks.paired import paired

    page = run_page(overview(runs[0], record, seed)) if len(runs) == 1 else runs_page(paired(runs, seed))
    save_html(page, path, speak)
    return path
