"""A probe of a model's embeddings by the labels of its data."""

import numpy as np
import torch

from variate.data.dataset import Dataset
from variate.errors import InputError
from variate.evaluation.probes.labels import MOST_ROWS, Labelled, LabelProbe, Rows, label_probe
from variate.limits import Seed, checked_arguments
from variate.models.base import Model
from variate.models.capabilities import OffersFeatures, offers
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.random import some_rows
from variate.training.validation import posterior_means


@checked_arguments
@of_a_model
def probe_labels(model: Model, train: Dataset, test: Dataset, *, seed: Seed = 0) -> LabelProbe:
    """How well the labels of held-out rows can be told from the means of q(z|x).

    Args:
        model: The model.
        train: Rows to learn from, with labels; of more than `MOST_ROWS`, some are chosen.
        test: Rows that training did not see, with the same labels.
        seed: Seed of the choice of rows.

    Returns:
        The scores of a linear probe and of the nearest neighbours, beside those from the rows themselves. There are
        none of the latter if the label is one of the rows' own columns.

    Raises:
        InputError: If the rows have no labels, or such as teach nothing.
    """
    for data, name in ((train, "train"), (test, "test")):
        if data.labels is None or data.label is None:
            raise InputError(name, "rows with labels", "rows without", "`read` them with the option labels")
    column = train.label
    if column is None:
        raise AssertionError("this was refused above")
    rows = train.select(some_rows(len(train), MOST_ROWS, seed).numpy())
    is_seen = column.name in {own.name for own in train.schema.columns}
    known, asked = (_labelled(model, data, not is_seen) for data in (rows, test))
    return label_probe(known, asked, categorical=column.kind in ("binary", "categorical"), seed=seed)


def _labelled(model: Model, data: Dataset, with_features: bool) -> Labelled:
    rows = model.dataset(data)
    if rows.labels is None:
        raise AssertionError("rows keep their labels")
    labels = np.asarray(rows.labels.all(), np.float64)
    return Labelled(posterior_means(model, rows).numpy(), labels, row_features(model, rows) if with_features else None)


def row_features(model: Model, rows: Dataset) -> Rows:
    """Rows in memory as vectors, (N, D): what the encoder's network takes, or, of other models, the numbers themselves.

    An element that is not observed has the feature 0.
    """
    found, own = [], offers(model, OffersFeatures)
    with evaluating(model):
        for batch in rows.batches(1024):
            x, mask, *_ = batch.to(model.device)
            numbers = own.features(x, mask) if own else x if mask is None else x.masked_fill(~mask, 0)
            found.append(numbers.flatten(1).cpu().double())
    return torch.cat(found).numpy()
