r"""Which context a row has, by Bayes' rule from a conditional model:

    p(c|x) = p(x|c) p(c) / sum_c' p(x|c') p(c'),

with the importance-weighted bound in place of log p(x|c). Each context uses the same random numbers, so that what they
share cancels. The model is a classifier only on the side: how good it is says whether p(x|c) tells contexts apart.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from variate.data.dataset import Dataset, Splits
from variate.data.storage.in_memory import InMemory
from variate.errors import InputError
from variate.evaluation.bounds.importance import log_evidence
from variate.limits import Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data, from_rows
from variate.models.entry import of_a_model
from variate.runtime.progress import progress


class Classified(NamedTuple):
    """How probable each context is for each row.

    Attributes:
        log_prob: log p(c|x), (N, K), in nats.
        log_evidence: Bound on log p(x) = log sum_c p(c) p(x|c), (N,), in nats.
        contexts: The contexts, (K, c): codes of categories, and bits.
    """

    log_prob: Tensor
    log_evidence: Tensor
    contexts: Tensor

    @property
    def best(self) -> Tensor:
        """The number of the most probable context of each row, (N,)."""
        return self.log_prob.argmax(1)


@checked_arguments
@of_a_model
def classify(
    model: Model, data: Data, num_samples: Samples = 10, *, seed: Seed = 0, show_progress: bool = False
) -> Classified:
    """p(c|x) of each row for every context that a model with conditions knows.

    Args:
        model: A model whose conditions are categories or bits.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken; their own contexts are not
            looked at.
        num_samples: Posterior draws per row and context.
        seed: Seed of the draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If the model has no prior over its contexts, or the rows are not what it takes.
    """
    prior = model.conditions
    if prior is None or not prior.is_countable:
        expected = "a model whose conditions are categories or bits, with 1,000 different contexts at most"
        raise InputError("model", expected, "one without such conditions", "train it with `condition`")
    found, contexts = [], prior.values.cpu()
    rows = model.dataset(given(_rows(model, data), contexts[0]))
    with progress("classifying", len(contexts), show_progress) as advance:
        for context in contexts:
            found.append(log_evidence(model, given(rows, context), num_samples, seed=seed).log_evidence)
            advance(1)
    joint = torch.stack(found, 1) + prior.log_prob.cpu()
    evidence = joint.logsumexp(1)
    return Classified(joint - evidence.unsqueeze(1), evidence, contexts)


def given(rows: Dataset, context: Tensor) -> Dataset:
    """Rows that all have the same context, (c,)."""
    values = np.broadcast_to(context.numpy(), (len(rows), len(context)))
    return rows.replace(context=InMemory(np.ascontiguousarray(values)), context_mask=None)


def _rows(model: Model, data: Data) -> Dataset:
    """Rows as a data set, with whatever context."""
    if isinstance(data, Splits):
        return data.test
    return data if isinstance(data, Dataset) else from_rows(data, model, "data")
