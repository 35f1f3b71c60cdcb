"""`variate score`: how odd each row is, why, and whether the data have changed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from variate.cli.arguments import Data, Model, Out
from variate.cli.output import say
from variate.errors import InputError, Sentence
from variate.limits import Checked, Fraction, Listed, Samples, ScoreMethod, Seed

if TYPE_CHECKING:
    from pathlib import Path

    from variate.config.schema import Schema
    from variate.runs import Run
    from variate.tasks.score import ScoreTally


@dataclass(frozen=True)
class Score(Checked):
    """Find odd rows: give each row a score, and a p-value by its rank among rows that were held out of training.

    Writes a line per row, in the order of the data, and prints the oddest rows with the cells that made them odd.
    """

    model: Model
    """A run directory or a model.safetensors."""
    data: Data = None
    """Rows to score; by default all rows of the data that the model was trained on."""
    out: Out = "scores.parquet"
    """File to write: .parquet or .csv."""
    method: ScoreMethod | None = None
    """What is measured. bound, the default: how improbable the model finds a row. importance: the same with many draws.
    typicality: too improbable or too probable. latent: far from other rows in the hidden space. regret: slow; how wrong
    the encoder is. complexity: of images, less the size of a PNG file. combined, the default for images: bound, latent
    and complexity as one."""
    fpr: Fraction | None = None
    """Flag rows: at 0.01, one in a hundred ordinary rows is flagged by chance (the false-alarm rate)."""
    top: Listed = 5
    """Number of the oddest rows to print."""
    attribution: bool = False
    """Add a column per column of a table: the log-probability of each cell, in nats. Of images, write a picture of the
    oddest ones, each above a map of its pixels."""
    reference: bool = False
    """Say whether the rows as a whole still look like those that were held out of training, and what moved most."""
    recalibrate: bool = False
    """Keep the scores of these rows: from now on, p-values are ranks among them."""
    samples: Samples | None = None
    """Posterior samples per row; by default 16, or 100 for importance."""
    mask_folder: str | None = None
    """Folder of a mask picture for each image of DATA, of the same name: black where a pixel is missing."""
    seed: Seed = 0
    """Seed of all draws."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> None:
        """Scores the rows, writes them and prints what was found."""
        from variate.data import writers
        from variate.runs import Run
        from variate.tasks.score import ScoreTally, require_held_out, require_other_data, score_rows

        path = writers.new_path(self.out, (".parquet", ".csv"), self.overwrite)
        run = Run(self.model, mask_folder=self.mask_folder)
        for option in ("reference", "recalibrate"):
            if getattr(self, option):
                require_other_data(run, self.data, option)
        schema = run.recipe.schema
        picture = self._picture(path, schema)
        found = score_rows(
            run,
            self.data,
            method=self.method,
            num_samples=self.samples,
            attribution=self.attribution,
            seed=self.seed,
            show_progress=True,
        )
        from variate.reports.scores import score_columns

        for option in ("reference", "fpr"):
            if getattr(self, option):
                require_held_out(found, option)
        tally = ScoreTally(found, self.top, self.fpr)
        pieces = (score_columns(piece, schema, self.fpr) for piece in tally.passing())
        writers.write_pieces(path, pieces, found.num_rows)
        self._tell(run, tally, schema, path)
        if picture is not None and tally.oddest:
            from variate.reports import pictures
            from variate.reports.scores import odd_images

            pictures.save(odd_images(tally, schema), picture)
            say(f"wrote {picture}: the oddest images, each above a map in which dark pixels are odd")
        if self.recalibrate:
            kept = tally.recalibrate(run, str(self.data))
            say(f"wrote {kept}: from now on, p-values are ranks among rows of {self.data}; delete it to go back")

    def _picture(self, path: "Path", schema: "Schema") -> "Path | None":
        """The picture to write beside the file, checked before any work is done; None without one."""
        from variate.data import writers

        if not self.attribution or not schema.is_image:
            return None
        if not self.top:
            raise InputError("top", "at least 1, for a picture of the oddest images", 0)
        return writers.new_path(str(path.with_suffix(".png")), (".png",), self.overwrite)

    def _tell(self, run: "Run", tally: "ScoreTally", schema: "Schema", path: "Path") -> None:
        """Prints what was found."""
        from variate.reports.scores import counts, drift_in_words, oddest_rows, what_was_scored

        found = tally.scoring
        if not found.is_own:
            for note in found.notes:
                say(Sentence("  ", note))
        for sentence in (
            *what_was_scored(found, self.data or run.recipe.source),
            *counts(tally),
            *oddest_rows(tally, schema),
        ):
            say(sentence)
        if self.reference:
            for sentence in drift_in_words(tally.drift(), schema):
                say(sentence)
        say(f"wrote {found.num_rows:,} rows to {path}, in the order of the data")
