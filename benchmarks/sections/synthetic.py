"""Synthetic tables: variate beside ctgan's TVAE, each at its defaults, on the same training rows.

Every generator draws as many rows as it saw, and `variate.compare` measures them as it would for a user. One more line
says what is possible: half of the real training rows, measured in the place of synthetic rows, beside the other half.
"""

import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import variate
from benchmarks.measure import alternate, spread
from benchmarks.settings import SIDES, Settings, Table, say, set_up
from benchmarks.synthesis import (
    MOST_ROWS,
    called,
    clipped_and_rounded,
    is_number,
    named_cells,
    parted,
    seen_values,
)
from benchmarks.worker import workers
from variate.comparison.compare import Comparison, compare
from variate.comparison.rows import Values, dataset_of, values_of

GENERATORS = ("variate", "TVAE")
ROUNDED, HALF = "TVAE, clipped and rounded", "half of the real rows"
METHODS = (*GENERATORS, ROUNDED, HALF)
TARGETS = {"diamonds": "price", "penguins": "species", "titanic": "survived"}
"""What is learned from the rows of a table; of others, the last column."""
SPIKE = 0.05
"""The least share of a most frequent number that is called a spike."""
ALL_ROWS = 10**6
"""Most rows to compare: all of them."""
LIKENESS = ("quality", "of columns", "of pairs", "AUC", "AUC, same gaps", "score, real", "score, synthetic", "lost")
DETAILS = ("out of range, %", "off grid, %", "spikes, points", "copies, %", "held-out copies, %", "fit, s", "draw, s")


def measure(settings: Settings) -> Iterator[Table]:
    """Two tables: of whole rows, and of cells, copies and times."""
    found: list[tuple[str, dict[str, list[dict[str, Any]]]]] = []
    absent = Table("", ())  # which only collects the notes on who is not installed
    for path in settings.tables:
        say(f"  {called(path)}")
        found.append((called(path), of_table(path, settings, absent)))
    seeds = 1 if settings.quick else settings.seeds
    missing = list(dict.fromkeys(absent.notes))
    told = "one seed" if seeds == 1 else f"{seeds} seeds, each of which decides the rows held out: median, least, most"
    told += "; one epoch on few rows, so these figures mean nothing" if settings.quick else ""
    likeness = Table("Synthetic tables: as good as real rows?", ("table", "method", *LIKENESS))
    details = Table("Synthetic tables: cells, copies and times", ("table", "method", *DETAILS))
    for table, names in ((likeness, LIKENESS), (details, DETAILS)):
        table.rows.extend(line(name, way, own, names) for name, ways in found for way, own in ways.items())
        table.notes.extend([told])
    likeness.notes.extend([*notes_on_likeness(), *targets(found), *missing])
    details.notes.extend([*notes_on_details(), *missing])
    yield likeness
    yield details


def line(name: str, way: str, own: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """A line of a table: of several seeds the median with the least and the most. For the file, each seed's values."""

    def value(measured: str) -> Any:  # noqa: ANN401
        known = [one[measured] for one in own if one[measured] is not None]
        return None if not known else known[0] if len(known) == 1 else spread(known)

    each = [{measured: one[measured] for measured in names} for one in own]
    return {"table": name, "method": way} | {measured: value(measured) for measured in names} | {"each seed": each}


def of_table(path: str, settings: Settings, absent: Table) -> dict[str, list[dict[str, Any]]]:
    """All measures of a table: for each method, those of each seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    counts: Counter[str] = Counter()

    def once(way: str) -> float:
        seed = counts[way]
        counts[way] += 1
        for method, own in measured(way, path, seed, settings, absent).items():
            found.setdefault(method, []).append(own)
            shown = (f"{name} {value:.4g}" for name, value in own.items() if isinstance(value, float))
            say(f"    {method}, seed {seed}: {'; '.join(shown)}")
        return 0.0

    alternate({way: partial(once, way) for way in (*GENERATORS, HALF)}, 1 if settings.quick else settings.seeds)
    return {method: found[method] for method in METHODS if method in found}


def measured(way: str, path: str, seed: int, settings: Settings, absent: Table) -> dict[str, dict[str, Any]]:
    """What one method gives with one seed, by the name of its line; nothing where it is not installed."""
    splits = parted(path, seed, settings.quick)
    target = TARGETS.get(called(path), splits.train.schema.columns[-1].name)
    if way == HALF:
        order = np.random.default_rng(seed).permutation(len(splits.train))
        one, other = (splits.train.select(np.sort(part)) for part in np.array_split(order, 2))
        beside = variate.Splits(other, splits.validation, splits.test, splits.fingerprint)
        return {HALF: measures(beside, values_of(one), target, absent)}
    done = drawn(way, path, seed, settings, absent)
    if done is None:
        return {}
    rows, seconds = done
    found = {way: measures(splits, rows, target, absent) | seconds}
    if way == "TVAE":
        mended = clipped_and_rounded(rows, seen_values(splits), splits.train.schema.columns)
        found[ROUNDED] = measures(splits, mended, target, absent) | seconds
    return found


def drawn(way: str, path: str, seed: int, settings: Settings, absent: Table) -> tuple[Values, dict[str, float]] | None:
    """Rows of a generator, and its seconds; None, and a note, where it is not installed."""
    with tempfile.TemporaryDirectory() as folder, workers(settings.threads, {way: SIDES + "generator_side"}) as running:
        arguments = {"way": way, "path": path, "seed": seed, "quick": settings.quick}
        if not set_up(running, {way: arguments}, absent):
            return None
        out = Path(folder) / "rows.npy"
        done = running[way].call("run", out=str(out))
        return np.load(out), {"fit, s": done["fit"], "draw, s": done["draw"]}


def measures(splits: variate.Splits, rows: Values, target: str, absent: Table) -> dict[str, Any]:
    """All measures of synthetic rows but the times.

    Args:
        splits: The real table.
        rows: The synthetic rows, (M, D).
        target: The column that is learned from the others.
        absent: Where it is noted that SDMetrics is not installed.
    """
    found = compare(splits, dataset_of(rows, splits.train), target=target, num_rows=ALL_ROWS)
    assert found.utility is not None
    return {
        "target": f"{found.utility.target} ({found.utility.score})",
        **quality(splits, rows, absent),
        "AUC": found.auc.value,
        "AUC, same gaps": (found.auc_same_gaps or found.auc).value,
        "score, real": found.utility.real.value,
        "score, synthetic": found.utility.synthetic.value,
        "lost": found.utility.lost.value,
        **of_numbers(found, rows),
        "copies, %": 100 * found.copies.exact.synthetic.value,
        "held-out copies, %": 100 * found.copies.exact.real.value,
        "fit, s": None,
        "draw, s": None,
    }


def of_numbers(found: Comparison, rows: Values) -> dict[str, float | None]:
    """What is wrong with the numbers: of all cells with a number, the share out of range and off the grid in percent;
    and the largest difference of the shares of a spike, in percentage points.
    """
    sizes = dict(zip([own.name for own in found.columns], (~np.isnan(rows)).sum(0).tolist(), strict=True))
    numbers = [own for own in found.columns if own.kind in ("real", "counts")]
    cells = sum(sizes[own.name] for own in numbers)
    outside = sum(own.outside.value * sizes[own.name] for own in numbers)
    off_grid = sum(own.off_grid.value * sizes[own.name] for own in numbers if own.off_grid is not None)
    spikes = [own.frequent.shares for own in numbers if own.frequent and own.frequent.shares.real.value >= SPIKE]
    return {
        "out of range, %": 100 * outside / cells if cells else None,
        "off grid, %": 100 * off_grid / cells if cells else None,
        "spikes, points": 100 * max(abs(own.difference.value) for own in spikes) if spikes else None,
    }


def quality(splits: variate.Splits, rows: Values, absent: Table) -> dict[str, float | None]:
    """SDMetrics' quality score of rows beside the test part, and its two parts.

    Where SDMetrics is not installed, they are None, and there is a note.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pandas as pd
            from sdmetrics.reports.single_table import QualityReport
        except ImportError as error:
            absent.notes.append(f"SDMetrics is not here: {error}")
            return {"quality": None, "of columns": None, "of pairs": None}
        columns = splits.train.schema.columns
        kinds = {own.name: {"sdtype": "numerical" if is_number(own) else "categorical"} for own in columns}
        real, synthetic = (pd.DataFrame(named_cells(part, columns)) for part in (values_of(splits.test), rows))
        report = QualityReport()
        report.generate(real, synthetic, {"columns": kinds}, verbose=False)
        of_columns, of_pairs = report.get_properties()["Score"]
    scores = {"quality": report.get_score(), "of columns": of_columns, "of pairs": of_pairs}
    return {name: None if np.isnan(own) else float(own) for name, own in scores.items()}  # NaN: it counted no pair


def targets(found: Sequence[tuple[str, dict[str, list[dict[str, Any]]]]]) -> list[str]:
    """What was learned of each table, and by which score it was judged."""
    told = (f"{name} {next(iter(ways.values()))[0]['target']}" for name, ways in found if ways)
    return [f"learned and scored: {', '.join(told)}"]


def notes_on_likeness() -> list[str]:
    """How to read the first table."""
    return [
        f"each generator draws as many rows as it saw (four fifths of the table), but at most {MOST_ROWS:,}",
        "variate has `gaps='model'` where there are gaps, else its defaults; an eighth of its rows chose the weights; "
        "it knows the range of each column in the whole table",
        "TVAE has its defaults, 300 epochs, on the CPU; it takes no gaps: numbers there are the mean of their column, "
        "categories 'missing', which is a gap again in its samples",
        "clipped and rounded: to the range and the decimals of the rows seen, as SDV does to what TVAE draws",
        "half of the real rows: of the training part, in the place of synthetic rows, beside its other half",
        "quality: of SDMetrics, beside the whole test part, the mean of the next two. It counts only pairs that hang "
        "together, and groups the numbers of each table between its own least and most: a single large number in one "
        "of the tables makes the score of a pair small, of real rows too",
        "score: of trees that learned a column from the rows, on the test part; lost: real minus synthetic",
    ]


def notes_on_details() -> list[str]:
    """How to read the second table."""
    return [
        "out of range, off grid: of all cells that hold a number; a grid has decimals, or steps such as 25",
        f"spikes: of columns in which one number has a share of {100 * SPIKE:.0f} % or more, the largest difference",
        "copies: rows that equal a row of the training part; held-out copies: rows of the test part that do",
    ]
