"""`variate impute`: a table, images or an array with the gaps filled."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from variate.cli.arguments import Data, Model, OutIfAsked
from variate.cli.output import say
from variate.errors import InputError, Sentence
from variate.limits import Checked, Copies, Fill, Samples, Seed

if TYPE_CHECKING:
    from pathlib import Path

    from variate.runs import Run
    from variate.tasks.impute import FilledRows, TableFilling, Tally

WORDS: dict[Fill, str] = {
    "mean": "the mean (of categories, the most probable one)",
    "median": "the median (of categories, the most probable one)",
    "mode": "the most probable value",
    "draw": "draws",
}
"""What gaps are filled with, in words."""

LISTED = 10
"""Columns that are named."""


@dataclass(frozen=True)
class Impute(Checked):
    """Fill the missing cells of a table, each from what the model expects there given the other cells of its row.

    The missing pixels of images, and the missing numbers of arrays, are filled in the same way.
    """

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """The table, images or array; by default what the model was trained on."""
    out: OutIfAsked = None
    """File to write: .csv or .parquet. Text is copied from a table of text, but for the missing cells. By default
    filled.csv. Of images, a folder of pictures, by default filled; of arrays, or of images too, .npy."""
    mask_folder: str | None = None
    """Folder of a mask picture for each image of DATA, of the same name: black where a pixel is missing."""
    fill: Fill | None = None
    """What to fill with: median (least absolute error, and always a possible value), mean (least squared error), mode
    (the most probable value) or draw (a random one, with the spread of the data); by default median, or draw with
    --draws."""
    draws: Copies | None = None
    """Write so many completed copies, each with draws of its own, below one another; the column draw numbers them."""
    std: bool = False
    """Add a column NAME_std for each column that is filled: how far off a filled value is, one standard deviation; of a
    category, the probability that it is another one."""
    samples: Samples = 1000
    """Importance draws per row; up to 16 times as many where few of them have most of the weight."""
    seed: Seed = 0
    """Seed of all draws."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Fills the gaps and writes the result."""
        from variate.runs import Run

        run = Run(self.model, mask_folder=self.mask_folder)
        if run.recipe.schema.kind == "table":
            self._fill_table(run)
        else:
            self._fill_rows(run)

    def _fill_rows(self, run: "Run") -> None:
        """Fills images or an array."""
        from variate.data import writers
        from variate.reports.image_folders import new_folder, write_images
        from variate.tasks.impute import fill_rows

        for option in ("std", "draws"):
            if getattr(self, option):
                raise InputError(option, "a model of a table to use it on", "one of other rows", "leave it out")
        schema = run.recipe.schema
        out = self.out or ("filled" if schema.is_image and schema.kind != "real" else "filled.npy")
        as_array = out.lower().endswith(".npy") or not schema.is_image or schema.kind == "real"
        path = writers.new_path(out, (".npy",), self.overwrite) if as_array else new_folder(out)
        found = fill_rows(run, self.data, fill=self.fill, num_samples=self.samples, seed=self.seed, show_progress=True)
        if as_array:
            writers.write_array(path, found.rows)
        else:
            write_images(path, found.rows, found.names, schema)
        for sentence in outcome_of_rows(found, path, self):
            say(sentence)

    def _fill_table(self, run: "Run") -> None:
        """Fills a table."""
        from variate.data import writers
        from variate.tasks.impute import Tally, fill_table

        path = writers.new_path(self.out or "filled.csv", writers.FILLED_ENDINGS, self.overwrite)
        found = fill_table(
            run,
            self.data,
            fill=self.fill,
            draws=self.draws,
            std=self.std,
            num_samples=self.samples,
            seed=self.seed,
            show_progress=True,
        )
        require_text(path, found)
        for note in found.original.notes:
            say(Sentence("  ", note))
        tally = Tally()
        writers.write_filled(path, found.original.cells, tally.passing(found.pieces))
        for sentence in outcome(found, tally, path, self):
            say(sentence)


def require_text(path: "Path", found: "TableFilling") -> None:
    """Refuses the ending of a text for a table that was none.

    Raises:
        InputError: If it is one.
    """
    if found.original.cells is None and path.suffix.lower() not in (".csv", ".parquet"):
        raise InputError("out", "a name that ends in .parquet or .csv", repr(str(path)))


def outcome(found: "TableFilling", tally: "Tally", path: "Path", options: Impute) -> Iterator[str]:
    """What was filled, and how well."""
    from variate.data.schema.naming import name_called
    from variate.data.wording import list_names, plural

    name = found.original.name
    if not found.gaps:
        yield f"{name} has no missing cells in the columns that the model knows; wrote them as they are to {path}"
        return
    cells = plural(sum(found.gaps.values()), "missing cell")
    columns = list_names([f"{name_called(column)} ({count:,})" for column, count in found.gaps.items()], LISTED)
    copies = f"{options.draws:,} cop{'y' if options.draws == 1 else 'ies'} of " if options.draws else ""
    yield f"wrote {copies}{tally.rows:,} rows to {path}: {cells} filled with {WORDS[found.fill]}, in {columns}"
    yield from how_well(tally, options)


def outcome_of_rows(found: "FilledRows", path: "Path", options: Impute) -> Iterator[str]:
    """What was filled in images or arrays, and how well."""
    from variate.data.wording import plural

    if not found.gaps:
        yield f"nothing is missing; wrote {plural(found.tally.rows, 'row')} as they are to {path}"
        return
    word = {"mean": "means", "median": "medians", "mode": "the most probable values", "draw": "draws"}[found.fill]
    gaps = plural(found.gaps, "missing value")
    yield f"wrote {plural(found.tally.rows, 'row')} to {path}: {gaps} filled with {word}"
    yield from how_well(found.tally, options)


def how_well(tally: "Tally", options: Impute) -> Iterator[str]:
    """How well rows could be filled."""
    from variate.data.wording import plural

    if tally.ess:
        least, middle = min(tally.ess), sorted(tally.ess)[len(tally.ess) // 2]
        said = f"effective sample size: {middle:,.0f} in the middle row, {least:,.0f} in the least one"
        yield f"{said}, of {options.samples:,} importance draws, or more where that left less than 100"
    if tally.chained:
        yield f"{plural(tally.chained, 'row')} still below 100 were refined by a Markov chain"
    if tally.empty:
        yield f"{plural(tally.empty, 'row')} without any value that the model knows: filled like new rows"
