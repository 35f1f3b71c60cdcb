"""`variate report`: a run as a page, or several runs beside one another."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from variate.cli.arguments import OutIfAsked
from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.limits import Checked, Seed


@dataclass(frozen=True)
class MakeReport(Checked):
    """Write one HTML file that says all that is known of a run, with pictures and charts; it needs no other file.

    What evaluate and doctor found last is taken from their records, the rest is measured in a few seconds. Of several
    runs on the same data, it says which is better on the same held-out rows, by paired differences.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Run directories or model files."""
    out: OutIfAsked = None
    """File to write, .html; by default report.html in the run directory, or comparison.html for several runs. It is
    replaced if it exists."""
    seed: Seed = 0
    """Seed of all draws."""

    def __call__(self) -> None:
        """Measures and writes the page."""
        from variate.reports.report_files import report_path, write_report
        from variate.runs import Run

        runs = [Run(run) for run in self.runs]
        path = report_path(runs, self.out)
        say(f"wrote {write_report(runs, path, seed=self.seed, speak=as_flag)}")
