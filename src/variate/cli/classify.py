"""`variate classify`: which condition each row has."""

from dataclasses import dataclass

from variate.cli.arguments import Data, Model, Out
from variate.cli.output import say
from variate.limits import Checked, Samples, Seed


@dataclass(frozen=True)
class Classify(Checked):
    """Tell from each row what a model with conditions is conditional on, by Bayes' rule.

    The model has to be trained with --condition. DATA need not have the conditions; where they have a single one, it is
    said how many rows are told right.
    """

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Rows to classify; by default the test part of the data that the model was trained on."""
    out: Out = "classes.csv"
    """File to write: .csv, .parquet or .npy."""
    samples: Samples = 10
    """Number of posterior samples per row and condition; more bring the probabilities nearer to the model's own."""
    seed: Seed = 0
    """Seed of the draws."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Classifies the rows and writes what was told."""
        from variate.data import writers
        from variate.runs import Run
        from variate.tasks.classify import classify_rows

        path = writers.new_path(self.out, writers.TABLE_ENDINGS, self.overwrite)
        found = classify_rows(Run(self.model), self.data, num_samples=self.samples, seed=self.seed, show_progress=True)
        writers.write_table(path, found.table)
        say(f"wrote what {len(found.table['probability']):,} rows are told to be ({found.part}) to {path}")
        if found.labelled:
            say(f"{found.right:,} of {found.labelled:,} are told right ({found.right / found.labelled:.1%})")
