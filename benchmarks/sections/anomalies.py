"""Odd rows found by variate and by PyOD: the area under the ROC curve of their scores.

A model sees ordinary rows only, without labels; it is then given others of them, and odd ones. Every method runs with
its defaults. PyOD is given numbers: categories one-hot, and all columns standardised by the training rows; variate is
given the table as it is.

    breast-cancer    malignant among benign                 scikit-learn
    wine             the rarest class among the others      scikit-learn
    digits           one digit among the others             scikit-learn, the digit is the seed
    abalone          3 or 21 rings among 8 to 10            abalone.csv among the tables that are named
    adult            incomes above 50K among the others     adult-train.csv.gz among the tables that are named

Of images, the model is of Fashion-MNIST, of icons or of photographs, and the odd ones are images of another kind, for
which raw likelihood is known to fail. Which method of variate is its default was chosen on `CHOSEN_ON` alone.
"""

import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import variate
from benchmarks.settings import Settings, Table, say
from benchmarks.worker import AbsentError
from variate.evaluation.scores.score import RELATIVE
from variate.limits import ScoreMethod

SEEDS, TRAIN = 5, 0.7
"""Seeds, and the share of ordinary rows that a model is fitted to."""
MOST_ROWS = 2_000
"""Ordinary and odd rows that are scored, at most of each."""
TABLE_METHODS: tuple[ScoreMethod, ...] = ("bound", "importance", "typicality", "latent", "combined", "regret")
IMAGE_METHODS: tuple[ScoreMethod, ...] = ("combined", "bound", "complexity", "latent", "typicality", "regret")
CHOSEN_ON = ("breast-cancer", "abalone", "Fashion-MNIST: digits enlarged", "icons: flags")
SLOW_ROWS = 100
"""Rows of each kind for regret, which fits q to each."""
SPLITS, RATES, ALARM_EPOCHS = 10, (0.01, 0.05), 20
"""Splits in which false alarms are counted, the rates, and the epochs of each model."""
RIVALS = ("VAE", "AutoEncoder", "IForest", "ECOD", "KNN", "LOF")
ICONS, FLAGS = Path("/usr/share/icons/silk/16x16"), Path("/usr/share/iso-flags-png-320x240")


class Case(NamedTuple):
    """Ordinary and odd rows of a table.

    Attributes:
        name: What to call it.
        ordinary: The ordinary rows.
        odd: The odd rows.
    """

    name: str
    ordinary: pd.DataFrame
    odd: pd.DataFrame


def measure(settings: Settings) -> Iterator[Table]:
    """Tables, then images."""
    yield tables(settings)
    yield alarms(settings)
    yield images(settings)


def tables(settings: Settings) -> Table:
    """The areas of all methods on each table, and their mean ranks."""
    table = Table("Odd rows of tables: area under the ROC curve", ("table", "method", "area", "stderr"))
    areas: dict[tuple[str, str], list[float]] = {}
    for seed in range(1 if settings.quick else SEEDS):
        for case in cases(settings, seed):
            for method, area in results(case, seed, settings):
                say(f"  {case.name}, seed {seed}, {method}: {area:.4f}")
                areas.setdefault((case.name, method), []).append(area)
    for (name, method), own in areas.items():
        table.rows.append(
            {
                "table": name,
                "method": method,
                "area": float(np.mean(own)),
                "stderr": float(np.std(own, ddof=1) / np.sqrt(len(own))) if len(own) > 1 else None,
            }
        )
    table.notes.extend(ranks(areas))
    table.notes.append(f"{SEEDS} seeds, each with another split of the ordinary rows; defaults of every method")
    return table


def alarms(settings: Settings) -> Table:
    """How many clean rows are flagged at a rate, in ten splits of each table, beside what chance allows."""
    from scipy.stats import betabinom

    columns = ("table", "rate", "held out", "clean", "least", "median", "most", "expected", "inside 95 %")
    table = Table("Clean rows that are flagged at a false-alarm rate, in ten splits", columns)
    for case in cases(settings, 0):
        flagged: dict[float, list[tuple[int, int, int]]] = {rate: [] for rate in RATES}
        source = variate.read(case.ordinary.reset_index(drop=True))
        for split_seed in range(2 if settings.quick else SPLITS):
            parts = variate.split(source, variate.DataOptions(split_seed=split_seed, validation=0.2, test=0.2))
            model = variate.build(parts)
            variate.fit(model, parts, epochs=2 if settings.quick else ALARM_EPOCHS, threads=settings.threads)
            p = variate.score(model, parts.test, calibration=parts).p_value
            for rate in RATES:
                flagged[rate].append((int((p <= rate).sum()), len(p), len(parts.validation)))
        for rate, found in flagged.items():
            shares = [count / clean for count, clean, _ in found]
            inside = 0
            for count, clean, n in found:
                k = math.floor(rate * (n + 1) + 1e-9)
                law = betabinom(clean, k, n + 1 - k) if k else None
                inside += count == 0 if law is None else law.ppf(0.025) <= count <= law.ppf(0.975)
            say(f"  {case.name}, at {rate}: {min(shares):.4f} to {max(shares):.4f}, {inside} of {len(found)} inside")
            _, clean, n = found[0]
            numbers = (min(shares), float(np.median(shares)), max(shares), math.floor(rate * (n + 1) + 1e-9) / (n + 1))
            values = (case.name, rate, n, clean, *numbers, f"{inside} of {len(found)}")
            table.rows.append(dict(zip(columns, values, strict=True)))
    table.notes.append(f"{ALARM_EPOCHS} epochs each: the rate does not depend on how good a model is")
    table.notes.append(
        "inside 95 %: of the beta-binomial law that the number of flagged rows has if the rows are exchangeable"
    )
    return table


def ranks(areas: dict[tuple[str, str], list[float]]) -> Iterator[str]:
    """The mean rank of each method of variate beside those of PyOD, over all tables."""
    names = sorted({name for name, _ in areas})
    for own in TABLE_METHODS:
        rows = [[np.mean(areas[name, method]) for method in (f"variate, {own}", *RIVALS)] for name in names]
        order = (-np.array(rows)).argsort(1).argsort(1) + 1
        said = ", ".join(f"{method} {rank:.2f}" for method, rank in zip((own, *RIVALS), order.mean(0), strict=True))
        yield f"mean rank over {', '.join(names)}: {said}"


def cases(settings: Settings, seed: int) -> Iterator[Case]:
    """The tables that are there."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine

    found = load_breast_cancer(as_frame=True)
    yield Case("breast-cancer", found.data[found.target == 1], found.data[found.target == 0])
    found = load_wine(as_frame=True)
    yield Case("wine", found.data[found.target != 2], found.data[found.target == 2])
    found = load_digits(as_frame=True)
    yield Case("digits", found.data[found.target != seed], found.data[found.target == seed])
    for path in map(Path, settings.tables):
        if path.name.startswith("abalone"):
            frame = pd.read_csv(path, header=None)
            rings = frame.pop(frame.columns[-1])
            frame.columns = [f"column_{place + 1}" for place in range(frame.shape[1])]
            yield Case("abalone", frame[rings.between(8, 10)], frame[rings.isin((3, 21))])
        if path.name.startswith("adult"):
            frame = pd.read_csv(path, header=None, skipinitialspace=True, na_values="?")
            income = frame.pop(frame.columns[-1])
            frame.columns = [f"column_{place + 1}" for place in range(frame.shape[1])]
            yield Case("adult", frame[income == "<=50K"], frame[income == ">50K"])


def results(case: Case, seed: int, settings: Settings) -> Iterator[tuple[str, float]]:
    """The name and the area of each method."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(case.ordinary))
    cut = int(TRAIN * len(order))
    train, usual = case.ordinary.iloc[order[:cut]], case.ordinary.iloc[order[cut:][:MOST_ROWS]]
    odd = case.odd.iloc[rng.permutation(len(case.odd))[:MOST_ROWS]]
    test = pd.concat([usual, odd], ignore_index=True)
    truth = np.arange(len(test)) >= len(usual)
    for method, score in by_variate(train, test, seed, settings):
        yield f"variate, {method}", float(roc_auc_score(truth, score))
    for rival, fit in rivals(seed).items():
        yield rival, float(roc_auc_score(truth, by_pyod(fit(), train, test)))


def by_variate(
    train: pd.DataFrame, test: pd.DataFrame, seed: int, settings: Settings
) -> Iterator[tuple[str, np.ndarray]]:
    """The scores of each method of one trained model."""
    source = variate.read(train.reset_index(drop=True))
    parts = variate.split(source, variate.DataOptions(test=0.01))
    model = variate.build(parts, seed=seed)
    variate.fit(model, parts, seed=seed, epochs=2 if settings.quick else None, threads=settings.threads)
    for method in TABLE_METHODS:
        yield method, variate.score(model, test, method=method, calibration=needed(method, parts)).score.numpy()


def needed(method: ScoreMethod, parts: variate.Splits) -> variate.Splits | None:
    """What a score is relative to, for methods whose scores are."""
    return parts if method in RELATIVE else None


def rivals(seed: int) -> dict[str, Callable[[], object]]:
    """Makers of PyOD's detectors, by name."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
        from pyod.models.ecod import ECOD
        from pyod.models.iforest import IForest
        from pyod.models.knn import KNN
        from pyod.models.lof import LOF
        from pyod.models.vae import VAE
    except ImportError:
        raise AbsentError("pyod") from None
    return {
        "VAE": lambda: VAE(random_state=seed, verbose=0),
        "AutoEncoder": lambda: AutoEncoder(random_state=seed, verbose=0),
        "IForest": lambda: IForest(random_state=seed),
        "ECOD": ECOD,
        "KNN": KNN,
        "LOF": LOF,
    }


def by_pyod(detector: object, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The scores of one of PyOD's detectors."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_column_selector(dtype_include="number")
    texts = make_column_selector(dtype_exclude="number")
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    )
    detector.fit(prepare.fit_transform(train))
    return np.asarray(detector.decision_function(prepare.transform(test)))


def images(settings: Settings) -> Table:
    """The areas of variate's methods on pairs of kinds of images."""
    from sklearn.metrics import roc_auc_score

    columns = ("model of", "odd", "method", "area")
    table = Table("Odd images: area under the ROC curve", columns)
    for name, train, test, odd_ones in pairs(settings):
        data = variate.from_arrays(train)
        parts = variate.split(data, variate.DataOptions(test=0.01))
        model = variate.build(parts)
        start = time.perf_counter()
        variate.fit(model, parts, epochs=1 if settings.quick else None, threads=settings.threads)
        say(f"  {name}: trained in {time.perf_counter() - start:.0f} s")
        for odd_name, odd in odd_ones:
            for method in IMAGE_METHODS:
                most = SLOW_ROWS if method == "regret" else 1_000
                both = np.concatenate([test[:most], odd[:most]])
                found = variate.score(model, both, method=method, calibration=needed(method, parts))
                area = roc_auc_score(np.arange(len(both)) >= len(test[:most]), found.score.numpy())
                say(f"    {odd_name}, {method}: {area:.4f}")
                table.rows.append(dict(zip(columns, (name, odd_name, method, float(area)), strict=True)))
    return table


def pairs(settings: Settings) -> Iterator[tuple[str, np.ndarray, np.ndarray, list[tuple[str, np.ndarray]]]]:
    """What a model is of, its training and test images, and the odd ones of each kind: (N, C, H, W) uint8."""
    source = variate.read("fashion-mnist")
    train, test = source.x.all(), source.test.x.all()
    digits = resized(variate.read("digits").x.all() * 15, (28, 28))
    noisy = np.random.default_rng(0).normal(test.astype(float), 40).clip(0, 255).round().astype(np.uint8)
    kinds = [("digits enlarged", digits), ("upside down", test[1_000:, :, ::-1]), ("noisy", noisy[1_000:])]
    yield "Fashion-MNIST", train, test, [(kind, np.ascontiguousarray(odd)) for kind, odd in kinds]
    if ICONS.is_dir() and FLAGS.is_dir():
        icons, flags = (pictures(folder, (16, 16)) for folder in (ICONS, FLAGS))
        order = np.random.default_rng(0).permutation(len(icons))
        yield "icons", icons[order[200:]], icons[order[:200]], [("flags", flags)]
    for path in map(Path, settings.tables):
        if path.name.startswith("cifar"):
            with np.load(path) as archive:
                photos, others = (laid_out(archive[key]) for key in ("x_train", "x_test"))
            clothes = np.repeat(resized(test, (32, 32)), 3, 1)
            yield "CIFAR-10", photos, others, [("Fashion-MNIST in RGB", clothes)]


def laid_out(values: np.ndarray) -> np.ndarray:
    """Images as (N, 3, H, W)."""
    return np.ascontiguousarray(values if values.shape[1] == 3 else values.transpose(0, 3, 1, 2))


def resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Grey images of another size, (N, 1, *size), bilinear."""
    from PIL import Image

    made = [np.asarray(Image.fromarray(own[0]).resize(size[::-1], Image.Resampling.BILINEAR)) for own in values]
    return np.stack(made)[:, None]


def pictures(folder: Path, size: tuple[int, int]) -> np.ndarray:
    """All pictures of a folder over white, (N, 3, *size)."""
    from PIL import Image

    found = []
    for path in sorted(folder.rglob("*.png")):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            whole = Image.new("RGBA", image.size, "white")
            whole.alpha_composite(image.convert("RGBA"))
            small = whole.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR)
        found.append(np.asarray(small).transpose(2, 0, 1))
    return np.stack(found)
