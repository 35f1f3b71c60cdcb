"""`variate sample`: new rows from a model."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from variate.cli.arguments import Model
from variate.cli.output import say
from variate.errors import Option, Sentence
from variate.limits import Checked, Rows, Seed, Temperature


@dataclass(frozen=True)
class Sample(Checked):
    """Draw new rows from a model: a PNG grid of images, or a table."""

    model: Model
    """A run directory or a model.safetensors."""
    number: Annotated[Rows, tyro.conf.arg(aliases=["-n"])] = 64
    """How many."""
    out: str | None = None
    """File to write: .png for images; .csv, .parquet or .npy for numbers. By default samples.png or samples.csv."""
    temperature: Temperature = 1.0
    """Factor on the standard deviation of the latents: below 1, samples are more typical and less varied."""
    noise: bool = False
    """Draw pixels from p(x|z) instead of showing their mean; table rows are always drawn."""
    seed: Seed = 0
    """Seed of the draws."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Draws the rows and writes them."""
        from variate.reports.rows import rows_path, write_rows
        from variate.runs import Run
        from variate.tasks.sample import sample

        run = Run(self.model)
        schema = run.recipe.schema
        path = rows_path(self.out, "samples", schema, self.overwrite)
        drawn = sample(run, self.number, temperature=self.temperature, noise=self.noise, seed=self.seed)
        write_rows(path, drawn.rows, schema)
        how = (" (means of p(x|z); ", Option("noise", True), " draws pixels)") if drawn.are_means else ()
        say(Sentence(f"wrote {self.number} samples to {path}", *how))
