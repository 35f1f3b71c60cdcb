"""Steps and bounds of two checkouts of this repository, in turns: `python benchmarks/two_checkouts.py OLD NEW`.

Each checkout runs its own code and its own `benchmarks.worker`, in a process of its own. A ratio is the median of the
rounds' ratios, new over old, with the least and the most.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

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


class Checkout:
    """The worker of one checkout.

    Args:
        root: The checkout.
        threads: Number of CPU threads.
    """

    def __init__(self, root: Path, threads: int) -> None:
        environment = os.environ | {"PYTHONPATH": f"{root}:{root / 'src'}", "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", "benchmarks.worker", "benchmarks.sides.variate_side", str(threads)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=root, env=environment, text=True, **pipes)  # type: ignore[call-overload]

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """What a method of the side returns."""
        self.process.stdin.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def compare(roots: list[Path], case: dict[str, Any], arguments: dict[str, Any], rounds: int, bound: bool) -> str:
    """Milliseconds of both, and their ratio."""
    checkouts = [Checkout(root, case["threads"]) for root in roots]
    for checkout in checkouts:
        checkout.call("setup", **{"case": case, "options": {"compile": "off"}} | arguments)
        if not bound:
            checkout.call("run", steps=5)
    steps = 1 if bound else max(5, int(SECONDS / (checkouts[0].call("run", steps=5)["seconds"] / 5)))
    name, work = ("evidence", {"rows": 111, "draws": 1000}) if bound else ("run", {"steps": steps})
    found: list[list[float]] = [[], []]
    for turn in range(rounds):
        for i in (0, 1) if turn % 2 else (1, 0):
            found[i].append(checkouts[i].call(name, **work)["seconds"] / steps * 1e3)
    for checkout in checkouts:
        checkout.close()
    ratios = [new / old for old, new in zip(*found, strict=True)]
    old, new, ratio = (statistics.median(values) for values in (*found, ratios))
    return f"old {old:.2f} ms, new {new:.2f} ms, new/old {ratio:.3f} ({min(ratios):.2f} - {max(ratios):.2f})"


def main() -> None:
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    roots = [given.old.resolve(), given.new.resolve()]
    for name, (case, arguments) in STEPS.items():
        print(f"{name}: {compare(roots, case, arguments, given.rounds, bound=False)}", flush=True)
    for name, case in BOUNDS.items():
        print(f"{name}: {compare(roots, case, {}, given.rounds, bound=True)}", flush=True)


if __name__ == "__main__":
    main()
