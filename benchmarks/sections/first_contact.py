"""Tables at first contact: what `variate train FILE` decides about them, asks or gives, with nothing but defaults.

Each file is given to the command as a user would, in a process of its own. Of each note, the table shows the decision;
the whole sentences are in the file of `--json`.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.settings import Settings, Table, say
from variate.config.run_files import METRICS_FILE

COLUMNS = ("table", "rows", "columns", "decided, or the question asked", "seconds", "held-out nats per row")
LONGEST = 120
"""Characters of a sentence that are shown."""


class Contact(NamedTuple):
    """What a run did with a file.

    Attributes:
        code: Its exit code.
        seconds: How long the whole process took.
        rows: Number of rows that were read; None where none were.
        columns: Number of columns that are modelled.
        notes: The sentences on what was decided, or the one that the run ended with.
        nats: The best mean ELBO of the validation part, in nats per row.
        is_left: Whether a directory of the run was left.
    """

    code: int
    seconds: float
    rows: int | None
    columns: int | None
    notes: tuple[str, ...]
    nats: float | None
    is_left: bool


def measure(settings: Settings) -> Iterator[Table]:
    """One table, with a line for each file."""
    table = Table("First contact: `variate train FILE`", COLUMNS)
    for path in settings.tables:
        say(f"  {path}")
        found = contact(path, settings)
        table.rows.append(line(path, found))
        say(f"    {found.seconds:.0f} s: {table.rows[-1][COLUMNS[3]]}")
    table.notes.append("seconds of the whole process: start, reading, training, evaluation of the test part, samples")
    table.notes.append("nats: the best mean ELBO of the validation part; of columns without a grid, it is a density's")
    if settings.quick:
        table.notes.append("one epoch, so seconds and nats mean nothing")
    yield table


def contact(path: str, settings: Settings) -> Contact:
    """What a run does with a file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "variate", "train", path, "--out", str(out)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, *(["--epochs", "1"] if settings.quick else [])],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": str(settings.threads)},
        )
        seconds = time.perf_counter() - start
        metrics = out / METRICS_FILE
        nats = best(metrics.read_text().splitlines()) if metrics.exists() else None
        return told(done.returncode, seconds, done.stdout.splitlines(), done.stderr.splitlines(), nats, out.exists())


def best(lines: list[str]) -> float | None:
    """The best ELBO of the validation part, of the lines of a run's metrics."""
    found = [json.loads(one).get("validation_elbo") for one in lines]
    return max((one for one in found if one is not None), default=None)


def told(
    code: int, seconds: float, printed: list[str], complained: list[str], nats: float | None, is_left: bool
) -> Contact:
    """What the lines that a run printed say."""
    first = re.search(r": ([\d,]+) rows? of (\d+) columns?[:;, ]", printed[0]) if printed else None
    rows, columns = (int(first[1].replace(",", "")), int(first[2])) if first else (None, None)
    if code:
        notes = [re.sub(r"^variate: (error: )?", "", one) for one in complained[-1:]]
    else:
        notes = [one.strip() for one in printed[1:] if one.startswith("  ")]
        notes += [one.partition("warning: ")[2] for one in complained if "test rows" in one and "warning: " in one]
    return Contact(code, seconds, rows, columns, tuple(notes), nats, is_left)


def line(path: str, found: Contact) -> dict[str, object]:
    """A line of the table; the sentences are for the file only."""
    decided = "; ".join(map(short, found.notes)) or "nothing to decide"
    if found.code:
        decided = f"exit code {found.code}: {' '.join(found.notes)}"
        decided += " (a directory was left)" if found.is_left else ""
    values = (Path(path).name, found.rows, found.columns, decided, found.seconds, None if found.code else found.nats)
    return dict(zip(COLUMNS, values, strict=True)) | {"sentences": list(found.notes)}


def short(note: str) -> str:
    """What was decided: the first sentence of a note, without the clause that names an option, and not too long."""
    first = re.split(r"\.(?: (?=[A-Z])|$)", note)[0]
    decided, names_option, _ = first.partition(" --")
    if names_option:
        decided = decided.rpartition("; ")[0] or decided
    return textwrap.shorten(decided, LONGEST, placeholder=" ...")
