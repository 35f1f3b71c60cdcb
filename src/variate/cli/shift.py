"""`variate shift`: rows moved by what tells one group of rows from another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.output import say
from variate.config.moves import Strength
from variate.limits import Checked

if TYPE_CHECKING:
    from variate.config.schema import Schema
    from variate.tasks.shift import ShiftedRows


@dataclass(frozen=True)
class Shift(Checked):
    """Move rows from one group towards another: the difference of the groups' mean latents is added to each row.

    Of a table, a group is the rows that meet conditions: --minus plan=basic --plus plan=family age=30..40. Of images, a
    group is a sub-folder; of any rows, it may be row numbers: --plus smiling --minus 3 10..20.
    """

    model: Model
    """A run directory or a model.safetensors."""
    plus: Annotated[tuple[str, ...], tyro.conf.arg(metavar="GROUP")]
    """The group to move towards."""
    data: Data = None
    """Where the rows are; by default the data that the model was trained on."""
    minus: Annotated[tuple[str, ...], tyro.conf.arg(metavar="GROUP")] = ()
    """The group to move away from; by default all rows that are not in the other."""
    rows: tuple[int, ...] = ()
    """Numbers of the rows to move, counting from 0; by default the group to move away from."""
    strength: Strength = 1.0
    """How far to move them: 1 is the difference of the groups, 0.5 half of it, -1 the other way."""
    out: OutIfAsked = None
    """File to write: .png for images, each below its reconstruction; .csv, .parquet or .npy for numbers. By default
    shifted.png or shifted.csv."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Moves the rows and writes them."""
        from variate.reports.rows import rows_path
        from variate.runs import Run
        from variate.tasks.shift import shift_rows

        run = Run(self.model)
        schema = run.recipe.schema
        path = rows_path(self.out, "shifted", schema, self.overwrite)
        found = shift_rows(run, self.data, plus=self.plus, minus=self.minus, rows=self.rows, strength=self.strength)
        from variate.reports.moved_rows import write_shifted

        count = write_shifted(path, found, schema)
        for sentence in shift_said(found, schema):
            say(sentence)
        say(f"wrote {count:,} moved rows to {path}")


def shift_said(found: "ShiftedRows", schema: "Schema") -> Iterator[str]:
    """What the move does, and how far it leaves the data."""
    from variate.reports.moves import SHOWN_CELLS, moves_said

    plus, minus = found.sizes
    yield f"moved by the difference of {plus:,} and {minus:,} rows"
    if found.moves:
        yield f"what changes most: {moves_said(found.moves, schema, SHOWN_CELLS)}"
    mean, usual = found.found.log_prior.mean().item(), found.usual_log_prior
    yield (
        f"log p(z) of the moved rows is {mean:,.1f} nats on average, and {usual:,.1f} of the rows of both groups; "
        f"{found.unlikely:.0%} of the moved rows are as improbable as the last 5% of these"
    )
