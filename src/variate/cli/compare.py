"""`variate compare`: whether a synthetic table is good, and whether it is a copy."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from variate.cli.flags import as_flag
from variate.cli.output import say
from variate.config.recipe import DataOptions
from variate.config.schema import ColumnKind
from variate.errors import InputError
from variate.limits import Checked, Rows, Seed


@dataclass(frozen=True)
class Compare(Checked):
    """Say how far a synthetic table is from the real one, and how much of the real one is in it.

    Compares columns, pairs of columns and whole rows, and looks for copies. Beside each number stands the same of two
    halves of the real table, or its standard error.
    """

    real: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="REAL")]
    """The real table. It decides what the columns are."""
    synthetic: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SYNTHETIC")]
    """The synthetic table, with the same columns."""
    model: str | None = None
    """Run directory of the model that drew it. Copies are then looked for among its training rows, held-out rows stand
    beside them, and a test says whether the model remembers its training rows."""
    target: str | None = None
    """Column to predict from the others: what a predictor is worth on real rows if it learned from synthetic rows."""
    rows: Rows = 10_000
    """Most rows of each table to compare, chosen by the seed."""
    seed: Seed = 0
    """Seed of every choice of rows and every draw."""
    columns: tuple[tuple[str, ColumnKind], ...] = ()
    """Kinds of columns, as NAME KIND pairs, where they are not what the values look like."""
    formats: tuple[tuple[str, str], ...] = ()
    """How columns say numbers or dates, as NAME FORMAT pairs, such as price decimal-comma or day %d/%m/%Y."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""
    missing: tuple[str, ...] = ()
    """Texts or numbers in cells that say that a value is missing, besides empty cells."""
    json: str | None = None
    """File for all numbers, .json."""
    picture: str | None = None
    """File for a picture of the five columns that differ most, .png."""
    overwrite: bool = False
    """Replace these files if they exist."""

    def __call__(self) -> None:
        """Compares the tables, prints what was found and writes the files."""
        from variate.comparison.tables import given_tables
        from variate.data.writers import new_path
        from variate.runs.run import Run

        json = self.json and new_path(self.json, (".json",), self.overwrite, "json")
        picture = self.picture and new_path(self.picture, (".png",), self.overwrite, "picture")
        run = None if self.model is None else Run(self.model)
        given = given_tables(self.real, self.synthetic, self._options(), run)
        # Torch is loaded from here on: what cannot be used was refused before.
        from variate.comparison.compare import compare_given
        from variate.reports.comparison import comparison_report
        from variate.reports.histograms import marginals_picture
        from variate.reports.json import save_json
        from variate.reports.pictures import save
        from variate.reports.terminal import show

        found = compare_given(given, run, target=self.target, num_rows=self.rows, seed=self.seed, show_progress=True)
        report = comparison_report(found, seed=self.seed)
        show(report, as_flag)
        if json:
            save_json(report, json)
        if picture:
            save(marginals_picture(found), picture)
        if json or picture:
            say(f"wrote {', '.join(str(path) for path in (json, picture) if path)}")

    def _options(self) -> DataOptions:
        """How the tables are read.

        Raises:
            InputError: If an option is given beside a model, which has its own.
        """
        for name in ("columns", "formats", "drop", "missing"):
            if self.model is not None and getattr(self, name):
                got = f"{', '.join(map(str, getattr(self, name)))}"
                raise InputError(name, "nothing beside a model, which has its own", got, "leave it out")
        return DataOptions(columns=self.columns, formats=self.formats, drop=self.drop, missing=self.missing)
