"""Steps and bounds of two checkouts of this repository, in turns: `python -m benchmarks.two_checkouts OLD NEW`.

Each checkout runs its own code and its own `benchmarks.worker`, in a process of its own. A ratio is the median of the
rounds' ratios, new over old, with the least and the most.
"""

import argparse
import contextlib
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.case import grey
from benchmarks.measure import alternate, ratios
from benchmarks.settings import SIDES, positive
from benchmarks.worker import Worker, workers
from variate.errors import InputError

MLP = {"network": "mlp", "width": 512, "depth": 2, "latent": 20, "batch_size": 128, "precision": "float32"}
MLP |= {"device": "cpu", "threads": 2, "lr": 1e-3, "rows": None, "synthetic": False}
LOWER = {"precision": "bfloat16"}
STEPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "MLP, batch 128, float32": (MLP, {}),
    "MLP, batch 128, float32, compiled": (MLP, {"options": {"compile": "on"}}),
    "MLP, batch 128, bfloat16": (MLP | LOWER, {}),
    "MLP, batch 1024, float32": (MLP | {"batch_size": 1024}, {}),
    "MLP, batch 1024, bfloat16": (MLP | LOWER | {"batch_size": 1024}, {}),
    "MLP of width 32, batch 64": (MLP | {"width": 32, "batch_size": 64, "rows": 2000, "threads": 1}, {}),
    "grey levels, default model": (MLP, {"model": {}, "own": True, "same_work": False}),
    "convolutions, bfloat16": (MLP | LOWER | {"network": "conv", "width": 64, "depth": 1}, {}),
}
BOUNDS = {"bound, float32": MLP, "bound, bfloat16": MLP | LOWER}
SECONDS = 1.5
"""Of a turn."""


def compare(roots: Sequence[Path], case: dict[str, Any], arguments: dict[str, Any], rounds: int, bound: bool) -> str:
    """Milliseconds of both, and their ratio."""
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(of_checkout(root, case["threads"])) for root in roots]
        for worker in running:
            worker.call("setup", **{"case": case, "options": {"compile": "off"}} | arguments)
            if not bound:
                worker.call("run", steps=5)
        steps = 1 if bound else max(5, int(SECONDS / (running[0].call("run", steps=5)["seconds"] / 5)))
        name, work = ("evidence", {"rows": 111, "draws": 1000}) if bound else ("run", {"steps": steps})
        turns = {
            which: lambda worker=worker: worker.call(name, **work)["seconds"] / steps * 1e3
            for which, worker in zip(("old", "new"), running, strict=True)
        }
        found = alternate(turns, rounds)
    old, new = (statistics.median(found[which]) for which in ("old", "new"))
    ratio = ratios(found["new"], found["old"])
    return f"old {old:.2f} ms, new {new:.2f} ms, new/old {ratio.median:.3f} ({ratio.least:.2f} - {ratio.most:.2f})"


@contextlib.contextmanager
def of_checkout(root: Path, threads: int) -> Iterator[Worker]:
    """A worker that runs the code of a checkout, and not that of the folder it is started in."""
    path = {"PYTHONPATH": os.pathsep.join([str(root), str(root / "src")]), "PYTHONSAFEPATH": "1"}
    with workers(threads, {"variate": f"{SIDES}variate_side"}, **path) as running:
        yield running["variate"]


def checkout(text: str) -> Path:
    """The folder of a checkout that has workers."""
    root = Path(text).resolve()
    if not (root / "benchmarks" / "worker.py").is_file():
        raise argparse.ArgumentTypeError(f"must be a checkout of this repository, got {text}")
    return root


def main() -> None:
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=checkout)
    parser.add_argument("new", type=checkout)
    parser.add_argument("--rounds", type=positive, default=5)
    given = parser.parse_args()
    roots = [given.old, given.new]
    try:
        grey()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    for name, (case, arguments) in STEPS.items():
        print(f"{name}: {compare(roots, case, arguments, given.rounds, bound=False)}", flush=True)
    for name, case in BOUNDS.items():
        print(f"{name}: {compare(roots, case, {}, given.rounds, bound=True)}", flush=True)


if __name__ == "__main__":
    main()
