"""Which condition each row has, told by a model with conditions."""

from typing import NamedTuple

import numpy as np

from variate.data import Dataset
from variate.data.schema.origin import as_they_came
from variate.errors import InputError, Option, Sentence
from variate.limits import Samples, Seed, checked_arguments
from variate.runs import Run


class Classes(NamedTuple):
    """The conditions of rows, in the order of the data.

    Attributes:
        table: A column per condition with its most probable value, their probability, and, for a single condition, the
            probability of each of its values, by name.
        right: How many of the labelled rows are told right.
        labelled: How many rows the data say the condition of.
        part: What the rows are, in words.
    """

    table: dict[str, np.ndarray]
    right: int
    labelled: int
    part: str


@checked_arguments
def classify_rows(
    run: Run, data: str | None = None, *, num_samples: Samples = 10, seed: Seed = 0, show_progress: bool = False
) -> Classes:
    """Tells the conditions of rows by Bayes' rule.

    Args:
        run: The run of a model with conditions that are categories or bits.
        data: Name or path of the rows, which need not have the conditions; by default the test part of the run's own.
        num_samples: Posterior draws per row and context.
        seed: Seed of the draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If the model has no such conditions, or the data cannot be used.
    """
    conditions = run.recipe.schema.conditions
    if not conditions:
        remedy = Sentence("train one with ", Option("condition"))
        raise InputError("model", "a model with conditions", "one without", remedy)
    rows = run.rows_to_classify(data)

    from variate.evaluation.classify import classify

    found = classify(run.model, rows.data, num_samples, seed=seed, show_progress=show_progress)
    p, best, contexts = found.log_prob.exp().numpy(), found.best.numpy(), found.contexts.numpy()
    told = zip(conditions, contexts[best].T, strict=True)
    table = {own.name: as_they_came(values, own) for own, values in told}
    right = labelled = 0
    if len(conditions) == 1:
        right, labelled = _counts(rows.data, table[conditions[0].name])
    table["probability"] = p.max(1)
    if len(conditions) == 1:
        names = as_they_came(contexts[:, 0], conditions[0])
        table |= {f"p({conditions[0].name}={name})": p[:, k] for k, name in enumerate(names.tolist())}
    return Classes(table, right, labelled, rows.part)


def _counts(rows: Dataset, told: np.ndarray) -> tuple[int, int]:
    """How many labelled rows have the label that was told, and how many rows are labelled."""
    if rows.labels is None or rows.label is None:
        return 0, 0
    codes = rows.labels.all()
    has_label = ~np.isnan(codes)
    labels = as_they_came(codes[has_label], rows.label)
    return int(np.count_nonzero(labels.astype(str) == told[has_label].astype(str))), len(labels)
