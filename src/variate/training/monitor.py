"""What a run shows and writes while it trains: a progress bar and metrics.jsonl."""

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from variate.config.run_files import METRICS_FILE
from variate.runtime import files
from variate.runtime.progress import ErrorConsole
from variate.training.state import Record

PLAIN_SECONDS = 5.0
"""Without a terminal, a line is printed at most this often."""


def write_metrics(run: Path, records: list[Record]) -> None:
    """Writes the metrics file of a run directory: one JSON object per line.

    Raises:
        InputError: If it cannot be written.
    """
    files.write_text(run / METRICS_FILE, "".join(json.dumps(record) + "\n" for record in records))


def add_metrics(run: Path, records: list[Record]) -> None:
    """Appends the last record to the metrics file of a run directory; if there is no such file, writes all.

    Raises:
        InputError: If it cannot be written.
    """
    path = run / METRICS_FILE
    if os.path.lexists(path):
        files.append_text(path, json.dumps(records[-1]) + "\n")
    else:
        write_metrics(run, records)


class Display:
    """Progress on standard error: a bar on a terminal, otherwise a line now and then, or nothing.

    Args:
        steps: Number of steps of the whole run.
        rows_per_step: Batch size.
        dimensions: Numbers per row, to show bits/dim; 0 for densities, which have no bits/dim.
        show: Whether to show anything.
    """

    def __init__(self, steps: int, rows_per_step: int, dimensions: int, show: bool) -> None:
        self.steps, self.rows_per_step, self.dimensions = steps, rows_per_step, dimensions
        self.console = ErrorConsole(show)
        self.live = self.console.is_live
        self.started = self.printed = time.monotonic()
        self.first: int | None = None

    @contextmanager
    def running(self) -> Iterator["Display"]:
        """Shows the bar inside the block."""
        columns = (
            TextColumn("training"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=self.console, disable=not self.live, refresh_per_second=4)
        self.task = self.bar.add_task("training", total=self.steps, numbers="")
        with self.bar:
            yield self

    def step(self, step: int) -> None:
        """Moves the bar."""
        if self.first is None:
            self.first, self.started = step, time.monotonic()
        if self.live:
            self.bar.update(self.task, completed=step)

    def check(self, record: Record) -> None:
        """Shows the numbers of a validation."""
        elapsed = max(time.monotonic() - self.started, 1e-9)
        speed = (record["step"] - (self.first or 0)) * self.rows_per_step / elapsed
        part = "validation" if "validation_elbo" in record else "train"
        bits = f" ({-record[f'{part}_elbo'] / (self.dimensions * math.log(2)):.3f} bits/dim)" if self.dimensions else ""
        weighted = f"{part} IWAE {record[f'{part}_iwae']:,.2f} nats, " if f"{part}_iwae" in record else f"{part} "
        numbers = (
            f"{weighted}ELBO {record[f'{part}_elbo']:,.2f} nats{bits}  rate {record[f'{part}_rate']:.2f}  "
            f"distortion {record[f'{part}_distortion']:,.2f}  {speed:,.0f} rows/s"
        )
        if self.live:
            self.bar.update(self.task, numbers=numbers)
        elif time.monotonic() - self.printed > PLAIN_SECONDS or record["step"] >= self.steps:
            self.printed = time.monotonic()
            line = f"step {record['step']:,.0f}/{self.steps:,}  {numbers}"
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)
