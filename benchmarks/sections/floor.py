"""How far variate's step is from the least that its arithmetic can cost."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import alternate, ratios, spread, steps_for
from benchmarks.sections.throughput import cases
from benchmarks.settings import PAUSE, SIDES, Settings, Table, say
from benchmarks.worker import Worker, workers

FLOOR = "floor"
OPTIONS: dict[str, dict[str, Any]] = {"as fit runs it": {}, "compiled": {"compile": "on"}}
COLUMNS = ("variate", "step ms", "floor ms", "floor/step %", "products ms", "Adam ms", "GFLOP/s", "bare GFLOP/s")


def measure(settings: Settings) -> Iterator[Table]:
    """A table a case."""
    yield from (compare(case, settings) for case in cases(settings))


def compare(case: Case, settings: Settings) -> Table:
    """Variate's step and the bare products, taking turns."""
    table = Table(f"Floor of a step: {case}", COLUMNS)
    options = {name: own for name, own in OPTIONS.items() if case.worth_compiling or not own}
    modules = dict.fromkeys(options, SIDES + "variate_side") | {FLOOR: SIDES + "floor_side"}
    floors: list[dict[str, float]] = []

    def bare() -> float:
        time.sleep(PAUSE)
        floors.append(running[FLOOR].call("floor"))
        return floors[-1]["seconds"]

    with workers(settings.threads, modules) as running:
        say(f"  setting up {', '.join(modules)}")
        flops = running[FLOOR].call("setup", case=case.asdict())["flops"]
        turns = {name: stepping(running[name], case, settings, own) for name, own in options.items()}
        found = alternate(turns | {FLOOR: bare}, settings.rounds)
    for name in options:
        table.rows.append({"variate": name} | row(found[name], floors, flops))
    bandwidth = spread([f["bandwidth"] / 1e9 for f in floors])
    table.notes.append(f"copy bandwidth {bandwidth.median:.1f} GB/s, read and written bytes counted")
    table.notes.append("a round's floor takes each product in its fastest layout of that round")
    table.notes.extend(settings.about_rows)
    return table


def stepping(worker: Worker, case: Case, settings: Settings, options: dict[str, Any]) -> Callable[[], float]:
    """A turn of variate: its seconds per step."""
    worker.call("setup", case=case.asdict(), options=options)
    trial = worker.call("run", steps=3)
    steps = steps_for(settings.block, trial["seconds"], trial["steps"])

    def turn() -> float:
        time.sleep(PAUSE)
        return float(worker.call("run", steps=steps)["seconds"]) / steps

    return turn


def row(step: list[float], floors: list[dict[str, float]], flops: float) -> dict[str, Any]:
    """A line of the table from seconds per step and the floor, round by round, since a machine's speed changes."""
    floor = {name: [1000 * found[name] for found in floors] for name in ("seconds", "products", "optimizer")}
    return {
        "step ms": spread([1000 * v for v in step]),
        "floor ms": spread(floor["seconds"]),
        "floor/step %": ratios([v / 10 for v in floor["seconds"]], step),
        "products ms": spread(floor["products"]),
        "Adam ms": spread(floor["optimizer"]),
        "GFLOP/s": spread([flops / v / 1e9 for v in step]),
        "bare GFLOP/s": spread([flops / v / 1e6 for v in floor["products"]]),
    }
