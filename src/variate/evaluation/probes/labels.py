"""How well labels can be told from embeddings: a linear probe and the nearest neighbours.

Both learn from embeddings of training rows and are judged on rows that were held out. The linear probe is a logistic
regression for categories and a ridge regression for numbers, on coordinates that are standardised over the training
rows. The nearest neighbours are the `NEIGHBOURS` closest training rows by Euclidean distance between embeddings as they
are: categories by a majority, numbers by their mean. Two scores stand beside them: that of a constant, which needs no
embedding, and those of the same two predictors on the rows themselves, standardised. An embedding of a dozen numbers
that comes near the latter has kept what the label depends on.

References:
    Understanding intermediate layers using linear classifier probes (Alain and Bengio, 2017)
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.errors import InputError
from variate.evaluation.probes.scores import PredictionScore, ScoreName, score_predictions
from variate.statistics import Estimate

NEIGHBOURS = 10
"""Number of nearest training rows that decide."""
MOST_ROWS = 10_000
"""Most training rows to learn from; of more, some are chosen."""
RIDGE, INVERSE_RIDGE = 1.0, 1.0
"""Weight of the squared coefficients in the ridge regression; its inverse in the logistic regression."""
STEPS = 1_000
"""Most steps of the logistic regression."""

Rows = Float64[np.ndarray, "_ _"]
"""Rows as vectors: embeddings, or the features of the rows themselves."""
Labels = Float64[np.ndarray, " _"]
"""A label for each row; categories are codes."""


class Labelled(NamedTuple):
    """Rows with what is to be told of them.

    Attributes:
        embeddings: Means of q(z|x), (N, d).
        labels: Labels, or codes of categories, (N,); NaN where there is none.
        features: The rows themselves as vectors, (N, D); None leaves the comparison out.
    """

    embeddings: Rows
    labels: Labels
    features: Rows | None = None

    def with_labels(self) -> "Labelled":
        """The rows that have a label."""
        there = ~np.isnan(self.labels)
        features = None if self.features is None else self.features[there]
        return Labelled(self.embeddings[there], self.labels[there], features)


class Predicted(NamedTuple):
    """The scores of the two predictors.

    Attributes:
        linear: Of the linear probe.
        nearest: Of the nearest neighbours.
    """

    linear: Estimate
    nearest: Estimate


class LabelProbe(NamedTuple):
    """How well a label can be told from embeddings of rows that were held out.

    Attributes:
        score: What was measured: "accuracy" for categories, "R2" for numbers.
        embeddings: The scores from the embeddings.
        features: The scores from the rows themselves; None if they were not given.
        lost: The latter minus the former, on the same rows; None likewise.
        constant: The score of the most frequent category, or of the mean, of the training rows.
        neighbours: Number of nearest rows that decided.
        num_train: Number of rows that were learned from.
        num_test: Number of rows that were judged.
    """

    score: ScoreName
    embeddings: Predicted
    features: Predicted | None
    lost: Predicted | None
    constant: Estimate
    neighbours: int
    num_train: int
    num_test: int


def label_probe(train: Labelled, test: Labelled, *, categorical: bool, seed: int = 0) -> LabelProbe:
    """Learns labels from training rows, and scores the predictions for rows that were held out.

    Args:
        train: Rows to learn from.
        test: Rows to judge by.
        categorical: Whether the labels are codes of categories.
        seed: Seed of the choice of training rows, where there are more than `MOST_ROWS`.

    Returns:
        The scores, with standard errors over the held-out rows.

    Raises:
        InputError: If the labels of the training rows are all equal, or fewer than two rows have one.
    """
    train, test = train.with_labels(), test.with_labels()
    _require_labels(train.labels, test.labels)
    train = _at_most(train, MOST_ROWS, seed)
    name: ScoreName = "accuracy" if categorical else "R2"
    y, true = train.labels, test.labels

    def scored(x: Rows, new: Rows) -> tuple[PredictionScore, PredictionScore]:
        known, asked = standardised(x, new)
        return score_predictions(name, true, linear_predictions(known, y, asked, categorical)), score_predictions(
            name, true, nearest_predictions(x, y, new, categorical)
        )

    own, raw = scored(train.embeddings, test.embeddings), None
    if train.features is not None and test.features is not None:
        raw = scored(*standardised(train.features, test.features))
    return LabelProbe(
        name,
        Predicted(*(found.estimate for found in own)),
        None if raw is None else Predicted(*(found.estimate for found in raw)),
        None if raw is None else Predicted(*(before.over(after) for before, after in zip(raw, own, strict=True))),
        score_predictions(name, true, np.full(len(true), _constant(y, categorical))).estimate,
        min(NEIGHBOURS, len(y)),
        len(y),
        len(true),
    )


def _require_labels(train: Labels, test: Labels) -> None:
    """Refuses labels that nothing can be learned from, or judged by.

    Raises:
        InputError: If there are fewer than two rows with a label, or only one label.
    """
    for labels, what in ((train, "training rows"), (test, "held-out rows")):
        if len(labels) < 2:
            raise InputError("labels", f"a label for at least two {what}", f"labels of {len(labels)}")
    if (train == train[0]).all():
        raise InputError("labels", "at least two different labels among the training rows", "one", "use another column")


def _at_most(rows: Labelled, most: int, seed: int) -> Labelled:
    """The rows, or as many of them chosen by the seed, in their order."""
    if len(rows.labels) <= most:
        return rows
    which = np.sort(np.random.default_rng(seed).permutation(len(rows.labels))[:most])
    features = None if rows.features is None else rows.features[which]
    return Labelled(rows.embeddings[which], rows.labels[which], features)


def standardised(train: Rows, new: Rows) -> tuple[Rows, Rows]:
    """Both with the mean and the standard deviation that the training rows have; constants become 0."""
    mean, std = train.mean(0), train.std(0)
    varies = std > 1e-12 * np.abs(mean)
    unit = np.where(varies, std, 1.0)
    known, asked = (np.where(varies, (rows - mean) / unit, 0.0) for rows in (train, new))
    return known, asked


def linear_predictions(x: Rows, y: Labels, new: Rows, categorical: bool) -> Labels:
    """What a logistic or ridge regression on (x, y) predicts for new rows.

    Logistic regression is stopped after `STEPS` steps; whether it has converged by then changes its score by little.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=INVERSE_RIDGE, max_iter=STEPS) if categorical else Ridge(RIDGE)
        return np.asarray(model.fit(x, y).predict(new), np.float64)


def nearest_predictions(x: Rows, y: Labels, new: Rows, categorical: bool) -> Labels:
    """What the nearest of the rows x say of new rows."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from threadpoolctl import threadpool_limits

    kind = KNeighborsClassifier if categorical else KNeighborsRegressor
    with threadpool_limits(1):
        return np.asarray(kind(min(NEIGHBOURS, len(x))).fit(x, y).predict(new), np.float64)


def _constant(labels: Labels, categorical: bool) -> float:
    """The best prediction that takes no notice of the row."""
    if not categorical:
        return float(labels.mean())
    values, counts = np.unique(labels, return_counts=True)
    return float(values[counts.argmax()])
