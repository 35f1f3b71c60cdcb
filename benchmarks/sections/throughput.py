"""Training steps: the same network, rows, batch, optimiser and precision on every side."""

from collections.abc import Iterator
from typing import Any

from benchmarks.case import Case
from benchmarks.measure import inverse, ratios, spread
from benchmarks.settings import SIDES, Settings, Table, seconds_per_step, set_up
from benchmarks.worker import workers

REFERENCES = {"variate": "variate is x times as fast", "variate, compiled": "compiled, x times"}
"""Sides that all others are held against, and the columns for that."""
BFLOAT16 = ("pythae has no bfloat16 here: its row is float32",)
COMPILED = {"compile": "on"}
ROWS, QUICK_ROWS = 60_000, 2_000


def cases(settings: Settings) -> list[Case]:
    """What is measured."""
    common = {"threads": settings.threads, "rows": QUICK_ROWS if settings.quick else None}
    common |= {"synthetic": settings.synthetic}
    found = []
    for device in settings.devices:
        for precision in ("float32", "bfloat16"):
            both: dict[str, Any] = {**common, "device": device, "precision": precision}
            found += [Case(batch_size=batch, **both) for batch in (128, 1024)]
            found.append(Case(network="conv", width=64, depth=1, **both))
    return [found[0].replace(width=64), found[5].replace(width=16, batch_size=8)] if settings.quick else found


def sides(case: Case, settings: Settings) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> module and arguments of its setup."""
    epoch = ROWS // case.batch_size
    trial = 4 if settings.quick or case.network == "conv" else epoch
    plain = {"case": case.asdict()}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "variate": ("variate_side", plain),
        "variate, compiled": ("variate_side", plain | {"options": COMPILED}),
        "variate, clipped and averaged": ("variate_side", plain | {"same_work": False}),
        "PyTorch loop": ("torch_side", plain | {"trial": trial}),
        "PyTorch loop, tuned": ("torch_side", plain | {"tuned": True, "compiled": not settings.quick}),
        "pythae": ("pythae_side", plain | {"trial": trial}),
        "JAX": ("jax_side", plain | {"trial": 4 if settings.quick else min(64, epoch)}),
    }
    if case.network == "conv":
        del found["JAX"]
    if not case.worth_compiling:
        del found["variate, compiled"]
    return found


def measure(settings: Settings) -> Iterator[Table]:
    """A table a case."""
    yield from (compare(case, settings) for case in cases(settings))


def compare(case: Case, settings: Settings) -> Table:
    """All sides on one case."""
    chosen = sides(case, settings)
    against = {side: column for side, column in REFERENCES.items() if side in chosen}
    table = Table(f"Training steps: {case}", ("side", "rows/s", "ms/step", *against.values(), "how"))
    table.notes.extend(BFLOAT16 if case.precision == "bfloat16" else ())
    with workers(settings.threads, {name: SIDES + module for name, (module, _) in chosen.items()}) as running:
        known = set_up(running, {name: arguments for name, (_, arguments) in chosen.items()}, table)
        seconds = seconds_per_step(running, settings, known)
    parameters = {name: found["parameters"] for name, found in known.items()}
    if len(set(parameters.values())) > 1:
        raise AssertionError(f"the sides' models differ in their numbers of parameters: {parameters}")
    for name, values in seconds.items():
        table.rows.append(
            {
                "side": name,
                "rows/s": inverse(spread(values), case.batch_size),
                "ms/step": spread([1000 * v for v in values]),
                **{column: ratios(values, seconds[own]) for own, column in against.items()},
                "how": known[name]["note"],
            }
        )
    table.notes.append(f"{next(iter(parameters.values())):,} parameters on every side")
    table.notes.extend(settings.about_rows)
    return table
