"""`variate interpolate`: rows between rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.output import say
from variate.config.moves import Curve, PathSteps
from variate.limits import Checked, Seed

if TYPE_CHECKING:
    from variate.tasks.interpolate import Paths


@dataclass(frozen=True)
class Interpolate(Checked):
    """Go from row to row through latent space: a picture, an animation, or a table with a line per step."""

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Where the rows are; by default the data that the model was trained on."""
    rows: tuple[int, ...] = ()
    """Numbers of the rows to pass through, counting from 0; by default four, chosen by the seed."""
    curve: Annotated[tuple[Curve, ...], tyro.conf.arg(metavar="{linear,spherical,geodesic} ..")] = ("linear",)
    """How to get from row to row: linear, spherical, or geodesic, along which what is decoded changes least. Several
    are shown below one another."""
    steps: PathSteps = 10
    """Steps from each row to the next."""
    out: OutIfAsked = None
    """File to write: .png for images; .csv, .parquet or .npy for numbers. By default interpolation.png or .csv."""
    gif: str | None = None
    """File for an animation of images, .gif: there and back, without end."""
    seed: Seed = 0
    """Seed of the choice of rows, and of the draws that a geodesic is found with."""
    overwrite: bool = False
    """Replace the files if they exist."""

    def __call__(self) -> None:
        """Finds the paths and writes them."""
        from variate.reports.rows import rows_path
        from variate.runs import Run
        from variate.tasks.interpolate import interpolate_rows

        run = Run(self.model)
        schema = run.recipe.schema
        path = rows_path(self.out, "interpolation", schema, self.overwrite)
        from variate.reports.moved_rows import write_paths
        from variate.reports.moving import gif_path, save_animation

        animation = gif_path(self.gif, schema, self.overwrite)
        found = interpolate_rows(
            run,
            self.data,
            rows=self.rows,
            curves=self.curve,
            steps=self.steps,
            seed=self.seed,
            show_progress=True,
        )
        write_paths(path, found, self.steps, schema)
        if animation is not None:
            save_animation(found.rows, animation, schema)
        for sentence in energies_said(found):
            say(sentence)
        say(f"wrote {', '.join(str(written) for written in (path, animation) if written)}")


def energies_said(found: "Paths") -> Iterator[str]:
    """How far each path is, in the metric of the decoder."""
    rows = " -> ".join(map(str, found.numbers))
    straight = next(iter(found.found.values())).straight_energy.sum().item()
    for curve, path in found.found.items():
        energy = path.energy.sum().item()
        beside = "" if curve == "linear" else f"; the straight line has {straight:,.1f}"
        yield f"{curve}, rows {rows}: the decoded row changes with an energy of {energy:,.1f}{beside}"
