"""Tables, images and arrays with their gaps filled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.data.fillings import Fillings
from variate.data.readers.originals import Original, Piece
from variate.data.wording import MEANINGS
from variate.errors import InputError
from variate.limits import ChainSteps, Copies, Fill, Samples, Seed, checked_arguments
from variate.runs import Run

if TYPE_CHECKING:
    from variate.evaluation.conditional.impute import Imputed, Settings


class FilledPiece(NamedTuple):
    """Some rows of a table, filled.

    Attributes:
        piece: The rows as they came.
        fillings: What their gaps are filled with.
        imputed: How well each row could be filled.
    """

    piece: Piece
    fillings: Fillings
    imputed: "Imputed"


class TableFilling(NamedTuple):
    """A table whose gaps are to be filled.

    Attributes:
        original: The table as it came.
        gaps: Number of missing cells of each column that has some and that the model knows, by its name.
        fill: What stands for a missing cell.
        pieces: The rows in order, filled on demand.
    """

    original: Original
    gaps: dict[str, int]
    fill: Fill
    pieces: Iterator[FilledPiece]


@checked_arguments
def fill_table(
    run: Run,
    data: str | None = None,
    *,
    fill: Fill | None = None,
    draws: Copies | None = None,
    std: bool = False,
    num_samples: Samples = 1000,
    num_steps: ChainSteps | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
) -> TableFilling:
    """Fills the gaps of a table: `variate.impute` on the rows of a file.

    Args:
        run: The run.
        data: Path of the table; by default the run's own.
        fill: As for `impute`.
        draws: Number of completed copies, each with draws of its own.
        std: Add the standard deviation of each filled cell.
        num_samples: Importance draws per row.
        num_steps: Steps of the Markov chain for rows with a small effective sample size; by default as for `impute`.
        seed: Seed of all draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If the model is none of tables, or the data or the options cannot be used; when the pieces are
            taken, if the model gives values that are not finite.
    """
    kind = run.recipe.schema.kind
    if kind != "table":
        raise InputError("model", "a model of a table, whose cells may be missing", f"one of {MEANINGS[kind]}")
    original = run.original(data)
    counts = np.sum([_missing(piece).sum(0) for piece in original.pieces()], axis=0)
    gaps = {own.name: int(count) for own, count in zip(original.schema.columns, counts, strict=True) if count}

    from variate.evaluation.conditional.chain import NUM_STEPS
    from variate.evaluation.conditional.impute import settings_of

    steps = NUM_STEPS if num_steps is None else num_steps
    settings = settings_of(run.model, fill, draws, std=std, num_samples=num_samples, num_steps=steps, seed=seed)
    places = tuple(np.flatnonzero(counts).tolist())
    return TableFilling(original, gaps, settings.fill, _filled(run, original, places, settings, show_progress))


class FilledRows(NamedTuple):
    """Images or arrays with their gaps filled.

    Attributes:
        rows: The rows, (N, *event).
        names: The path of each image's file; empty where rows are not files.
        gaps: Number of elements that were missing.
        fill: What stands for a missing element.
        tally: How well the rows could be filled.
    """

    rows: np.ndarray
    names: tuple[str, ...]
    gaps: int
    fill: Fill
    tally: "Tally"


@checked_arguments
def fill_rows(
    run: Run,
    data: str | None = None,
    *,
    fill: Fill | None = None,
    num_samples: Samples = 1000,
    num_steps: ChainSteps | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
) -> FilledRows:
    """Fills what is missing in images or arrays: `variate.impute` on the rows of a source.

    Args:
        run: The run of a model of anything but tables.
        data: Name or path of the data; by default the run's own.
        fill: As for `impute`.
        num_samples: Importance draws per row.
        num_steps: As for `fill_table`.
        seed: Seed of all draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If the data or an option cannot be used, or the model gives values that are not finite.
    """
    rows, names = run.named_rows(data)

    from variate.evaluation.conditional.chain import NUM_STEPS
    from variate.evaluation.conditional.impute import impute

    chosen: Fill = fill or "median"
    steps = NUM_STEPS if num_steps is None else num_steps
    found = impute(
        run.model, rows, fill=chosen, num_samples=num_samples, num_steps=steps, seed=seed, show_progress=show_progress
    )
    tally = Tally()
    tally.add(found)
    return FilledRows(found.rows.numpy(), names, int(found.missing.sum()), chosen, tally)


def _missing(piece: Piece) -> np.ndarray:
    """Which cells of a piece are missing, (N, columns)."""
    mask = piece.rows.mask
    return np.zeros(piece.rows.x.all().shape, bool) if mask is None else ~mask.all()


def _filled(
    run: Run, original: Original, places: tuple[int, ...], settings: "Settings", show_progress: bool
) -> Iterator[FilledPiece]:
    """The pieces of a table, filled one after the other."""
    from variate.evaluation.conditional.impute import fill_gaps, fillings
    from variate.runtime.progress import progress

    first = 0
    with progress("filling gaps", original.num_rows, show_progress) as advance:
        for piece in original.pieces():
            found = fill_gaps(run.model, run.model.dataset(piece.rows), settings, advance, first)
            yield FilledPiece(piece, fillings(found, places, settings.copies), found)
            first += len(piece.rows)


@dataclass
class Tally:
    """What was filled, counted as the pieces pass by.

    Attributes:
        rows: Rows of the table.
        empty: Rows without any value that the model knows.
        chained: Rows whose draws were refined by a Markov chain.
        ess: Effective sample sizes of the rows with gaps, but for the empty ones.
    """

    rows: int = 0
    empty: int = 0
    chained: int = 0
    ess: list[float] = field(default_factory=list)

    def passing(self, pieces: Iterable[FilledPiece]) -> Iterator[tuple[Piece, Fillings]]:
        """The pieces, as they are written."""
        for piece, fillings, found in pieces:
            self.add(found)
            yield piece, fillings

    def add(self, found: "Imputed") -> None:
        """Counts some rows."""
        self.rows += len(found.rows)
        self.empty += int(found.is_empty.sum())
        self.chained += int(found.is_chained.sum())
        self.ess += found.ess[~found.is_empty & ~found.ess.isnan()].tolist()
