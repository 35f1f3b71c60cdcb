"""What one waits for before anything is trained, and how a step's time grows with rows, width and batch."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import alternate, spread, steps_for
from benchmarks.settings import SIDES, Settings, Table, say
from benchmarks.worker import Worker, uncached

PROCESSES = {
    "python -c pass": ["-c", "pass"],
    "import variate": ["-c", "import variate"],
    "variate --help": ["-m", "variate", "--help"],
    "import torch": ["-c", "import torch"],
    "import variate and its training": ["-c", "import variate; variate.fit"],
}
GROWTH: dict[str, list[int]] = {
    "rows": [1_000, 10_000, 100_000, 1_000_000],
    "width": [128, 256, 512, 1024],
    "batch_size": [32, 64, 128, 256, 512, 1024],
}
QUICK_GROWTH: dict[str, list[int]] = {"rows": [1_000, 4_000], "width": [64], "batch_size": [32]}
SIDE = SIDES + "variate_side"


def measure(settings: Settings) -> Iterator[Table]:
    """Processes, the first step, growth."""
    yield from (part(settings) for part in (processes, first_step, growth))


def processes(settings: Settings) -> Table:
    """Seconds of whole processes."""

    def whole(arguments: list[str]) -> Callable[[], float]:
        def run() -> float:
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            return time.perf_counter() - start

        return run

    say("  whole processes")
    table = Table("Start-up: whole processes", ("process", "seconds"))
    found = alternate({name: whole(arguments) for name, arguments in PROCESSES.items()}, settings.rounds)
    table.rows.extend({"process": name, "seconds": spread(values)} for name, values in found.items())
    return table


def first_step(settings: Settings) -> Table:
    """Seconds from the start of a process to the end of its first step, and the most memory."""
    table = Table("Start-up: to the end of the first step", ("how", "seconds", "peak GiB"))
    case = small(settings) if settings.quick else Case(threads=settings.threads)
    case = case.replace(synthetic=settings.synthetic)
    for name in ("off",) if settings.quick else ("off", "on"):
        say(f"  first step, compile {name}")
        seconds, memory = [], []
        for _ in range(1 if settings.quick else 3):
            with tempfile.TemporaryDirectory() as cache:
                start = time.perf_counter()
                with Worker(SIDE, settings.threads, uncached(cache)) as worker:
                    worker.call("setup", case=case.asdict(), options={"compile": name})
                    seconds.append(time.perf_counter() - start)
                    memory.append(worker.call("memory"))
        table.rows.append({"how": f"compile {name}", "seconds": spread(seconds), "peak GiB": spread(memory)})
    reading = "" if settings.synthetic else "; reading Fashion-MNIST is counted"
    table.notes.append(f"{case}; the compiler's cache is empty{reading}")
    table.notes.extend(settings.about_rows)
    return table


def small(settings: Settings) -> Case:
    """A case of a blink."""
    return Case(threads=settings.threads, width=32, rows=1000)


def growth(settings: Settings) -> Table:
    """A step's time and the most memory as one size grows, eager; the rows are random bits."""
    table = Table("Growth: one size at a time", ("size", "value", "ms/step", "us/row", "peak GiB"))
    base = Case(threads=settings.threads, synthetic=True, rows=1_000 if settings.quick else 10_000)
    for name, values in (QUICK_GROWTH if settings.quick else GROWTH).items():
        for value in values:
            say(f"  {name} {value:,}")
            table.rows.append({"size": name, "value": value} | cell(base.replace(**{name: value}), settings))
    table.notes.append(f"the other sizes: {base}, {base.rows:,} rows; nothing compiled")
    return table


def cell(case: Case, settings: Settings) -> dict[str, Any]:
    """A line of the table."""
    with Worker(SIDE, settings.threads) as worker:
        worker.call("setup", case=case.asdict(), options={"compile": "off"})
        trial = worker.call("run", steps=3)
        steps = steps_for(settings.block / 2, trial["seconds"], trial["steps"])
        step = [worker.call("run", steps=steps)["seconds"] / steps for _ in range(settings.rounds)]
        return {
            "ms/step": spread([1e3 * v for v in step]),
            "us/row": spread([1e6 * v / case.batch_size for v in step]),
            "peak GiB": worker.call("memory"),
        }
