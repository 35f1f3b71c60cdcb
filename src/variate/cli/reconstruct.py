"""`variate reconstruct`: rows encoded and decoded again."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.output import say
from variate.limits import Checked, Rows

PICTURED = 48
"""Number of images in a picture."""


@dataclass(frozen=True)
class Reconstruct(Checked):
    """Encode rows and decode them again: a PNG grid with each original above its reconstruction, or a table."""

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Rows to reconstruct; by default the test part of the data that the model was trained on."""
    number: Annotated[Rows | None, tyro.conf.arg(aliases=["-n"])] = None
    """How many; by default 48 for a picture and all for numbers."""
    out: OutIfAsked = None
    """File to write: .png for images; .csv, .parquet or .npy for numbers. By default reconstructions.png or .csv."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Reconstructs the rows and writes them."""
        from variate.reports.rows import is_picture, rows_path, write_reconstructions
        from variate.runs import Run
        from variate.tasks.reconstruct import reconstruct

        run = Run(self.model)
        schema = run.recipe.schema
        path = rows_path(self.out, "reconstructions", schema, self.overwrite)
        number = PICTURED if self.number is None and is_picture(path) else self.number
        originals, decoded, part = reconstruct(run, self.data, n=number)
        write_reconstructions(path, originals, decoded, schema)
        say(f"wrote {len(decoded)} reconstructions of {part} to {path}")
