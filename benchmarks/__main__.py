"""variate beside other ways to train and score the same model, as ratios measured in one run.

    pip install -e '.[bench]'
    python -m benchmarks all --json found.json
    python -m benchmarks throughput floor
    python -m benchmarks all --quick                shows in a few minutes that all works; its figures mean nothing

Every side works in a process of its own, one at a time, in turns; a figure is the median over rounds with the least and
the most, and a ratio is the median of the rounds' ratios. docs/benchmarks.md says what each column means.

Without Fashion-MNIST, sections that take times use random rows of its shape. What cannot be measured here is left out
and named at the end, with what it lacks; the exit code is then 2.
"""

import argparse
import importlib
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.case import grey
from benchmarks.settings import Settings, Table, cores, positive, say
from benchmarks.worker import AbsentError
from variate.errors import InputError

OWN, ANY, FASHION = "own", "any", "fashion"
"""Rows that a section takes: its own, any of Fashion-MNIST's shape, or Fashion-MNIST itself."""


class Section(NamedTuple):
    """What a section measures, and on which rows."""

    what: str
    rows: str


SECTIONS = {
    "throughput": Section("training steps per second, beside PyTorch, pythae and JAX", ANY),
    "floor": Section("the least that a step's arithmetic can cost, beside the step", ANY),
    "time-to-quality": Section("seconds until a test ELBO is reached, beside pythae", FASHION),
    "quality": Section("test bits/dim of 8-bit pixels after given times", FASHION),
    "same-numbers": Section("test ELBOs with bfloat16 and compilation, beside float32 without", FASHION),
    "evaluation": Section("the importance-weighted bound, beside PyTorch and pythae", ANY),
    "noise": Section("the reported noise of that bound, beside what repeated draws do", OWN),
    "compiling": Section("what each way to compile costs and saves", ANY),
    "processes": Section("several processes, beside one with as many threads", ANY),
    "feeding": Section("batches alone, out of memory and off the disk", OWN),
    "reading": Section("tables of text that are streamed, beside one parse by pyarrow", OWN),
    "table-likelihoods": Section("held-out nats of tables, by Gaussians and by the default", OWN),
    "imputation": Section("gaps of tables of numbers, filled by variate and by scikit-learn", OWN),
    "synthetic": Section("synthetic tables, by variate and by ctgan's TVAE", OWN),
    "conditions": Section("models of images given their label: bounds, samples of a class, Bayes' rule", FASHION),
    "anomalies": Section("odd rows of tables and odd images, found by variate and by PyOD", OWN),
    "serving": Section("scoring and embedding: their products beside the whole, and the memory of streams", ANY),
    "serving-http": Section("the HTTP API beside Python: throughput, many clients at once, memory", ANY),
    "first-contact": Section("what is decided about tables at first contact, and what a default run gives", OWN),
    "start-up": Section("start of a process, first step, memory, growth", ANY),
}
ALL = "all"
INSTALL = "`pip install -e '.[bench]'` brings what the suite compares with"


def parser() -> argparse.ArgumentParser:
    """The options."""
    first, _, rest = (__doc__ or "").partition("\n")
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=first,
        epilog=rest + "\n" + "\n".join(f"    {name:<16}{section.what}" for name, section in SECTIONS.items()),
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
    made.add_argument("--tables", nargs="+", default=["people"], metavar="FILE", help="in the sections on tables")
    made.add_argument("--seeds", type=positive, default=3, help="in synthetic (%(default)s)")
    names = importlib.import_module("benchmarks.sections.quality").LIKELIHOODS
    made.add_argument("--likelihoods", nargs="+", choices=names, default=[], help="in quality (all but categorical)")
    return made


def settings_of(asked: argparse.Namespace, gpu: bool, synthetic: bool = False) -> Settings:
    """What was asked for, made small where it shall be quick.

    Raises:
        InputError: If a GPU was asked for and there is none.
    """
    device = asked.device or ("both" if gpu else "cpu")
    found = Settings(
        quick=asked.quick,
        threads=asked.threads,
        devices=("cpu", "cuda") if device == "both" else (device,),
        rounds=min(asked.rounds, 2) if asked.quick else asked.rounds,
        block=0.1 if asked.quick else asked.block,
        seconds=(2,) if asked.quick else tuple(asked.seconds),
        likelihoods=tuple(asked.likelihoods),
        tables=tuple(asked.tables),
        seeds=asked.seeds,
        epochs=min(asked.epochs, 2) if asked.quick else asked.epochs,
        synthetic=synthetic,
    )
    if "cuda" in found.devices and not gpu:
        raise InputError("--device", "cpu", asked.device, "torch sees no GPU here: leave --device out")
    return found


def without_fashion(sections: Iterable[str]) -> InputError | None:
    """Why Fashion-MNIST cannot be had; None if it can, or if none of these sections takes it."""
    if all(SECTIONS[name].rows == OWN for name in sections):
        return None
    try:
        grey()
    except InputError as error:
        return error
    return None


def main(arguments: list[str]) -> None:
    """Measures, prints, writes; what was left out is said last."""
    asked = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: terminated"))  # through what ends the workers
    try:
        left_out = measure_all(asked)
    except InputError as error:
        left_out = {str(error): []}
    for why, names in left_out.items():
        print(f"error: {', '.join(names)}{' left out: ' if names else ''}{why}", file=sys.stderr)
    if left_out:
        sys.exit(2)


def measure_all(asked: argparse.Namespace) -> dict[str, list[str]]:
    """Measures, prints and writes section by section.

    Returns:
        The sections that cannot be measured here, by what they lack.

    Raises:
        InputError: If there is no such device, or the file cannot be written.
    """
    names = list(SECTIONS if ALL in asked.sections else dict.fromkeys(asked.sections))
    absent = without_fashion(names)
    impossible = [name for name in names if absent is not None and SECTIONS[name].rows == FASHION]
    left_out = {str(absent): impossible} if impossible else {}
    if impossible == names:
        return left_out
    where = report.machine()
    settings = settings_of(asked, where["gpu"] is not None, synthetic=absent is not None)
    sections: dict[str, list[Table]] = {}
    keep(asked.json, settings, where, sections)
    print("\n".join(f"{name}: {value}" for name, value in where.items()))
    if where["gpu"] is None:
        print("no GPU: sections on it are left out", flush=True)
    for name in (name for name in names if name not in impossible):
        say(name)
        start = time.perf_counter()
        module = importlib.import_module(f"benchmarks.sections.{name.replace('-', '_')}")
        sections[name] = []
        try:
            for table in module.measure(settings):
                print("\n".join(report.lines(table)), flush=True)
                sections[name].append(table)
                keep(asked.json, settings, where, sections)
        except AbsentError as error:  # without this side there is nothing to compare with
            left_out.setdefault(f"{str(error).splitlines()[0]}; {INSTALL}", []).append(name)
        say(f"{name} took {time.perf_counter() - start:.0f} s")
    return left_out


def keep(file: Path | None, settings: Settings, where: dict[str, Any], sections: dict[str, list[Table]]) -> None:
    """Writes what there is so far, if it was asked for.

    Raises:
        InputError: If the file cannot be written.
    """
    if file is None:
        return
    try:
        report.write(file, report.document(settings, where, sections))
    except OSError as error:
        raise InputError("--json", "a file that can be written", f"{file}: {error.strerror}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
