"""Models of images given their label, beside models without: bounds, samples of a class, and Bayes' rule.

What a sample shows is told by a classifier of scikit-learn that was trained on the real training rows: support vectors
with a radial kernel. Its own accuracy on real test rows is what samples could reach at most, if they were real.
"""

import time
from collections.abc import Iterator

import numpy as np

import variate
from benchmarks.settings import Settings, Table, say

PER_CLASS, MOST_TRAIN, MOST_TEST = 100, 20_000, 2_000
"""Samples of each class; rows that classifiers are trained on, and rows that are classified, at most."""
COLUMNS = ("rows", "what", "value", "stderr", "beside", "its value")


def measure(settings: Settings) -> Iterator[Table]:
    """Digits, then Fashion-MNIST."""
    table = Table("Models given a label, and without", COLUMNS)
    for name in ("digits", "fashion-mnist"):
        say(f"  {name}")
        table.rows.extend(lines(name, settings))
    table.notes.append(f"{PER_CLASS} samples of each class; classifiers see at most {MOST_TRAIN:,} training rows")
    yield table


def lines(name: str, settings: Settings) -> Iterator[dict[str, object]]:
    """What is measured of one set of images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    given, plain = (fitted(name, condition, settings) for condition in (("label",), ()))
    data, model = given
    bounds = [variate.elbo(own, rows.test).elbo.double() for rows, own in (given, plain)]
    gain = bounds[0] - bounds[1]
    yield line(name, "ELBO, nats", bounds[0], "without the label", bounds[1].mean().item())
    yield line(name, "ELBO gained by the label, nats", gain, "", None)
    x, y = pixels(data.train)[:MOST_TRAIN], labels(data.train)[:MOST_TRAIN]
    tests, truth = pixels(data.test)[:MOST_TEST], labels(data.test)[:MOST_TEST]
    judge = make_pipeline(StandardScaler(with_std=False), SVC()).fit(x, y)
    real = float((judge.predict(tests) == truth).mean())
    asked = np.repeat(np.arange(10.0), PER_CLASS)
    for what, mean in (("means", True), ("draws", False)):
        rows = model.sample(len(asked), mean=mean, context=asked[:, None], seed=0).numpy()
        right = judge.predict(rows.reshape(len(rows), -1)) == asked
        yield line(name, f"samples of the class asked for, {what}", right, "real test rows", real)
    found = variate.classify(model, data.test.select(np.arange(len(truth))))
    straight = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)).fit(x, y)
    accuracy = float((straight.predict(tests) == truth).mean())
    yield line(name, "accuracy by Bayes' rule", found.best.numpy() == truth, "logistic regression", accuracy)


def fitted(name: str, condition: tuple[str, ...], settings: Settings) -> tuple[variate.Splits, variate.Model]:
    """The data and a model of them with all defaults."""
    options = variate.DataOptions(condition=condition)
    data = variate.split(variate.read(name, options), options)
    model = variate.build(data)
    start = time.perf_counter()
    variate.fit(model, data, epochs=1 if settings.quick else None, threads=settings.threads)
    say(f"    {'given the label' if condition else 'without'}: {time.perf_counter() - start:.0f} s")
    return data, model


def pixels(rows: variate.Dataset) -> np.ndarray:
    """Images as rows of numbers."""
    return rows.x.all().reshape(len(rows), -1).astype(float)


def labels(rows: variate.Dataset) -> np.ndarray:
    """The labels of rows that are conditional on them."""
    assert rows.context is not None
    return rows.context.all()[:, 0]


def line(name: str, what: str, values: np.ndarray, beside: str, other: float | None) -> dict[str, object]:
    """A line of the table: a mean over rows with its standard error."""
    values = np.asarray(values, float)
    stderr = float(values.std(ddof=1) / np.sqrt(len(values)))
    say(f"    {what}: {values.mean():.4f} +- {stderr:.4f}; {beside} {other}")
    return dict(zip(COLUMNS, (name, what, float(values.mean()), stderr, beside, other), strict=True))
