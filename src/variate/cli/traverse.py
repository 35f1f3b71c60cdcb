"""`variate traverse`: what each latent does."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.config.moves import Span, Stops, TopLatents
from variate.limits import MOST_ROWS, Checked, Seed

SHOWN = 10
"""Latents that are shown unless more are asked for."""


@dataclass(frozen=True)
class Traverse(Checked):
    """Say what each latent does: one is moved while the others stay, the most informative one first.

    Prints how much each says about a row and, of a table, what it does to the columns. Images become a picture.
    """

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Rows that say how informative each latent is; by default the test part of the data that it was trained on."""
    row: Annotated[int, Interval(ge=0, le=MOST_ROWS)] | None = None
    """Number of the row to start from, counting from 0 among all rows of the data; by default the mean of the rows."""
    latents: TopLatents = SHOWN
    """How many latents."""
    span: Span = 3.0
    """How far each is moved to either side, in standard deviations of the rows."""
    stops: Stops = 7
    """Places at which each is shown."""
    out: OutIfAsked = None
    """File to write: .png for images, by default traversal.png; .csv, .parquet or .npy for numbers, by default none."""
    gif: str | None = None
    """File for an animation of images, .gif: all latents side by side, there and back, without end."""
    seed: Seed = 0
    """Seed of the draws that the rates of a learned prior are estimated from."""
    overwrite: bool = False
    """Replace the files if they exist."""

    def __call__(self) -> None:
        """Moves the latents, prints what they do and writes the files."""
        from variate.reports.rows import rows_path
        from variate.runs import Run
        from variate.tasks.traverse import traverse_latents

        run = Run(self.model)
        schema = run.recipe.schema
        is_written = self.out is not None or schema.is_image
        path = rows_path(self.out, "traversal", schema, self.overwrite) if is_written else None
        from variate.reports.moving import gif_path, save_animation

        animation = gif_path(self.gif, schema, self.overwrite)
        found = traverse_latents(
            run,
            self.data,
            row=self.row,
            num_latents=self.latents,
            span=self.span,
            stops=self.stops,
            seed=self.seed,
        )
        from variate.reports.moved_rows import write_traversal
        from variate.reports.moves import traversal_report
        from variate.reports.terminal import show

        if path is not None:
            write_traversal(path, found, schema)
        if animation is not None:
            save_animation(found.rows, animation, schema)
        show(traversal_report(found, schema, self.span), as_flag)
        if path is not None or animation is not None:
            say(f"wrote {', '.join(str(written) for written in (path, animation) if written)}")
