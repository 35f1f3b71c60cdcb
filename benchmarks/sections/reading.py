"""A table of text that is streamed, beside one parse of it by pyarrow, in time and in memory."""

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks.measure import alternate, ratios, spread
from benchmarks.settings import SIDES, Settings, Table, say
from benchmarks.worker import Worker

SIZE, QUICK_SIZE = 10**9, 10**6
"""Bytes of the clean table; those of the others are a tenth, since they take longer."""
ROWS = 100_000
"""Rows that are written at a time."""
SIDE = SIDES + "reading_side"


def measure(settings: Settings) -> Iterator[Table]:
    """One table."""
    table = Table(
        "Tables of text: streamed, beside one parse by pyarrow",
        ("table", "MB", "pyarrow, s", "variate, s", "ratio", "variate, MB/s", "variate, peak MiB", "pyarrow, peak MiB"),
    )
    size = QUICK_SIZE if settings.quick else SIZE
    with tempfile.TemporaryDirectory() as folder:
        for name, path in made(Path(folder), size):
            say(f"  {name}")
            table.rows.append({"table": name} | line(path, settings))
            path.unlink()
    table.notes.append("files just written, so in the system's cache; numbers, categories, dates, gaps in all columns")
    table.notes.append(
        "pyarrow keeps all rows in memory, variate writes them to disk; MB/s of the file; peaks are of whole processes"
    )
    yield table


def line(path: Path, settings: Settings) -> dict[str, object]:
    """One file, read in turns, each time by new processes."""
    memory: dict[str, list[float]] = {"pyarrow": [], "variate": []}

    def once(way: str) -> float:
        with Worker(SIDE, settings.threads) as worker:
            worker.call("setup", way=way)
            found = worker.call("run", path=str(path))
        memory[way].append(found["memory"] / 2**20)
        return float(found["seconds"])

    sides: dict[str, Callable[[], float]] = {way: partial(once, way) for way in memory}
    seconds = alternate(sides, settings.rounds)
    size = path.stat().st_size / 1e6
    return {
        "MB": size,
        "pyarrow, s": spread(seconds["pyarrow"]),
        "variate, s": spread(seconds["variate"]),
        "ratio": ratios(seconds["variate"], seconds["pyarrow"]),
        "variate, MB/s": size / spread(seconds["variate"]).median,
        "variate, peak MiB": spread(memory["variate"]),
        "pyarrow, peak MiB": spread(memory["pyarrow"]),
    }


def made(folder: Path, size: int) -> Iterator[tuple[str, Path]]:
    """The files by name, each made when it is its turn: clean, compressed, and each thing that takes another way."""
    rng = np.random.default_rng(0)
    yield "clean", written(folder / "clean.csv", size, partial(clean, rng))
    small = written(folder / "small.csv", size // 10, partial(clean, rng))
    packed = folder / "packed.csv.gz"
    with small.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target)
    yield "gzipped", packed
    for name, (old, new) in {
        "one late text": (b"", b"x,1,50,Rome,2020-01-01,1\n"),
        "blanks around cells": (b",", b" , "),
        "cp1252": (b"Wien", "Zürich".encode("cp1252")),
    }.items():
        data = small.read_bytes()
        path = folder / f"{name.replace(' ', '-')}.csv"
        path.write_bytes(data.replace(old, new) if old else data + new)
        yield name, path
    small.unlink()


def written(path: Path, size: int, rows: Callable[[int], pa.Table]) -> Path:
    """A file of at least so many bytes."""
    with path.open("wb") as file:
        while file.tell() < size:
            options = csv.WriteOptions(include_header=not file.tell(), quoting_style="none")
            csv.write_csv(rows(ROWS if size > ROWS else 100), file, options)
    return path


def clean(rng: np.random.Generator, rows: int) -> pa.Table:
    """Numbers, categories and dates, with gaps."""
    columns = {
        "amount": np.round(rng.lognormal(3, 1, rows), 2),
        "visits": rng.negative_binomial(2, 0.1, rows),
        "latitude": np.round(rng.uniform(40, 60, rows), 5),
        "city": rng.choice(["Rome", "Oslo", "Bern", "Paris", "Prague", "Wien"], rows),
        "day": (17_000 + rng.integers(0, 2_000, rows)).astype("datetime64[D]"),
        "score": rng.normal(size=rows),
    }
    return pa.table({name: pa.array(values, mask=rng.random(rows) < 0.03) for name, values in columns.items()})
