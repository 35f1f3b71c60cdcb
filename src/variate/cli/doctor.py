"""`variate doctor`: what is wrong with a model, what it costs, what to change."""

import os
from dataclasses import dataclass

from variate.cli.arguments import Data, Model
from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.limits import Checked, Seed


@dataclass(frozen=True)
class Doctor(Checked):
    """Find out why a model is not better: what each of its parts costs in nats, and what to change.

    Prints the findings, and writes them to diagnosis.json beside the model.
    """

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Data to judge by, all rows; by default the test part of the data that the model was trained on."""
    mask_folder: str | None = None
    """Folder of a mask picture for each image of DATA, of the same name: black where a pixel is missing."""
    seed: Seed = 0
    """Seed of every choice of rows and every draw."""

    def __call__(self) -> None:
        """Examines the model and prints what to change."""
        from variate.runs import Run

        run = Run(self.model, mask_folder=self.mask_folder)
        held_out, data = run.examined(self.data)
        # Torch is loaded from here on: what cannot be used was refused before.
        from variate.doctor import diagnose
        from variate.reports.diagnosis import diagnosis_report
        from variate.reports.json import to_json
        from variate.reports.terminal import show

        precision = run.use_precision()
        found = diagnose(run.model, data, history=run.history, seed=self.seed, show_progress=True)
        report = diagnosis_report(found, run, held_out, seed=self.seed, precision=precision)
        show(report, as_flag)
        if os.access(run.path, os.W_OK):
            say(f"wrote {run.save_diagnosis(to_json(report))}")
