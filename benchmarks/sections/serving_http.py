"""What HTTP costs: throughput beside the same work from Python, many clients at once, and memory over many requests."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import alternate, inverse, ratios, spread
from benchmarks.settings import PAUSE, SIDES, Settings, Table, say
from benchmarks.worker import Worker, workers

BATCH, CLIENTS = 1_000, 2
"""Rows of a request, and clients that send them at once, so that one sends while another's is computed."""
ROWS, QUICK_ROWS = {"embed": 20_000, "score": 2_000}, 200
"""Rows of a turn."""
CROWD, CROWD_SECONDS = 64, 60.0
REQUESTS, PARTS = 50_000, 5
"""Requests over which memory is looked at, and how often."""


def measure(settings: Settings) -> Iterator[Table]:
    """Throughput, then a crowd, then memory."""
    with workers(settings.threads, {"http": SIDES + "http_side"}) as running:
        worker = running["http"]
        for what, rows in ROWS.items():
            say(f"  {what}")
            synthetic = settings.synthetic or settings.quick
            known = worker.call(
                "setup", threads=settings.threads, synthetic=synthetic, rows=QUICK_ROWS if settings.quick else rows
            )
            yield throughput(worker, what, settings, known)
            if what == "embed":
                yield crowd(worker, settings)
                yield memory(worker, settings)
            worker.call("stop")


def throughput(worker: Worker, what: str, settings: Settings, known: dict[str, Any]) -> Table:
    """Rows per second over HTTP and from Python, taking turns."""
    table = Table(f"HTTP: {what} in requests of {BATCH:,} rows", ("way", "rows/s", "of Python %"))
    ways = {
        "Python": turn(worker, "python", action=what, batch=BATCH),
        "HTTP": turn(worker, "http", action=what, batch=BATCH, clients=CLIENTS),
    }
    for way in ways.values():
        way()
    found = alternate(ways, settings.rounds)
    for name, seconds in found.items():
        share = ratios([100 * own for own in found["Python"]], seconds)
        table.rows.append({"way": name, "rows/s": inverse(spread(seconds)), "of Python %": share})
    table.notes.append(f"{known['note']}, npy, {CLIENTS} clients at once, in a process beside the server's")
    table.notes.extend(settings.about_rows)
    return table


def turn(worker: Worker, name: str, **arguments: Any) -> Callable[[], float]:  # noqa: ANN401  any JSON value
    """A turn: seconds per row."""

    def taken() -> float:
        time.sleep(PAUSE)
        return float(worker.call(name, **arguments))

    return taken


def crowd(worker: Worker, settings: Settings) -> Table:
    """Many clients at once, each asking for a row after the other."""
    seconds = 1.0 if settings.quick else CROWD_SECONDS
    columns = ("clients", "seconds", "requests/s", "errors", "p50, ms", "p99, ms")
    table = Table("HTTP: clients that embed one row after the other", columns)
    for clients in (1, CROWD):
        say(f"  {clients} clients")
        found = worker.call("crowd", clients=clients, seconds=seconds)
        values = (clients, seconds, found["requests"] / seconds, found["errors"], found["p50"], found["p99"])
        table.rows.append(dict(zip(columns, values, strict=True)))
    table.notes.append("the clients are threads of one process of Python, whose own time is counted, too")
    return table


def memory(worker: Worker, settings: Settings) -> Table:
    """The server's memory over many requests."""
    requests = 100 if settings.quick else REQUESTS
    table = Table("HTTP: memory over many requests", ("requests", "resident, MiB"))
    for part in range(PARTS + 1):
        resident = worker.call("memory", requests=max(1, requests // PARTS if part else requests // 100), clients=8)
        table.rows.append({"requests": part * requests // PARTS, "resident, MiB": resident})
        say(f"  {part * requests // PARTS:,} requests: {resident:.0f} MiB")
    table.notes.append("requests of one row: embed, score, reconstruct and sample in turn, after some to warm up")
    return table
