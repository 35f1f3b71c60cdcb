"""The doctor: why a model is not better than it is, in plain words, most costly first."""

from typing import NamedTuple

import torch

from variate.data import Stream
from variate.doctor.examination import Examination, Patient, costs, examine
from variate.doctor.findings import Finding, findings
from variate.errors import InputError
from variate.models.vae import VAE, Array
from variate.training.state import Record

__all__ = ["Diagnosis", "Examination", "Finding", "costs", "diagnose"]


class Diagnosis(NamedTuple):
    """What the doctor says.

    Attributes:
        findings: What is wrong or could be better: alarms first, the costliest first.
        examination: Every number behind them.
    """

    findings: list[Finding]
    examination: Examination

    @property
    def alarms(self) -> list[Finding]:
        """The findings that cost too much to be left alone."""
        return [finding for finding in self.findings if finding.alarm]


def diagnose(
    vae: VAE,
    test: Array,
    train: Array | Stream | None = None,
    validation: Array | None = None,
    *,
    levels: int = 0,
    history: list[Record] | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> Diagnosis:
    """Measures what each part of a model costs and says what to change.

    Args:
        vae: The model, not changed.
        test: Rows that training did not see, (N, *event).
        train: Rows that it was trained on (of a stream a sample is taken); without them, over-fitting and
            under-training are not looked at.
        validation: Rows that chose its weights.
        levels: With grey training rows for a binary model, how many grey levels; else 0.
        history: The run's records (`History.records`, or the lines of metrics.jsonl): since when latents are collapsed.
        seed: Of every choice of rows and every draw.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The findings and all numbers behind them.

    Raises:
        InputError: If the rows are not what the model takes, or there are fewer than two test rows.
    """
    rows = vae.rows(test)
    if len(rows) < 2:
        raise InputError(f"test must hold at least two rows, got {len(rows)}")
    seen = None
    if train is not None and len(train):
        resident = train.some() if isinstance(train, Stream) else train
        seen = torch.as_tensor(resident) if levels else vae.rows(resident)
    chosen_by = vae.rows(validation) if validation is not None and len(validation) else None
    examination = examine(Patient(vae, rows, seen, chosen_by, levels, history or []), seed, show_progress)
    return Diagnosis(findings(examination), examination)
