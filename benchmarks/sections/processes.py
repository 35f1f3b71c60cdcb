"""Several processes with a core each, beside one process with as many threads: the same batch, the same steps."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks.case import Case
from benchmarks.measure import alternate, ratios, spread
from benchmarks.settings import Settings, Table, say
from benchmarks.worker import ROOT

COLUMNS = ("what", "how", "ms/step", "as fast as one process")
MODULE = "benchmarks.sides.several"
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node")
SECONDS_A_STEP = {("mlp", 128): 0.012, ("mlp", 1024): 0.06, ("conv", 128): 0.35}
"""About, for the length of a turn."""


def measure(settings: Settings) -> Iterator[Table]:
    """One table; nothing where there is one core."""
    title = f"One process with {settings.threads} threads, beside {settings.threads} processes with one"
    table = Table(title, COLUMNS)
    if settings.threads == 1:
        table.notes.append("there is one core: nothing to compare")
        yield table
        return
    for case in cases(settings):
        say(f"  {case}")
        alone = f"one process, {settings.threads} threads"
        several = f"{settings.threads} processes"
        steps = (
            3 if settings.quick else max(10, round(2 * settings.block / SECONDS_A_STEP[case.network, case.batch_size]))
        )
        turns = {
            alone: launcher([sys.executable, "-m", MODULE], case.replace(threads=settings.threads), steps),
            several: launcher(
                [sys.executable, "-m", *TORCHRUN, str(settings.threads), "-m", MODULE],
                case.replace(threads=1),
                steps,
            ),
        }
        found = alternate(turns, settings.rounds)
        for name, values in found.items():
            table.rows.append(
                {
                    "what": f"{case.network}, batch {case.batch_size}, {case.precision}",
                    "how": name,
                    "ms/step": spread([1e3 * v for v in values]),
                    "as fast as one process": ratios(found[alone], values),
                }
            )
    table.notes.append("MLP 784-512-512-20 or residual convolutions of width 64; nothing compiled")
    table.notes.extend(settings.about_rows)
    yield table


def cases(settings: Settings) -> list[Case]:
    """What is measured."""
    if settings.quick:
        return [Case(width=32, rows=2000, synthetic=settings.synthetic)]
    shapes: list[Case] = [Case(batch_size=128), Case(batch_size=1024), Case(network="conv", width=64, depth=1)]
    shapes = [case.replace(synthetic=settings.synthetic) for case in shapes]
    return [case.replace(precision=kind) for case in shapes for kind in ("float32", "bfloat16")]


def launcher(command: list[str], case: Case, steps: int) -> Callable[[], float]:
    """Starts whole processes and gives the seconds per step that they say."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": str(case.threads)}
    arguments = [*command, json.dumps(case.asdict()), str(steps)]

    def run() -> float:
        done = subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment)
        taken = json.loads(done.stdout.strip().splitlines()[-1])
        return float(taken["seconds"]) / float(taken["steps"])

    return run
