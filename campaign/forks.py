"""Cases tried in forks of one warmed process.

The parent has loaded every module and has tried the good files, so that a fork begins at once and what it needs beyond
its parent is the case's own. A fork leads a process group of its own, which is killed when its time is up. Its time is
the processor's, since the clock's depends on what else the machine does. Its peak of memory is the kernel's high-water
mark: a fork's mark begins at what it inherits (Linux sets it in `dup_mmap`), so the case's own share is the mark at its
end less what was resident at its beginning. Pages of libraries that the fork touches for the first time count too, some
tens of MB; the figure is too small only by pages that the system takes back meanwhile. A limit on the address space is
a net below: what would take the machine's memory fails in the fork alone.
"""

import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from campaign.base import Campaign, Case, Fault, LeftOutError
from campaign.judge import require_helpful
from variate.errors import InputError

MB = 2**20
TIMES_DECODED, LEAST_MEMORY = 20, 256 * MB
"""A case may take this many times the size of its decoded content, or so many bytes, whichever is more."""
NET = 4096 * MB
"""Bytes of address space that a fork may take beyond its parent's."""
SLACK = 2
"""Seconds for which a case may take longer than its limit before it is killed."""
HANGS = 30
"""A case whose time is the processor's is killed after this many times its limit by the clock: it waits."""
LONGEST_REASON = 9_000
"""Characters of a reason that are kept: with at most 6 bytes each in JSON, they fit into a pipe at once."""


class Outcome(NamedTuple):
    """How a case ended.

    Attributes:
        number: Of the case.
        end: How; "slow" is a case that took too long beside others and must be tried again alone.
        reason: Of a fault or of a case that was left out: what happened.
        seconds: That it took, of the processor or by the clock.
        memory: Bytes that it took beyond the warmed process.
        what: What was done.
        again: The line that tries it again.
        folder: Its files.
    """

    number: int
    end: Literal["result", "sentence", "fault", "slow", "left out"]
    reason: str = ""
    seconds: float = 0.0
    memory: int = 0
    what: str = ""
    again: str = ""
    folder: Path = Path()


class Running(NamedTuple):
    """A fork at work: its process, a descriptor that is readable once it has ended, and the end of the pipe from it."""

    number: int
    pid: int
    ended: int
    pipe: int
    start: float
    resident: int
    folder: Path


def chance(seed: int, name: str, number: int) -> Random:
    """The source of chance of a case."""
    return Random(f"{seed} {name} {number}")


def outcomes(
    campaign: Campaign, seed: int, numbers: Iterable[int], folder: Path, processes: int, until: float
) -> Iterator[Outcome]:
    """Tries cases, several at a time, and gives their outcomes as they come. Their files are removed after that.

    Args:
        campaign: The campaign, prepared.
        seed: Its seed.
        numbers: Of the cases.
        folder: Where the cases' files go.
        processes: Cases at a time.
        until: When, by `time.monotonic`, the last case may begin.
    """
    running: dict[int, Running] = {}
    waiting, left = iter(numbers), True
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page that it visits
    try:
        while left or running:
            while left and len(running) < processes:
                number = next(waiting, None)
                left = number is not None and time.monotonic() < until
                if left and number is not None:
                    begun = begin(campaign, seed, number, folder)
                    running[begun.ended] = begun
            for ended in wait(running, by_clock(campaign) + SLACK):
                begun = running.pop(ended)
                yield finish(begun, campaign, processes > 1)
                shutil.rmtree(begun.folder, ignore_errors=True)
    finally:
        for begun in running.values():
            kill(begun.pid)
            os.waitpid(begun.pid, 0)
            os.close(begun.ended)
            os.close(begun.pipe)
        gc.unfreeze()


def by_clock(campaign: Campaign) -> float:
    """Seconds by the clock after which a case of a campaign has had its time."""
    return campaign.seconds * (HANGS if campaign.is_measured else 1)


def wait(running: dict[int, Running], limit: float) -> list[int]:
    """The descriptors of forks that have ended; those whose time is up are killed."""
    if not running:
        return []
    first = min(begun.start for begun in running.values()) + limit
    poll = select.poll()
    for ended in running:
        poll.register(ended, select.POLLIN)
    found = poll.poll(max(0.0, first - time.monotonic()) * 1000 + 1)
    for begun in running.values():
        if time.monotonic() - begun.start > limit:
            kill(begun.pid)
    return [ended for ended, _ in found]


def kill(pid: int) -> None:
    """Ends a fork and all that it has started."""
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            end(pid, signal.SIGKILL)


def begin(campaign: Campaign, seed: int, number: int, folder: Path) -> Running:
    """Forks and begins a case."""
    own = folder / str(number)
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    start, resident = time.monotonic(), status("VmRSS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process with threads, which are idle here
        pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        os.close(reading)
        child(campaign, chance(seed, campaign.name, number), own, writing)
    os.close(writing)
    return Running(number, pid, os.pidfd_open(pid), reading, start, resident, own)


def status(entry: str) -> int:
    """Bytes by an entry of this process's status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(entry + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/self/status has no {entry}")


def child(campaign: Campaign, random: Random, folder: Path, pipe: int) -> None:
    """The fork's whole life: makes the case, tries it, and writes two lines into the pipe."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        os.chdir(folder)
        case = campaign.make(random, folder)
        send(pipe, {"what": case.what[:500], "again": case.again, "target": str(case.target or "")})
        send(pipe, tried(campaign, case))
    except BaseException:
        send(pipe, {"end": "broken", "reason": traceback.format_exc()[-LONGEST_REASON:]})
    finally:
        os._exit(0)


def send(pipe: int, content: dict[str, object]) -> None:
    """Writes a line."""
    os.write(pipe, json.dumps(content).encode() + b"\n")


def tried(campaign: Campaign, case: Case) -> dict[str, object]:
    """Tries a case and judges what came."""
    clock = time.process_time if campaign.is_measured else time.monotonic
    start, resident = clock(), status("VmRSS")
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    reason, end = "", "fault"
    try:
        if campaign.is_measured:
            resource.setrlimit(resource.RLIMIT_CPU, (int(start + campaign.seconds) + SLACK, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + NET, most))
        end = campaign.attempt(case)
    except InputError as error:
        reason = fault_of(error, case)
        end = "fault" if reason else "sentence"
    except Fault as fault:
        reason = str(fault)
    except LeftOutError as error:
        end, reason = "left out", str(error)
    except BaseException:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        reason = traceback.format_exc()
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    seconds, memory = clock() - start, status("VmHWM") - resident
    if campaign.is_measured and memory > LEAST_MEMORY and memory > TIMES_DECODED * campaign.decoded(case):
        end, reason = "fault", f"took {memory / MB:,.0f} MB, and ended with: {reason or end}"
    return {"end": end, "reason": reason[-LONGEST_REASON:], "seconds": seconds, "memory": memory}


def fault_of(error: InputError, case: Case) -> str:
    """What is wrong with a sentence; nothing where it helps."""
    try:
        require_helpful(error, case.names)
    except Fault as fault:
        return str(fault)
    return ""


def finish(begun: Running, campaign: Campaign, among_others: bool) -> Outcome:
    """The outcome of a fork that has ended.

    Raises:
        RuntimeError: If the campaign itself failed.
    """
    _, code, used = os.wait4(begun.pid, 0)
    with suppress(ProcessLookupError):
        os.killpg(begun.pid, signal.SIGKILL)  # what it has started and left behind
    os.close(begun.ended)
    with os.fdopen(begun.pipe, "rb") as stream:
        case, *found = [json.loads(line) for line in stream.read().splitlines()] or [{}]
    seconds = used.ru_utime + used.ru_stime if campaign.is_measured else time.monotonic() - begun.start
    if "broken" in (case.get("end"), *(line.get("end") for line in found)):
        raise RuntimeError(f"case {begun.number} of {campaign.name} could not be made: {[case, *found][-1]['reason']}")
    told = found[0] if found else {}
    end, reason = told.get("end", "fault"), told.get("reason", "")
    seconds, memory = told.get("seconds", seconds), told.get("memory", used.ru_maxrss * 1024 - begun.resident)
    clock = time.monotonic() - begun.start
    if not told:
        reason = f"ended by signal {signal.Signals(os.WTERMSIG(code)).name}" if os.WIFSIGNALED(code) else "ended"
        reason += f" after {clock:.0f} s by the clock"
    if seconds > campaign.seconds or (not told and clock > by_clock(campaign)):
        end, reason = ("slow" if among_others else "fault"), f"took {seconds:.0f} s, and {reason or end}"
    what = case.get("what", "?")
    again = case.get("again") or f"python -m campaign {campaign.name} --seed SEED --case {begun.number}  # {what}"
    return Outcome(begun.number, end, reason, seconds, memory, what, again, begun.folder)
