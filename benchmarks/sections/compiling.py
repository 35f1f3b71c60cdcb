"""What each way to compile costs before the first step, and what it saves at every other."""

import tempfile
from collections.abc import Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import ratios, spread
from benchmarks.settings import SIDES, Settings, Table, seconds_per_step, set_up
from benchmarks.worker import uncached, workers

WAYS = ("off", "likelihood", "on")
COLUMNS = ("compile", "first step s", "ms/step", "x times as fast as off")


def measure(settings: Settings) -> Iterator[Table]:
    """A table a device and a model: the default one of grey levels, and one of bits."""
    for device in settings.devices:
        case = Case(threads=settings.threads, device=device, rows=1000 if settings.quick else None)
        case = case.replace(synthetic=settings.synthetic)
        small: dict[str, Any] = {"width": 32} if settings.quick else {}
        yield compare(f"the default model of grey levels, {device}", case, {"own": True, "model": small}, settings)
        yield compare(f"an MLP of bits, {device}", case, {"own": True}, settings)


def compare(title: str, case: Case, arguments: dict[str, Any], settings: Settings) -> Table:
    """All ways in turns, each compiled anew."""
    table = Table(f"Compiling: {title}", COLUMNS)
    ways = WAYS[:2] if settings.quick else WAYS
    with (
        tempfile.TemporaryDirectory() as cache,
        workers(settings.threads, dict.fromkeys(ways, SIDES + "variate_side"), **uncached(cache)) as running,
    ):
        given = {way: {"case": case.asdict(), "options": {"compile": way}} | arguments for way in ways}
        known = set_up(running, given, table)
        seconds = seconds_per_step(running, settings, known)
    for way in ways:
        table.rows.append(
            {
                "compile": way,
                "first step s": known[way]["seconds"],
                "ms/step": spread([1000 * v for v in seconds[way]]),
                "x times as fast as off": ratios(seconds["off"], seconds[way]),
            }
        )
    table.notes.append(f"{known['off']['note']}; the compiler's cache is empty")
    table.notes.extend(settings.about_rows)
    return table
