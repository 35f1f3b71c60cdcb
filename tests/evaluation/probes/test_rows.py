"""Embeddings of a model judged by the labels of its data."""

import dataclasses

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate.config.schema import Column
from variate.data.storage.in_memory import InMemory
from variate.evaluation.probes.rows import probe_labels, row_features

LABEL = Column("group", "categorical", ("a", "b", "c"))


def labelled(num_rows, seed):
    """Three groups of rows that lie apart, with their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=num_rows)
    x = np.eye(3, 5)[labels] * 4 + rng.normal(size=(num_rows, 5))
    return variate.from_arrays(x.astype(np.float32)).replace(labels=InMemory(labels.astype(float)), label=LABEL)


@pytest.fixture(scope="module")
def parts():
    return labelled(300, 0), labelled(150, 1)


@pytest.fixture(scope="module")
def model(parts):
    torch.set_default_dtype(torch.float32)
    vae = variate.build(parts[0], variate.ModelOptions(latent=3, width=16, depth=1))
    variate.fit(vae, parts[0], epochs=60, threads=1)
    return vae


def test_a_model_that_has_learned_tells_the_groups_and_one_that_has_not_does_worse(model, parts):
    found = probe_labels(model, *parts)
    assert found.embeddings.linear.value > 0.9
    assert (found.score, found.num_train, found.num_test) == ("accuracy", 300, 150)
    assert found.features.linear.value > 0.9
    assert found.constant.value < 0.5
    assert abs(found.lost.linear.value) < 0.1


def test_the_rows_themselves_are_what_the_network_takes(model, parts):
    x = parts[0].x.all().astype(np.float64)
    np.testing.assert_allclose(row_features(model, parts[0]), (x - x.mean(0)) / x.std(0), rtol=1e-4, atol=1e-4)


def test_a_label_that_is_one_of_the_columns_is_not_compared_with_itself(model, parts):
    columns = tuple(Column(name, "real") for name in ("group", "b", "c", "d", "e"))
    own = [
        part.replace(schema=dataclasses.replace(part.schema, kind="table", columns=columns), x=part.x) for part in parts
    ]
    found = probe_labels(model, *own)
    assert (found.features, found.lost) == (None, None)
    assert found.embeddings == probe_labels(model, *parts).embeddings


def test_rows_without_labels_are_refused(model, parts):
    train, test = parts
    assert refused(probe_labels, model, train.replace(labels=None), test).argument == "train"
    assert refused(probe_labels, model, train, test.replace(labels=None)).argument == "test"
