"""Batches alone: rows per second out of memory, out of a memory-mapped array, and out of a Parquet file."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet

import variate
from benchmarks.measure import alternate, inverse, spread
from benchmarks.settings import Settings, Table, say
from variate.likelihoods import Gaussian
from variate.runtime.distributed import Processes
from variate.training.batches import Batches, ResidentBatches, StreamedBatches

ROWS, QUICK_ROWS = 400_000, 4_000
PIXELS, COLUMNS = 784, 20
BATCH = 1024


def measure(settings: Settings) -> Iterator[Table]:
    """One table."""
    say("  feeds")
    rows = QUICK_ROWS if settings.quick else ROWS
    table = Table("Batches of 1,024 rows, and nothing else", ("rows", "out of", "rows/s", "MB/s"))
    with tempfile.TemporaryDirectory() as folder:
        feeds, sizes = made(Path(folder), rows)
        try:
            steps = 2 if settings.quick else rows // BATCH
            found = alternate({name: turn(feed, steps) for name, feed in feeds.items()}, settings.rounds)
        finally:
            for feed in feeds.values():
                feed.close()
    for name, values in found.items():
        what, source = name.split(" out of ")
        speed = inverse(spread(values), BATCH)
        table.rows.append({"rows": what, "out of": source, "rows/s": speed, "MB/s": speed.median * sizes[name] / 1e6})
    table.notes.append("an epoch per turn, in the order of training; files just written, so in the system's cache")
    yield table


def made(folder: Path, rows: int) -> tuple[dict[str, Batches], dict[str, int]]:
    """The feeds by name, and bytes per row of what each gives."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (rows, PIXELS), dtype=np.uint8)
    np.save(folder / "pixels.npy", pixels)
    numbers = rng.normal(size=(max(rows // 4, QUICK_ROWS), COLUMNS))
    columns = {f"c{i}": numbers[:, i] for i in range(COLUMNS)}
    parquet.write_table(pa.table(columns), folder / "table.parquet", row_group_size=10_000)
    names = {"images of 784 bytes": "pixels.npy", "20 real columns": "table.parquet"}
    cpu, alone = torch.device("cpu"), Processes()
    resident = ResidentBatches(variate.from_arrays(pixels), BATCH, 0, alone, cpu)
    feeds: dict[str, Batches] = {"images of 784 bytes out of memory": resident}
    sizes = {"images of 784 bytes out of memory": PIXELS}
    for what, file in names.items():
        train = variate.split(variate.read(str(folder / file), variate.DataOptions(stream="on"))).train
        name = f"{what} out of {Path(file).suffix}"
        feeds[name] = StreamedBatches(train, BATCH, 0, alone, cpu, Gaussian(train.shape))
        feeds[name].check = None
        sizes[name] = train.x.dtype.itemsize * int(np.prod(train.shape))
    return feeds, sizes


def turn(feed: Batches, steps: int) -> Callable[[], float]:
    """Seconds per batch, of so many batches."""
    done = 0

    def run() -> float:
        nonlocal done
        start = time.perf_counter()
        for step in range(done, done + steps):
            feed.batch(step)
        done += steps
        return (time.perf_counter() - start) / steps

    return run
