"""`variate sample`: new rows from a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from variate.cli.arguments import Model, OutIfAsked
from variate.cli.output import say
from variate.errors import Option, Sentence
from variate.limits import Checked, Rows, Samples, Seed, Temperature

if TYPE_CHECKING:
    import numpy as np

    from variate.config.schema import Schema
    from variate.tasks.sample import Conditioned


@dataclass(frozen=True)
class Sample(Checked):
    """Draw new rows from a model: a PNG grid of images, or a table."""

    model: Model
    """A run directory or a model.safetensors."""
    number: Annotated[Rows, tyro.conf.arg(aliases=["-n"])] = 64
    """How many."""
    out: OutIfAsked = None
    """File to write: .png for images; .csv, .parquet or .npy for numbers. By default samples.png or samples.csv."""
    temperature: Temperature = 1.0
    """Factor on the standard deviation of the latents: below 1, samples are more typical and less varied."""
    noise: bool = False
    """Draw pixels from p(x|z) instead of showing their mean; table rows are always drawn."""
    given: tuple[str, ...] = ()
    """Draw rows of a table that meet these conditions: sex=female age=30..40 date=2020-01-01.. (an interval has one end
    or two). Of a model with conditions of its own, draw rows given these: label=7."""
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
        from variate.tasks.sample import sample, with_context

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
        write_rows(path, *with_context(drawn, schema))
        how = (" (means of p(x|z); ", Option("noise", True), " draws pixels)") if drawn.are_means else ()
        say(Sentence(f"wrote {self.number} samples to {path}", *how))
        if drawn.context is not None and schema.is_image:
            say(contexts_said(drawn.context, schema))
        if drawn.conditioned is not None:
            say(conditioned(drawn.conditioned))
            if drawn.conditioned.as_drawn:
                say(uncomputed(drawn.conditioned.as_drawn))


def conditioned(how: "Conditioned") -> str:
    """How rows with conditions were drawn."""
    amount = f"log-density {how.log_prob:.4g}" if how.is_density else f"probability {math.exp(how.log_prob):.3g}"
    said = f"the conditions have {amount} in the model; effective sample size {how.ess:,.0f} of {how.num_samples:,}"
    return f"{said} proposals{'; each row was then moved by a Markov chain' if how.is_chained else ''}"


def contexts_said(context: "np.ndarray", schema: "Schema") -> str:
    """How many images have which conditions, in the order of the picture: `label 0: 6; label 1: 4`."""
    import numpy as np

    from variate.data.schema.origin import as_they_came

    different, counts = np.unique(context, axis=0, return_counts=True)
    cells = [as_they_came(values, own) for own, values in zip(schema.conditions, different.T, strict=True)]
    names = [own.name for own in schema.conditions]
    rows = [", ".join(map("{} {}".format, names, row)) for row in zip(*cells, strict=True)]
    return "; ".join(f"{row}: {count}" for row, count in zip(rows, counts.tolist(), strict=True))


def uncomputed(names: Sequence[str]) -> str:
    """Which columns obey a relation to others only nearly."""
    from variate.data.schema.naming import name_called
    from variate.data.wording import list_names

    listed = list_names([name_called(name) for name in names])
    return f"because of the conditions, these columns were drawn instead of computed from others: {listed}"
