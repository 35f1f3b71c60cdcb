"""Looks for faults: spoils files, kills runs, starves the machine and misuses options.

    python -m campaign short                        two minutes, on two cores
    python -m campaign all                          an hour and more: the figures of docs/reliability.md
    python -m campaign images arrays --seed 3       some campaigns, in the long form, with another seed
    python -m campaign images --case 17             one case of one campaign again

Prints a table with a row per campaign, and writes the files of every fault, with a line that tries it again, into a
folder. Exit code 1 if there is a fault, 2 if the command cannot be understood. Needs Linux.
"""

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.settings import cores

from campaign import forks, report
from campaign.base import Campaign

CAMPAIGNS = {
    "models": "model files: recipes, tensors, checksums, bytes",
    "images": "folders and zips of images in all formats that Pillow writes here",
    "arrays": ".npy, .npz and idx files, in memory and streamed",
    "tables": "tables of text, Excel, Arrow and Parquet files, in memory and streamed",
    "options": "options, arguments and flags beyond their limits and of other types",
    "kills": "training killed at any moment, several times, and resumed",
    "starts": "runs that start at one moment, in processes and in threads",
    "environments": "full disks, closed streams, limits, locales, names",
    "command-line": "the files of the first four campaigns, given to the command itself",
}
SHORT, ALL = "short", "all"


def parser() -> argparse.ArgumentParser:
    """The options."""
    first, _, rest = (__doc__ or "").partition("\n")
    made = argparse.ArgumentParser(
        prog="python -m campaign",
        description=first,
        epilog=rest + "\n" + "\n".join(f"    {name:<16}{what}" for name, what in CAMPAIGNS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*CAMPAIGNS, SHORT, ALL]
    made.add_argument("names", metavar="NAME", nargs="+", choices=names, help="short, all, or campaigns (see below)")
    made.add_argument("--seed", type=natural, default=0, help="of every case (%(default)s)")
    made.add_argument("--minutes", type=float, help="most minutes of each campaign (its own limit)")
    made.add_argument("--count", type=natural, help="cases of each campaign (its own number)")
    made.add_argument("--case", type=natural, help="try only the case of this number")
    made.add_argument("--keep", type=Path, metavar="FOLDER", help="for the files of faults (a new one in /tmp)")
    made.add_argument("--processes", type=natural, default=cores(), help="cases at a time (all cores, %(default)s)")
    return made


def natural(text: str) -> int:
    """A number that is not negative."""
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {number}")
    return number


def load(name: str) -> type[Campaign]:
    """A campaign by its name."""
    module = importlib.import_module(f"campaign.campaigns.{name.replace('-', '_')}")
    found: type[Campaign] = getattr(module, name.title().replace("-", ""))
    return found


def run(name: str, asked: argparse.Namespace, folder: Path, keep: Path) -> report.Tally:
    """Runs one campaign; what took too long beside others is tried again alone."""
    campaign, start = load(name)(), time.monotonic()
    say(f"{name}: making good files")
    (folder / "good").mkdir(parents=True)
    campaign.prepare(folder / "good")
    count = asked.count if asked.count is not None else campaign.short if SHORT in asked.names else campaign.long
    numbers: Sequence[int] = range(count) if asked.case is None else [asked.case]
    tally, slow = report.Tally(campaign, len(numbers)), list[int]()
    until = time.monotonic() + 60 * (campaign.minutes if asked.minutes is None else asked.minutes)

    def count_in(outcome: forks.Outcome) -> None:
        tally.add(outcome)
        if outcome.end == "slow":
            slow.append(outcome.number)
        elif outcome.end == "fault":
            tally.keep(outcome, keep, asked.seed)

    processes = 1 if campaign.alone or asked.case is not None else max(1, asked.processes)
    for outcome in forks.outcomes(campaign, asked.seed, numbers, folder / "cases", processes, until):
        count_in(outcome)
        if sum(tally.ends.values()) % 1000 == 0:
            say(f"{name}: {sum(tally.ends.values()):,} of {len(numbers):,}, {tally.ends['fault']:,} faults")
    for outcome in forks.outcomes(campaign, asked.seed, slow, folder / "again", 1, float("inf")):
        count_in(outcome)
    say(f"{name}: {tally.ends['fault']:,} faults in {time.monotonic() - start:.0f} s")
    return tally


def say(text: str) -> None:
    """Tells on standard error how far things are."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs what was asked for, and prints what it found. Returns the exit code."""
    made = parser()
    asked = made.parse_args(arguments)
    if asked.case is not None and (len(asked.names) > 1 or asked.names[0] not in CAMPAIGNS):
        made.error("--case is for one campaign")
    if not hasattr(os, "pidfd_open") or not Path("/proc/self/status").exists():
        made.error("campaigns need Linux")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: terminated"))  # through what ends the forks
    os.environ.update({"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"})
    import torch

    import variate

    torch.set_num_threads(1)  # no pool of threads that a fork would lack
    keep = (asked.keep or Path(tempfile.mkdtemp(prefix="campaign-faults-"))).resolve()
    keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    say(f"variate from {Path(variate.__file__).parent}")
    tallies = []
    try:
        for name in CAMPAIGNS if {SHORT, ALL} & set(asked.names) else dict.fromkeys(asked.names):
            tallies.append(run(name, asked, folder / name, keep))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print("\n".join(report.lines(tallies)), flush=True)
    faults = sum(tally.ends["fault"] for tally in tallies)
    if faults:
        print(f"\n{faults:,} faults; their files are in {keep}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
