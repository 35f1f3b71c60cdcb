"""Labels told from embeddings: of rows whose label decides, and of rows that know nothing of it."""

import numpy as np
import pytest

from refusals import refused
from variate.evaluation.probes.labels import NEIGHBOURS, Labelled, label_probe, linear_predictions, standardised

SURE = 4.0
"""Standard errors within which a score at chance is expected."""


def blobs(num_rows, seed, distance=12.0):
    """Three groups in four dimensions, apart from each other, and which of them each row is of."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=num_rows).astype(float)
    centers = distance * np.eye(3, 4)
    return centers[labels.astype(int)] + rng.normal(size=(num_rows, 4)), labels


def test_groups_that_lie_apart_are_told_without_a_mistake():
    found = label_probe(Labelled(*blobs(300, 0)), Labelled(*blobs(200, 1)), categorical=True)
    assert found.score == "accuracy"
    assert found.embeddings.linear.value == found.embeddings.nearest.value == 1
    assert 0.2 < found.constant.value < 0.5
    assert (found.features, found.lost) == (None, None)
    assert (found.num_train, found.num_test, found.neighbours) == (300, 200, NEIGHBOURS)


@pytest.mark.parametrize("categorical", [True, False])
def test_shuffled_labels_are_told_no_better_than_by_chance(categorical):
    (x, y), (new, true) = blobs(2000, 0), blobs(2000, 1)
    y, true = (np.random.default_rng(seed).permutation(labels) for seed, labels in ((2, y), (3, true)))
    found = label_probe(Labelled(x, y), Labelled(new, true), categorical=categorical)
    if categorical:  # any guess that knows nothing is right with the frequency of what it guesses
        for guess in found.embeddings:
            assert abs(guess.value - 1 / 3) < SURE * guess.stderr + 0.02  # 0.02: the groups' shares are not equal
    else:
        assert abs(found.embeddings.linear.value) < 0.02
        # The mean of k labels that have nothing to do with the row adds a k-th of the variance.
        assert abs(found.embeddings.nearest.value + 1 / NEIGHBOURS) < SURE * found.embeddings.nearest.stderr + 0.02


def test_a_linear_function_is_predicted_by_the_linear_probe_as_least_squares_would():
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(500, 3)), rng.normal(size=(400, 3))
    slope, noise = np.array([2.0, -1.0, 0.5]), 0.5
    y, true = (rows @ slope + noise * rng.normal(size=len(rows)) for rows in (x, new))
    found = label_probe(Labelled(x, y), Labelled(new, true), categorical=False).embeddings.linear
    expected = slope @ slope / (slope @ slope + noise**2)
    assert abs(found.value - expected) < SURE * found.stderr


def test_what_an_embedding_lost_is_measured_against_the_rows_themselves():
    (x, y), (new, true) = blobs(600, 0, 3.0), blobs(500, 1, 3.0)
    found = label_probe(Labelled(x[:, :1], y, x), Labelled(new[:, :1], true, new), categorical=True)
    for before, after, lost in zip(found.features, found.embeddings, found.lost, strict=True):
        assert lost.value == pytest.approx(before.value - after.value)
        assert lost.value > SURE * lost.stderr > 0
    same = label_probe(Labelled(x, y, x), Labelled(new, true, new), categorical=True)
    assert same.lost.linear.value == pytest.approx(0, abs=1e-12)


def test_the_units_of_an_embedding_do_not_matter_to_the_linear_probe():
    (x, y), (new, _) = blobs(300, 0, 2.0), blobs(200, 1, 2.0)
    scaled = [rows * [1e6, 1e-6, 1.0, 3.0] + 1e3 for rows in (x, new)]
    once, again = (
        linear_predictions(known, y, asked, True) for known, asked in (standardised(x, new), standardised(*scaled))
    )
    np.testing.assert_array_equal(once, again)


def test_rows_without_a_label_are_left_out_and_many_are_thinned_by_the_seed(monkeypatch):
    (x, y), (new, true) = blobs(300, 0), blobs(100, 1)
    y[::3], true[0] = np.nan, np.nan
    monkeypatch.setattr("variate.evaluation.probes.labels.MOST_ROWS", 50)
    found = label_probe(Labelled(x, y), Labelled(new, true), categorical=True, seed=5)
    assert (found.num_train, found.num_test) == (50, 99)
    assert found == label_probe(Labelled(x, y), Labelled(new, true), categorical=True, seed=5)


def test_labels_that_teach_nothing_are_refused():
    x, y = blobs(50, 0)
    one, none = np.zeros(50), np.full(50, np.nan)
    for labels, judged in ((one, y), (none, y), (y, none)):
        assert refused(label_probe, Labelled(x, labels), Labelled(x, judged), categorical=True).argument == "labels"
