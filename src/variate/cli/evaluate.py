"""`variate evaluate`: how good a model is, in one table and in evaluation.json."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from variate.cli.arguments import Data, Model
from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.config.recipe import Precision
from variate.limits import MOST_ROWS, Checked, Rows, Samples, Seed


@dataclass(frozen=True)
class Evaluate(Checked):
    """Say how good a model is on rows that it has not seen: bounds on log p(x), rate, distortion, active units.

    Prints one table, and writes it to evaluation.json beside the model.
    """

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Data to evaluate on, all rows; by default the test part of the data that it was trained on."""
    mask_folder: str | None = None
    """Folder of a mask picture for each image of DATA, of the same name: black where a pixel is missing."""
    samples: Samples = 100
    """Number of posterior samples per row for the importance-weighted bound; more make it tighter. 1 leaves it out."""
    ais: Annotated[int, Interval(ge=0, le=MOST_ROWS)] = 0
    """Run annealed importance sampling, slow and tighter still, on this many of the rows."""
    rows: Rows | None = None
    """Take this many of the rows, chosen by the seed; by default all."""
    precision: Precision = "auto"
    """Precision of the networks; auto takes the one that the model was trained in, if the machine is fast at it."""
    seed: Seed = 0
    """Seed of the draws."""
    out: str | None = None
    """File for the record; by default evaluation.json beside the model. It is replaced if it exists."""

    def __call__(self) -> None:
        """Prints the table and writes the record."""
        from variate.config.run_files import EVALUATION_FILE
        from variate.runs.directory import record_path
        from variate.runs.run import Run

        run = Run(self.model, mask_folder=self.mask_folder)
        path = record_path(run.path / EVALUATION_FILE, self.out)
        held_out = run.held_out(self.data)
        # Torch is loaded from here on: what cannot be used was refused before.
        from variate.evaluation.evaluate import evaluate
        from variate.reports.evaluation import evaluation_report
        from variate.reports.json import to_json
        from variate.reports.terminal import show

        precision = run.use_precision(self.precision)
        found = evaluate(
            run.model,
            held_out.data,
            self.samples,
            annealed_rows=self.ais,
            num_rows=self.rows,
            seed=self.seed,
            show_progress=True,
        )
        report = evaluation_report(found, run, held_out, seed=self.seed, precision=precision)
        show(report, as_flag)
        say(f"wrote {run.save_evaluation(to_json(report), path)}")
