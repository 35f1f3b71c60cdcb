"""Gaps in tables of numbers, filled by variate and by scikit-learn: standardised RMSE and coverage of intervals.

Half of the entries are removed at random, three times. Every method sees the table with its gaps, and is scored on what
was removed, in standard deviations of each whole column: sqrt(mean ((filled - true) / std)^2). Coverage is the share
of removed numbers whose rank among variate's draws is in the middle nine tenths; the rank among equal ones is random.

Beside a table there may be lists of missing entries, files `Missing*.csv` of row and column from 1, as the authors of
HI-VAE publish them (Nazabal et al., 2020). Then these entries are removed, and the error is theirs too: of each column
sqrt(mean (filled - true)^2) in parts of its range, or the share of wrong names, averaged over the columns.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import variate
from benchmarks.measure import spread
from benchmarks.settings import Settings, Table, say
from variate.config.schema import Column, Schema

MISSING, SEEDS, DRAWS, LEVEL = 0.5, 3, 200, 0.9
COLUMNS = (
    "table",
    "rows",
    "method",
    "RMSE, mean",
    "RMSE, spread",
    "of the range",
    "seconds",
    "coverage of 90 %",
)


def measure(settings: Settings) -> Iterator[Table]:
    """One table."""
    table = Table("Half of all entries missing at random: standardised RMSE of what is filled in", COLUMNS)
    for path in settings.tables:
        x, schema = numbers(path)
        say(f"  {path}: {x.shape}")
        for name, patterns in patterns_of(Path(path), x, settings):
            table.rows.extend(lines(name, x, schema, patterns, settings))
    table.notes.append(f"{SEEDS} patterns of gaps and seeds, unless there are lists; the spread is their std")
    table.notes.append("every column is a number here, discrete ones too; defaults of every method")
    table.notes.append("of the range: HI-VAE's error, for columns with two values the share of wrong ones")
    yield table


def numbers(path: str) -> tuple[np.ndarray, Schema]:
    """A table's rows, and its columns, all as real numbers on their grids."""
    first = variate.read(path)
    asked = tuple((column.name, "real") for column in first.schema.columns)
    source = variate.read(path, variate.DataOptions(columns=asked))
    return source.dataset.all().x.double().numpy(), source.schema


def patterns_of(path: Path, x: np.ndarray, settings: Settings) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Which entries are seen, (N, D), in one pattern for each seed, by the name of what is measured."""
    lists = sorted(path.parent.glob("Missing*.csv"))
    for file in lists:
        seen = np.ones(x.shape, bool)
        row, column = np.loadtxt(file, int, delimiter=",").T - 1
        seen[row, column] = False
        yield f"{path.parent.name}, {file.stem}", [seen]
    if not lists:
        seeds = range(1 if settings.quick else SEEDS)
        yield path.stem, [np.random.default_rng(seed).random(x.shape) >= MISSING for seed in seeds]


def of_the_range(filled: np.ndarray, x: np.ndarray, seen: np.ndarray) -> float:
    """HI-VAE's error: of columns with two values the share of wrong ones, of others the RMSE in parts of the range."""
    found = []
    for own, true, gaps in zip(filled.T, x.T, ~seen.T, strict=True):
        low, high = true.min(), true.max()
        if np.isin(true, (low, high)).all():
            own = np.where(own > (low + high) / 2, high, low)
            found.append(np.mean((own != true)[gaps]))
        else:
            found.append(np.sqrt(np.mean(np.square(own - true)[gaps])) / (high - low))
    return float(np.mean(found))


def lines(
    name: str, x: np.ndarray, schema: Schema, patterns: list[np.ndarray], settings: Settings
) -> Iterator[dict[str, object]]:
    """A line for each method."""
    std = x.std(0)
    errors: dict[str, list[float]] = {}
    of_ranges: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    covered: list[float] = []
    for seed, seen in enumerate(patterns):
        gappy = np.where(seen, x, np.nan)
        for method, fill in methods(schema, seed, settings, covered, x).items():
            start = time.perf_counter()
            filled = fill(gappy)
            seconds.setdefault(method, []).append(time.perf_counter() - start)
            error = float(np.sqrt(np.mean(np.square((filled - x) / std)[~seen])))
            errors.setdefault(method, []).append(error)
            of_ranges.setdefault(method, []).append(of_the_range(filled, x, seen))
            say(f"    {name}, {method} {error:.4f}, {of_ranges[method][-1]:.4f}")
    for method, own in errors.items():
        yield {
            "table": name,
            "rows": len(x),
            "method": method,
            "RMSE, mean": float(np.mean(own)),
            "RMSE, spread": float(np.std(own)),
            "of the range": float(np.mean(of_ranges[method])),
            "seconds": spread(seconds[method]).median,
            "coverage of 90 %": float(np.mean(covered)) if method == "variate" and covered else None,
        }


def methods(
    schema: Schema, seed: int, settings: Settings, covered: list[float], x: np.ndarray
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Functions that fill gaps, (N, D), by name."""
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401  scikit-learn asks for it
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def by(imputer: object) -> Callable[[np.ndarray], np.ndarray]:
        scaler = StandardScaler()
        line = make_pipeline(scaler, imputer)
        return lambda gappy: scaler.inverse_transform(line.fit_transform(gappy))

    trees = ExtraTreesRegressor(n_estimators=10 if settings.quick else 100, random_state=seed)
    return {
        "variate": lambda gappy: by_variate(gappy, schema, seed, settings, covered, x),
        "mean": by(SimpleImputer()),
        "KNN": by(KNNImputer()),
        "BayesianRidge": by(IterativeImputer(max_iter=20, random_state=seed)),
        "ExtraTrees": by(IterativeImputer(trees, max_iter=2 if settings.quick else 10, random_state=seed)),
    }


def within(draws: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether the rank of each number among its draws, (draws, N, D), is in the middle; of equal ones it is random.

    Were x one more draw, its rank would be uniform, so that it lies in the middle with the probability `LEVEL`, however
    few values a column has.
    """
    below, equal = (draws < x).sum(0), (draws == x).sum(0)
    rank = (below + rng.random(x.shape) * (equal + 1)) / (len(draws) + 1)
    return np.abs(rank - 0.5) <= LEVEL / 2


def by_variate(
    gappy: np.ndarray, schema: Schema, seed: int, settings: Settings, covered: list[float], x: np.ndarray
) -> np.ndarray:
    """Means given what is seen, by a model that is trained on the table with its gaps."""
    columns = tuple(
        Column(c.name, "real", gaps=True, step=c.step, low=c.low, high=c.high, atoms=c.atoms) for c in schema.columns
    )
    rows = variate.from_arrays(np.ma.masked_invalid(gappy), schema=Schema("table", schema.shape, columns=columns))
    data = variate.split(rows, variate.DataOptions(validation=0.1, test=0.01, split_seed=seed))
    model = variate.build(data, seed=seed)
    variate.fit(model, data, seed=seed, **({"epochs": 1} if settings.quick else {}))
    found = variate.impute(model, rows, fill="mean", seed=seed)
    draws = variate.impute(model, rows, draws=10 if settings.quick else DRAWS, seed=seed).draws
    covered.append(float(within(draws.double().numpy(), x, np.random.default_rng(seed))[np.isnan(gappy)].mean()))
    return found.rows.double().numpy()
