"""`variate evaluate`: how good a model is, in one table and in evaluation.json."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.config.recipe import Precision
from variate.limits import MOST_ROWS, Checked, Rows, Samples, Seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from variate.data import Dataset
    from variate.reports.report import Report
    from variate.runs import HeldOut, Run


@dataclass(frozen=True)
class Evaluate(Checked):
    """Say how good a model is on rows that it has not seen: bounds on log p(x), rate, distortion, active units.

    Prints one table, and writes it to evaluation.json beside the model. Of a directory of `train --seeds`, it evaluates
    the run of each seed, and a second table says how much every number varies among them.
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
    labels: str | None = None
    """Say how well this table column, or label of images and arrays, can be told from embeddings: by a linear probe and
    by nearest neighbours that learn from training rows. By default what the model was trained with as --labels."""
    seed: Seed = 0
    """Seed of the draws."""
    out: OutIfAsked = None
    """File for the record; by default evaluation.json beside the model. It is replaced if it exists."""

    def __call__(self) -> None:
        """Prints the table and writes the record."""
        from variate.config.run_files import EVALUATION_FILE
        from variate.runs.directory import record_path
        from variate.runs.run import Run
        from variate.runs.seeds import runs_of_seeds

        run = Run(self.model, mask_folder=self.mask_folder)
        path = record_path(run.path / EVALUATION_FILE, self.out)
        runs, held_out = runs_of_seeds(run), run.held_out(self.data, self.labels)
        train = None if held_out.data.labels is None else run.splits(self.labels).train
        # Torch is loaded from here on: what cannot be used was refused before.
        from variate.reports.json import to_json
        from variate.reports.seeds import record_of_seeds
        from variate.reports.terminal import show

        reports = [self.report(own, held_out, train) for own in runs]
        show(reports[0], as_flag)
        record = to_json(reports[0])
        if len(runs) > 1:
            spread = over_seeds(runs, reports, held_out)
            show(spread, as_flag)
            record = record_of_seeds(reports[0], spread)
        say(f"wrote {run.save_evaluation(record, path)}")

    def report(self, run: "Run", held_out: "HeldOut", train: "Dataset | None") -> "Report":
        """The evaluation of a run, by labels too if there are training rows to learn them from."""
        from variate.evaluation.evaluate import evaluate
        from variate.reports.evaluation import evaluation_report

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
        return report if train is None else judged_by_labels(report, run, held_out, train, self.seed)


def over_seeds(runs: "Sequence[Run]", reports: "Sequence[Report]", held_out: "HeldOut") -> "Report":
    """What the runs of several seeds measure, and how alike they embed the rows."""
    from variate.evaluation.probes.agreement import agreement_of
    from variate.reports.seeds import seeds_report

    return seeds_report(reports, runs, agreement_of([run.model for run in runs], held_out.data))


def judged_by_labels(report: "Report", run: "Run", held_out: "HeldOut", train: "Dataset", seed: int) -> "Report":
    """The report of an evaluation with how well the labels of the rows can be told from their embeddings.

    Raises:
        InputError: If the rows have no labels, or such as teach nothing.
    """
    from variate.evaluation.probes.rows import probe_labels
    from variate.reports.labels import with_labels

    found = probe_labels(run.model, train, held_out.data, seed=seed)
    return with_labels(report, found, held_out.data.label) if held_out.data.label is not None else report
