"""`variate neighbours`: the rows that are most like a row."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from annotated_types import Interval

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.config.moves import Neighbours as Count
from variate.limits import MOST_ROWS, Checked


@dataclass(frozen=True)
class Neighbours(Checked):
    """Show the rows that are most like a row: those whose posteriors in latent space are nearest to its own."""

    model: Model
    """A run directory or a model.safetensors."""
    row: Annotated[int, Interval(ge=0, le=MOST_ROWS)]
    """Number of the row, counting from 0."""
    data: Data = None
    """Where the rows are; by default the data that the model was trained on."""
    k: Annotated[Count, tyro.conf.arg(aliases=["-k"])] = 10
    """How many."""
    out: OutIfAsked = None
    """File to write: .png for images, the row first, by default neighbours.png; .csv or .parquet for row numbers,
    distances and the rows of a table, by default none."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Looks for the rows, prints them and writes the file."""
        from variate.reports.rows import rows_path
        from variate.runs import Run
        from variate.tasks.neighbours import find_neighbours

        run = Run(self.model)
        schema = run.recipe.schema
        is_written = self.out is not None or schema.is_image
        path = rows_path(self.out, "neighbours", schema, self.overwrite) if is_written else None
        found = find_neighbours(run, self.data, row=self.row, k=self.k)
        from variate.reports.moved_rows import write_neighbours
        from variate.reports.moves import neighbours_report
        from variate.reports.terminal import show

        if path is not None:
            write_neighbours(path, found, self.row, schema)
        show(neighbours_report(found, schema, self.row), as_flag)
        if path is not None:
            say(f"wrote {path}")
