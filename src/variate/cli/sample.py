"""`variate sample`: new rows from a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from variate.cli.arguments import Model
from variate.cli.output import say
from variate.errors import Option, Sentence
from variate.limits import Checked, Rows, Samples, Seed, Temperature

if TYPE_CHECKING:
    from variate.tasks.sample import Conditioned


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
    given: tuple[str, ...] = ()
    """Draw rows of a table that meet these conditions: sex=female age=30..40 date=2020-01-01.. (an interval has one end
    or two)."""
    samples: Samples | None = None
    """Proposals for --given, of which the rows are chosen; by default 10 per row, at least 10,000."""
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
        drawn = sample(
            run,
            self.number,
            temperature=self.temperature,
            noise=self.noise,
            given=self.given,
            num_samples=self.samples,
            seed=self.seed,
        )
        write_rows(path, drawn.rows, schema)
        how = (" (means of p(x|z); ", Option("noise", True), " draws pixels)") if drawn.are_means else ()
        say(Sentence(f"wrote {self.number} samples to {path}", *how))
        if drawn.conditioned is not None:
            say(conditioned(drawn.conditioned))
            if drawn.conditioned.as_drawn:
                say(uncomputed(drawn.conditioned.as_drawn))


def conditioned(how: "Conditioned") -> str:
    """How rows with conditions were drawn."""
    amount = f"log-density {how.log_prob:.4g}" if how.is_density else f"probability {math.exp(how.log_prob):.3g}"
    said = f"the conditions have {amount} in the model; effective sample size {how.ess:,.0f} of {how.num_samples:,}"
    return f"{said} proposals{'; each row was then moved by a Markov chain' if how.is_chained else ''}"


def uncomputed(names: Sequence[str]) -> str:
    """Which columns obey a relation to others only nearly."""
    from variate.data.schema.naming import name_called
    from variate.data.wording import list_names

    listed = list_names([name_called(name) for name in names])
    return f"because of the conditions, these columns were drawn instead of computed from others: {listed}"
