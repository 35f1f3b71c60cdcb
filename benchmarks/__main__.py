"""variate beside other ways to train and score the same model, as ratios measured in one run.

    pip install -e '.[bench]'
    python -m benchmarks all --json found.json
    python -m benchmarks throughput floor
    python -m benchmarks all --quick                shows in a few minutes that all works; its figures mean nothing

Every side works in a process of its own, one at a time, in turns; a figure is the median over rounds with the least and
the most, and a ratio is the median of the rounds' ratios. docs/benchmarks.md says what each column means.
"""

import argparse
import importlib
import os
import signal
import sys
import time
from pathlib import Path

from benchmarks import report
from benchmarks.settings import Settings, Table, say

SECTIONS = {
    "throughput": "training steps per second, beside PyTorch, pythae and JAX",
    "floor": "the least that a step's arithmetic can cost, beside the step",
    "time-to-quality": "seconds until a test ELBO is reached, beside pythae",
    "quality": "test bits/dim of 8-bit pixels after given times",
    "same-numbers": "test ELBOs with bfloat16 and compilation, beside float32 without",
    "evaluation": "the importance-weighted bound, beside PyTorch and pythae",
    "compiling": "what each way to compile costs and saves",
    "processes": "several processes, beside one with as many threads",
    "feeding": "batches alone, out of memory and off the disk",
    "start-up": "start of a process, first step, memory, growth",
}
ALL = "all"


def positive(text: str) -> int:
    """A number of things."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def parser() -> argparse.ArgumentParser:
    """The options."""
    first, _, rest = (__doc__ or "").partition("\n")
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=first,
        epilog=rest + "\n" + "\n".join(f"    {name:<16}{what}" for name, what in SECTIONS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("sections", metavar="SECTION", nargs="+", choices=[*SECTIONS, ALL], help="see below; or all")
    made.add_argument("--quick", action="store_true", help="tiny sizes: does it work?")
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything there, after each table")
    made.add_argument("--threads", type=positive, default=cores(), help="of every side (all cores, %(default)s)")
    made.add_argument("--device", choices=["cpu", "cuda", "both"], help="by default both where torch sees a GPU")
    made.add_argument("--rounds", type=positive, default=7, help="how often the sides take turns (%(default)s)")
    made.add_argument("--block", type=float, default=2.0, help="seconds of a turn (%(default)s)")
    made.add_argument("--epochs", type=positive, default=20, help="of pythae, in time-to-quality (%(default)s)")
    made.add_argument(
        "--seconds", type=float, nargs="+", default=[60, 120, 240], help="of training, in quality (%(default)s)"
    )
    names = importlib.import_module("benchmarks.sections.quality").LIKELIHOODS
    made.add_argument("--likelihoods", nargs="+", choices=names, default=[], help="in quality (all but categorical)")
    return made


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settings_of(asked: argparse.Namespace, gpu: bool) -> Settings:
    """What was asked for, made small where it shall be quick."""
    device = asked.device or ("both" if gpu else "cpu")
    found = Settings(
        quick=asked.quick,
        threads=asked.threads,
        devices=("cpu", "cuda") if device == "both" else (device,),
        rounds=min(asked.rounds, 2) if asked.quick else asked.rounds,
        block=0.1 if asked.quick else asked.block,
        seconds=(2,) if asked.quick else tuple(asked.seconds),
        likelihoods=tuple(asked.likelihoods),
        epochs=min(asked.epochs, 2) if asked.quick else asked.epochs,
    )
    if "cuda" in found.devices and not gpu:
        sys.exit("error: torch sees no GPU here: leave --device out")
    return found


def main(arguments: list[str]) -> None:
    """Measures, prints, writes."""
    asked = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: terminated"))  # through what ends the workers
    where = report.machine()
    settings = settings_of(asked, where["gpu"] is not None)
    print("\n".join(f"{name}: {value}" for name, value in where.items()))
    if where["gpu"] is None:
        print("no GPU: sections on it are left out", flush=True)
    sections: dict[str, list[Table]] = {}
    for name in SECTIONS if ALL in asked.sections else dict.fromkeys(asked.sections):
        say(name)
        start = time.perf_counter()
        module = importlib.import_module(f"benchmarks.sections.{name.replace('-', '_')}")
        sections[name] = []
        for table in module.measure(settings):
            print("\n".join(report.lines(table)), flush=True)
            sections[name].append(table)
            if asked.json:
                report.write(asked.json, report.document(settings, where, sections))
        say(f"{name} took {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
