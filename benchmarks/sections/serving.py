"""How far scoring and embedding are from the least that their arithmetic can cost, and how much memory streams take."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import alternate, inverse, ratios, spread
from benchmarks.settings import PAUSE, SIDES, Settings, Table, say
from benchmarks.worker import ROOT, TAIL, Worker, workers

SERVED, QUICK = {"embed": 10_000, "score": 1_000}, 64
"""Rows of a turn."""
STREAMS, QUICK_STREAMS, NUMBERS = (500_000, 2_000_000), (500, 2_000), 100
"""Rows of the two files that stay on disk, and numbers of a row: 200 and 800 MB."""
TRAINING = ("--stream", "on", "--validation", "0.05", "--test", "0.05", "--epochs", "1", "--no-report")
TRAINING += ("--width", "16", "--depth", "1", "--latent", "2")
SCRIPT = """
import atexit, re, sys
from variate.cli.main import main
said = lambda: re.search("VmHWM:\\s*([0-9]+)", open("/proc/self/status").read())[1]
atexit.register(lambda: print(said(), file=sys.stderr))
sys.argv = ["variate", *sys.argv[1:]]
main()
"""
"""The command, which says its most resident memory at its end; what `wait4` says begins with that of this process."""
COMMANDS = {"score": ("--samples", "1"), "embed": ()}
COLUMNS = ("what", "rows/s", "rows/s of the products", "products/whole %")


def measure(settings: Settings) -> Iterator[Table]:
    """Times, then memory."""
    yield times(settings)
    yield memory(settings)


def times(settings: Settings) -> Table:
    """Rows per second of the default model, and of its bare products, taking turns."""
    table = Table("Scoring and embedding, beside their products", COLUMNS)
    for what, rows in SERVED.items():
        with workers(settings.threads, {what: SIDES + "serving_side"}) as running:
            say(f"  {what}")
            worker = running[what]
            known = worker.call(
                "setup",
                threads=settings.threads,
                synthetic=settings.synthetic or settings.quick,
                rows=QUICK if settings.quick else rows,
            )
            found = alternate({what: served(worker, what), "floor": floor(worker, what)}, settings.rounds)
        floors = found["floor"]
        table.rows.append(
            {
                "what": what,
                "rows/s": inverse(spread(found[what])),
                "rows/s of the products": inverse(spread(floors)),
                "products/whole %": ratios([100 * seconds for seconds in floors], found[what]),
            }
        )
    table.notes.append(f"the default model of Fashion-MNIST, in memory: {known['note']}")
    table.notes.extend(settings.about_rows)
    return table


def served(worker: Worker, what: str) -> Callable[[], float]:
    """A turn of variate: seconds per row."""

    def turn() -> float:
        time.sleep(PAUSE)
        return float(worker.call(what))

    return turn


def floor(worker: Worker, what: str) -> Callable[[], float]:
    """A turn of the bare products: seconds per row."""

    def turn() -> float:
        time.sleep(PAUSE)
        return float(worker.call("floors")[what])

    return turn


def memory(settings: Settings) -> Table:
    """The most memory that commands take whose rows stay on disk, for one file and for one four times as long."""
    columns = ("what", "rows", "MiB of rows", "most memory, MiB")
    table = Table("Memory of rows that stay on disk", columns)
    with tempfile.TemporaryDirectory() as folder:
        for count in QUICK_STREAMS if settings.quick else STREAMS:
            rows, run = Path(folder) / f"{count}.npy", Path(folder) / f"run{count}"
            np.save(rows, np.random.default_rng(0).normal(size=(count, NUMBERS)).astype(np.float32))
            peak_memory(["train", str(rows), "--out", str(run), *TRAINING])
            for what, own in COMMANDS.items():
                peak = peak_memory([what, str(run), *own, "-o", str(Path(folder) / f"{what}{count}.parquet")])
                say(f"  {what} of {count:,} rows: {peak:.0f} MiB")
                values = (what, count, rows.stat().st_size / 2**20, peak)
                table.rows.append(dict(zip(columns, values, strict=True)))
    table.notes.append(
        "most resident memory of the command, torch's own included; rows of a file that is mapped count, too,"
    )
    table.notes.append("as long as nothing else needs the room")
    return table


def peak_memory(arguments: list[str]) -> float:
    """The most resident memory of a command of variate, in MiB."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, check=False)
    *_, last = done.stderr.rstrip().splitlines()
    if done.returncode:
        raise RuntimeError(f"`variate {' '.join(arguments)}` failed: {done.stderr[-TAIL:]}")
    return int(last) / 2**10
