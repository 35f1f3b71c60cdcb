"""The doctor: why a model is not better than it is, in plain words, the costliest first."""

from collections.abc import Sequence
from typing import NamedTuple

from variate.data.dataset import Dataset, Splits
from variate.doctor.examination import Examination, costs, examine
from variate.doctor.findings import Finding, findings
from variate.doctor.trial import Parts
from variate.errors import InputError
from variate.limits import Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.training.state import Record

__all__ = ["Diagnosis", "Examination", "Finding", "costs", "diagnose"]


class Diagnosis(NamedTuple):
    """The result of an examination.

    Attributes:
        findings: What is wrong or could be better: alarms first, the costliest first.
        examination: All numbers behind them.
    """

    findings: list[Finding]
    examination: Examination

    @property
    def alarms(self) -> list[Finding]:
        """The findings that cost too much to be ignored."""
        return [finding for finding in self.findings if finding.alarm]


@checked_arguments
@of_a_model
def diagnose(
    model: Model, data: Data, *, history: Sequence[Record] | None = None, seed: Seed = 0, show_progress: bool = False
) -> Diagnosis:
    """Measures what each part of a model costs and says what to change.

    Args:
        model: The model, not changed.
        data: Splits: the model is judged by the test part, and the other parts show over-fitting and under-training. Or
            only rows that training did not see, (N, *event), as an array or a data set.
        history: The run's records (`History.records`, or the lines of metrics.jsonl): since when latents are collapsed.
        seed: Seed of every choice of rows and of all draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The findings and all numbers behind them.

    Raises:
        InputError: If the rows are not what the model takes, or there are fewer than two of them.
    """
    test = model.dataset(data)
    if len(test) < 2:
        raise InputError("data", "at least two rows to judge the model by", len(test))
    train, validation = (data.train.sample(), data.validation) if isinstance(data, Splits) else (None, None)
    parts = Parts(test, _not_empty(train), _not_empty(validation))
    examination = examine(model, parts, history or [], seed, show_progress)
    return Diagnosis(findings(examination), examination)


def _not_empty(rows: Dataset | None) -> Dataset | None:
    return rows if rows is not None and len(rows) else None
