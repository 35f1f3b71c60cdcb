"""How odd each row of a source is, ranked among held-out rows of the run; and whether the data have changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.data import Dataset
from variate.data.storage.base import evenly_spaced
from variate.errors import InputError, Option, Sentence
from variate.limits import Listed, Samples, ScoreMethod, Seed, checked_arguments
from variate.runs import Run

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from variate.evaluation.scores.drift import Drift
    from variate.evaluation.scores.measures import Measures, ScoreSettings
    from variate.evaluation.scores.score import Scores
    from variate.runs.calibration import KeptScores


class ScoredPiece(NamedTuple):
    """Some rows with their scores.

    Attributes:
        start: Number of the first row.
        rows: The rows, in memory.
        measures: What was measured of them.
        scores: The scores.
    """

    start: int
    rows: Dataset
    measures: "Measures"
    scores: "Scores"


class Scoring(NamedTuple):
    """Rows to be scored.

    Attributes:
        pieces: The rows in order with their scores, on demand.
        num_rows: Number of rows.
        names: The path of each row's file, where rows are files.
        notes: What was assumed when the rows were read, one sentence each.
        is_own: Whether they are the rows of the model's own data.
        settings: What is measured, and how.
        calibration: The held-out rows that they are ranked among.
    """

    pieces: Iterator[ScoredPiece]
    num_rows: int
    names: tuple[str, ...]
    notes: tuple[str, ...]
    is_own: bool
    settings: "ScoreSettings"
    calibration: "KeptScores"


@checked_arguments
def score_rows(
    run: Run,
    data: str | None = None,
    *,
    method: ScoreMethod | None = None,
    num_samples: Samples | None = None,
    attribution: bool = False,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Scoring:
    """Scores rows: `variate.score` on the rows of a source, ranked among the held-out rows that the run keeps.

    Args:
        run: The run.
        data: Name or path of the data; by default all rows of the run's own.
        method: As for `variate.score`; by default its default.
        num_samples: As for `variate.score`.
        attribution: Give the nats of each element.
        seed: Seed of the draws.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If the data or an option cannot be used, the kept scores are damaged, or there are none and the
            method needs them; when the pieces are taken, if the model gives values that are not finite.
    """
    rows, names = run.rows_to_score(data)

    from variate.evaluation.scores.measures import ScoreSettings, default_method, default_samples
    from variate.evaluation.scores.score import RELATIVE
    from variate.runs.calibration import calibration_of

    chosen = method or default_method(run.recipe.schema, has_held_out=True)
    settings = ScoreSettings(chosen, num_samples or default_samples(chosen), seed)
    calibration = calibration_of(run, settings, show_progress)
    if calibration.reason is not None and chosen in RELATIVE:
        if method is not None:
            expected = f"held-out rows, which method {chosen!r} compares with"
            raise InputError("method", expected, Sentence("none: ", calibration.reason), "use 'bound'")
        settings = settings._replace(method=default_method(run.recipe.schema, has_held_out=False))
    pieces = scored_pieces(run, rows, settings, calibration, attribution, show_progress)
    return Scoring(pieces, len(rows), names, rows.notes, not run.is_other(data), settings, calibration)


def scored_pieces(
    run: Run,
    rows: Dataset,
    settings: "ScoreSettings",
    calibration: "KeptScores",
    attribution: bool = False,
    show_progress: bool = False,
) -> Iterator[ScoredPiece]:
    """Rows in order with their scores, a piece at a time.

    Args:
        run: The run.
        rows: The rows, as `Run.rows_to_score` reads them.
        settings: What is measured, and how.
        calibration: The held-out rows that they are ranked among, measured in the same way.
        attribution: Give the nats of each element.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If the rows are not what the model takes, or it gives values that are not finite.
    """
    from variate.evaluation.scores.impossible import scorable_rows
    from variate.evaluation.scores.measures import measure
    from variate.evaluation.scores.score import ranked_scores

    reference = calibration.reference
    latent = None if reference is None else reference.latent
    options = {"latent": latent, "keep_elements": attribution, "show_progress": show_progress}
    for index in rows.stretches():
        piece = rows.select(index)
        found = measure(run.model, scorable_rows(piece, run.model), settings, **options)  # type: ignore[arg-type]
        yield ScoredPiece(int(index[0]), piece, found, ranked_scores(found, settings, reference))


class OddRow(NamedTuple):
    """One of the oddest rows.

    Attributes:
        number: Its number in the data, from 0.
        score: Its score.
        bound: Its bound on log p(x), in nats.
        p_value: Its p-value; None without held-out rows.
        values: Its elements, (*event).
        mask: True where an element is observed, (*event).
        cell_p_value: P-value of each cell, (columns,); None where cells are not ranked.
        excess: By how many nats each cell is odder than the middle one of its column, (columns,); None likewise.
        nats: log p of each element, (*event); None if it was not asked for.
        is_unseen: Which cells have a category that was never seen, (columns,); None likewise.
    """

    number: int
    score: float
    bound: float
    p_value: float | None
    values: np.ndarray
    mask: np.ndarray
    cell_p_value: np.ndarray | None
    excess: np.ndarray | None
    nats: np.ndarray | None
    is_unseen: np.ndarray | None


@dataclass
class ScoreTally:
    """What was found, gathered as the pieces pass by: the oddest rows, counts, and rows to compare as a whole.

    Attributes:
        scoring: What passes by.
        top: Number of the oddest rows to keep.
        rate: Rows with at most this p-value are flagged; None flags none.
        flagged: Number of flagged rows.
        empty: Number of rows of which nothing is known.
        unseen: Number of rows with a category that was never seen.
        oddest: The oddest rows, the oddest first.
    """

    scoring: Scoring
    top: Listed = 0
    rate: float | None = None
    flagged: int = 0
    empty: int = 0
    unseen: int = 0
    oddest: list[OddRow] = field(default_factory=list)
    _kept: "list[Measures]" = field(default_factory=list)

    def passing(self) -> Iterator[ScoredPiece]:
        """The pieces, as they are written."""
        for piece in self.scoring.pieces:
            self.add(piece)
            yield piece

    def add(self, piece: ScoredPiece) -> None:
        """Gathers from some rows."""
        from variate.evaluation.scores.reference import MOST_ROWS

        scores = piece.scores
        if self.rate is not None and scores.p_value is not None:
            self.flagged += int((scores.p_value <= self.rate).sum())
        self.empty += int(scores.is_empty.sum())
        self.unseen += int((scores.unseen > 0).sum())
        order = np.lexsort((scores.bound.numpy(), -scores.score.numpy()))  # the less probable of two equal scores first
        places = order[~scores.is_empty.numpy()[order]][: self.top].tolist()
        candidates = [*self.oddest, *(self._odd_row(piece, place) for place in places)]
        self.oddest = sorted(candidates, key=lambda row: (-row.score, row.bound, row.number))[: self.top]
        wanted = evenly_spaced(self.scoring.num_rows, MOST_ROWS) - piece.start
        self._kept.append(_selected(piece.measures, wanted[(wanted >= 0) & (wanted < len(scores.score))]))

    def _odd_row(self, piece: ScoredPiece, place: int) -> OddRow:
        scores, oddness, reference = piece.scores, piece.measures.oddness, self.scoring.calibration.reference
        row = piece.rows.select(np.array([place]))
        values, mask = row.x.all()[0], row.mask
        cells = excess = is_unseen = None
        if scores.cell_p_value is not None and oddness is not None and reference is not None:
            assert reference.oddness is not None
            cells = scores.cell_p_value[place].clone().numpy()  # a view would keep the whole piece
            excess = (oddness[place] - reference.oddness.nanmedian(0).values).numpy()
            is_unseen = oddness[place].isposinf().numpy()
        return OddRow(
            piece.start + place,
            scores.score[place].item(),
            scores.bound[place].item(),
            None if scores.p_value is None else scores.p_value[place].item(),
            values,
            np.ones(values.shape, bool) if mask is None else mask.all()[0],
            cells,
            excess,
            None if scores.nats is None else scores.nats[place].clone().numpy(),
            is_unseen,
        )

    def drift(self) -> "Drift":
        """The rows that passed by, or some spread evenly over them, compared with the held-out rows.

        Raises:
            InputError: If there are none.
        """
        from variate.evaluation.scores.drift import drift

        require_held_out(self.scoring, "reference")
        new, held_out = self._new_calibration("new rows").reference, self.scoring.calibration.reference
        assert new is not None
        assert held_out is not None
        return drift(new, held_out)

    def recalibrate(self, run: Run, source: str) -> "Path":
        """Keeps the scores of the rows that passed by as those that later rows are ranked among. Returns the file.

        Args:
            run: The run.
            source: What the rows are.
        """
        from variate.runs.calibration import save_calibration

        return save_calibration(run, self._new_calibration(source))

    def _new_calibration(self, source: str) -> "KeptScores":
        import torch

        from variate.evaluation.scores.measures import Measures
        from variate.evaluation.scores.reference import reference_of
        from variate.runs.calibration import KeptScores

        parts = zip(*self._kept, strict=True)
        joined = Measures._make(None if own[0] is None else torch.cat(own) for own in parts)
        before = self.scoring.calibration.reference
        latent = None if before is None else before.latent
        return KeptScores(reference_of(joined, self.scoring.settings, latent), source, is_own=False)


def _selected(measures: "Measures", places: np.ndarray) -> "Measures":
    """The measures of some rows, without the nats of elements."""
    import torch

    index = torch.from_numpy(places)

    def own(part: "Tensor | None") -> "Tensor | None":
        return None if part is None else part[index]

    return type(measures)._make(map(own, measures._replace(nats=None, gaps=None)))


def require_held_out(scoring: Scoring, option: str) -> None:
    """Refuses rows that cannot be ranked, where that is asked for.

    Args:
        scoring: The rows.
        option: The option that asks for it.

    Raises:
        InputError: If there are no held-out rows.
    """
    reason = scoring.calibration.reason
    if reason is not None:
        raise InputError(option, "held-out rows to compare with", Sentence("none: ", reason), "leave it out")


def require_other_data(run: Run, data: str | None, option: str) -> None:
    """Refuses the model's own data where rows are to be compared with them.

    Args:
        run: The run.
        data: Name or path of the data.
        option: The option that asks for it.

    Raises:
        InputError: If they are its own.
    """
    if not run.is_other(data):
        remedy = Sentence("give other rows as ", Option("data"))
        raise InputError(option, "rows other than those that the model was trained on", "the model's own data", remedy)
