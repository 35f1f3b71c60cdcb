"""New rows for each context of a model with conditions that can be counted."""

from typing import NamedTuple

import numpy as np

from variate.data.relations import computed
from variate.data.schema.naming import NAMELESS
from variate.data.schema.written import as_written
from variate.runs import Run
from variate.runtime.finite import finite_rows


class ClassSamples(NamedTuple):
    """New rows of K contexts.

    Attributes:
        names: What each context is, in words.
        shares: How frequent each is among the training rows.
        rows: n rows of each, (K, n, *event).
        of_contexts: Number of different contexts, of which these are the most frequent ones.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    rows: np.ndarray
    of_contexts: int


def class_samples(run: Run, most: int, each: int, seed: int = 0) -> ClassSamples | None:
    """Draws rows of the most frequent contexts, in the order of their codes: means of images, draws of other rows.

    Args:
        run: The run.
        most: Most contexts.
        each: Rows of each.
        seed: Seed of the draws: all contexts get the same draws from the prior.

    Returns:
        The rows; None if the model has no conditions, or such as cannot be counted.

    Raises:
        InputError: If the model gives rows that are not finite.
    """
    known, schema = run.model.conditions, run.recipe.schema
    if known is None or not known.is_countable:
        return None
    log_prob = known.log_prob.cpu().numpy()
    chosen = np.sort(np.argsort(-log_prob, kind="stable")[:most])
    contexts, found = known.values.cpu().numpy()[chosen], []
    has_gaps = run.recipe.model.gaps == "model"
    for context in contexts:
        own = np.tile(context, (each, 1))
        rows = run.model.sample(each, mean=schema.is_image, context=own, seed=seed).numpy()
        finite_rows(np.nan_to_num(rows, nan=0.0) if has_gaps else rows, "the samples", "train the model again")
        found.append(computed(rows, schema.relations, schema.columns, has_gaps))
    told = [as_written(values, own) for own, values in zip(schema.conditions, contexts.T, strict=True)]
    names = [own.name or NAMELESS for own in schema.conditions]
    said = tuple(", ".join(f"{name} = {value}" for name, value in zip(names, row, strict=True))
                 for row in zip(*told, strict=True))  # fmt: skip
    return ClassSamples(said, tuple(np.exp(log_prob[chosen]).tolist()), np.stack(found), len(log_prob))
